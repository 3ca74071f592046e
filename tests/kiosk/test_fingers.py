"""Fingers through the daemon's collectors: a module that is a dictionary, a real journal."""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.errors import SourceError, TimedOut
from drivers.prompt import Prompt
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from kiosk.fingers.carried import CarriedError, Content, read, unpack
from kiosk.fingers.carrying import Carrying, Exported, Imported
from kiosk.fingers.enrolment import FINGERS_MOST, REPLACED, Fingers
from kiosk.fingers.listing import Listing
from kiosk.fingers.modules import Modules
from kiosk.fingers.slots import SlotMap, Step
from kiosk.here import Here
from kiosk.local import CannotDo
from kiosk.prompts import Prompted
from sync.edge.roster import Adopted, Rosters
from sync.journal.errors import JournalError, StorageFull
from sync.journal.journal import Journal, Position
from sync.journal.reader import Life
from sync.protocol import entry
from sync.protocol.entry import Mark
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster
from tests.kiosk.finger_parts import MODEL, FakeModule

NAMES = {"siti": "Siti Aminah", "budi": "Budi Santoso"}
GROUND = {"notice": "2026-1", "basis": "public-task", "by": "rudi"}
TODAY = date(2026, 11, 24)
DEVICE, UNIT = PrivateKey.generate(), PrivateKey.generate()


class Kiosk(Here):
    """What the daemon gives; its journal may be full."""

    full = False

    def keep(self, position: Position, did: Any = ()) -> None:
        if self.full:
            raise StorageFull("the disk is full")
        super().keep(position, did)


class Office:
    """A kiosk with one finger module, which runs."""

    def __init__(self, home: Path) -> None:
        Journal.make(home / "j.db", Life("k1", "e1", 1, b"key"))
        self.journal = Journal(home / "j.db")
        self.journal.open()
        self.rosters = Rosters(Adopted(self.roster()))
        self.here = Kiosk(self.journal, TrustedClock(), self.rosters)
        self.slots = SlotMap(self.here, self.rosters, lambda: TODAY)
        self.module = FakeModule(self.slots)
        self.prompts: list[Prompted] = []
        self.told: list[entry.Presence] = []
        self.forgotten: set[str] = set()
        self.collectors: dict[str, Collector] = {}
        self.modules = Modules(self.collectors, ["jari"])
        self.fingers = Fingers(self.slots, self.modules, self.rosters, self.prompts.append)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._collect)
        self.connect()

    def roster(self, *known: Known, without: str = "") -> Roster:
        people = [Person(id=one, name=name) for one, name in NAMES.items() if one != without]
        return Roster(version=1, people=people, known=known)

    def carrying(self, *, allowed: bool = True) -> Carrying:
        return Carrying(
            *(self.modules, self.slots, self.rosters, self.here.record, lambda: 1),
            *("k1", DEVICE, lambda: self.forgotten),
            allowed=allowed,
        )

    def connect(self) -> None:
        self.collectors["jari"] = Collector(
            self.module,
            "Asia/Jakarta",
            self.journal,
            TrustedClock(),
            self.rosters,
            lambda _, presence: self.told.append(presence),
            timedelta(0),
        )
        self._thread.start()
        self.until(lambda: self.collectors["jari"].seen.connected)

    def again(self) -> None:
        """Have the module opened anew, as after a cut, and wait for it."""
        opened = self.module.opened
        self.collectors["jari"].read_again()
        self.until(lambda: self.module.opened > opened and self.collectors["jari"].seen.connected)

    def until(self, condition: Callable[[], bool]) -> None:
        waiting = threading.Event()
        for _ in range(2000):
            if condition():
                return
            waiting.wait(0.005)
        raise AssertionError("it never came")

    def _collect(self) -> None:
        while not self._stop.wait(0.005):
            with suppress(SourceError, JournalError):
                self.collectors["jari"].run(self._stop.is_set, lambda: None)

    def enrol(self, person: str, finger: str = "", **said: str) -> str:
        self.module.there = finger or f"{person}:1"
        return self.fingers.enrol({"person": person, **GROUND, **said})

    def punch(self, finger: str) -> entry.Presence:
        before = len(self.told)
        self.module.come.append(finger)
        self.until(lambda: len(self.told) > before)
        return self.told[-1]

    def audits(self, action: str) -> list[dict[str, str]]:
        bodies = [row.body for row in self.journal.reader.rows(1)]
        said = [entry.decode(body) for body in bodies if body is not None]
        return [
            dict(one.detail)
            for one in said
            if isinstance(one, entry.Audit) and one.action == action
        ]

    def listing(self) -> Listing:
        return msgspec.json.decode(self.fingers.listed({}), type=Listing)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self.journal.close()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.005)
    monkeypatch.setattr("kiosk.fingers.enrolment.LOOK_S", 5.0)
    one = Office(tmp_path)
    yield one
    one.close()


def test_a_finger_is_known_at_once_and_its_entry_says_on_what_ground(office: Office) -> None:
    said = office.enrol("siti")
    assert said == (
        "siti Siti Aminah is known by finger: slot 0 of R503-0042, its reads matched by 120"
    )
    seen = office.punch("siti:1")
    assert (seen.person, seen.mark, seen.method) == ("siti", Mark.KNOWN, "fingerprint")
    [told] = office.audits("finger enrolled")
    assert told["user"] == seen.user
    assert told == {
        "person": "siti",
        "terminal": "R503-0042",
        "slot": "0",
        "user": seen.user,
        "source": "jari",
        "model": MODEL,
        "score": "120",
        "notice": "2026-1",
        "basis": "public-task",
    }
    assert [one.what for one in office.prompts] == [Prompt.PLACE_FINGER, Prompt.DONE]


def test_a_second_finger_and_not_the_first_one_again(office: Office) -> None:
    office.enrol("siti")
    with pytest.raises(CannotDo, match=r"known by that finger already \(slot 0, score 150\)"):
        office.enrol("siti")
    assert office.prompts[-1].what is Prompt.FAILED
    assert "slot 1" in office.enrol("siti", "siti:2")
    assert office.punch("siti:1").person == office.punch("siti:2").person == "siti"


def test_somebody_elses_finger_is_not_enrolled(office: Office) -> None:
    office.enrol("siti")
    with pytest.raises(CannotDo, match=r"that finger is siti Siti Aminah's \(slot 0"):
        office.enrol("budi", "siti:1")
    assert office.module.library == {0: "siti:1"}
    assert office.slots.of("R503-0042").keys() == {0}


def test_a_finger_that_the_module_has_and_nobody_knows(office: Office) -> None:
    office.module.library[3] = "who:1"
    with pytest.raises(CannotDo, match="kiosk fingers remove --slot 3"):
        office.enrol("siti", "who:1")
    assert office.listing().nobodys == {"jari": [3]}
    office.fingers.remove({"slot": "3", "by": "rudi"})
    assert office.module.library == {}
    assert "slot 0" in office.enrol("siti", "who:1")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"notice": ""}, "which notice"),
        ({"basis": "because"}, "legal basis"),
        ({"by": ""}, "who does it"),
        ({"person": "hantu"}, "the roster knows no person 'hantu'"),
        ({"minimum": "10"}, "two different fingers may pass for one"),
        ({"minimum": "x"}, "is no number"),
        ({"source": "pintu"}, "there are: jari"),
    ],
)
def test_what_is_wanted_before_anything_begins(
    office: Office, said: dict[str, str], why: str
) -> None:
    with pytest.raises(CannotDo, match=why):
        office.fingers.enrol({"person": "siti", **GROUND, **said})
    assert office.module.library == {}


def test_a_finger_that_is_read_badly_leaves_nothing(office: Office) -> None:
    office.module.score = 50
    with pytest.raises(CannotDo, match="do not match"):
        office.enrol("siti")
    assert not office.slots.of("R503-0042")
    assert office.audits("finger enrolled") == office.audits("finger removed") == []


@pytest.mark.parametrize("step", ["store", "prove"])
def test_cut_short_at_any_step_nobody_is_known_by_it(office: Office, step: str) -> None:
    def fail(at: str) -> None:
        if at == step:
            office.module.fails = lambda _: None
            raise TimedOut("the module is silent")

    office.module.fails = fail
    opened = office.module.opened
    with pytest.raises(CannotDo, match="silent"):
        office.enrol("siti")
    office.until(lambda: office.module.opened > opened)
    office.until(lambda: not office.slots.of("R503-0042"))
    assert office.module.library == {}
    assert "slot 0" in office.enrol("siti")


def test_what_could_not_be_recorded_is_not_there(office: Office) -> None:
    def full(at: str) -> None:
        if at == "prove":
            office.here.full = True

    office.module.fails = full
    with pytest.raises(CannotDo, match="it could not be recorded"):
        office.enrol("siti")
    assert office.module.library == {}
    office.here.full = False
    office.again()
    assert not office.slots.of("R503-0042")


def test_a_full_module_says_so(office: Office) -> None:
    office.module.library = {slot: f"who:{slot}" for slot in range(5)}
    with pytest.raises(CannotDo, match="full: all 5 slots"):
        office.enrol("siti")


def test_so_many_fingers_and_no_more(office: Office) -> None:
    office.module.capacity = FINGERS_MOST + 1
    for n in range(FINGERS_MOST):
        office.enrol("siti", f"siti:{n}")
    with pytest.raises(CannotDo, match="remove one first"):
        office.enrol("siti", "siti:x")


# Who is no more.


def test_who_is_removed_is_in_no_slot_and_their_punches_stay_theirs(office: Office) -> None:
    office.enrol("siti")
    user = office.punch("siti:1").user
    assert "slot 0 of R503-0042 is empty" in office.fingers.remove({"person": "siti", "by": "rudi"})
    assert office.module.library == {}
    [told] = office.audits("finger removed")
    assert (told["person"], told["user"]) == ("siti", user)
    office.enrol("budi")  # in the same slot
    seen = office.punch("budi:1")
    assert (seen.person, seen.user == user) == ("budi", False)
    with pytest.raises(CannotDo, match="no finger of 'siti'"):
        office.fingers.remove({"person": "siti", "by": "rudi"})


def test_a_module_that_is_away_is_emptied_when_it_answers(office: Office) -> None:
    office.enrol("siti")

    def dead(at: str) -> None:
        raise TimedOut(f"silent at {at}")

    office.module.fails = dead
    office.until(lambda: not office.collectors["jari"].seen.connected)
    said = office.fingers.remove({"person": "siti", "by": "rudi"})
    assert "it is emptied when it answers" in said
    assert office.slots.of("R503-0042")[0].step is Step.LEAVING
    assert office.module.library
    assert [one.step for one in office.listing().fingers] == ["leaving"]
    office.module.fails = lambda _: None
    office.until(lambda: not office.slots.of("R503-0042"))
    assert office.module.library == {}
    assert len(office.audits("finger removed")) == 1


def test_an_erasure_knows_whether_the_module_is_done(office: Office) -> None:
    office.enrol("siti")
    office.module.fails = lambda at: (_ for _ in ()).throw(TimedOut("silent"))  # type: ignore[assignment]
    office.until(lambda: not office.collectors["jari"].seen.connected)
    with pytest.raises(CannotDo, match=r"slots 0 of R503-0042 are not empty yet"):
        office.fingers.forget("jari", "siti", "rudi")
    office.module.fails = lambda _: None
    office.until(lambda: not office.slots.of("R503-0042"))
    assert office.fingers.forget("jari", "siti", "rudi") == "not known there"


def test_slots_that_differ_from_the_map_are_told_both_ways(office: Office) -> None:
    office.enrol("siti")
    office.module.library = {4: "who:1"}
    office.again()
    gone, orphan = office.module.warnings
    assert gone.startswith("1 fingers are gone from the module: Siti Aminah (slot 0)")
    assert orphan.startswith("1 fingers in the module are nobody's (slots 4)")
    assert office.punch("who:1").mark is Mark.STRANGER
    [one] = office.listing().fingers
    assert one.is_there is False


# Another module, another card.


def test_a_foreign_module_is_not_trusted_and_nothing_is_done_to_it(office: Office) -> None:
    office.enrol("siti")
    office.module.serial, office.module.library = "R503-6666", {0: "thief:1"}
    office.again()
    seen = office.punch("thief:1")
    assert (seen.person, seen.mark, seen.user) == (None, Mark.UNBOUND, "R503-6666/0")
    for ask in (office.enrol, lambda who: office.fingers.remove({"person": who, "by": "rudi"})):
        with suppress(CannotDo):
            ask("siti")
    assert office.module.library == {0: "thief:1"}
    office.collectors["jari"].replace("rudi")
    office.again()
    assert office.punch("thief:1").mark is Mark.STRANGER


def test_who_is_forgotten_is_in_no_module_that_was_replaced(office: Office) -> None:
    office.enrol("siti")
    old = office.module.library
    office.module.serial, office.module.library = "R503-0043", {}
    office.again()
    office.collectors["jari"].replace("rudi")
    assert REPLACED in office.fingers.places
    assert office.fingers.forget("jari", "siti", "rudi") == "not known there"
    for _ in range(2):  # tried again and again, told once
        with pytest.raises(CannotDo, match="slot 0 of R503-0042 has their finger") as open_still:
            office.fingers.forget(REPLACED, "siti", "rudi")
    assert f"kiosk forget siti --by-hand {REPLACED} --by YOU" in str(open_still.value)
    assert len(office.audits("finger removed")) == 1
    # It comes back: nobody is known by it, and it is emptied.
    office.module.serial, office.module.library = "R503-0042", old
    office.again()
    office.collectors["jari"].replace("rudi")
    assert office.module.library == {}
    assert office.fingers.forget(REPLACED, "siti", "rudi") == "not known there"


def test_of_a_foreign_module_nothing_is_watched(office: Office) -> None:
    office.until(lambda: bool(office.collectors["jari"].seen.covered))
    office.module.serial = "R503-6666"
    office.module.library = {0: "thief:1"}
    office.again()
    assert office.punch("thief:1").mark is Mark.UNBOUND
    assert office.collectors["jari"].seen.covered == ""


def test_whoever_asked_leaves_and_nobody_is_enrolled(office: Office) -> None:
    office.module.there = "siti:1"
    with pytest.raises(CannotDo, match="given up by rudi, who asked for it"):
        office.fingers.attended["enrol finger"]({"person": "siti", **GROUND}, lambda: True)
    assert office.listing().fingers == []
    assert office.module.library == {}
    assert office.prompts[-1].what is Prompt.FAILED


def test_a_new_card_knows_the_map_by_the_roster(office: Office, tmp_path: Path) -> None:
    office.enrol("siti")
    user = office.punch("siti:1").user
    known = Known(person="siti", credential="finger_slot", user=user)

    class Empty(Kiosk):
        def recall(self, name: str) -> bytes | None:
            return None

    rosters = Rosters(Adopted(office.roster(known)))
    fresh = SlotMap(Empty(office.journal, TrustedClock(), rosters), rosters, lambda: TODAY)
    assert fresh.user("R503-0042", 0) == user
    assert fresh.compare("R503-0042", {0}).warnings == ()
    assert fresh.user("R503-0042", 1) == "R503-0042/1"
    # Where central says two, nobody knows which.
    other = Known(person="budi", credential="finger_slot", user="R503-0042/0-other")
    rosters.current = Adopted(office.roster(known, other))
    assert fresh.user("R503-0042", 0) == "R503-0042/0"
    assert "nobody's (slots 0)" in fresh.compare("R503-0042", {0}).warnings[0]


def test_what_waited_while_the_module_was_swapped_is_whose_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk was full; what was said meanwhile belongs to the module that said it."""
    office.enrol("siti")
    append = office.journal.append

    def full(*_: Any) -> list[int | None]:
        raise StorageFull("the disk is full")

    def swap(serial: str, finger: str) -> None:
        office.until(lambda: office.module.pending.reading() is not None)
        office.module.serial, office.module.library = serial, {0: finger}

    monkeypatch.setattr(office.journal, "append", full)
    office.module.come.append("siti:1")
    swap("R503-6666", "thief:1")
    monkeypatch.setattr(office.journal, "append", append)
    office.until(lambda: len(office.told) == 1)
    [seen] = office.told
    assert (seen.terminal, seen.person, seen.mark) == ("R503-0042", "siti", Mark.KNOWN)

    # And the other way round: the foreign one is no more trusted when it has gone.
    theirs = Known(person="budi", credential="finger_slot", user="R503-6666/0-0badcafe")
    office.rosters.current = Adopted(office.roster(theirs))
    monkeypatch.setattr(office.journal, "append", full)
    office.module.come.append("thief:1")
    swap("R503-0042", "siti:1")
    monkeypatch.setattr(office.journal, "append", append)
    office.until(lambda: len(office.told) == 2)
    assert (office.told[1].terminal, office.told[1].mark) == ("R503-6666", Mark.UNBOUND)


@pytest.fixture
def new_card(office: Office) -> str:
    """The office on a card that knows nothing but the roster; returns Siti's user."""
    office.enrol("siti")
    user = office.punch("siti:1").user
    office.slots._map = {}
    office.rosters.own = ()
    known = Known(person="siti", credential="finger_slot", user=user)
    office.rosters.current = Adopted(office.roster(known))
    return user


def test_on_a_new_card_whom_the_roster_names_is_listed_and_removed(
    office: Office, new_card: str
) -> None:
    assert office.punch("siti:1").person == "siti"
    told = office.listing()
    assert [(one.person, one.slot, one.is_there) for one in told.fingers] == [("siti", 0, True)]
    assert told.nobodys == {"jari": []}
    assert "is empty" in office.fingers.remove({"person": "siti", "by": "rudi"})
    assert office.module.library == {}
    [removed] = office.audits("finger removed")
    assert (removed["person"], removed["user"]) == ("siti", new_card)
    # Central has not heard of it yet; the slot is nobody's all the same.
    assert office.slots.user("R503-0042", 0) == "R503-0042/0"
    office.enrol("budi")
    assert office.punch("budi:1").person == "budi"


def test_on_a_new_card_whoever_is_forgotten_is_in_no_slot(office: Office, new_card: str) -> None:
    assert "slot 0 of R503-0042 is empty" in office.fingers.forget("jari", "siti", "rudi")
    assert office.module.library == {}


def test_a_module_that_comes_back_with_somebody_else_in_a_slot_names_nobody(
    office: Office,
) -> None:
    """It was at another kiosk, where Siti's slot was emptied and given to Budi."""
    office.enrol("siti")
    office.module.library = {0: "budi:1"}
    theirs = Known(person="budi", credential="finger_slot", user="R503-0042/0-0badcafe")
    office.rosters.current = Adopted(office.roster(theirs))
    seen = office.punch("budi:1")
    assert (seen.person, seen.user) == (None, "R503-0042/0")
    office.again()
    assert "another's by central's roster" in office.module.warnings[0]
    office.fingers.remove({"slot": "0", "by": "rudi"})
    office.enrol("budi")
    assert office.punch("budi:1").person == "budi"


def test_a_slot_that_is_to_be_emptied_is_nobodys_whatever_the_roster_says(office: Office) -> None:
    """Enrolled under the wrong name, say: from the word of the technician on it is not theirs."""
    office.enrol("siti")
    user = office.punch("siti:1").user
    known = Known(person="siti", credential="finger_slot", user=user)
    office.rosters.current = Adopted(office.roster(known))
    office.slots.leave("R503-0042", 0, "rudi")  # and the module was busy
    seen = office.punch("siti:1")
    assert (seen.person, seen.user) == (None, "R503-0042/0")


def test_an_erasure_that_is_tried_again_is_told_once(office: Office) -> None:
    office.enrol("siti")
    office.module.fails = lambda at: (_ for _ in ()).throw(TimedOut("silent"))  # type: ignore[assignment]
    office.until(lambda: not office.collectors["jari"].seen.connected)
    for _ in range(3):
        with pytest.raises(CannotDo, match="not empty yet"):
            office.fingers.forget("jari", "siti", "rudi")
    assert len(office.audits("finger removed")) == 1
    office.module.fails = lambda _: None


def test_the_map_outlives_the_daemon(office: Office) -> None:
    office.enrol("siti")
    user = office.punch("siti:1").user
    rosters = Rosters(Adopted(office.roster()))
    later = SlotMap(Here(office.journal, TrustedClock(), rosters), rosters, lambda: TODAY)
    assert later.user("R503-0042", 0) == user
    assert rosters.current.person("finger_slot", user, TODAY) == "siti"


def test_who_left_the_roster_is_nobody_here(office: Office) -> None:
    office.enrol("siti")
    office.rosters.current = Adopted(office.roster(without="siti"))
    assert office.punch("siti:1").mark is Mark.STRANGER
    assert office.listing().fingers[0].in_roster is False


def test_what_central_says_of_a_finger_holds(office: Office) -> None:
    office.enrol("siti")
    user = office.punch("siti:1").user
    office.rosters.current = Adopted(
        office.roster(Known(person="budi", credential="finger_slot", user=user))
    )
    assert office.punch("siti:1").person == "budi"


@pytest.mark.parametrize("person", ["siti", None])
def test_what_is_removed_is_told_by_the_user_that_it_was(
    office: Office, person: str | None
) -> None:
    user = "R503-0042/3-9f3a61c2" if person else "R503-0042/3"
    known = [Known(person=person, credential="finger_slot", user=user)] if person else []
    office.rosters.current = Adopted(office.roster(*known))
    office.module.library[3] = "enrolled:before the card was changed"
    office.fingers.remove({"slot": "3", "by": "rudi"})
    [told] = office.audits("finger removed")
    assert (told["user"], told.get("person")) == (user, person)
    assert office.module.library == {}


# To another module.


def exported(office: Office) -> Exported:
    said = {"by": "rudi", "unit": UNIT.public.pem.decode()}
    return msgspec.json.decode(office.carrying().export(said), type=Exported)


def test_templates_stay_where_they_are_unless_the_site_allows_it(office: Office) -> None:
    office.enrol("siti")
    for ask in ("export fingers", "import fingers"):
        with pytest.raises(CannotDo, match="may_be_carried"):
            office.carrying(allowed=False).carries_out[ask]({"by": "rudi"})


def test_fingers_go_to_another_module_of_the_model(office: Office) -> None:
    office.enrol("siti")
    office.enrol("budi")
    file = exported(office).file
    assert b"siti:1" not in file
    [told] = office.audits("fingers exported")
    assert (told["fingers"], told["unit"]) == ("2", UNIT.public.fingerprint)
    parcel = read(file)
    assert (parcel.heading.kiosk, parcel.heading.key) == ("k1", DEVICE.public.fingerprint)
    content = unpack(parcel, UNIT)
    with pytest.raises(CarriedError, match="bring the shares of that one"):
        unpack(parcel, PrivateKey.generate())
    office.module.serial, office.module.library = "R503-0043", {}
    office.again()
    said = {"by": "rudi", "carried": msgspec.json.encode(content).decode(), "from": "k1"}
    with pytest.raises(CannotDo, match="kiosk devices replace"):  # nobody called it the successor
        office.carrying().take_in(said)
    office.collectors["jari"].replace("rudi")
    office.again()
    done = msgspec.json.decode(office.carrying().take_in(said), type=Imported)
    assert (done.taken, done.left) == (2, [])
    assert office.punch("siti:1").person == "siti"
    again = msgspec.json.decode(office.carrying().take_in(said), type=Imported)
    assert (again.taken, len(again.left)) == (0, 2)


def test_whoever_was_forgotten_is_not_brought_back_by_a_file_of_before(office: Office) -> None:
    for person in NAMES:
        office.enrol(person)
    content = unpack(read(exported(office).file), UNIT)
    for person in NAMES:
        office.fingers.remove({"person": person, "by": "rudi"})
    office.forgotten = {"siti"}
    said = {"by": "rudi", "carried": msgspec.json.encode(content).decode()}
    done = msgspec.json.decode(office.carrying().take_in(said), type=Imported)
    assert done.taken == 1
    assert done.left == ["siti: was erased here; enrol them anew, if they wish it"]
    assert list(office.module.library.values()) == ["budi:1"]


def test_a_template_is_nowhere_but_in_the_module_and_in_the_sealed_file(
    office: Office,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(0)
    template = "seeded-template-" + "7c1f" * 8
    office.enrol("siti", template)
    office.punch(template)
    file = exported(office).file
    content = unpack(read(file), UNIT)
    office.fingers.remove({"person": "siti", "by": "rudi"})
    said = {"by": "rudi", "carried": msgspec.json.encode(content).decode()}

    def dead(at: str) -> None:
        if at == "keep":
            office.module.fails = lambda _: None
            raise TimedOut("silent")

    office.module.fails = dead
    told = [office.carrying().take_in(said)]
    office.until(lambda: office.collectors["jari"].seen.connected)
    office.until(lambda: not office.slots.of("R503-0042"))
    told.append(office.carrying().take_in(said))
    for spoilt in (said["carried"][:-9], said["carried"].replace("siti", "\\x")):
        with pytest.raises(CannotDo) as refused:
            office.carrying().take_in({**said, "carried": spoilt})
        told += [str(refused.value), repr(refused.value.__cause__)]
    assert office.module.library == {0: template}
    told += [office.fingers.listed({}), repr(content), caplog.text, repr(office.prompts)]
    kept = [one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()]
    assert any(b"siti" in octets for octets in kept)
    plain = template.encode()
    for octets in (*kept, *(one.encode() for one in told), file):
        for shown in (plain, plain.hex().encode(), b64encode(plain)[:-4]):
            assert shown not in octets


def test_a_template_of_another_model_fits_nobody(office: Office) -> None:
    office.module.model = "R307"
    said = {"by": "rudi", "carried": msgspec.json.encode(Content(model=MODEL, fingers=[])).decode()}
    with pytest.raises(CannotDo, match="the fingers are of R503, and jari is R307"):
        office.carrying().take_in(said)


def test_a_file_that_was_changed_is_refused(office: Office) -> None:
    office.enrol("siti")
    file = exported(office).file
    for cut in (0, len(file) // 2, len(file) - 1):
        changed = file[:cut] + bytes([file[cut] ^ 1]) + file[cut + 1 :]
        with pytest.raises(CarriedError):
            unpack(read(changed), UNIT)
