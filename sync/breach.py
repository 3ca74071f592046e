"""What was on a lost card or device, and who is to be told: the facts of Pasal 46 UU 27/2022. Pure.

Both ends say it: a kiosk of its own data directory (`kiosk doctor --breach`), central of what it
was told (`presensi-central breach`). Whoever must tell has 3 x 24 hours from when it was known.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from msgspec import Struct

from sync.protocol import entry

WITHIN: Final = timedelta(hours=72)
"""Pasal 46 (1): 3 x 24 hours, in writing, to the people and to the authority."""


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of data that was on it.

    Attributes:
        what: in words.
        specific: whether it is specific personal data (Pasal 4 (2)).
        people: ids of whose it is.
        amount: how much of it there was, in words; "" for as many as people.
        protected: how it rested there, and what that is worth against whoever has it now.
    """

    what: str
    specific: bool = False
    people: tuple[str, ...]
    amount: str = ""
    protected: str


class Report(Struct, frozen=True, kw_only=True):
    """What was lost, as far as whoever says it can know.

    Attributes:
        kiosk: whose card or device it was.
        by: who says it: `kiosk` or `central`.
        made, known, tell_by: milliseconds UTC.
        kinds: what was on it.
        names: of everybody in `kinds`, as far as the roster has them.
        undelivered: entries that are nowhere else, in words.
        todo: what is to be done now.
    """

    kiosk: str
    by: str
    made: int
    known: int
    tell_by: int
    kinds: tuple[Kind, ...]
    names: Mapping[str, str]
    undelivered: str
    todo: tuple[str, ...]


class Heard:
    """What a journal's entries say of people, one after the other.

    Attributes:
        faces: who is enrolled by face, and how many pictures were kept of them.
        fingers: whose finger each user of a module is.
        pins: whose PIN each number has.
        people: everybody whom a presence names.
        presences: how many there are; `first` and `last` are when, by the terminals' clocks.
        technicians: who may log in.
        roster: how many people the last roster had.
    """

    def __init__(self) -> None:
        self.faces: dict[str, bool] = {}
        self.fingers: dict[str, str] = {}
        self.pins: dict[str, str] = {}
        self.people: set[str] = set()
        self.technicians: set[str] = set()
        self.presences = 0
        self.roster = 0
        self.first = self.last = ""

    def hear(self, said: entry.Entry) -> None:
        """Take in an entry."""
        if isinstance(said, entry.Presence):
            self.presences += 1
            if said.person:
                self.people.add(said.person)
            if said.time:
                self.first = min(self.first or said.time, said.time)
                self.last = max(self.last, said.time)
        elif isinstance(said, entry.Audit):
            self._hear_audit(said.action, said.detail)

    def _hear_audit(self, action: str, detail: Mapping[str, str]) -> None:
        person, user = detail.get("person", ""), detail.get("user", "")
        match action:
            case "face enrolled" if person:
                self.faces[person] = "pictures" in detail
            case "face pictures erased" if person in self.faces:
                self.faces[person] = False
            case "person forgotten" | "tombstone replayed":
                self.faces.pop(person, None)
                self.pins = {n: who for n, who in self.pins.items() if who != person}
            case entry.FINGER_ENROLLED if person and user:
                self.fingers[user] = person
            case entry.FINGER_REMOVED:
                self.fingers.pop(user, None)
            case "set pin" if person and user:
                self.pins[user] = person
            case "remove pin":
                self.pins.pop(user, None)
            case "add technician":
                self.technicians.add(detail.get("technician", ""))
            case "end technician":
                self.technicians.discard(detail.get("technician", ""))
            case entry.ADOPTED if detail.get("people", "").isdecimal():
                self.roster = int(detail["people"])


def report(
    kiosk: str,
    by: str,
    kinds: Sequence[Kind],
    names: Mapping[str, str],
    undelivered: str,
    todo: Sequence[str],
    now: datetime,
    known: datetime,
) -> Report:
    """Return the report. `known` is when it became known that the thing is lost."""
    affected = {person for kind in kinds for person in kind.people}
    return Report(
        kiosk=kiosk,
        by=by,
        made=_ms(now),
        known=_ms(known),
        tell_by=_ms(known + WITHIN),
        kinds=tuple(kind for kind in kinds if kind.people or kind.amount),
        names={person: names[person] for person in sorted(affected) if names.get(person)},
        undelivered=undelivered,
        todo=tuple(todo),
    )


def text(said: Report, zone: tzinfo | None = None) -> str:
    """Return the report in words, with a draft of the notice in Bahasa Indonesia.

    `zone` is that of the times; None for the machine's.
    """

    def moment(at: int) -> str:
        return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone(zone):%Y-%m-%d %H:%M %Z}"

    lines = [
        f"Lost: the card or device of kiosk {said.kiosk}, as {said.by} knows it, "
        f"{moment(said.made)}",
        f"Known since {moment(said.known)}. Pasal 46 UU 27/2022: to be told in writing by "
        f"{moment(said.tell_by)},",
        "to everybody named below and to the authority; what was disclosed, when and how, and what",
        "is done about it. To the public as well where a public service is disturbed by it.",
        "",
        "WHAT WAS ON IT",
    ]
    for kind in said.kinds:
        mark = " - SPECIFIC DATA, Pasal 4 (2)" if kind.specific else ""
        amount = kind.amount or f"{len(kind.people)} people"
        lines += [f"- {kind.what}: {amount}{mark}", f"    {kind.protected}"]
        lines += [f"    {_who(person, said.names)}" for person in kind.people]
    if not said.kinds:
        lines.append("- nothing of anybody, as far as is known here")
    lines += ["", "NOWHERE ELSE", f"- {said.undelivered}", "", "TO DO NOW"]
    lines += [f"{n}. {one}" for n, one in enumerate(said.todo, 1)]
    kinds = ", ".join(_INDONESIAN.get(kind.what, kind.what) for kind in said.kinds) or "-"
    lines += [
        "",
        "DRAFT OF THE NOTICE (Pasal 46 ayat (2))",
        "Dengan ini kami memberitahukan bahwa pada atau sebelum "
        f"{moment(said.known)} telah terjadi kegagalan pelindungan data pribadi:",
        f"kartu memori atau perangkat presensi {said.kiosk} hilang atau dicuri.",
        f"a. Data pribadi yang terungkap: {kinds}.",
        "b. Kapan dan bagaimana: ........",
        "c. Upaya penanganan dan pemulihan: kunci perangkat dicabut; ........",
        "Pertanyaan dapat disampaikan kepada: ........",
    ]
    return "\n".join(lines) + "\n"


FACES: Final = "templates of faces"
PICTURES: Final = "pictures of an enrolment"
FINGERS: Final = "templates of fingers, in the module"
PINS: Final = "PINs, as scrypt's output"
ROSTER: Final = "names, ids and numbers of the roster"
PRESENCES: Final = "presences: who was where and when"
TECHNICIANS: Final = "technicians' names, and their passwords as scrypt's output"
SECRETS: Final = "keys and passwords of terminals and cameras"
DEVICE_KEY: Final = "the device key"

_INDONESIAN: Final = {
    FACES: "templat wajah (data spesifik)",
    PICTURES: "foto pendaftaran wajah (data spesifik)",
    FINGERS: "templat sidik jari (data spesifik)",
    PINS: "PIN dalam bentuk hash",
    ROSTER: "nama, nomor induk dan nomor pengenal",
    PRESENCES: "catatan kehadiran",
    TECHNICIANS: "nama teknisi dan kata sandi dalam bentuk hash",
    SECRETS: "kata sandi perangkat",
    DEVICE_KEY: "kunci perangkat",
}


def kinds_heard(heard: Heard) -> list[Kind]:
    """Return what entries tell was there, for whoever has no more than them."""
    pictured = tuple(sorted(who for who, kept in heard.faces.items() if kept))
    return [
        Kind(what=FACES, specific=True, people=tuple(sorted(heard.faces)), protected=SEALED),
        Kind(what=PICTURES, specific=True, people=pictured, protected=SEALED),
        fingers(heard),
        Kind(what=PINS, people=tuple(sorted(set(heard.pins.values()))), protected=STRETCHED),
        Kind(
            what=ROSTER,
            people=(),
            amount=f"{heard.roster} people" if heard.roster else "",
            protected=CLEAR,
        ),
        presences(heard),
        Kind(
            what=TECHNICIANS,
            people=(),
            amount=", ".join(sorted(heard.technicians)),
            protected=STRETCHED,
        ),
    ]


def fingers(heard: Heard) -> Kind:
    """Return whose fingers are in modules."""
    return Kind(
        what=FINGERS,
        specific=True,
        people=tuple(sorted(set(heard.fingers.values()))),
        protected="in the module by its maker's means, not on the card: lost only if the module is",
    )


def presences(heard: Heard) -> Kind:
    """Return whose presences were recorded."""
    span = f"{heard.presences}, {heard.first} to {heard.last}" if heard.presences else ""
    return Kind(what=PRESENCES, people=tuple(sorted(heard.people)), amount=span, protected=CLEAR)


SEALED: Final = (
    "AES-256-GCM; without a TPM its key is on the same card: whoever has the card can read them"
)
STRETCHED: Final = "scrypt: a short PIN can be guessed by whoever has the card; change them"
CLEAR: Final = "not encrypted on the card"


def _who(person: str, names: Mapping[str, str]) -> str:
    name = names.get(person, "")
    return f"{person}  {name}" if name else person


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
