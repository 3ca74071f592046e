"""Intake: every punch becomes a presence, and the mark says what could be said of it."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from drivers.base import Credential, Method, Punch, State, Witness
from kiosk.intake import Recent, Where, origin, presence
from sync.edge.roster import Adopted
from sync.protocol import entry
from sync.protocol.entry import Mark
from sync.protocol.roster import Known, Person, Roster

AT = entry.Stamp(wall=1, up=2, boot="b", synced=True, error=3)
WHERE = Where("lobi", "Asia/Jakarta", 1500)
ROSTER = Adopted(
    Roster(
        version=7,
        people=[Person(id="p1", name="Siti"), Person(id="p2", name="Budi")],
        known=[
            Known(person="p1", credential="terminal_user", user="1001"),
            Known(
                person="p1",
                credential="terminal_user",
                user="1002",
                until=date(2026, 10, 31),
            ),
            Known(
                person="p2",
                credential="terminal_user",
                user="1002",
                since=date(2026, 11, 1),
            ),
            Known(person="p1", credential="terminal_user", user="1004", until=date(2026, 10, 31)),
            Known(person="p1", credential="terminal_user", user="1003"),
            Known(person="p2", credential="terminal_user", user="1003"),
        ],
    )
)


def punch(user: str = "1001", time: str = "2026-11-24T07:28:41", **more: object) -> Punch:
    return Punch(
        terminal="T1",
        credential=Credential.TERMINAL_USER,
        user=user,
        time=time,
        method=Method.FINGERPRINT,
        state=State.IN,
        witness=Witness.LOG,
        raw=b"\x01",
        **more,  # type: ignore[arg-type]
    )


def marked(one: Punch, recent: Recent | None = None) -> entry.Presence:
    return presence(one, WHERE, AT, ROSTER, recent or Recent(timedelta(seconds=120)))


def test_a_known_person() -> None:
    assert marked(punch()) == entry.Presence(
        at=AT,
        source="lobi",
        terminal="T1",
        credential="terminal_user",
        user="1001",
        time="2026-11-24T07:28:41",
        zone="Asia/Jakarta",
        mark=Mark.KNOWN,
        method="fingerprint",
        state="in",
        witness="log",
        drift=1500,
        person="p1",
        roster=7,
        raw="01",
    )


def test_who_has_the_id_no_more_may_punch_out_of_a_night_shift() -> None:
    assert marked(punch("1004", "2026-10-31T20:50:00")).person == "p1"
    assert marked(punch("1004", "2026-11-01T07:05:00")).person == "p1"
    assert marked(punch("1004", "2026-11-02T07:05:00")).person is None
    assert marked(punch("1002", "2026-11-01T07:05:00")).person == "p2"  # it is somebody else's now
    assert marked(punch("1003", "2026-11-01T07:05:00")).person is None  # of two
    assert marked(punch("1001", "0001-01-01T00:00:00")).person == "p1"


def test_a_terminal_that_forgot_the_time_still_says_who_it_was() -> None:
    """By its clock it is the year 2000, when 1002 was another's; ours knows how far it is off."""
    lost = int(timedelta(days=9824).total_seconds() * -1000)
    where = Where("lobi", "Asia/Jakarta", lost)
    fresh = structs.replace(punch("1002", "2000-01-01T00:28:41"), witness=Witness.LIVE)
    named = [
        presence(one, where, AT, ROSTER, Recent(timedelta(0))).person
        for one in (fresh, structs.replace(fresh, witness=Witness.LOG))
    ]
    assert named == ["p2", "p1"]  # a row may be from when the clock was right
    for edge in ("0001-01-01T00:00:00", "9999-12-31T23:59:59"):
        for drift in (lost, -lost):
            presence(
                punch("1", edge), Where("lobi", "UTC", drift), AT, ROSTER, Recent(timedelta(0))
            )


def test_a_reused_number_is_whose_it_was_that_day() -> None:
    assert marked(punch("1002", "2026-10-31T16:00:00")).person == "p1"
    assert marked(punch("1002", "2026-11-01T07:00:00")).person == "p2"


def test_a_number_that_is_nobodys_or_two_peoples_is_a_strangers() -> None:
    for user in ("9999", "1003"):
        one = marked(punch(user))
        assert (one.mark, one.person) == (Mark.STRANGER, None)


def test_a_second_punch_within_the_window_is_a_repeat_and_still_recorded() -> None:
    recent = Recent(timedelta(seconds=120))
    times = ["07:00:00", "07:01:00", "07:03:30", "06:59:00", "07:03:31"]
    marks = [marked(punch(time=f"2026-11-24T{time}"), recent).mark for time in times]
    assert marks == [Mark.KNOWN, Mark.REPEAT, Mark.KNOWN, Mark.KNOWN, Mark.REPEAT]
    assert marked(punch("9999"), recent).mark is Mark.STRANGER
    assert marked(punch("9999"), recent).mark is Mark.REPEAT


def test_an_impossible_date_is_kept_as_the_terminal_said_it() -> None:
    one = marked(punch(time="2026-02-31T07:00:00"))
    assert (one.mark, one.time, one.person) == (Mark.UNREADABLE, "2026-02-31T07:00:00", None)
    assert marked(punch("", "")).mark is Mark.UNREADABLE


@given(st.text(max_size=9), st.text(max_size=19), st.integers(1, 9), st.binary(max_size=3000))
def test_a_punch_and_its_presence_have_one_origin(
    user: str, time: str, ordinal: int, raw: bytes
) -> None:
    one = Punch(
        terminal="T1",
        credential=Credential.TERMINAL_USER,
        user=user,
        time=time,
        ordinal=ordinal,
        raw=raw,
    )
    assert marked(one).origin == origin(one)


def test_under_a_number_that_changed_hands_is_whose_fingers_are_there() -> None:
    """1002 is p2's from November; the terminal still has p1's row, or has p2's already."""

    def at(day: str, holder: str) -> tuple[Mark, str | None]:
        one = punch("1002", f"{day}T07:28:41")
        made = presence(one, WHERE, AT, ROSTER, Recent(timedelta(0)), holder)
        return made.mark, made.person

    assert at("2026-11-24", "p1") == (Mark.TAKEN, None)
    assert at("2026-11-24", "gone") == (Mark.TAKEN, None)
    assert at("2026-11-24", "p2") == (Mark.KNOWN, "p2")
    assert at("2026-11-24", "") == (Mark.KNOWN, "p2")
    assert at("2026-10-31", "p1") == (Mark.KNOWN, "p1")
    assert at("2026-10-31", "p2") == (Mark.KNOWN, "p1")  # read late: the row is p2's by now
