from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zkteco import times


@given(st.datetimes(datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2099-12-31")))
def test_every_second_of_a_century_comes_back(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    value = times.ticks(
        moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second
    )
    assert times.text(value) == moment.isoformat()
    assert times.wall_clock(value) == moment


@given(st.integers(0, 0xFFFFFFFF))
def test_every_u32_has_a_text(value: int) -> None:
    assert len(times.text(value)) == 19


def test_real_values() -> None:
    assert times.text(int.from_bytes(bytes.fromhex("a8eba71e"), "little")) == "2016-01-01T19:02:00"
    assert times.text6(bytes.fromhex("120619112905")) == "2018-06-25T17:41:05"


def test_an_impossible_date_is_kept_as_text() -> None:
    value = times.ticks(2026, 2, 31, 7)
    assert times.text(value) == "2026-02-31T07:00:00"
    assert times.wall_clock(value) is None


@pytest.mark.parametrize("six", [bytes(6), b"\xff" * 6])
def test_any_six_bytes_have_a_text(six: bytes) -> None:
    assert "T" in times.text6(six)
