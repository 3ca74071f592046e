"""What a body says: a terminal's time as UTC, and numbers that no database holds."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.central import derive
from sync.protocol import entry
from sync.protocol.errors import Malformed

STAMP = entry.Stamp(wall=1, up=1, boot="b" * 32, synced=True)


def covered(records: int) -> entry.Coverage:
    return entry.Coverage(
        at=STAMP, source="s", terminal="t", through="x", zone="z", records=records
    )


ZONES = ("Asia/Jakarta", "Asia/Jayapura", "Europe/London", "America/St_Johns")


@given(
    st.datetimes().filter(lambda one: one.year > 1989).map(lambda one: one.isoformat()),
    st.sampled_from(ZONES),
)
@example("2026-11-24T07:28:41", "Asia/Jakarta")
@example("2026-10-25T01:30:00", "Europe/London")
def test_a_time_is_what_the_calendar_says(time, zone):
    if time.startswith("9999-12-31"):
        return  # its UTC may be in no year
    meant = datetime.fromisoformat(time).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert derive.utc(time, zone) == int(meant.timestamp() * 1000)


@pytest.mark.parametrize(
    "time",
    [
        "2026-11-24T07:28:61",
        "2026-13-24T07:28:11",
        "2026-11-24T07:28:41+07:00",
        "",
        "x" * 16 + ":0",
    ],
)
def test_what_is_no_naive_time_is_none(time):
    assert derive.utc(time, "Asia/Jakarta") is None
    assert derive.utc("2026-11-24T07:28:41", "Nowhere/At_All") is None


@pytest.mark.parametrize("records", [2**70, -(2**70)])
def test_a_number_that_no_database_holds_cannot_be_read(records):
    said = entry.Coverage(
        at=STAMP, source="s", terminal="t", through="x", zone="z", records=records
    )
    with pytest.raises(Malformed, match="nobody counts"):
        derive.read(entry.encode(said))


def test_such_a_number_stalls_nothing(central, kiosk):
    kiosk.punch()
    kiosk.add(covered(2**70))
    kiosk.punch(user="2")
    central.hello(kiosk)
    assert central.batch(kiosk, 1).through == 3
    assert central.alarms() == {"unreadable": 1}
