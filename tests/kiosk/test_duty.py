"""What a kiosk says of a punch at once: masuk or pulang, how late; and when it says nothing."""

from datetime import UTC, datetime

import msgspec
import pytest

from kiosk.clock import Belief
from kiosk.duty import JUST_NOW_MS, UNMEASURED_MS, Duties, Heard, Told
from kiosk.truth import Trust
from sync.edge.roster import Adopted
from sync.protocol.entry import Mark, Presence, Stamp
from sync.protocol.roster import Grant, Member, Person, Roster, Unit
from sync.worktime.rules import (
    Assignment,
    Demand,
    Hours,
    Pair,
    Regulation,
    RuleBook,
    Shift,
    Step,
    Table,
    Week,
)

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


def presence(time: str, person: str | None, **more) -> Presence:
    known = {"source": "lobi", "zone": "Asia/Jakarta", **more}
    return Presence(
        at=Stamp(wall=1, up=1, boot="b", synced=True),
        terminal="T1",
        credential="terminal_user",
        user="1",
        time=time,
        mark=Mark.KNOWN,
        person=person,
        **known,
    )


class Door:
    """A kiosk's screen, and somebody who punches."""

    def __init__(self, rules: bytes = msgspec.json.encode(RULES), staff: Roster = STAFF) -> None:
        self.clock = Clock()
        self.duties = Duties("k1", Adopted(staff, [msgspec.Raw(rules)]), self.clock.belief)

    def punch(self, time: str, person: str | None = "siti", **more) -> Told | None:
        return self.hear(time, person, **more).told

    def hear(
        self,
        time: str,
        person: str | None = "siti",
        zone: str = "Asia/Jakarta",
        ago_ms: int = 0,
        source: str = "lobi",
        **more,
    ) -> Heard:
        said = presence(time, person, zone=zone, source=source, **more)
        self.clock.wall = ms(time) - more.get("drift", 0) + ago_ms
        return self.duties.hear(said)


def ms(time: str) -> int:
    """Return a time of Jakarta's in milliseconds UTC."""
    naive = datetime.fromisoformat(time).replace(tzinfo=UTC)
    return int(naive.timestamp() * 1000) - 7 * 3_600_000


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
    said = door.punch("2026-11-24T07:41:00")
    assert said == Told(side="masuk", before=ms("2026-11-24T07:28:00"), stands=True, duty="kantor")


def test_who_came_in_time_is_not_called_late_after_a_restart() -> None:
    door = Door()
    door.duties.recall(
        [presence("2026-11-24T07:28:00", "siti"), presence("2026-11-24T07:29:00", None)]
    )
    said = door.punch("2026-11-24T07:41:00")
    assert said == Told(side="masuk", before=ms("2026-11-24T07:28:00"), stands=True, duty="kantor")


def test_who_leaves_a_second_time_leaves_then() -> None:
    door = Door()  # of departures the last one counts
    assert door.punch("2026-11-24T15:50:00").code == "PSW1"
    said = door.punch("2026-11-24T16:05:00")
    assert said == Told(side="pulang", before=ms("2026-11-24T15:50:00"), duty="kantor")


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
    assert door.punch("2026-11-24T07:42:00").before


def test_nothing_is_said_of_strangers_old_punches_and_no_times() -> None:
    door = Door()
    assert door.punch("2026-11-24T07:28:00", None) is None
    assert door.punch("2026-11-24T07:28:00", zone="Nowhere/Land") is None
    long_ago = door.punch("2026-11-24T07:28:00", ago_ms=UNMEASURED_MS + 1)
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


STRICT = msgspec.structs.replace(
    RULES,
    regulations=[
        msgspec.structs.replace(
            RULES.regulations[0],
            demands={"card": Demand.SECOND, "password": Demand.GRANT},
            second_within_s=20,
        )
    ],
    pairs=[Pair(kiosk="k1", source="kartu", other_kiosk="k1", other_source="jari")],
)


def strict() -> Door:
    grants = [Grant(person="agus", unit="dinkes", allows="pin")]
    staff = msgspec.structs.replace(STAFF, grants=grants)
    return Door(msgspec.json.encode(STRICT), staff)


def test_a_card_alone_asks_for_the_finger_and_says_where() -> None:
    said = strict().punch("2026-11-24T07:41:00", source="kartu", method="card")
    assert said == Told(side="masuk", duty="kantor", needs="second", sources=("jari",))


def test_where_no_source_is_paired_the_finger_is_given_where_the_card_was() -> None:
    assert strict().punch("2026-11-24T07:41:00", method="card").sources == ("lobi",)


def test_a_finger_in_time_makes_the_card_count() -> None:
    door = strict()
    door.punch("2026-11-24T07:28:00", source="kartu", method="card")
    said = door.punch("2026-11-24T07:28:20", source="jari", method="fingerprint")
    assert said == Told(side="masuk", duty="kantor", completes=True)
    # A card that did not count is no earlier presence; the finger is one.
    assert door.punch("2026-11-24T07:29:00", source="jari", method="face").before


def test_a_finger_too_late_counts_for_itself_only() -> None:
    door = strict()
    door.punch("2026-11-24T07:28:00", source="kartu", method="card")
    said = door.punch("2026-11-24T07:41:00", source="jari", method="fingerprint")
    assert said == Told(side="masuk", minutes=11, code="TL1", duty="kantor")


def test_a_finger_elsewhere_is_no_second_factor() -> None:
    door = strict()
    door.punch("2026-11-24T07:28:00", source="kartu", method="card")
    said = door.punch("2026-11-24T07:28:10", source="gudang", method="fingerprint")
    assert not said.completes


def test_a_pin_counts_with_a_grant_only() -> None:
    door = strict()
    day = "2026-11-25T07:28:00"
    assert door.punch(day, "siti", method="password").needs == "grant"
    assert door.punch("2026-11-24T20:55:00", "agus", method="password").needs == ""


@pytest.mark.parametrize(("drift", "most"), [(0, JUST_NOW_MS), (None, UNMEASURED_MS)])
def test_a_punch_is_fresh_for_a_while_whoever_made_it(drift: int | None, most: int) -> None:
    door, more = Door(), {} if drift is None else {"drift": drift}
    for person in ("siti", None):
        heard = door.hear("2026-11-24T07:28:00", person, ago_ms=most, **more)
        assert (heard.is_fresh, heard.made) == (True, ms("2026-11-24T07:28:00"))
        heard = door.hear("2026-11-24T07:28:00", person, ago_ms=most + 1, **more)
        assert not heard.is_fresh


def test_what_a_terminal_kept_while_it_was_away_is_no_news() -> None:
    heard = Door().hear("2026-11-24T07:28:00", ago_ms=5 * 60_000, drift=0, witness="log")
    assert not heard.is_fresh


def test_it_is_fresh_as_well_while_our_clock_is_not_trusted() -> None:
    door = Door()
    door.clock.sure = False
    assert door.hear("2026-11-24T07:28:00") == (ms("2026-11-24T07:28:00"), True, None)


def test_what_says_no_time_is_fresh_where_it_came_live() -> None:
    assert Door().hear("2026-11-24T07:28:00", zone="Nowhere/Land") == (0, True, None)
    assert not Door().hear("2026-11-24T07:28:00", zone="Nowhere/Land", witness="log").is_fresh


def test_an_old_presence_is_still_masuk_or_pulang() -> None:
    one = presence("2026-11-24T16:02:00", "siti")
    assert Door().duties.side(one) == "pulang"
    assert Door().duties.side(msgspec.structs.replace(one, person=None)) == ""
