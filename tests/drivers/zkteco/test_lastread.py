"""Whether rows have vanished since a log was last read completely."""

import pytest

from drivers.base import Lost, Method, State
from drivers.zkteco import times
from drivers.zkteco.lastread import TERMINALS_MOST, LastRead, Memory
from drivers.zkteco.records import LogRow

THROUGH, LATER = "2026-11-24T08:00:00", "2026-11-24T12:00:00"


def row(user: str, minute: int, raw: bytes = b"") -> LogRow:
    ticks = times.ticks(2026, 11, 24, 7, minute)
    return LogRow(user, ticks, Method.CARD, State.IN, raw or f"{user} {minute}".encode())


LOG = [row("1", 1), row("2", 2), row("3", 3)]
READ = LastRead.of("T1", THROUGH, LOG)


@pytest.mark.parametrize(
    "now",
    [
        [*LOG, row("4", 4)],
        LOG[2:],  # it ran over, and everything that went had been read
        [row("3", 3, raw=b"another method"), row("4", 4)],
        [row("Budi", 3, raw=LOG[2].raw)],  # an old unit's slot belongs to another user now
    ],
)
def test_while_the_newest_row_is_there_nothing_is_lost(now: list[LogRow]) -> None:
    assert READ.lost(now, LATER) is None


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ([], LATER),
        ([LogRow("4", times.ticks(2026, 11, 24, 9), Method.CARD, State.IN, b"4")], "09:00:00"),
        ([row("4", 30)], LATER),  # a time before that read proves nothing of what came first
        ([row("4", 3)], LATER),  # the same second of somebody else
    ],
)
def test_where_it_is_gone_the_time_since_may_be_too(now: list[LogRow], until: str) -> None:
    lost = READ.lost(now, LATER)
    assert isinstance(lost, Lost)
    assert lost.since == THROUGH
    assert lost.until.endswith(until)
    assert "of 3 rows the newest, of 2026-11-24T07:03:00, is gone" in lost.reason


def test_of_an_empty_log_nothing_can_be_missed() -> None:
    assert LastRead.of("T1", THROUGH, []).lost([], LATER) is None


def test_it_is_remembered_by_terminal() -> None:
    position = Memory(None).after(READ)
    memory = Memory(position)
    assert memory.of("T1") == READ
    assert memory.of("T2") is None
    for n in range(2, TERMINALS_MOST + 2):
        position = memory.after(LastRead.of(f"T{n}", LATER, LOG))
    assert Memory(position).of("T1") is None  # so many have answered since
    assert Memory(position).of("T2") == LastRead.of("T2", LATER, LOG)


@pytest.mark.parametrize("rubbish", [b"", b"{}", b"\xff", b'[{"serial":1}]'])
def test_what_is_no_memory_is_none(rubbish: bytes) -> None:
    assert Memory(rubbish).of("T1") is None
