"""The questions of a set-up: what is asked, with which default, and which come next.

Answers are plain texts under the question's name, so that they can be kept and asked again. Which
questions there are follows from the answers so far: `asked` returns them in order.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct, structs

from kiosk.settings import TAKEN
from kiosk.setup import checks, plan
from kiosk.setup.said import Said

Answers = Mapping[str, str]

YES: Final = frozenset({"y", "ya", "yes"})
NO: Final = frozenset({"n", "t", "tidak", "no"})

ADDRESSES: Final = frozenset({"zkteco"})
"""Kinds of terminals that stand at an address, which can be tried."""

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "zkteco": ("name", "host", "port", "comm_key"),
    "zkpush": ("name", "serial"),
    "camera": ("name", "capture"),
}
_OTHERS: Final = ("name", "port")  # whatever is at a serial port


class Question(Struct, frozen=True, kw_only=True):
    """One question.

    Attributes:
        name: under which its answer is kept.
        prompt: in one line; help is what `?` says.
        default: what an empty answer means.
        check: what is wrong with an answer, that needs no network to be known.
        is_secret: not shown again.
        is_kept: on disk, for a set-up that is cut short; a claim code is good once.
        probe: "central" or "terminal": what is tried over the network, "" for nothing.
    """

    name: str
    prompt: Said
    help: Said
    default: str = ""
    check: Callable[[str], Said | None] = lambda _: None
    is_secret: bool = False
    is_kept: bool = True
    probe: str = ""


class Form(Struct, frozen=True, kw_only=True):
    """Which set-up it is: of a new kiosk or one that is set up; enrolled by line or by stick."""

    is_new: bool
    by_stick: bool = False


def asked(given: Answers, form: Form) -> list[Question]:
    """Return the questions that follow from the answers so far, in order."""
    found = [*_OFFICE]
    changes = form.is_new or given.get("change", "n").lower() in YES
    if not form.is_new:
        found.append(_CHANGE)
    if changes:
        number = 0
        while True:
            found += _of_source(number, given)
            if given.get(f"sources.{number}.more", "n").lower() not in YES:
                break
            number += 1
    if not (form.is_new or form.by_stick):
        found.append(_ENROL)
    if enrols(given, form):
        found += [_KIOSK, _CODE_NEEDED] if form.by_stick else [_CENTRAL, _KIOSK, _CODE]
    return found


def enrols(given: Answers, form: Form) -> bool:
    """Return whether the kiosk is to be enrolled."""
    return form.is_new or form.by_stick or given.get("enrol", "n").lower() in YES


def default_shown(question: Question, default: str) -> Said:
    """Return what stands in [ ]: a secret that somebody gave is not shown, `n` is no Indonesian."""
    if question.check is _yes_or_no:
        is_yes = default.lower() in YES
        return Said("y" if is_yes else "t", "y" if is_yes else "n")
    shown = "***" if question.is_secret and default and default != question.default else default
    return Said(shown, shown)


def raw(given: Answers, form: Form) -> dict[str, Any]:
    """Return the answers as the plain values of a plan; unanswered ones have their default."""
    questions = {one.name: one for one in asked(given, form)}
    said = {name: given.get(name, one.default) for name, one in questions.items()}
    made: dict[str, Any] = {
        name: said[name] for name in ("central", "code", "kiosk", "timezone", "mirror")
        if said.get(name)
    }  # fmt: skip
    if said.get("office"):
        made["screen"] = {"office": said["office"]}
    sources: list[dict[str, Any]] = []
    while (kind := said.get(f"sources.{len(sources)}.kind")) is not None:
        place = f"sources.{len(sources)}"
        one: dict[str, Any] = {"kind": kind}
        for name in _FIELDS.get(kind, _OTHERS):
            one[name], _ = plan.field(kind, name, said[f"{place}.{name}"])
        sources.append(one)
    if sources:
        made["sources"] = sources
    if any(one["kind"] == "zkpush" for one in sources):
        made["push"] = {}
    return made


def _of_source(number: int, given: Answers) -> list[Question]:
    place = f"sources.{number}"
    first = Question(
        name=f"{place}.kind",
        prompt=Said(f"Perangkat {number + 1}: jenisnya", f"Terminal {number + 1}: its kind"),
        help=Said(
            "zkteco: mesin ZKTeco di jaringan (port 4370). zkpush: mesin yang menghubungi kiosk "
            f"sendiri. Yang lain: {', '.join(plan.kinds()[2:])}",
            "zkteco: a ZKTeco terminal on the network (port 4370). zkpush: one that calls by "
            f"itself. Others: {', '.join(plan.kinds()[2:])}",
        ),
        default="zkteco",
        check=_kind,
    )
    kind = given.get(first.name, first.default)
    found = [first]
    for name in _FIELDS.get(kind, _OTHERS) if kind in plan.kinds() else ():
        prompt, more, default = _WORDS[name if (kind, name) != ("zkteco", "port") else "tcp"]
        found.append(
            Question(
                name=f"{place}.{name}",
                prompt=prompt,
                help=more,
                default=default.format(number=number + 1),
                check=_field(kind, name, _names(number, given)),
                is_secret=name == "comm_key",
                probe="terminal" if kind in ADDRESSES and name == "port" else "",
            )
        )
    found.append(
        Question(
            name=f"{place}.more",
            prompt=Said("Perangkat lain lagi? y/t", "Another terminal? y/n"),
            help=Said(
                "y: tanya perangkat berikutnya. t: cukup", "y: asks for the next. n: that is all"
            ),
            default="t",
            check=_yes_or_no,
        )
    )
    return found


def _names(number: int, given: Answers) -> set[str]:
    return {given.get(f"sources.{one}.name", "") for one in range(number)}


def _field(kind: str, name: str, taken: set[str]) -> Callable[[str], Said | None]:
    def check(text: str) -> Said | None:
        if name == "name" and text in taken | TAKEN:
            return Said(
                "Nama ini sudah dipakai; pilih yang lain", "That name is taken; choose another"
            )
        if name in ("host", "serial", "capture") and not text:
            return Said("Belum diisi; isilah", "It is missing; fill it in")
        return plan.field(kind, name, text)[1]

    return check


def _kind(text: str) -> Said | None:
    if text in plan.kinds():
        return None
    known = ", ".join(plan.kinds())
    return Said(f"Jenis itu tidak dikenal; yang ada: {known}", f"There is no such kind: {known}")


def _yes_or_no(text: str) -> Said | None:
    if text.lower() in YES | NO:
        return None
    return Said("Jawab y atau t", "Answer y or n")


def _wanted(check: Callable[[str], Said | None]) -> Callable[[str], Said | None]:
    def wanted(text: str) -> Said | None:
        return check(text) if text else Said("Belum diisi; isilah", "It is missing; fill it in")

    return wanted


_WORDS: Final[Mapping[str, tuple[Said, Said, str]]] = {
    "name": (
        Said("  namanya", "  its name"),
        Said(
            "Nama di layar dan catatan, huruf kecil dan angka, misalnya lobi",
            "Stands on screens and in entries: small letters and digits, for example lobi",
        ),
        "perangkat-{number}",
    ),
    "host": (
        Said("  alamat IP-nya", "  its IP address"),
        Said(
            "Ada di menu mesin: Comm > Ethernet > IP Address",
            "The terminal's menu shows it: Comm > Ethernet > IP Address",
        ),
        "",
    ),
    "tcp": (
        Said("  port-nya", "  its port"),
        Said("Hampir selalu 4370", "4370 nearly always"),
        "4370",
    ),
    "comm_key": (
        Said("  comm key-nya, 0 bila tidak ada", "  its comm key, 0 for none"),
        Said(
            "Ada di menu mesin: Comm > PC Connection > Comm Key. Tidak ditampilkan lagi",
            "The terminal's menu has it: Comm > PC Connection > Comm Key. It is not shown again",
        ),
        "0",
    ),
    "serial": (
        Said("  nomor serinya", "  its serial number"),
        Said("Ada di menu mesin: System Info", "The terminal shows it under System Info"),
        "",
    ),
    "capture": (
        Said("  dari mana gambarnya", "  where its pictures come from"),
        Said(
            "`kiosk camera find` menunjukkannya, misalnya v4l2:/dev/video0",
            "`kiosk camera find` shows it, for example v4l2:/dev/video0",
        ),
        "v4l2:/dev/video0",
    ),
    "port": (
        Said("  port serialnya", "  its serial port"),
        Said(
            "`kiosk devices ports` menunjukkannya, misalnya /dev/serial0",
            "`kiosk devices ports` shows it, for example /dev/serial0",
        ),
        "/dev/serial0",
    ),
}

_OFFICE: Final = (
    Question(
        name="office",
        prompt=Said("Nama kantor di layar", "The office's name, on the screen"),
        help=Said("Misalnya Dinas Kesehatan", "For example Dinas Kesehatan"),
    ),
    Question(
        name="timezone",
        prompt=Said("Zona waktu", "Time zone"),
        help=Said(
            "Asia/Jakarta (WIB), Asia/Makassar (WITA), Asia/Jayapura (WIT)",
            "Asia/Jakarta (WIB), Asia/Makassar (WITA), Asia/Jayapura (WIT)",
        ),
        default=checks.ZONES[0],
        check=checks.zone,
    ),
    Question(
        name="mirror",
        prompt=Said(
            "Direktori di media kedua (USB), kosong bila tidak ada",
            "Directory on a second medium (USB), empty for none",
        ),
        help=Said(
            "Yang belum sampai di pusat disimpan di sana juga, misalnya /media/usb/presensi",
            "What central lacks is kept there as well, for example /media/usb/presensi",
        ),
        check=checks.mirror,
    ),
)
_CHANGE: Final = Question(
    name="change",
    prompt=Said("Ganti daftar perangkat? y/t", "Change the list of terminals? y/n"),
    help=Said("t: daftar yang sekarang tetap", "n: the list stays as it is"),
    default="t",
    check=_yes_or_no,
)
_ENROL: Final = Question(
    name="enrol",
    prompt=Said("Daftarkan lagi di pusat? y/t", "Enrol at central again? y/n"),
    help=Said(
        "Perlu setelah kunci atau kartu diganti, atau pindah pusat",
        "Needed after a new key or card, or another central",
    ),
    default="t",
    check=_yes_or_no,
)
_CENTRAL: Final = Question(
    name="central",
    prompt=Said("Alamat pusat", "Central's address"),
    help=Said(
        "Seperti di peramban: http://NAMA:PORT. Ditanyakan ke pengelola pusat",
        "As in a browser: http://HOST:PORT. Ask whoever runs central",
    ),
    check=_wanted(checks.central),
    probe="central",
)
_KIOSK: Final = Question(
    name="kiosk",
    prompt=Said(
        "Nama kiosk yang diinginkan, kosong: pusat yang menentukan",
        "The kiosk's name that is wished for, empty: central decides",
    ),
    help=Said(
        "Misalnya kiosk-dinkes-01. Yang berlaku adalah nama dari pusat",
        "For example kiosk-dinkes-01. What central says counts",
    ),
    check=checks.kiosk,
)
_CODE: Final = Question(
    name="code",
    prompt=Said(
        "Kode klaim, kosong: disetujui di pusat dengan enam angka",
        "Claim code, empty: approved at central by six digits",
    ),
    help=Said(
        "Dibuat di pusat dengan `presensi-central kiosks claim`, berlaku 15 menit, sekali pakai. "
        "Tanpa kode: layar ini menampilkan enam angka, yang diketik orang di pusat",
        "Made at central with `presensi-central kiosks claim`, good for 15 minutes, once. Without "
        "one six digits are shown here, and typed by somebody at central",
    ),
    check=plan.code,
    is_secret=True,
    is_kept=False,
)
_CODE_NEEDED: Final = structs.replace(
    _CODE, prompt=Said("Kode klaim", "Claim code"), check=_wanted(plan.code)
)
