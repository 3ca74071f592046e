"""Whether rows have vanished since a log was last read completely."""

import struct

import pytest

from drivers.base import Lost
from drivers.zkteco import times
from drivers.zkteco.lastread import TERMINALS_MOST, LastRead, Memory
from drivers.zkteco.log import Log
from drivers.zkteco.records import Layout

THROUGH, LATER = "2026-11-24T08:00:00", "2026-11-24T12:00:00"


def row(user: str, minute: int, hour: int = 7, method: int = 2, slot: int = 9) -> bytes:
    ticks = times.ticks(2026, 11, 24, hour, minute)
    return struct.pack("<H24sBI9x", slot, user.encode(), method, ticks)


def log(*rows: bytes) -> Log:
    return Log(b"".join(rows), Layout.TFT_40, {})


LOG = [row("1", 1), row("2", 2), row("3", 3)]
READ = LastRead.of("T1", THROUGH, 3, log(*LOG))


@pytest.mark.parametrize(
    "now",
    [
        [*LOG, row("4", 4)],
        LOG[2:],  # it ran over, and everything that went had been read
        [row("3", 3, method=1), row("4", 4)],  # firmware says another method now
        [row("9", 3), LOG[2], row("4", 4)],
    ],
)
def test_while_the_newest_row_is_there_nothing_is_lost(now: list[bytes]) -> None:
    assert READ.lost(log(*now), LATER) is None


def test_an_old_units_row_is_known_again_though_its_slot_is_anothers() -> None:
    row_of_slot = struct.pack("<HBBI", 7, 0x28, 0, times.ticks(2026, 11, 24, 7))
    before = Log(row_of_slot, Layout.SLOT_8, {7: "1001"})
    read = LastRead.of("T1", THROUGH, 1, before)
    assert read.lost(Log(row_of_slot, Layout.SLOT_8, {7: "1002"}), LATER) is None


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ([], LATER),
        ([row("4", 0, hour=9)], "09:00:00"),
        ([row("4", 30)], LATER),  # a time before that read proves nothing of what came first
        ([row("4", 3)], LATER),  # the same second of somebody else
    ],
)
def test_where_it_is_gone_the_time_since_may_be_too(now: list[bytes], until: str) -> None:
    lost = READ.lost(log(*now), LATER)
    assert isinstance(lost, Lost)
    assert lost.since == THROUGH
    assert lost.until.endswith(until)
    assert "of 3 rows the newest, of 2026-11-24T07:03:00, is gone" in lost.reason


def test_of_an_empty_log_nothing_can_be_missed() -> None:
    assert LastRead.of("T1", THROUGH, 0, log()).lost(log(), LATER) is None


def test_it_is_remembered_by_terminal() -> None:
    position = Memory(None).after(READ)
    memory = Memory(position)
    assert memory.of("T1") == READ
    assert memory.of("T2") is None
    for n in range(2, TERMINALS_MOST + 2):
        position = memory.after(LastRead.of(f"T{n}", LATER, 3, log(*LOG)))
    assert Memory(position).of("T1") is None  # so many have answered since
    assert Memory(position).of("T2") == LastRead.of("T2", LATER, 3, log(*LOG))


@pytest.mark.parametrize("rubbish", [b"", b"{}", b"\xff", b'[{"serial":1}]'])
def test_what_is_no_memory_is_none(rubbish: bytes) -> None:
    assert Memory(rubbish).of("T1") is None
