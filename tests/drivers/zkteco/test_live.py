import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Method, State
from drivers.zkteco.live import LAYOUTS, decode_event

FIELD = json.loads((Path(__file__).parent / "frames" / "field_records.json").read_text())
SIX = bytes((26, 3, 2, 7, 28, 5))


def record(length: int, user: int = 1234, six: bytes = SIX, state: int = 0) -> bytes:
    if length in (10, 14):
        head = struct.pack("<HBB", user, 1, state)
    elif length == 12:
        head = struct.pack("<IBB", user, 1, state)
    else:
        head = struct.pack("<24sBB", str(user).encode(), 1, state)
    return (head + six).ljust(length, b"\0")


@pytest.mark.parametrize("length", sorted(LAYOUTS))
@pytest.mark.parametrize("records", [1, 2, 3])
def test_every_length_and_several_records(length: int, records: int) -> None:
    sent = [record(length, 1001 + n) for n in range(records)]
    rows = decode_event(b"".join(sent))
    assert [row.user for row in rows] == [str(1001 + n) for n in range(records)]
    assert {row.time for row in rows} == {"2026-03-02T07:28:05"}
    assert [row.raw for row in rows] == sent
    assert {(row.method, row.state) for row in rows} == {(Method.FINGERPRINT, State.IN)}


def test_the_event_of_an_f19() -> None:
    data = bytes.fromhex("3939393131313333330000000000000000000000000000000100120619112905")
    (row,) = decode_event(data)
    assert (row.user, row.time) == ("999111333", "2018-06-25T17:41:05")


def test_the_event_of_a_qf_001_by_face() -> None:
    (row,) = decode_event(bytes.fromhex(FIELD[0]["hex"]))
    assert (row.user, row.time) == ("1140064", "2018-11-29T12:55:03")
    assert row.method is Method.FACE


@pytest.mark.parametrize("length", sorted(LAYOUTS))
def test_state_255_is_undefined(length: int) -> None:
    assert decode_event(record(length, state=255))[0].state is State.UNDEFINED


def test_an_impossible_date_is_kept() -> None:
    (row,) = decode_event(record(32, six=bytes((26, 2, 31, 7, 0, 0))))
    assert row.time == "2026-02-31T07:00:00"
    (row,) = decode_event(record(32, six=bytes((26, 13, 40, 25, 61, 61))))
    assert (row.user, row.time) == ("1234", "2026-13-40T25:61:61")


@pytest.mark.parametrize("data", [b"", b"\0" * 49, b"\xff" * 49, b"x", b"\xff" * 32])
def test_what_cannot_be_read_is_kept_with_its_bytes(data: bytes) -> None:
    (row,) = decode_event(data)
    assert (row.user, row.time, row.raw) == ("", "", data)


@given(st.binary(max_size=120))
def test_no_event_is_ever_lost(data: bytes) -> None:
    assert b"".join(row.raw for row in decode_event(data)) == data
