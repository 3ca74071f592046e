import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Method, State
from drivers.errors import Garbled, SourceError
from drivers.zkteco import times
from drivers.zkteco.log import decode_log
from drivers.zkteco.records import STRAY_PREFIX, Layout, LogRow, decode_users

FRAMES = Path(__file__).parent / "frames"
F19 = json.loads((FRAMES / "f19_frames.json").read_text())["dumps"]
FIELD = json.loads((FRAMES / "field_records.json").read_text())

LATEST = times.ticks(2026, 11, 25)
MORNING = times.ticks(2026, 3, 2, 7, 28)


def row40(n: int, when: int = MORNING, user: bytes = b"", extra: bytes = b"") -> bytes:
    user = user or str(198_000_000 + n).encode()
    return struct.pack("<H24sBIB8s", n + 1, user, 1, when + 60 * n, 255, b"") + extra


def row49(n: int) -> bytes:
    return row40(n, extra=bytes(9))


def row16(n: int) -> bytes:
    return struct.pack("<IIBBHI", 1000 + n, MORNING + 60 * n, 1, 0, 0, 0)


def row8(n: int) -> bytes:
    return struct.pack("<HBBI", n + 1, 0x28, 0, MORNING + 61 * n)


def row8_at_3(n: int) -> bytes:
    return struct.pack("<HBIB", n + 1, 1, MORNING + 61 * n, 0)


ROWS: dict[Layout, Callable[[int], bytes]] = {
    Layout.TFT_40: row40,
    Layout.TFT_49: row49,
    Layout.OLD_16: row16,
    Layout.SLOT_8: row8,
    Layout.SLOT_8_TIME_AT_3: row8_at_3,
}


def table(rows: bytes) -> bytes:
    return len(rows).to_bytes(4, "little") + rows


def slots() -> dict[int, str]:
    return {slot: f"E{slot}" for slot in range(1, 3000)}


def decode(rows: bytes, *counts: int | None) -> list[LogRow]:
    return list(decode_log(table(rows), counts, LATEST, slots))


@pytest.mark.parametrize("layout", list(Layout))
@pytest.mark.parametrize("sent", [1, 2, 3, 5, 31, 49, 400])
@pytest.mark.parametrize("counted", ["right", "one less", "nothing", "none", "double", "half"])
def test_no_count_loses_or_invents_a_row(layout: Layout, sent: int, counted: str) -> None:
    counts = {
        "right": sent,
        "one less": sent - 1,
        "nothing": 0,
        "none": None,
        "double": 2 * sent,
        "half": sent // 2,
    }
    raw = [ROWS[layout](n) for n in range(sent)]
    rows = decode(b"".join(raw), counts[counted])
    assert [row.raw for row in rows] == raw
    assert rows[0].time == "2026-03-02T07:28:00"


@pytest.mark.parametrize(("counted", "sent"), [(1, 2), (30, 31)])
def test_a_punch_between_count_and_table(counted: int, sent: int) -> None:
    rows = decode(b"".join(map(row40, range(sent))), counted, sent)
    assert len(rows) == sent
    assert {row.state for row in rows} == {State.UNDEFINED}


def test_a_row_of_an_f19() -> None:
    raw = bytes.fromhex(next(d["hex"] for d in F19 if d["section"].endswith("Attendance Entry")))
    (row,) = decode(raw, 1)
    assert (row.user, row.time) == ("999111333", "2018-06-25T17:50:35")
    assert (row.method, row.state, row.raw) == (Method.FINGERPRINT, State.IN, raw)


def test_a_row_of_another_tft_by_face() -> None:
    (row,) = decode(bytes.fromhex(FIELD[2]["hex"]), 1)
    assert (row.user, row.method) == ("10036", Method.FACE)
    assert row.time == "2021-10-24T13:42:16"


def test_the_rows_of_a_zem500_by_slot() -> None:
    rows = decode(bytes.fromhex("".join(FIELD[1]["hex_list"])), 3)
    assert [(row.user, row.time) for row in rows] == [
        ("E7", "2016-01-01T19:02:00"),
        ("E123", "2016-01-01T19:04:43"),
        ("E123", "2016-01-01T19:04:46"),
    ]


def test_the_rows_of_an_old_terminal() -> None:
    datagram = bytes.fromhex(FIELD[3]["hex"])
    rows = decode(datagram[12:], 6)  # after the header and the end of the row before
    assert [row.user for row in rows] == ["21", "16", "11", "13", "13", "12", "12"][: len(rows)]
    assert rows[0].time[:4] == "2018"


def test_a_slot_without_a_user_is_not_guessed() -> None:
    rows = decode_log(table(row8(0)), [1], LATEST, dict)
    assert rows[0].user == "slot 1"


def test_users_are_asked_for_only_where_rows_name_slots() -> None:
    def never() -> dict[int, str]:
        raise AssertionError

    assert len(decode_log(table(row40(0)), [1], LATEST, never)) == 1


@pytest.mark.parametrize("inside", [True, False], ids=["in the size", "not in the size"])
def test_nine_stray_bytes_are_passed_over(inside: bool) -> None:
    rows = row40(0) + row40(1)
    said = len(rows) + (9 if inside else 0)
    octets = said.to_bytes(4, "little") + STRAY_PREFIX + rows
    assert len(decode_log(octets, [2], LATEST, slots)) == 2


def test_an_impossible_date_is_a_row_like_any_other() -> None:
    rows = decode(row40(0) + row40(1, times.ticks(2026, 2, 31, 6, 59)) + row40(2), 3)
    assert rows[1].time == "2026-02-31T07:00:00"


def test_a_log_whose_clock_always_starts_in_2000() -> None:
    rows = decode(b"".join(row40(n, times.ticks(2000, 1, 1, 8)) for n in range(5)), 5)
    assert rows[0].time == "2000-01-01T08:00:00"


def test_rubbish_after_the_first_nul_of_a_user_id() -> None:
    assert decode(row40(0, user=b"1234\0rubbish"), 1)[0].user == "1234"


@pytest.mark.parametrize("octets", [b"", table(b"")])
def test_an_empty_table(octets: bytes) -> None:
    assert len(decode_log(octets, [0, 0], LATEST, slots)) == 0


@pytest.mark.parametrize(
    "octets",
    [b"\1", (81).to_bytes(4, "little") + row40(0) * 2, table(row40(0))[:-1], table(bytes(37))],
)
def test_a_table_that_does_not_add_up(octets: bytes) -> None:
    with pytest.raises(Garbled):
        decode_log(octets, [2], LATEST, slots)


def test_the_compressed_table_of_a_k40_is_refused_and_not_guessed() -> None:
    octets = bytes.fromhex(FIELD[4]["frames"][4])[16:]
    with pytest.raises(Garbled, match="120 bytes"):
        decode_log(octets, [15], LATEST, slots)


@pytest.mark.parametrize("odd", [0, 1, 7])
def test_one_impossible_date_does_not_move_the_time_of_short_rows(odd: int) -> None:
    """In 2026 times at 4 are dates of 2018 when read at 3, and all of those were possible."""
    rows = [row8(n) for n in range(31)]
    rows[:odd] = [struct.pack("<HBBI", 7, 0x28, 0, times.ticks(2026, 2, 31, 7))] * odd
    decoded = decode(b"".join(rows), 31)
    assert [row.time[:7] for row in decoded] == ["2026-02"] * odd + ["2026-03"] * (31 - odd)


@given(
    layout=st.sampled_from(list(Layout)),
    rows=st.integers(1, 60),
    year=st.integers(2008, 2040),
    month=st.integers(1, 12),
    gap_s=st.integers(0, 40_000),
    state=st.sampled_from([0, 1, 5, 255]),
    odd=st.integers(0, 3),
    missing=st.sampled_from([0, 1, None]),
)
def test_a_layout_is_right_or_refused(
    layout: Layout,
    rows: int,
    year: int,
    month: int,
    gap_s: int,
    state: int,
    odd: int,
    missing: int | None,
) -> None:
    """Whatever year it is, and although the count is late and some dates are impossible."""
    when = [times.ticks(year, month, 3, 7, 28) + gap_s * n for n in range(rows)]
    when[: odd if rows > 2 * odd else 0] = [times.ticks(year, 2, 31)] * (
        odd if rows > 2 * odd else 0
    )
    packed = {
        Layout.TFT_40: lambda n, t: struct.pack("<H24sBIB8x", n, b"%d" % (1000 + n), 1, t, state),
        Layout.TFT_49: lambda n, t: struct.pack("<H24sBIB17x", n, b"%d" % (1000 + n), 1, t, state),
        Layout.OLD_16: lambda n, t: struct.pack("<IIBB6x", 1000 + n, t, 1, state),
        Layout.SLOT_8: lambda n, t: struct.pack("<HBBI", n, 0x28, 0, t),
        Layout.SLOT_8_TIME_AT_3: lambda n, t: struct.pack("<HBIB", n, 1, t, state),
    }[layout]
    raw = [packed(n, t) for n, t in enumerate(when, 1)]
    count = None if missing is None else rows - missing
    try:
        log = decode_log(table(b"".join(raw)), [count], max(when) + 86_400, slots)
    except Garbled:
        return
    assert [row.raw for row in log] == raw
    assert list(log.ticks) == when


@given(st.binary(max_size=400), st.lists(st.integers(0, 60), max_size=2))
def test_random_tables_raise_only_our_errors(octets: bytes, counts: list[int]) -> None:
    try:
        rows = decode_log(table(octets), counts, LATEST, slots)
    except SourceError:
        return
    assert b"".join(row.raw for row in rows) in (octets, octets[9:])


@given(st.binary(max_size=300), st.integers(0, 12))
def test_random_users_raise_only_our_errors(octets: bytes, count: int) -> None:
    for whole in (octets, table(octets)):
        try:
            decode_users(whole, count)
        except SourceError:
            continue


def test_users_of_both_widths() -> None:
    new = [struct.pack("<H46x24s", n, f"A{n}".encode()) for n in range(1, 8)]
    old = [struct.pack("<H22xI", n, 500 + n) for n in range(1, 19)]
    assert decode_users(table(b"".join(new)), 7)[7] == "A7"
    assert decode_users(table(b"".join(old)), 18)[18] == "518"
    assert decode_users(table(b"".join(old)), None)[18] == "518"
    assert decode_users(table(b""), 0) == {}


def test_the_user_of_an_f19() -> None:
    raw = next(d["hex"] for d in F19 if d["section"] == "Example of a User Entry")
    assert decode_users(table(bytes.fromhex(raw)), 1) == {13: "555"}
