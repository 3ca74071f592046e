"""Forgetting: real vault and journal, simulated terminals, a certificate that verifies."""

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from drivers.errors import SourceError
from drivers.options import KeepsUsers, ZkTerminal
from drivers.registry import build
from drivers.sim.people import Person as Staff
from drivers.sim.zkteco import SimulatedTerminal
from drivers.sim.zktemplates import Finger
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from kiosk.faces import erasing, tombstones
from kiosk.faces.erasing import Erases, Erasing, Forgotten, Signer
from kiosk.faces.keep import FaceKeep
from kiosk.faces.telling import Telling
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultkey import KeyPlace
from kiosk.here import Here
from kiosk.local import CannotDo
from kiosk.pins import Pins
from kiosk.release import copies
from sync.edge.roster import Adopted, Rosters
from sync.journal.errors import StorageFull
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol import destruction, entry
from sync.protocol.destruction import NOT_PROMISED, Destruction
from sync.protocol.errors import Unverified
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster
from tests.kiosk.face_parts import ABOUT, MODEL, enrolled, tell

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
LOCAL = datetime(2026, 11, 24, 7, 30)  # noqa: DTZ001 - a terminal's clock has no zone
TODAY = date(2026, 11, 24)
KEY = PrivateKey.generate()
STAFF = [
    Staff("1", "Admin", privilege=14, uid=1),
    Staff("17", "Siti", uid=2),
    Staff("18", "B", uid=3),
]


class Office:
    """A kiosk with terminals lobi and gerbang, which both know siti as 17."""

    def __init__(self, home: Path) -> None:
        self.home = home
        Journal.make(home / "j.db", Life("k1", "e1", 1, b"key"))
        self.journal = Journal(home / "j.db")
        self.journal.open()
        people = [Person(id=one, name=one) for one in ("siti", "budi", "admin")]
        known = [
            Known(person=who, credential="terminal_user", user=user)
            for who, user in (("siti", "17"), ("budi", "18"), ("admin", "1"))
        ]
        self.rosters = Rosters(Adopted(Roster(version=1, people=people, known=known)))
        self.here = Here(self.journal, TrustedClock(), self.rosters)
        self.vault = Vault(home, KeyPlace(home, {}))
        self.vault.open()
        self.telling = Telling(self.vault, self.here)
        self.holders: dict[tuple[str, str], str] = {}
        self.terminals = {name: self._terminal(name) for name in ("lobi", "gerbang")}
        self.options: dict[str, KeepsUsers] = {}
        self.collectors: dict[str, Collector] = {}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        for name, one in self.terminals.items():
            self._connect(name, one)
        self.erasing = self.again()

    def again(self, *others: Erases) -> Erasing:
        """Return it as a daemon has it that was started anew."""
        return Erasing(
            self.vault,
            self.collectors,
            self.options,
            self.rosters,
            self,
            self.here,
            self.telling,
            Signer("k1", KEY, self.home, self.home / "usb"),
            lambda: TODAY,
            others=others,
        )

    def holder(self, name: str, user: str) -> str:
        return self.holders.get((name, user), "")

    def _terminal(self, name: str) -> SimulatedTerminal:
        one = SimulatedTerminal(list(STAFF), serial=name.upper(), clock=lambda: LOCAL)
        one.terminal.fingers[2, 0] = Finger(b"F" * 500)
        one.start()
        return one

    def _connect(self, name: str, one: SimulatedTerminal) -> None:
        options = ZkTerminal(name=name, host=one.host, port=one.port, timeout_s=2)
        self.options[name] = options
        collector = self.collectors[name] = Collector(
            build(options, lambda: NOW),
            "Asia/Jakarta",
            self.journal,
            TrustedClock(),
            self.rosters,
            lambda *_: None,
            timedelta(seconds=120),
        )

        def collect() -> None:
            while not self._stop.wait(0.01):
                with suppress(SourceError):
                    collector.run(self._stop.is_set, lambda: None)

        thread = threading.Thread(target=collect)
        self._threads.append(thread)
        thread.start()
        self.until(lambda: collector.seen.covered != "")

    def until(self, condition: object) -> None:
        waiting = threading.Event()
        for _ in range(1000):
            if condition():  # type: ignore[operator]
                return
            waiting.wait(0.01)
        pytest.fail("it did not come about")

    def lose(self, name: str) -> None:
        """A terminal is unplugged."""
        self.terminals[name].stop()
        self.until(lambda: not self.collectors[name].seen.connected)

    def users(self, name: str) -> set[str]:
        return {one.user_id for one in self.terminals[name].terminal.people.values()}

    def forget(self, person: str = "siti", **said: str) -> Forgotten:
        asked = {"person": person, "by": "rudi", "reason": "left the office"} | said
        return msgspec.json.decode(self.erasing.forget(asked), type=Forgotten)

    def turn(self) -> None:
        self.erasing._not_before_s = 0.0
        self.erasing.turn()

    def audits(self, action: str) -> list[entry.Audit]:
        bodies = [row.body for row in self.journal.reader.rows(1)]
        said = [entry.decode(body) for body in bodies if body is not None]
        return [one for one in said if isinstance(one, entry.Audit) and one.action == action]

    def certificates(self) -> list[Path]:
        return sorted((self.home / erasing.CERTIFICATES).glob("*"))

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        for one in self.terminals.values():
            one.stop()
        self.vault.close()
        self.journal.close()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.02)
    one = Office(tmp_path)
    yield one
    one.close()


def certified(content: str) -> Destruction:
    one, signed = destruction.decode(content.encode())
    signed.verify(KEY.public)
    return one


def test_somebody_is_forgotten_everywhere_with_a_signed_certificate(office: Office) -> None:
    office.vault.put("siti", enrolled("siti"), ABOUT, tell())
    office.vault.put("budi", enrolled("budi"), ABOUT, tell())
    version = office.vault.version
    done = office.forget()
    assert done.open == {}
    assert {person for person, _ in office.vault.known(MODEL).rows} == {"budi"}
    assert office.vault.version != version
    for name in ("lobi", "gerbang"):
        assert office.users(name) == {"1", "18"}
        assert office.terminals[name].terminal.fingers == {}
    one = certified(done.content)
    assert (one.kiosk, one.person, one.by, one.reason) == ("k1", "siti", "rudi", "left the office")
    assert (one.generation, one.edition, one.washed) == (1, 1, True)
    assert len(one.records) == 3
    assert set(one.terminals) == {"lobi", "gerbang"}
    assert one.not_promised == NOT_PROMISED
    assert one.key == KEY.public.fingerprint
    [path] = office.certificates()
    assert str(path) == done.certificate
    assert path.read_text() == done.content
    [begun] = office.audits("person forgotten")
    assert begun.detail == {
        "person": "siti", "reason": "left the office", "generation": "1", "records": "3",
    }  # fmt: skip
    [told] = office.audits("destruction certified")
    assert told.detail == {
        "person": "siti", "certificate": path.name,
        "sha256": sha256(path.read_bytes()).hexdigest(),
    }  # fmt: skip
    assert len(office.audits("terminal user removed")) == 2
    assert tombstones.kept_on(office.home / "usb", "k1") == {"siti": 1}
    assert office.erasing.open() == []


def test_a_certificate_that_was_changed_does_not_hold(office: Office) -> None:
    content = office.forget().content
    _, signed = destruction.decode(content.replace("left the office", "never happened").encode())
    with pytest.raises(Unverified):
        signed.verify(KEY.public)


def test_what_cannot_be_reached_stays_open_until_it_is_done(office: Office) -> None:
    office.vault.put("siti", enrolled("siti"), ABOUT, tell())
    office.lose("gerbang")
    done = office.forget()
    assert list(done.open) == ["gerbang"]
    assert "no terminal is connected" in done.open["gerbang"]
    assert list(certified(done.content).open) == ["gerbang"]
    [said] = office.erasing.open()
    assert "siti" not in said
    assert said.endswith(" at gerbang")
    assert office.erasing.named({}).startswith("siti at gerbang: gerbang: no terminal")
    office.turn()
    assert len(office.certificates()) == 1  # nothing came of it
    office.erasing = office.again()  # the daemon ends and starts
    office.terminals["gerbang"].start()
    office.until(lambda: office.collectors["gerbang"].seen.connected)
    office.turn()
    assert office.users("gerbang") == {"1", "18"}
    assert office.erasing.open() == []
    later = certified(office.certificates()[-1].read_text())
    assert (later.edition, later.open, set(later.terminals)) == (2, {}, {"lobi", "gerbang"})
    assert [one.detail.get("open") for one in office.audits("destruction certified")] == [
        "gerbang", None,
    ]  # fmt: skip
    office.turn()
    assert len(office.certificates()) == 2


def test_somebody_may_say_that_they_did_it_by_hand(office: Office) -> None:
    office.lose("gerbang")
    office.forget()
    with pytest.raises(CannotDo, match="nothing is open for 'siti' at 'lobi'"):
        office.erasing.by_hand({"person": "siti", "source": "lobi", "by": "ani"})
    office.erasing.by_hand({"person": "siti", "source": "gerbang", "by": "ani"})
    assert office.erasing.open() == []
    later = certified(office.certificates()[-1].read_text())
    assert later.terminals["gerbang"] == "removed by hand, says ani"


def test_a_cut_before_the_certificate_is_made_good(office: Office) -> None:
    """The power goes when the vault has forgotten and nothing else is done."""
    office.vault.put("siti", enrolled("siti"), ABOUT, tell())
    one = erasing.Erasure(
        id="e1", person="siti", generation=0, by="rudi", reason="left", at=1,
        sources={"lobi": "", "gerbang": ""},
    )  # fmt: skip
    office.vault.forget(one, erasing.Tell("rudi", "person forgotten", {"person": "siti"}))
    office.vault.close()
    office.vault.open()
    office.erasing = office.again()
    assert len(office.erasing.open()) == 2
    office.turn()
    assert office.erasing.open() == []
    assert certified(office.certificates()[0].read_text()).open == {}
    assert office.users("lobi") == {"1", "18"}


def test_a_clock_that_is_set_right_later_does_not_make_the_time_certain(office: Office) -> None:
    stamp = office.here.stamp
    office.lose("lobi")
    office.here.stamp = lambda: structs.replace(stamp(), synced=False)  # type: ignore[method-assign]
    assert not certified(office.forget().content).synced
    office.here.stamp = lambda: structs.replace(stamp(), synced=True)  # type: ignore[method-assign]
    office.erasing.by_hand({"person": "siti", "source": "lobi", "by": "rudi"})
    assert len(office.certificates()) == 2
    assert not certified(office.certificates()[1].read_text()).synced


def test_a_number_that_is_anothers_today_is_left_and_named(office: Office) -> None:
    known = [
        Known(person="siti", credential="terminal_user", user="17", until=date(2026, 10, 1)),
        Known(person="budi", credential="terminal_user", user="17", since=date(2026, 10, 2)),
    ]
    people = [Person(id=one, name=one) for one in ("siti", "budi")]
    office.rosters.current = Adopted(Roster(version=2, people=people, known=known))
    office.holders["lobi", "17"] = "siti"  # there it is known whose fingers they are
    office.holders["lobi", "18"] = "budi"
    done = office.forget()
    assert "17" not in office.users("lobi")
    assert "17" in office.users("gerbang")
    assert "was theirs and is budi's today" in done.open["gerbang"]


def test_a_number_that_another_holds_there_is_left(office: Office) -> None:
    office.holders["lobi", "17"] = "budi"
    assert office.forget().open == {}
    assert "17" in office.users("lobi")
    assert "17" not in office.users("gerbang")


def test_menu_rights_are_not_taken_along(office: Office) -> None:
    done = office.forget("admin")
    assert "user 1 has menu rights there (admin)" in done.open["lobi"]
    assert "1" in office.users("lobi")


def test_a_stranger_under_the_address_is_not_written_to(office: Office) -> None:
    office.collectors["lobi"]._standing = msgspec.structs.replace(
        office.collectors["lobi"]._standing, serial="ANOTHER"
    )
    done = office.forget()
    assert "another terminal answers there" in done.open["lobi"]
    assert "17" in office.users("lobi")


def test_where_the_vault_is_not_nothing_is_certified(office: Office) -> None:
    """The kiosk works on its second medium; the first one may still be read by somebody."""
    office.erasing = Erasing(
        *(office.vault, office.collectors, office.options, office.rosters, office, office.here),
        *(office.telling, Signer("k1", KEY, office.home), lambda: TODAY),
        "data: I/O error; working on the second medium",
    )
    with pytest.raises(CannotDo, match="siti is not forgotten: data: I/O error"):
        office.forget()
    assert office.certificates() == []
    assert office.users("lobi") == {"1", "17", "18"}


def test_a_wrong_number_is_asked_about(office: Office) -> None:
    with pytest.raises(CannotDo, match="is the number right"):
        office.forget("sitti")
    assert office.vault.tombstones() == {}
    assert office.forget("sitti", sure="yes").open == {}
    assert office.vault.tombstones() == {"sitti": 1}


@pytest.mark.parametrize(
    ("said", "why"),
    [({"reason": " "}, "why"), ({"by": ""}, "who does it"), ({"reason": "\n"}, "why")],
)
def test_who_and_why_are_wanted(office: Office, said: dict[str, str], why: str) -> None:
    with pytest.raises(CannotDo, match=why):
        office.forget(**said)


def test_a_second_medium_that_fails_is_made_good(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    (office.home / "usb").write_text("not a directory")
    office.forget()
    assert "who was forgotten is not kept there" in caplog.text
    (office.home / "usb").unlink()
    office.turn()
    assert tombstones.kept_on(office.home / "usb", "k1") == {"siti": 1}


# The vault's keeper.


def keeper(
    office: Office, elsewhere: dict[str, dict[str, int]], now: int | None = None
) -> FaceKeep:
    return FaceKeep(office.vault, office.erasing, office.telling, lambda: elsewhere, lambda: now)


def test_tombstones_from_elsewhere_come_before_anybody_is_known(office: Office) -> None:
    office.vault.put("siti", enrolled("siti"), ABOUT, tell())
    office.vault.put("budi", enrolled("budi"), ABOUT, tell())
    office.vault.close()
    one = keeper(office, {"second medium": {"siti": 1}, "journal": {"budi": 0}})
    one.open()
    assert {person for person, _ in office.vault.known(MODEL).rows} == {"budi"}
    assert one.status().people == 1
    assert one.status().trouble == ""


def test_a_vault_that_cannot_be_opened_is_said_and_tried_again(office: Office) -> None:
    office.vault.close()
    good = office.vault.path.read_bytes()
    office.vault.path.write_bytes(b"no database at all, and long enough to be sure of it" * 20)
    one = keeper(office, {})
    one.open()
    assert "vault.sqlite" in one.status().trouble
    assert office.vault.known(MODEL).rows == ()
    office.vault.path.write_bytes(good)
    one.open()
    assert one.status().trouble == ""


def test_tombstones_that_cannot_be_read_keep_the_vault_closed(office: Office) -> None:
    office.vault.close()

    def unreadable() -> dict[str, dict[str, int]]:
        raise VaultError("usb/tombstones.json: who was forgotten cannot be read there")

    one = FaceKeep(office.vault, office.erasing, office.telling, unreadable, lambda: None)
    one.open()
    assert not office.vault.is_open
    assert "cannot be read there" in one.status().trouble


def test_a_journal_that_cannot_be_asked_keeps_it_closed_for_now(office: Office) -> None:
    office.vault.close()

    def full() -> dict[str, dict[str, int]]:
        raise StorageFull("the disk is full")

    one = FaceKeep(office.vault, office.erasing, office.telling, full, lambda: None)
    one.open()
    assert "the disk is full" in one.status().trouble


def test_pictures_wait_for_a_clock_that_is_trusted(office: Office) -> None:
    office.vault.put("siti", enrolled("siti", picture=b"J"), ABOUT, tell(), pictures_until=5)
    keeper(office, {}, None).end_pictures()
    assert len(office.vault.pictures("siti")) == 3
    keeper(office, {}, 5).end_pictures()
    assert office.vault.pictures("siti") == []


def test_the_keeper_runs(office: Office) -> None:
    office.vault.put("siti", enrolled("siti", picture=b"J"), ABOUT, tell(), pictures_until=5)
    office.vault.close()
    turns: list[int] = []
    one = keeper(office, {}, 5)
    one.run(lambda: len(turns) > 0, lambda: turns.append(1))
    assert not office.vault.is_open  # it is closed at a clean end
    office.vault.open()
    assert office.vault.pictures("siti") == []
    assert office.vault.is_washed
    assert len(office.audits("face enrolled")) == 1


def test_a_full_journal_forgets_no_gallery(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is full, whoever is known by face stays known, and the words wait."""

    def full(*_: object) -> None:
        raise StorageFull("the disk is full")

    one = keeper(office, {})
    one.open()
    office.vault.put("siti", enrolled("siti"), ABOUT, tell())
    monkeypatch.setattr(office.here, "keep", full)
    seen: list[int] = []

    def stopping() -> bool:
        seen.append(len(office.vault.known(MODEL).rows))
        return len(seen) > 2

    monkeypatch.setattr("kiosk.faces.keep.TURN_S", 0.01)
    one.run(stopping, lambda: None)
    assert seen == [3, 3, 3]
    office.vault.open()
    assert one.status().untold == 1
    assert "the disk is full" in one.status().trouble


class Modules:
    """A finger module that is away at first."""

    places = ("jari",)

    def __init__(self) -> None:
        self.is_away = True

    def forget(self, place: str, person: str, by: str) -> str:
        if self.is_away:
            raise CannotDo("slots 3 of R503-0042 are not empty yet")
        return f"slot 3 of R503-0042 is empty, for {person} by {by}"


def test_a_finger_module_that_is_away_is_open_until_it_is_empty(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.faces.erasing.RETRY_S", 0.0)
    modules = Modules()
    erasing = office.again(modules)
    said = {"person": "siti", "by": "rudi", "reason": "left"}
    done = msgspec.json.decode(erasing.forget(said), type=Forgotten)
    assert done.open == {"jari": "slots 3 of R503-0042 are not empty yet"}
    modules.is_away = False
    erasing.turn()
    assert erasing.open() == []
    [last] = office.audits("destruction certified")[-1:]
    assert "open" not in last.detail


def test_a_pin_is_forgotten_too(office: Office, tmp_path: Path) -> None:
    pins = Pins([tmp_path / "pins.json"], office.here, cost=2**10)
    pins.set({"user": "17", "by": "rudi", "pin": "482915"})
    assert pins.fits("17", "482915")
    said = {"person": "siti", "by": "rudi", "reason": "left"}
    done = msgspec.json.decode(office.again(pins).forget(said), type=Forgotten)
    assert "removed the PIN of 17" in done.content
    assert not pins.fits("17", "482915")


def test_copies_of_a_change_of_release_hold_nobody_who_is_forgotten(office: Office) -> None:
    for person in ("siti", "budi"):
        office.vault.put(person, enrolled(person), ABOUT, tell())
    sealed = [one for _, whose, *_, one in office.vault.records() if whose == "siti"]
    copies.make(office.home, "0.2.0")
    aside = office.home / "vault-of-0.3.0"
    aside.mkdir()
    shutil.copyfile(office.home / "before-0.2.0" / "vault.sqlite", aside / "vault.sqlite")
    found = [office.home / "before-0.2.0" / "vault.sqlite", aside / "vault.sqlite"]
    assert all(one in path.read_bytes() for path in found for one in sealed)
    assert office.forget().certificate
    assert not any(one in path.read_bytes() for path in found for one in sealed)
    for path in found:
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT DISTINCT person FROM record").fetchall() == [("budi",)]


def test_a_copy_that_cannot_be_washed_keeps_the_certificate_back(office: Office) -> None:
    office.vault.put("siti", enrolled("siti"), ABOUT, tell())
    copy = office.home / "before-0.2.0" / "vault.sqlite"
    copy.parent.mkdir()
    copy.write_bytes(b"no database, but long enough to be none of SQLite's" * 50)
    with pytest.raises(CannotDo, match=r"not everywhere yet: .*remove .*before-0.2.0"):
        office.forget()
    assert office.certificates() == []
    shutil.rmtree(copy.parent)
    office.turn()
    assert len(office.certificates()) == 1
