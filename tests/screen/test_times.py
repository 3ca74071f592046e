"""Dates as people here write them."""

import pytest
from screen_stage import MORNING

from kiosk.screen import times
from kiosk.settings import Language

ID, EN = Language.INDONESIAN, Language.ENGLISH


def test_a_date_and_a_time_in_both_languages() -> None:
    here = times.local(MORNING, "Asia/Jakarta")
    assert times.date(here, ID) == "Selasa, 24 November 2026"
    assert times.date(here, EN) == "Tuesday, 24 November 2026"
    assert (times.clock(here, ID), times.clock(here, EN)) == ("07.28", "07:28")
    assert times.short_date(here, ID) == "Sel 24 Nov"


@pytest.mark.parametrize(
    ("zone", "name", "hours"),
    [
        ("Asia/Jakarta", "WIB", 7),
        ("Asia/Pontianak", "WIB", 7),
        ("Asia/Makassar", "WITA", 8),
        ("Asia/Jayapura", "WIT", 9),
        ("Asia/Kuala_Lumpur", "Kuala Lumpur", 8),
        ("Nowhere/Land", "Land", 0),
    ],
)
def test_zones(zone: str, name: str, hours: int) -> None:
    here = times.local(MORNING, zone)
    assert times.zone_name(zone) == name
    assert times.offset_ms(here) == hours * 3_600_000


@pytest.mark.parametrize("zone", ["Asia/Jakarta", "Asia/Jayapura", "UTC"])
def test_a_day_ends_at_its_own_midnight(zone: str) -> None:
    here = times.local(MORNING, zone)
    ends = times.local(times.midnight_ms(here), zone)
    assert (ends.hour, ends.minute, ends.second) == (0, 0, 0)
    assert 0 < times.midnight_ms(here) - MORNING <= times.DAY_MS
