"""A town: real journals, collectors and conversations in its offices, a real central, no line and
no waiting. Each office lives through its month, event by event; what is true is known here alone.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from drivers.base import Coverage, Credential, Identity, Method, Punch, Reading, Witness
from drivers.errors import SourceError, Unreachable
from kiosk.collect import Collector
from sync.central.cli import main
from sync.central.desk import Desk
from sync.central.house import open_downlink, open_house
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.settings import load
from sync.central.store.registry import KioskKey, Status
from sync.edge.roster import Rosters
from sync.edge.session import Say, Self, Session
from sync.edge.shelf import Shelf
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.protocol import entry, topics
from sync.protocol.identity import PrivateKey
from sync.protocol.receipt import Receipt

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
NOTICE_S: Final = 70.0
_nonces = count()


class Happening(NamedTuple):
    """Something at a moment of true time (ms UTC); `user` and `method` of a punch."""

    at: int
    what: str
    user: str = ""
    method: Method = Method.FINGERPRINT


class PowerCut(Exception):
    """The kiosk has no power."""


class Terminal:
    """A terminal on a wall: what it shows, what it has recorded."""

    def __init__(self, serial: str, zone: str) -> None:
        self.serial = serial
        self.zone = ZoneInfo(zone)
        self.wrong_ms = 0  # its clock's error
        self.has_power = True
        self.log: list[tuple[str, str, Method]] = []

    def shows(self, true_ms: int) -> str:
        there = datetime.fromtimestamp((true_ms + self.wrong_ms) / 1000, self.zone)
        return there.replace(tzinfo=None).isoformat(timespec="seconds")

    def punch(self, true_ms: int, user: str, method: Method) -> None:
        self.log.append((user, self.shows(true_ms), method))

    def punches(self, first: int, witness: Witness) -> list[Punch]:
        seen: dict[tuple[str, str], int] = {}
        found = []
        for number, (user, shown, method) in enumerate(self.log):
            seen[user, shown] = ordinal = seen.get((user, shown), 0) + 1
            if number >= first:
                found.append(
                    Punch(
                        terminal=self.serial,
                        credential=Credential.TERMINAL_USER,
                        user=user,
                        time=shown,
                        ordinal=ordinal,
                        method=method,
                        witness=witness,
                    )
                )
        return found


class Office:
    """A kiosk and its terminal, living through `happenings`; the source and the clock as well."""

    name = "lobi"

    def __init__(self, home: Path, kiosk: str, zone: str, begin: int) -> None:
        self.kiosk = kiosk
        self.home = home
        self.key = PrivateKey.generate()
        self.terminal = Terminal(f"T-{kiosk}", zone)
        self.zone = zone
        self.true = begin
        self.cut = False  # whether nothing between kiosk and terminal passes
        self.wrong_ms = 0  # the kiosk's clock
        self.synced = True
        self._boots = count(1)
        self._booted = begin
        self._boot = ""
        self._heard = 0  # rows of the terminal's log that this visit has had
        self._whole = False
        self.happenings: deque[Happening] = deque()
        self.rosters = Rosters()
        self.shelf = Shelf(home / "roster", self.rosters, lambda _: None)
        self.blind: list[tuple[int, int]] = []  # when nobody watched the terminal, as recorded
        self._answered: int | None = None
        self.deliver: Callable[[Office], None] = lambda _: None
        self.look: Callable[[], None] = lambda: None
        self.power_on()

    # The clock.

    def stamp(self) -> entry.Stamp:
        return entry.Stamp(
            wall=self.true + self.wrong_ms,
            up=self.true - self._booted,
            boot=self._boot,
            synced=self.synced,
        )

    def now(self) -> datetime:
        return datetime.fromtimestamp((self.true + self.wrong_ms) / 1000, UTC)

    # The kiosk.

    def power_on(self) -> None:
        self._boot, self._booted = f"{next(self._boots):032x}", self.true
        self.epochs = Epochs(self.home / "journal", self.kiosk, self.key.public.der)
        self.epochs.open()
        self.epochs.take_over(self.stamp)
        self.collector = Collector(
            self,  # type: ignore[arg-type]
            self.zone,
            self.epochs.live,
            self,
            self.rosters,
            lambda *_: None,
            timedelta(seconds=120),
            self.epochs.earlier_position(self.name),
            notice_s=NOTICE_S,
        )

    def live(self, happenings: Iterable[Happening]) -> None:
        """Let everything happen."""
        self.happenings = deque(sorted(happenings))
        while self.happenings:
            try:
                self.collector.run(lambda: not self.happenings, lambda: None)
            except PowerCut:
                self.epochs.close()
                self._wait_for("power on")
                self.power_on()
            except SourceError:
                self._wait_for("line is back" if self.cut else "terminal on")
                self.cut = False

    def _wait_for(self, what: str) -> None:
        """Let time pass for a kiosk that is dead, or has no terminal."""
        while self.happenings:
            one = self.happenings.popleft()
            self._happens(one)
            if one.what == what:
                return

    def _happens(self, one: Happening) -> None:
        """Let the world change; what a kiosk does about it is for others."""
        self.true = max(self.true, one.at)
        match one.what:
            case "punch" if self.terminal.has_power:
                self.terminal.punch(one.at, one.user, one.method)
            case "terminal off":
                self.terminal.has_power = False
            case "terminal on":
                self.terminal.has_power = True
            case "terminal forgets":  # its battery is empty
                self.terminal.wrong_ms = _FACTORY - one.at
            case "terminal is set":
                self.terminal.wrong_ms = 0
            case _:
                pass

    # The source.

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        if not self.terminal.has_power:
            raise Unreachable("no power")
        if self._answered is not None and self.true - self._answered >= 2 * MINUTE:
            self.blind.append((self._answered - round(NOTICE_S * 1000), self.true))
        self._whole = True
        return Identity(serial=self.terminal.serial, model="town")

    def read(self, wait_s: float) -> Reading | None:
        self._answered = self.true
        if self._whole:
            self._whole = False
            return self._reading(0, Witness.LOG)
        one = self.happenings.popleft()
        self._happens(one)
        match one.what:
            case "punch" if len(self.happenings) and self._same_minute(one):
                return None  # heard together with the next one
            case "punch":
                return self._reading(self._heard, Witness.LIVE)
            case "night" | "terminal is set":
                self.collector.read_again()
            case "terminal off":
                raise Unreachable("no power")
            case "line is cut":
                self.cut = True
                raise Unreachable("no network")
            case "power off":
                raise PowerCut
            case "truth":
                self.wrong_ms, self.synced = 0, True
                clock = entry.Clock(
                    at=self.stamp(), utc=self.true, error=100, anchor=entry.Anchor.NTP
                )
                self.epochs.live.append([Draft(entry.encode(clock))])
            case "another source" | "another source is read":
                serial = one.user or "T-aula"
                told = entry.Terminal(at=self.stamp(), source="aula", serial=serial)
                self.epochs.live.append([Draft(entry.encode(told))])
                if one.what == "another source is read":
                    self._read_another(serial)
            case "line":
                self.deliver(self)
            case "look":
                self.look()
            case _:
                pass
        self._answered = self.true
        return None

    def _read_another(self, serial: str) -> None:
        read = entry.Coverage(
            at=self.stamp(),
            source="aula",
            terminal=serial,
            through=self.terminal.shows(self.true),
            zone=self.zone,
            records=0,
            drift=0,
        )
        self.epochs.live.append([Draft(entry.encode(read))])

    def _same_minute(self, one: Happening) -> bool:
        after = self.happenings[0]
        return after.what == "punch" and after.at // (5 * MINUTE) == one.at // (5 * MINUTE)

    def _reading(self, first: int, witness: Witness) -> Reading:
        shown = self.terminal.shows(self.true)
        covered = Coverage(through=shown, records=len(self.terminal.log))
        punches = self.terminal.punches(first, witness)
        self._heard = len(self.terminal.log)
        is_whole = witness is Witness.LOG
        return Reading(
            punches=punches,
            coverage=covered if is_whole else None,
            tail=None if is_whole else covered,
            drift_ms=self.terminal.wrong_ms - self.wrong_ms,
        )

    def confirm(self, reading: Reading) -> None: ...
    def close(self) -> None: ...


_FACTORY: Final = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1000


class City:
    """Central, with its own data directory, clock and command."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        self.settings = directory / "central.toml"
        self.settings.write_text('data = "central"\n[broker]\nhost = "127.0.0.1"\nport = 1\n')
        assert main(["--config", str(self.settings), "init"]) == 0
        self.now = 0
        self.house = open_house(load(self.settings))
        fingerprint = self.house.authority.fingerprint
        inbox = Inbox(Ingest(fingerprint, lambda: self.now), lambda: self.now)
        self.desk = Desk(self.house.store, inbox)
        self.downlink = open_downlink(self.house)

    def close(self) -> None:
        self.house.store.close()

    def run(self, *words: object) -> int:
        """Run `presensi-central` with these words."""
        return main(["--config", str(self.settings), *map(str, words)])

    def take_in(self, sheets: dict[str, tuple[str, Sequence[Sequence[object]]]]) -> int:
        """Import sheets by name: a header and its rows."""
        directory = self.directory / "sheets"
        directory.mkdir(exist_ok=True)
        for old in directory.iterdir():
            old.unlink()
        for name, (header, rows) in sheets.items():
            with (directory / f"{name}.csv").open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(header.split(","))
                writer.writerows(rows)
        return self.run("roster", "import", directory, "--reason", "test")

    def admit(self, office: Office) -> None:
        public = office.key.public
        with self.house.store.writing() as tx:
            assert tx.registry.admit(
                KioskKey(
                    fingerprint=public.fingerprint,
                    kiosk=office.kiosk,
                    der=public.der,
                    status=Status.ADMITTED,
                    admitted_at=0,
                    admitted_by="test",
                )
            )

    def deliver(self, office: Office) -> None:
        """Let an office connect, deliver all that it has, take its roster, and hang up."""
        self.now = office.true
        key = self.house.authority.public
        session = Session(
            Self(office.kiosk, office.key, [key], "town"),
            office.epochs.journals,
            office.stamp,
            fresh_nonce=lambda: f"n{next(_nonces)}",
            jitter_s=lambda: 0.0,
            keeper=office.shelf,
        )
        passed = 0.0
        acts: deque[Any] = deque(session.connected(passed))
        while acts:
            passed += 0.01
            act = acts.popleft()
            if not isinstance(act, Say):
                continue
            letter = self.desk.read(act.topic, act.payload, act.encoding)
            [answer] = self.desk.take_in([letter])
            assert isinstance(answer, Receipt)
            down = topics.down(office.kiosk, topics.Down.RECEIPT)
            acts += session.heard(down, self.house.authority.sign_receipt(answer), passed)
            if act.topic.endswith(topics.Up.HELLO):
                for part in self.downlink.answer(act.payload):
                    to = topics.down(office.kiosk, topics.Down.ROSTER)
                    acts += session.heard(to, part, passed)
        assert office.epochs.live.cursor == office.epochs.live.span().last


def moment(zone: str, day: date, minute: int, second: int = 0) -> int:
    """Return when it is `minute` of a local day, ms UTC."""
    naive = datetime.combine(day, time()) + timedelta(minutes=minute, seconds=second)
    return int(naive.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
