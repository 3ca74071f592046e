"""The roster brought to terminals through the daemon's collectors: real driver, simulated ones."""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from msgspec import structs

from drivers.errors import SourceError, TimedOut
from drivers.options import SourceOptions, Users, ZkTerminal
from drivers.registry import build
from drivers.sim.people import Person as Enrolled
from drivers.sim.zkteco import PROFILES, Faults, Profile, SimulatedTerminal
from drivers.sim.zktemplates import Finger
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from kiosk.devices import Proposed
from kiosk.enlisting import PAGE, REMOVE_MOST, RETRY_MOST_S, Enlisting
from kiosk.here import Here
from kiosk.local import CannotDo
from sync.edge.roster import Adopted, Rosters
from sync.journal.errors import StorageFailed
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol import entry
from sync.protocol.roster import Known, Person, Roster

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
MADE = int(NOW.timestamp() * 1000)
LOCAL = datetime(2026, 11, 24, 7, 30)  # noqa: DTZ001 - a terminal's clock has no zone
TEKNISI = Enrolled("1", "Teknisi", privilege=14, uid=1)
NAMES = {"tek": "Teknisi", "budi": "Budi Santoso", "siti": "Siti Aminah", "rudi": "Rudi Hartono"}
WITHIN_S = 10.0


class Kiosk(Here):
    """The journal and a clock that says what a test wants; it may fail to commit."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal, TrustedClock(), Rosters())
        self.trusted = True
        self.today = LOCAL
        self.commits_left: int | None = None

    def local_time(self, zone: str) -> datetime | None:
        return self.today if self.trusted else None

    def keep(self, *what: object) -> None:
        if self.commits_left is not None:
            self.commits_left -= 1
            if self.commits_left < 0:
                raise StorageFailed("the card is out")
        super().keep(*what)  # type: ignore[arg-type]


class Office:
    """One terminal, lobi, and a daemon's part that reads it."""

    def __init__(self, home: Path) -> None:
        Journal.make(home / "j.db", Life("k1", "e1", 1, b"key"))
        self.journal = Journal(home / "j.db")
        self.journal.open()
        self.here = Kiosk(self.journal)
        self.rosters = Rosters()
        self.options: dict[str, SourceOptions] = {}
        self.collectors: dict[str, Collector] = {}
        self.enlisting = Enlisting(self.collectors, self.options, self.rosters, self.here)
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._terminals: list[SimulatedTerminal] = []

    def terminal(
        self,
        *staff: Enrolled,
        name: str = "lobi",
        users: Users = Users.MIRROR,
        profile: Profile = PROFILES["f19"],
        faults: Faults = Faults(),  # noqa: B008 - frozen
    ) -> SimulatedTerminal:
        one = SimulatedTerminal(
            [TEKNISI, *staff],
            serial=name.upper(),
            clock=lambda: LOCAL,
            profile=profile,
            faults=faults,
        )
        one.start()
        self._terminals.append(one)
        options = ZkTerminal(
            name=name, host=one.host, port=one.port, timeout_s=2, users=users,
            transport="tcp" if profile.tcp else "udp",  # type: ignore[arg-type]
        )  # fmt: skip
        self.options[name] = options
        self.collectors[name] = Collector(
            build(options, lambda: NOW),
            "Asia/Jakarta",
            self.journal,
            TrustedClock(),
            self.rosters,
            lambda *_: None,
            timedelta(seconds=120),
        )
        thread = threading.Thread(target=self._collect, args=(self.collectors[name],))
        self._threads.append(thread)
        thread.start()
        self.until(lambda: self.collectors[name].seen.covered != "")  # and its log is read
        return one

    def _collect(self, collector: Collector) -> None:
        while not self._stop.wait(0.01):
            with suppress(SourceError):  # its worker opens it anew
                collector.run(self._stop.is_set, lambda: None)

    def until(self, condition: Callable[[], bool]) -> None:
        waiting = threading.Event()
        for _ in range(1000):
            if condition():
                return
            waiting.wait(WITHIN_S / 1000)
        pytest.fail("it did not come about")

    def adopt(self, *known: Known, version: int = 1, more: Mapping[str, str] = {}) -> None:
        people = [Person(id=one, name=name) for one, name in (NAMES | dict(more)).items()]
        everybody = [*known, Known(person="tek", credential="terminal_user", user="1")]
        # When central made it, ms; 0 is none.
        made = version if version == 0 or version > 10**9 else MADE + version
        self.rosters.current = Adopted(Roster(version=made, people=people, known=everybody))
        self.enlisting.adopted()

    def turn(self, name: str = "lobi") -> None:
        self.enlisting.turn(name, self._stop.is_set, lambda: None)

    def asked(self, **said: str) -> Proposed:
        answer = self.enlisting.asked({"source": "lobi", **said})
        return msgspec.json.decode(answer, type=Proposed)

    def restart(self) -> None:
        """The daemon begins again with what its journal has."""
        self.enlisting = Enlisting(self.collectors, self.options, self.rosters, self.here)
        self.enlisting.take_up()

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(WITHIN_S)
        for one in self._terminals:
            one.stop()
        self.journal.close()

    @property
    def audits(self) -> list[tuple[str, str, dict[str, str]]]:
        """Actor, action and detail, source and terminal left out."""
        found = []
        for line in self.journal.reader.rows(1):
            said = entry.decode(line.body or b"")
            if isinstance(said, entry.Audit):
                assert said.detail.pop("source") in self.options  # type: ignore[attr-defined]
                assert said.detail.pop("terminal")  # type: ignore[attr-defined]
                found.append((said.actor, said.action, dict(said.detail)))
        return found


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.02)
    one = Office(tmp_path)
    yield one
    one.close()


def known(user: str, person: str, since: date | None = None, until: date | None = None) -> Known:
    return Known(person=person, credential="terminal_user", user=user, since=since, until=until)


def names(terminal: SimulatedTerminal) -> dict[str, str]:
    """Return whom the terminal knows beside its administrator."""
    people = terminal.terminal.people.values()
    assert TEKNISI in people
    return {one.user_id: one.name for one in people if one != TEKNISI}


def done(action: str, users: str, actor: str = "kiosk") -> tuple[str, str, dict[str, str]]:
    return actor, action, {"users": users, "from": "roster", "result": "done"}


LAYOUTS = pytest.mark.parametrize(
    ("profile", "cut"), [(PROFILES["f19"], 24), (PROFILES["zem500"], 8)], ids=["72", "28"]
)


@LAYOUTS
def test_people_are_written_renamed_and_removed(office: Office, profile: Profile, cut: int) -> None:
    terminal = office.terminal(
        Enrolled("17", "BUDI SANTOSO"[:cut], card=77, password="4711", uid=17),
        Enrolled("18", "Rudi Hartono"[:cut], uid=18),
        Enrolled("19", "Orang Baru"[:cut], uid=19),
        profile=profile,
    )
    terminal.terminal.fingers[17, 3] = Finger(b"budi's")
    gone = known("18", "rudi", until=TODAY - timedelta(days=32))
    office.adopt(known("17", "budi"), known("20", "siti"), gone)
    office.turn()
    assert names(terminal) == {
        "17": "Budi Santoso"[:cut],
        "19": "Orang Baru"[:cut],
        "20": "Siti Aminah"[:cut],
    }
    budi = terminal.terminal.people[17]
    assert (budi.card, budi.password) == (77, "4711")
    assert terminal.terminal.fingers == {(17, 3): Finger(b"budi's")}
    assert office.audits == [
        done("terminal users removed", "18=rudi"),
        done("terminal users written", "17=budi, 20=siti"),
        (
            "kiosk",
            "terminal users differ",
            {"policy": "mirror", "roster": str(MADE + 1), "unknown": "1: 19"},
        ),
    ]
    before = len(office.audits)
    office.enlisting.look_again()
    office.turn()
    assert len(office.audits) == before  # not every night the same
    assert office.enlisting.status()["lobi"].counts == {"unknown": 1}
    office.restart()
    status = office.enlisting.status()["lobi"]
    assert (status.counts, status.policy, status.trouble) == ({"unknown": 1}, "mirror", "")
    assert status.measured > 0


@LAYOUTS
def test_budis_fingers_do_not_stay_under_sitis_number(
    office: Office, profile: Profile, cut: int
) -> None:
    terminal = office.terminal(profile=profile)
    office.adopt(known("17", "budi"))
    office.turn()
    terminal.terminal.fingers[terminal.terminal.uid_of("17"), 1] = Finger(b"budi's")
    handed_on = [known("17", "budi", until=TODAY), known("17", "siti", since=TODAY)]
    office.adopt(*handed_on, version=2)
    office.turn()  # both have it today: nobody is taken for the other
    assert terminal.terminal.fingers
    office.here.today += timedelta(days=1)
    office.enlisting.look_again()
    office.turn()
    assert names(terminal) == {"17": "Siti Aminah"[:cut]}
    assert terminal.terminal.fingers == {}
    assert office.audits[-3:] == [
        done("terminal users removed", "17=budi"),
        done("terminal users written", "17=siti"),
        ("kiosk", "terminal users differ", {"policy": "mirror", "roster": str(MADE + 2)}),
    ]


@pytest.mark.parametrize("policy", [Users.REPORT, Users.ADD])
def test_without_mirror_it_is_said_loudly(
    office: Office, policy: Users, caplog: pytest.LogCaptureFixture
) -> None:
    terminal = office.terminal(Enrolled("17", "Budi Santoso"), users=policy)
    office.adopt(
        known("17", "budi", until=TODAY - timedelta(days=1)), known("17", "siti", since=TODAY)
    )
    office.turn()
    assert names(terminal) == {"17": "Budi Santoso"}
    assert office.audits[-1][2]["taken"] == "1: 17"
    assert "users of lobi: 1 have the fingers of whoever had their number before" in caplog.text
    assert office.enlisting.status()["lobi"].counts == {"taken": 1}


def test_off_nobody_looks(office: Office) -> None:
    terminal = office.terminal(users=Users.OFF)
    asked = len(terminal.requests)
    office.adopt(known("17", "budi"))
    office.turn()
    assert names(terminal) == {}
    assert asked == len(terminal.requests)
    assert office.audits == []


def test_nothing_is_done_while_the_clock_is_not_trusted(office: Office) -> None:
    """A wrong year would end everybody's time."""
    terminal = office.terminal(Enrolled("17", "Budi Santoso"))
    office.here.trusted = False
    office.adopt(known("17", "budi", until=TODAY - timedelta(days=99)))
    office.turn()
    assert names(terminal) == {"17": "Budi Santoso"}
    with pytest.raises(CannotDo, match="our own clock is not trusted"):
        office.asked()
    office.here.trusted = True
    office.turn()  # still due
    assert names(terminal) == {}


def test_nothing_is_done_while_somebody_punches(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = office.terminal()
    assert terminal.wait_until(lambda t: t.listeners == 1)
    terminal.punch("9", method=1, state=0)
    office.until(lambda: office.collectors["lobi"].quiet_s < 10)
    office.adopt(known("17", "budi"))
    office.turn()
    assert names(terminal) == {}
    monkeypatch.setattr("kiosk.enlisting.QUIET_S", 0.0)
    office.turn()
    assert names(terminal) == {"17": "Budi Santoso"}


def test_an_empty_roster_changes_nothing(office: Office) -> None:
    """A kiosk that has no roster yet knows nothing of anybody."""
    terminal = office.terminal(Enrolled("17", "Budi Santoso"))
    office.adopt(version=0)
    office.turn()
    assert (names(terminal), office.audits) == ({"17": "Budi Santoso"}, [])


def test_half_an_office_is_not_removed_unasked(office: Office) -> None:
    people = {f"p{n}": f"Orang Nomor {n:03}" for n in range(REMOVE_MOST + 1)}
    ended = [
        known(str(100 + n), one, until=TODAY - timedelta(days=40)) for n, one in enumerate(people)
    ]
    terminal = office.terminal(*(Enrolled(one.user, people[one.person]) for one in ended))
    office.adopt(*ended, known("17", "budi"), more=people)
    office.turn()
    assert names(terminal)["17"] == "Budi Santoso"  # that is done all the same
    assert len(names(terminal)) == len(people) + 1
    status = office.enlisting.status()["lobi"]
    assert f"{len(people)} people would be removed, too many" in status.trouble
    shown = office.asked()
    assert office.asked(plan=shown.plan, by="rudi").done == "done and read back"
    assert names(terminal) == {"17": "Budi Santoso"}
    assert office.enlisting.status()["lobi"].trouble == ""
    assert office.audits[-2][:2] == ("rudi", "terminal users removed")


def test_many_are_written_in_pages(office: Office) -> None:
    people = {f"p{n}": f"Orang Nomor {n:03}" for n in range(2 * PAGE + 1)}
    terminal = office.terminal()
    office.adopt(*(known(str(100 + n), one) for n, one in enumerate(people)), more=people)
    office.turn()
    assert len(names(terminal)) == len(people)
    written = [one for one in office.audits if one[1] == "terminal users written"]
    assert [one[2]["users"].count("=") for one in written] == [PAGE, PAGE, 1]


def test_a_long_list_takes_several_entries(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.roll.DETAIL_MOST", 20)
    office.terminal()
    office.adopt(known("17", "budi"), known("18", "siti"), known("19", "rudi"))
    office.turn()
    assert [one[2]["users"] for one in office.audits] == ["17=budi, 18=siti", "19=rudi"]


@pytest.mark.parametrize("commits", range(10))
def test_whatever_interrupts_it_the_next_run_ends_it(office: Office, commits: int) -> None:
    """The card fails at each commit in turn: at no time is anybody taken for another."""
    terminal = office.terminal()
    office.adopt(known("17", "budi"), known("18", "rudi"))
    office.turn()
    terminal.terminal.fingers[terminal.terminal.uid_of("17"), 1] = Finger(b"budi's")
    office.here.commits_left = commits
    office.adopt(
        known("17", "budi", until=TODAY - timedelta(days=1)),
        known("17", "siti", since=TODAY),
        known("18", "rudi"),
        known("19", "budi"),
        version=2,
    )
    with suppress(StorageFailed):
        office.turn()
    office.here.commits_left = None
    office.restart()
    office.turn()
    assert names(terminal) == {"17": "Siti Aminah", "18": "Rudi Hartono", "19": "Budi Santoso"}
    assert terminal.terminal.fingers == {}
    assert office.enlisting.status()["lobi"].counts == {}


def test_a_finger_enrolled_after_an_interruption_is_kept(office: Office) -> None:
    """Written for Siti, not recorded, and she has enrolled since: her finger is not Budi's."""
    terminal = office.terminal()
    office.adopt(known("17", "budi"))
    office.turn()
    office.adopt(
        known("17", "budi", until=TODAY - timedelta(days=1)),
        known("17", "siti", since=TODAY),
        version=2,
    )
    office.here.commits_left = (
        4  # until when it was his; the removal, begun and done; the write begun
    )
    with pytest.raises(StorageFailed):
        office.turn()
    assert names(terminal) == {"17": "Siti Aminah"}
    terminal.terminal.fingers[terminal.terminal.uid_of("17"), 1] = Finger(b"siti's")
    office.here.commits_left = None
    office.restart()
    office.turn()
    assert list(terminal.terminal.fingers.values()) == [Finger(b"siti's")]
    assert office.enlisting.status()["lobi"].counts == {"doubted": 1}  # it may be anybody's
    office.asked(settle="17", by="rudi")
    assert office.enlisting.status()["lobi"].counts == {}


def test_a_number_that_was_emptied_at_the_terminal_is_no_doubt(office: Office) -> None:
    """Budi was removed in its menu; Siti is written, and the card fails before that is recorded."""
    terminal = office.terminal()
    office.adopt(known("17", "budi"))
    office.turn()
    terminal.terminal.delete_person(terminal.terminal.uid_of("17"))
    office.adopt(
        known("17", "budi", until=TODAY - timedelta(days=1)),
        known("17", "siti", since=TODAY),
        version=2,
    )
    office.here.commits_left = 2  # that nobody has the number any more; that it is begun
    with pytest.raises(StorageFailed):
        office.turn()
    assert names(terminal) == {"17": "Siti Aminah"}
    office.here.commits_left = None
    office.restart()
    office.turn()
    assert office.enlisting.status()["lobi"].counts == {}


def test_what_failed_is_tried_again(office: Office) -> None:
    terminal = office.terminal()
    office.here.commits_left = 0
    office.adopt(known("17", "budi"))
    with pytest.raises(StorageFailed):
        office.turn()
    office.here.commits_left = None
    office.turn()
    assert names(terminal) == {"17": "Budi Santoso"}
    assert office.audits == [done("terminal users written", "17=budi")]


def test_fingers_that_a_terminal_keeps_of_somebody_removed_are_nobodys(office: Office) -> None:
    terminal = office.terminal(profile=PROFILES["zem500"])
    terminal.terminal.fingers[17, 1] = Finger(b"somebody's, left behind")
    office.adopt(known("17", "budi"), known("18", "siti"))
    office.turn()
    assert names(terminal) == {"18": "Siti Ami"}
    refused = [one[2] for one in office.audits if one[2].get("users") == "17=budi"]
    assert "refused: the terminal has kept fingers" in refused[0]["result"]


def test_whom_the_terminal_refuses_holds_nobody_else_up(office: Office) -> None:
    terminal = office.terminal(profile=PROFILES["zem500"])  # keeps numbers only
    office.adopt(known("A77", "rudi"), known("17", "budi"), known("18", "siti"))
    office.turn()
    assert names(terminal) == {"17": "Budi San", "18": "Siti Ami"}
    assert "user id 'A77' does not fit" in office.audits[-2][2]["result"]
    assert office.audits[-1][2]["missing"] == "1: A77"
    measured = office.enlisting.status()["lobi"].measured
    office.turn()
    assert office.enlisting.status()["lobi"].measured == measured  # nothing is due


def test_a_terminal_that_keeps_nothing_is_told_of_and_left_alone_for_a_while(
    office: Office,
) -> None:
    office.terminal(faults=Faults(keeps_no_writes=True))
    office.adopt(*(known(str(17 + n), "budi") for n in range(9)))
    office.turn()
    assert "said yes and did otherwise" in office.enlisting.status()["lobi"].trouble
    failed = office.audits[-2:]
    assert any(one[2]["result"].startswith("failed: ") for one in failed)
    entries = len(office.audits)
    office.turn()
    assert len(office.audits) == entries


def test_a_terminal_that_fails_is_tried_again_ever_later(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try leaves an entry where something was begun."""
    office.terminal()
    tries: list[float] = []
    now_s = 1000.0

    def fail(*_: object) -> None:
        tries.append(now_s)
        raise TimedOut("it is silent")

    monkeypatch.setattr(office.collectors["lobi"], "borrow", fail)
    monkeypatch.setattr("kiosk.enlisting.time", SimpleNamespace(monotonic=lambda: now_s))
    office.adopt(known("17", "budi"))
    while now_s < 1000 + 86_400:
        office.turn()
        now_s += 60
    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert waits[:3] == [300, 600, 1200]
    assert max(waits) == RETRY_MOST_S
    assert "it is silent" in office.enlisting.status()["lobi"].trouble
    office.enlisting.adopted()
    office.turn()
    assert tries[-1] == now_s


def test_a_stranger_is_not_written_to(office: Office) -> None:
    terminal = office.terminal()
    collector = office.collectors["lobi"]
    collector._standing = structs.replace(collector._standing, serial="ANOTHER")
    office.adopt(known("17", "budi"))
    office.turn()
    assert names(terminal) == {}
    with pytest.raises(CannotDo, match="another terminal answers"):
        office.asked()


def test_what_is_remembered_is_one_terminals(office: Office) -> None:
    """Its successor has a Budi too: not whom we wrote at the one before it."""
    terminal = office.terminal()
    office.adopt(known("17", "budi"))
    office.turn()
    collector = office.collectors["lobi"]
    collector._standing = structs.replace(collector._standing, serial="NEW")
    collector.seen.bound_to = "NEW"
    assert collector.seen.identity is not None
    collector.seen.identity = structs.replace(collector.seen.identity, serial="NEW")
    terminal.terminal.store_person(Enrolled("17", "Orang Lain", uid=2))
    office.adopt(known("17", "siti"), version=2)
    office.turn()
    assert office.enlisting.status()["lobi"].counts == {"doubted": 1}
    assert names(terminal) == {"17": "Orang Lain"}


# By a technician.


def test_what_is_shown_is_what_is_done(office: Office) -> None:
    terminal = office.terminal(users=Users.REPORT)
    office.adopt(known("17", "budi"))
    shown = office.asked()
    assert shown.lines == ("missing   17 Budi Santoso",)
    assert (shown.plan, shown.done) == ("", "by policy 'report' nothing is to be written")
    shown = office.asked(policy="add")
    assert names(terminal) == {}
    with pytest.raises(CannotDo, match="who does it"):
        office.asked(policy="add", plan=shown.plan)
    office.adopt(known("17", "budi"), known("18", "siti"), version=2)
    with pytest.raises(CannotDo, match="have changed since the plan was shown"):
        office.asked(policy="add", plan=shown.plan, by="rudi")
    shown = office.asked(policy="add")
    assert office.asked(policy="add", plan=shown.plan, by="rudi").lines == ()
    assert names(terminal) == {"17": "Budi Santoso", "18": "Siti Aminah"}
    assert office.audits == [done("terminal users written", "17=budi, 18=siti", "rudi")]


def test_somebody_looked_whose_it_is(office: Office) -> None:
    terminal = office.terminal(Enrolled("17", "Bu Siti"), Enrolled("19", "Pak Lama"))
    gone = known("19", "rudi", until=TODAY - timedelta(days=99))
    office.adopt(known("17", "siti"), known("18", "budi"), gone)
    office.turn()
    assert office.enlisting.status()["lobi"].counts == {"doubted": 2}
    entries = len(office.audits)
    for users in ("18", "99", "19", "17,19"):
        with pytest.raises(CannotDo, match="nothing to settle of"):
            office.asked(settle=users, by="rudi")
    with pytest.raises(CannotDo, match="who does it"):
        office.asked(settle="17")
    office.here.commits_left = 0
    with pytest.raises(StorageFailed):
        office.asked(settle="17", by="rudi")
    office.here.commits_left = None
    assert len(office.audits) == entries
    office.restart()
    assert office.asked().lines[0].startswith("DOUBTED   17")  # not without the entry
    shown = office.asked(settle="17", by="rudi")
    assert shown.lines[0] == "renamed   17 'Bu Siti' is 'Siti Aminah'"
    assert office.audits[-1] == ("rudi", "terminal users settled", {"users": "17=siti"})
    office.asked(plan=shown.plan, by="rudi")
    assert names(terminal) == {"17": "Siti Aminah", "18": "Budi Santoso", "19": "Pak Lama"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"source": "gerbang"},
            "no terminal 'gerbang' keeps users of its own; those that do: lobi",
        ),
        ({"policy": "all"}, "'all' is no policy"),
    ],
)
def test_what_cannot_be_done_is_said(office: Office, said: dict[str, str], why: str) -> None:
    office.terminal()
    with pytest.raises(CannotDo, match=why):
        office.asked(**said)


def test_the_worker_compares_at_its_start_and_after_an_adoption(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.enlisting.TURN_S", 0.01)
    terminal = office.terminal()
    office.rosters.current = Adopted(
        Roster(
            version=5, people=[Person(id="budi", name="Budi Santoso")], known=[known("17", "budi")]
        )
    )
    stop = threading.Event()
    worker = threading.Thread(target=office.enlisting.run, args=(stop.is_set, lambda: None))
    worker.start()
    try:
        office.until(lambda: names(terminal) == {"17": "Budi Santoso"})
        office.adopt(known("17", "budi"), known("18", "siti"), version=6)
        office.until(lambda: len(names(terminal)) == 2)
    finally:
        stop.set()
        worker.join(WITHIN_S)
