"""`presensi-kiosk.result.txt`: what came of the file on the card, in plain words.

Bahasa Indonesia first, English second; for Notepad, so with Windows line ends and a mark that says
UTF-8. It holds no secret and nobody's data.
"""

from collections.abc import Sequence

from kiosk.setup.said import Mistake, Said


def text(head: Said, mistakes: Sequence[Mistake] = (), hints: Sequence[Said] = ()) -> bytes:
    """Return the file's content: what came of it, everything that is wrong, what to know."""
    halves = (
        ("PRESENSI KIOSK", [_lines(head, mistakes, hints, english=False)]),
        ("IN ENGLISH", [_lines(head, mistakes, hints, english=True)]),
    )
    lines = [line for title, [found] in halves for line in (title, "", *found, "")]
    return "\r\n".join(lines).encode("utf-8-sig")


def _lines(
    head: Said, mistakes: Sequence[Mistake], hints: Sequence[Said], *, english: bool
) -> list[str]:
    def said(one: Said) -> str:
        return one.english if english else one.indonesian

    return [
        said(head),
        *(f"{n}. {one.where}: {said(one.said)}" for n, one in enumerate(mistakes, 1)),
        *(f"- {said(one)}" for one in hints),
    ]


MISTAKEN = Said(
    "BELUM DISIAPKAN. Perbaiki yang berikut di presensi-kiosk.toml, lalu nyalakan lagi kiosk. "
    "Kode klaim hanya berlaku beberapa menit: mungkin perlu yang baru dari pusat.",
    "NOT SET UP. Put the following right in presensi-kiosk.toml and start the kiosk again. A "
    "claim code is good for some minutes only: a new one of central's may be needed.",
)
TRYING = Said(
    "Berkas terbaca dan benar. Kiosk sedang menghubungi pusat. Bila kalimat ini tetap di sini "
    "setelah 20 menit, listrik terputus di tengah jalan: nyalakan lagi kiosk.",
    "The file was read and is right. The kiosk is calling central. If this sentence is still here "
    "after 20 minutes, the power failed on the way: start the kiosk again.",
)
REFUSED = Said(
    "BELUM DISIAPKAN. Berkas benar, tetapi kiosk belum terdaftar di pusat. Semuanya masih ada; "
    "kerjakan yang berikut, lalu nyalakan lagi kiosk:",
    "NOT SET UP. The file is right, but the kiosk is not enrolled at central. Nothing is lost; do "
    "the following, then start the kiosk again:",
)
REMNANTS = Said(
    "Kode dan kata sandi di berkas sudah ditimpa. Kartu SD bisa masih menyimpan sisa isi lama "
    "di sel memori yang tidak terbaca lewat sistem berkas; kode klaim sudah tidak berlaku, tetapi "
    "comm key perangkat tetap: kartu yang dibuang harus dihancurkan.",
    "Codes and passwords in the file were written over. An SD card may keep remnants of what was "
    "written before in cells that no file system reaches; the claim code is of no use any more, "
    "but a terminal's comm key still is: destroy a card that is thrown away.",
)


def done(kiosk: str, unit: str) -> Said:
    """Return the sentence of success."""
    return Said(
        f"SIAP. Kiosk ini bernama {kiosk}"
        + (f", untuk unit {unit}. " if unit else "; unitnya belum ditentukan di pusat. ")
        + "Berkas presensi-kiosk.toml sudah dibaca, tidak akan dibaca lagi, dan kini bernama "
        "presensi-kiosk.done.toml.",
        f"READY. This kiosk is called {kiosk}"
        + (f", for unit {unit}. " if unit else "; which unit it serves is not said at central. ")
        + "presensi-kiosk.toml was read, is not read again, and is called "
        "presensi-kiosk.done.toml now.",
    )


CHANGED = Said(
    "SIAP. Pengaturan dari presensi-kiosk.toml sudah dipakai; pendaftaran di pusat tetap seperti "
    "semula.",
    "READY. The settings in presensi-kiosk.toml are in force; the enrolment at central is what it "
    "was.",
)
