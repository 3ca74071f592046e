"""Two offices and their people on Tuesday 24 November 2026, by real entries through real ingest."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.central.roster import state
from sync.central.roster.changes import Change
from sync.central.roster.layout import SHEETS
from sync.central.store.city import Post
from sync.protocol import entry
from sync.protocol.roster import Known, Member, Person, Unit
from sync.worktime.rules import (
    Absence,
    Assignment,
    Holiday,
    Hours,
    Reason,
    Regulation,
    Step,
    Week,
)

ZONE = "Asia/Jakarta"
DAY = date(2026, 11, 24)
_BOOT = "c" * 32
_BOOTED = int(datetime(2026, 10, 1, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)

PEOPLE = {
    "1": "Ayu",  # in time
    "2": "Budi",  # 11 minutes late
    "3": "Citra",  # sick, with a letter
    "4": "Dewi",  # never came
    "5": "Eka",  # has no duty: of no plan
}


def at(clock: str, day: date = DAY) -> int:
    """Return a moment of a local day, ms UTC."""
    naive = datetime.fromisoformat(f"{day}T{clock}")
    return int(naive.replace(tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


def rows() -> Iterable[tuple[str, Sequence[Struct]]]:
    units = [Unit(id="dinkes", name="Dinas Kesehatan"), Unit(id="dlh", name="Dinas Lingkungan")]
    yield "units", units
    yield "posts", [Post(kiosk=f"k-{one.id}", unit=one.id) for one in units]
    of = [(person, name, "dinkes") for person, name in PEOPLE.items()] + [("9", "Wayan", "dlh")]
    yield "people", [Person(id=person, name=name) for person, name, _ in of]
    yield "members", [Member(person=person, unit=unit) for person, _, unit in of]
    yield (
        "credentials",
        [
            Known(person=person, credential="terminal_user", user=person, unit=unit)
            for person, _, unit in of
        ],
    )
    yield "weeks", [Week(plan="kantor", hours=[Hours(days=[1, 2, 3, 4, 5], start=450, end=960)])]
    yield (
        "assignments",
        [Assignment(plan="kantor", calendar="nasional", unit=one.id) for one in units]
        + [Assignment(plan="", person="5")],
    )
    yield (
        "holidays",
        [
            Holiday(
                calendar="nasional",
                name="Hari Contoh",
                since=date(2026, 11, 20),
                until=date(2026, 11, 20),
            )
        ],
    )
    yield (
        "regulations",
        [
            Regulation(
                late=[Step(from_min=1, code="TL1"), Step(from_min=31, code="TL2")],
                early=[Step(from_min=1, code="PSW1")],
                no_arrival="TL4",
                no_departure="PSW4",
            )
        ],
    )
    yield (
        "absences",
        [Absence(person="3", reason=Reason.SICK, reference="SK-7", since=DAY, until=DAY)],
    )


def put(central, rows: Iterable[tuple[str, Sequence[Struct]]]) -> None:
    """Let the city have these rows too."""
    changes = [
        Change(name, SHEETS[name].key_of(row), None, row) for name, some in rows for row in some
    ]
    with central.store.writing() as tx:
        tx.city.lock()
        state.apply(tx, changes)
        tx.city.rise()


class Town:
    """The offices, living through their day at central's pace."""

    def __init__(self, central, make_kiosk) -> None:
        self.central = central
        put(central, rows())
        self.kiosks = {unit: make_kiosk(f"k-{unit}", f"e-{unit}") for unit in ("dinkes", "dlh")}
        self._sent = dict.fromkeys(self.kiosks, 0)
        for unit, kiosk in self.kiosks.items():
            central.admit(kiosk)
            self.read(unit, at("18:00:00", DAY - timedelta(days=1)))

    def stamp(self, moment: int) -> entry.Stamp:
        return entry.Stamp(wall=moment, up=moment - _BOOTED, boot=_BOOT, synced=True)

    def punch(self, unit: str, user: str, clock: str, day: date = DAY, **more) -> None:
        moment = at(clock, day)
        self.kiosks[unit].punch(
            user=user,
            time=f"{day}T{clock}",
            at=self.stamp(moment + 2000),
            terminal=f"T-{unit}",
            person=more.pop("person", user),
            method="fingerprint",
            drift=0,
            **more,
        )

    def read(self, unit: str, moment: int) -> None:
        """Read the terminal completely, up to a moment, and send all that there is."""
        shown = datetime.fromtimestamp(moment / 1000, ZoneInfo(ZONE)).replace(tzinfo=None)
        self.kiosks[unit].add(
            entry.Coverage(
                at=self.stamp(moment + 1000),
                source="pintu",
                terminal=f"T-{unit}",
                through=shown.isoformat(timespec="seconds"),
                zone=ZONE,
                records=0,
                drift=0,
            )
        )
        self.central.now = max(self.central.now, moment + 3000)
        self.send(unit)

    def send(self, unit: str) -> None:
        kiosk = self.kiosks[unit]
        if not self._sent[unit]:
            self.central.hello(kiosk)
        self.central.batch(kiosk, self._sent[unit] + 1)
        self._sent[unit] = len(kiosk.bodies)

    def morning(self) -> None:
        """Let it be 07:45: Ayu came, Budi came late; nothing more is known yet."""
        self.punch("dinkes", "1", "07:21:05")
        self.punch("dinkes", "2", "07:41:30")
        self.read("dinkes", at("07:44:00"))
        self.central.now = at("07:45:00")

    def evening(self) -> None:
        """Let the day be over, and all of it be read; nobody at the other office was there."""
        self.morning()
        self.punch("dinkes", "1", "16:02:00")
        self.punch("dinkes", "2", "15:29:30")
        for unit in self.kiosks:
            self.read(unit, at("23:30:00"))
