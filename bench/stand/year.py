"""A central with a year behind it: 2,404 people in 44 units, each with a kiosk and two terminals.

Every entry goes through central's own desk, day by day, office after office, as it would have come:
punches of about two a duty (late, missing and unknown ones among them), a reading of each terminal
a night, a kiosk that starts anew once a month, a terminal that was not watched for some hours.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from drivers.sim.people import simulated_staff
from sync.central.desk import Desk
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.roster import state
from sync.central.roster.changes import Change
from sync.central.roster.layout import SHEETS
from sync.central.store import Store
from sync.central.store.city import Post
from sync.central.store.registry import KioskKey, Status
from sync.protocol import batch, chain, entry, hello, topics
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Member, Person, Unit
from sync.worktime.book import Book
from sync.worktime.duties import MINUTE_MS, Duty, duties
from sync.worktime.rules import (
    Absence,
    Assignment,
    Grouped,
    Holiday,
    Hours,
    Reason,
    Regulation,
    Rotation,
    RuleBook,
    Shift,
    Step,
    Week,
)  # fmt: skip
from sync.worktime.rules import (
    Post as Belongs,
)

PEOPLE: Final = 2_404
UNITS: Final = 44
ZONE: Final = "Asia/Jakarta"
_ZONE: Final = ZoneInfo(ZONE)
SOURCES: Final = ("gate", "hall")
HOSPITAL: Final = 360
"""People of the largest unit."""

DAY_MS: Final = 86_400_000
DRIFT_MS: Final = -1_200
ANCHOR: Final = date(2020, 1, 6)  # a Monday


class Told(NamedTuple):
    """Something that a kiosk writes at a moment, ms UTC."""

    at: int
    what: str
    source: str = ""
    person: int = -1


_OFFICES: Final = (
    "Rumah Sakit Umum Daerah", "Dinas Kesehatan", "Dinas Pendidikan", "Dinas Perhubungan",
    "Dinas Sosial", "Dinas Pemadam Kebakaran", "Satuan Polisi Pamong Praja",
    "Badan Kepegawaian dan SDM", "Badan Perencanaan Daerah", "Dinas Kependudukan",
    "Dinas Lingkungan Hidup", "Dinas Perpustakaan", "Dinas Pariwisata", "Inspektorat Daerah",
    "Sekretariat Daerah", "Dinas Pekerjaan Umum",
)  # fmt: skip
_STAFF: Final = simulated_staff(PEOPLE)


def who(number: int) -> str:
    return f"19{number:016}"


def unit(number: int) -> str:
    return f"unit-{number:02}"


def office(number: int) -> str:
    """Return what a unit is called."""
    return _OFFICES[number] if number < len(_OFFICES) else f"Kelurahan {number - len(_OFFICES) + 1}"


def home(number: int) -> int:
    """Return the number of a person's unit: the first are a hospital's."""
    return 0 if number < HOSPITAL else 1 + number % (UNITS - 1)


def group(number: int) -> str:
    """Return whose rota it is; "" for office hours: half of the hospital, an eighth elsewhere."""
    turns = number % 2 == 0 if home(number) == 0 else number % 8 == 0
    return f"{unit(home(number))}-{number // 2 % 4}" if turns else ""


def rules(first: date, last: date) -> RuleBook:
    """Return the rules of all."""
    groups = [Grouped(person=who(n), group=group(n)) for n in range(PEOPLE) if group(n)]
    turning = sorted({one.group for one in groups})
    steps = [(1, 1), (31, 2), (61, 3), (91, 4)]
    return RuleBook(
        regulations=[
            Regulation(
                name="Perwako",
                late=[Step(from_min=n, code=f"TL{i}") for n, i in steps],
                early=[Step(from_min=n, code=f"PSW{i}") for n, i in steps],
                no_arrival="TL4",
                no_departure="PSW4",
            )
        ],
        weeks=[
            Week(
                plan="kantor",
                hours=[
                    Hours(days=(1, 2, 3, 4), start=450, end=960, break_min=45),
                    Hours(days=(5,), start=450, end=990, break_min=90),
                ],
            )
        ],
        holidays=[
            Holiday(calendar="nasional", name=f"Libur {number}", since=day, until=day)
            for number, day in enumerate(days(first, last))
            if number % 24 == 17
        ],
        shifts=[
            Shift(code="P", start=420, end=840),
            Shift(code="S", start=840, end=1260),
            Shift(code="M", start=1260, end=1860),
        ],
        rotations=[Rotation(plan="rota", cycle=[["P"], ["S"], ["M"], []], anchor=ANCHOR)],
        groups=groups,
        assignments=[
            *(Assignment(plan="kantor", unit=unit(n), calendar="nasional") for n in range(UNITS)),
            *(Assignment(plan="rota", group=name, offset=int(name[-1])) for name in turning),
        ],
    )


def days(first: date, last: date) -> Iterator[date]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield date.fromordinal(ordinal)


def fill(database: Path | str, first: date, last: date) -> None:
    """Fill a new database with the days from `first` to `last`, that one until noon."""
    store = Store(database)
    store.open()
    try:
        said = rules(first, last)
        with store.writing() as tx:
            tx.city.lock()
            state.apply(tx, _rows(said, first, last))
            tx.city.rise()
        _live(store, said, first, last)
    finally:
        store.close()


def _rows(said: RuleBook, first: date, last: date) -> Iterator[Change]:
    rows: dict[str, Sequence[object]] = {
        "units": [Unit(id=unit(n), name=office(n), zone=ZONE) for n in range(UNITS)],
        "posts": [Post(kiosk=f"kiosk-{n:02}", unit=unit(n)) for n in range(UNITS)],
        "people": [Person(id=who(n), name=one.name) for n, one in enumerate(_STAFF)],
        "members": [Member(person=who(n), unit=unit(home(n))) for n in range(PEOPLE)],
        "credentials": [
            Known(person=who(n), unit=unit(home(n)), credential="terminal_user", user=str(n))
            for n in range(PEOPLE)
        ],
        "absences": [
            Absence(person=who(n), reason=reason, since=day, until=day + timedelta(2))
            for number, day in enumerate(days(first, last))
            for n, reason in ((number * 7 % PEOPLE, Reason.SICK),
                              (number * 11 % PEOPLE, Reason.ANNUAL_LEAVE))
        ],
    }  # fmt: skip
    rows |= {name: getattr(said, name) for name in said.__struct_fields__}
    for name, of in rows.items():
        sheet = SHEETS[name]
        yield from (Change(sheet=name, key=sheet.key_of(one), before=None, after=one) for one in of)  # type: ignore[arg-type]


def _live(store: Store, said: RuleBook, first: date, last: date) -> None:
    now = _Clock()
    desk = Desk(store, Inbox(Ingest("central", now), now))
    dice = random.Random(2026)
    kiosks = [_Kiosk(n, dice) for n in range(UNITS)]
    now.ms = _utc(first)
    for kiosk in kiosks:
        kiosk.begin(store, desk, now.ms)
    told = _everything(dice, said, first, last)
    for day in days(first, last):
        end = _utc(day) + (DAY_MS if day < last else DAY_MS // 2)
        for number, kiosk in enumerate(kiosks):
            now.ms = end
            kiosk.live(desk, sorted(told[day].get(number, ())), day, end)


def _everything(
    dice: random.Random, said: RuleBook, first: date, last: date
) -> dict[date, dict[int, list[Told]]]:
    """Return what is punched, by day and kiosk."""
    book = Book(said)
    told: dict[date, dict[int, list[Told]]] = {day: {} for day in days(first, last)}
    for number in range(PEOPLE):
        belongs = [Belongs(unit=unit(home(number)), zone=ZONE)]
        for duty in duties(book, who(number), belongs, first, last):
            for at in _punches(dice, duty):
                day = datetime.fromtimestamp(at / 1000, _ZONE).date()
                if day in told:
                    one = Told(at, "punch", dice.choice(SOURCES), number)
                    told[day].setdefault(home(number), []).append(one)
    return told


def _punches(dice: random.Random, duty: Duty) -> list[int]:
    if dice.random() < 0.04:
        return []
    both = [
        duty.start + round(dice.gauss(-12, 10) * MINUTE_MS),
        duty.end + round(dice.gauss(8, 6) * MINUTE_MS),
    ]
    if dice.random() < 0.05:
        both.append(both[0] + 20_000)
    return both


def _utc(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=_ZONE).timestamp()) * 1000


class _Clock:
    ms = 0

    def __call__(self) -> int:
        return self.ms


class _Kiosk:
    """A kiosk's journal, as far as central sees it."""

    def __init__(self, number: int, dice: random.Random) -> None:
        self.name = f"kiosk-{number:02}"
        self._number = number
        self._dice = dice
        self._key = PrivateKey.generate()
        self._head = chain.genesis(self.name, "e1", self._key.public.der)
        self._seq = 0
        self._boot, self._booted = f"{number:032x}", 0
        self._up_to = 0

    def begin(self, store: Store, desk: Desk, at: int) -> None:
        self._booted = self._up_to = at
        public = self._key.public
        with store.writing() as tx:
            tx.registry.admit(
                KioskKey(
                    fingerprint=public.fingerprint,
                    kiosk=self.name,
                    der=public.der,
                    status=Status.ADMITTED,
                    admitted_at=at,
                    admitted_by="bench",
                )
            )
        said = hello.Hello(
            kiosk=self.name,
            epoch="e1",
            number=1,
            first=1,
            anchor=self._head.hex(),
            last=0,
            head=self._head.hex(),
            nonce="n",
            key=public.fingerprint,
            software="bench",
            clock=self._stamp(at),
        )
        letter = desk.read(topics.up(self.name, topics.Up.HELLO), hello.encode(said, self._key), "")
        desk.take_in([letter])
        self._send(
            desk,
            [
                entry.Terminal(at=self._stamp(at), source=source, serial=self._serial(source))
                for source in SOURCES
            ]
            + [self._covered(at, source) for source in SOURCES],
        )

    def _serial(self, source: str) -> str:
        return f"T{self._number:02}-{source}"

    def _stamp(self, at: int) -> entry.Stamp:
        return entry.Stamp(wall=at, up=at - self._booted, boot=self._boot, synced=True, error=20)

    def live(self, desk: Desk, told: Sequence[Told], day: date, end: int) -> None:
        """Write and deliver a day."""
        out: list[entry.Entry] = []
        if day.day == 1 + self._number % 28:
            out += self._start_anew(end - DAY_MS // 2)
        out += [self._presence(one) for one in told if one.at < end]
        out += [self._covered(end - 1_000, source) for source in SOURCES]
        out.sort(key=lambda one: one.at.wall)
        for start in range(0, len(out), batch.MAX_ENTRIES):
            self._send(desk, out[start : start + batch.MAX_ENTRIES])

    def _start_anew(self, at: int) -> list[entry.Entry]:
        since = self._stamp(at - 90_000)
        self._boot = f"{self._dice.getrandbits(128):032x}"
        self._booted = at - 20_000
        return [
            entry.Unwatched(
                at=self._stamp(at), source=source, terminal=self._serial(source), since=since
            )
            for source in SOURCES
        ]

    def _covered(self, at: int, source: str) -> entry.Coverage:
        return entry.Coverage(
            at=self._stamp(at),
            source=source,
            terminal=self._serial(source),
            through=_naive(at - 1_000 + DRIFT_MS),
            zone=ZONE,
            records=self._seq,
            drift=DRIFT_MS,
        )

    def _presence(self, one: Told) -> entry.Presence:
        stranger = self._dice.random() < 0.002
        return entry.Presence(
            at=self._stamp(one.at + 300),
            source=one.source,
            terminal=self._serial(one.source),
            credential="terminal_user",
            user=f"9{one.person}" if stranger else str(one.person),
            time=_naive(one.at + DRIFT_MS),
            zone=ZONE,
            mark=entry.Mark.STRANGER if stranger else entry.Mark.KNOWN,
            method="fingerprint",
            drift=DRIFT_MS,
            person=None if stranger else who(one.person),
            roster=1,
            raw=f"{one.at:016x}" * 2,
        )

    def _send(self, desk: Desk, said: Sequence[entry.Entry]) -> None:
        bodies = [entry.encode(one) for one in said]
        *_, last = chain.walk(self._head, bodies)
        header = batch.BatchHeader(
            kiosk=self.name,
            epoch="e1",
            first=self._seq + 1,
            last=self._seq + len(bodies),
            prev=self._head.hex(),
            head=last.hex(),
            nonce="n",
            key=self._key.public.fingerprint,
        )
        packed, encoding = batch.pack(batch.encode(header, bodies, self._key))
        desk.take_in([desk.read(topics.up(self.name, topics.Up.BATCH), packed, encoding)])
        self._head, self._seq = last, self._seq + len(bodies)


def _naive(at: int) -> str:
    there = datetime.fromtimestamp(at // 1000, UTC).astimezone(_ZONE)
    return there.replace(tzinfo=None).isoformat(timespec="seconds")
