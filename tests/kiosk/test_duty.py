"""What a kiosk says of a punch at once: masuk or pulang, how late; and when it says nothing."""

from datetime import UTC, datetime

import msgspec
import pytest

from kiosk.clock import Belief
from kiosk.duty import JUST_NOW_MS, Duties, Told
from kiosk.truth import Trust
from sync.edge.roster import Adopted
from sync.protocol.entry import Mark, Presence, Stamp
from sync.protocol.roster import Member, Person, Roster, Unit
from sync.worktime.rules import Assignment, Hours, Regulation, RuleBook, Shift, Step, Table, Week

RULES = RuleBook(
    regulations=[
        Regulation(
            late=[Step(from_min=1, code="TL1"), Step(from_min=31, code="TL2")],
            early=[Step(from_min=1, code="PSW1")],
        )
    ],
    weeks=[Week(plan="kantor", hours=[Hours(days=[1, 2, 3, 4, 5], start=450, end=960)])],
    assignments=[Assignment(plan="kantor", unit="dinkes")],
    shifts=[Shift(code="M", start=1260, end=1860)],
    tables=[Table(person="agus", first=datetime(2026, 11, 24, tzinfo=UTC).date(), days=[["M"]])],
)
STAFF = Roster(
    version=7,
    units=[Unit(id="dinkes", name="Dinas Kesehatan")],
    people=[Person(id=one, name=one) for one in ("siti", "agus", "tamu")],
    members=[Member(person=one, unit="dinkes") for one in ("siti", "agus")]
    + [Member(person="tamu", unit="elsewhere")],
)


class Clock:
    """Our clock: what it shows, and whether it is believed."""

    def __init__(self) -> None:
        self.wall = 0
        self.sure = True

    def belief(self) -> Belief:
        return Belief(
            trust=Trust.SYNCED if self.sure else Trust.UNKNOWN,
            at=Stamp(wall=self.wall, up=1, boot="b", synced=self.sure),
            error=None,
            anchor=None,
            may_show_lateness=self.sure,
            trouble="",
            recorded=[],
        )


class Door:
    """A kiosk's screen, and somebody who punches."""

    def __init__(self, rules: bytes = msgspec.json.encode(RULES)) -> None:
        self.clock = Clock()
        self.duties = Duties(Adopted(STAFF, [msgspec.Raw(rules)]), self.clock.belief)

    def punch(
        self,
        time: str,
        person: str | None = "siti",
        zone: str = "Asia/Jakarta",
        ago_ms: int = 0,
        **more,
    ):
        said = Presence(
            at=Stamp(wall=1, up=1, boot="b", synced=True),
            source="lobi",
            terminal="T1",
            credential="terminal_user",
            user="1",
            time=time,
            zone=zone,
            mark=Mark.KNOWN,
            person=person,
            **more,
        )
        naive = datetime.fromisoformat(time).replace(tzinfo=UTC)
        made = int(naive.timestamp() * 1000) - 7 * 3_600_000 - more.get("drift", 0)
        self.clock.wall = made + ago_ms
        return self.duties.told(said)


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("2026-11-24T07:28:00", Told(side="masuk", duty="kantor")),
        ("2026-11-24T07:41:00", Told(side="masuk", minutes=11, code="TL1", duty="kantor")),
        ("2026-11-24T15:50:00", Told(side="pulang", minutes=10, code="PSW1", duty="kantor")),
        ("2026-11-24T16:01:00", Told(side="pulang", duty="kantor")),
        ("2026-11-28T08:00:00", Told()),  # a Saturday
    ],
)
def test_masuk_or_pulang_and_how_late(time: str, told: Told) -> None:
    assert Door().punch(time) == told


def test_who_came_in_time_and_punches_again_is_not_called_late() -> None:
    door = Door()
    door.punch("2026-11-24T07:28:00")
    assert door.punch("2026-11-24T07:41:00") == Told(side="masuk", again=True, duty="kantor")


def test_a_night_shift_ends_on_the_next_morning() -> None:
    door = Door()
    assert door.punch("2026-11-24T20:55:00", "agus").duty == "M"
    assert door.punch("2026-11-25T07:02:00", "agus") == Told(side="pulang", duty="M")


def test_a_terminals_own_error_is_taken_out() -> None:
    door = Door()
    said = door.punch("2026-11-24T07:41:00", drift=12 * 60_000)
    assert said == Told(side="masuk", duty="kantor")  # its clock is 12 minutes ahead: 07.29


def test_nothing_is_said_while_our_clock_is_not_trusted() -> None:
    door = Door()
    door.clock.sure = False
    assert door.punch("2026-11-24T07:41:00") is None
    door.clock.sure = True
    # But it was remembered, as a terminal's punch is.
    assert door.punch("2026-11-24T07:42:00").again


def test_nothing_is_said_of_strangers_old_punches_and_no_times() -> None:
    door = Door()
    assert door.punch("2026-11-24T07:28:00", None) is None
    assert door.punch("2026-11-24T07:28:00", zone="Nowhere/Land") is None
    long_ago = door.punch("2026-11-24T07:28:00", ago_ms=JUST_NOW_MS + 1)
    assert long_ago is None


def test_a_guest_has_no_duty_here_and_is_still_greeted() -> None:
    assert Door().punch("2026-11-24T07:41:00", "tamu") == Told()


@pytest.mark.parametrize("rules", [b'{"weeks":7}', b'{"shifts":[{"code":"X","start":9,"end":3}]}'])
def test_rules_that_cannot_be_read_call_nobody_late(rules: bytes) -> None:
    assert Door(rules).punch("2026-11-24T07:41:00") == Told()


def test_a_new_roster_counts_at_once() -> None:
    door = Door(b"{}")
    assert door.punch("2026-11-24T07:41:00") == Told()
    door.duties.get_ready(Adopted(STAFF, [msgspec.Raw(msgspec.json.encode(RULES))]))
    assert door.punch("2026-11-25T07:41:00").code == "TL1"
