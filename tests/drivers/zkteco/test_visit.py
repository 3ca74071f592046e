"""What a visit makes of a terminal's answers, without sockets."""

import struct
from collections import deque
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from drivers.base import Reading
from drivers.errors import Garbled, Refused
from drivers.options import ZkTerminal
from drivers.zkteco import times
from drivers.zkteco.dialogue import Dialogue, Sizes, Table
from drivers.zkteco.lastread import Memory
from drivers.zkteco.packets import TerminalState
from drivers.zkteco.visit import Visit

CLOCK = times.ticks(2026, 3, 2, 8)
NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
EVENT = struct.pack("<24sBB6s", b"1001", 1, 0, bytes((26, 3, 2, 8, 0, 9)))


def rows(*users: int) -> bytes:
    packed = b"".join(
        struct.pack("<H24sBI9x", user & 0xFFFF, str(user).encode(), 1, CLOCK - 3600 + user)
        for user in users
    )
    return len(packed).to_bytes(4, "little") + packed


class FakeDialogue(Dialogue):
    """A terminal that holds `log`, says `counts` and pushes what `pushes` has, one per wait."""

    def __init__(self, log: bytes, *counts: int | None) -> None:
        self.events: deque[bytes] = deque()
        self.log, self.users = log, b""
        self.counts = list(counts)
        self.pushes: list[bytes] = []
        self.during: list[bytes] = []
        self.acknowledged = 0
        self.clock_ticks = CLOCK
        self.end: bytes | None = None  # what a range read brings; None refuses it
        self.asked: list[int] = []

    def clock(self) -> int:
        return self.clock_ticks

    def register(self) -> bool:
        return True

    def sizes(self) -> Sizes:
        count = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
        return Sizes(users=1, records=count, capacity=None if count is None else 1000)

    def state(self) -> TerminalState | None:
        return TerminalState.WAITING

    def log_between(self, since: int, until: int) -> bytes | None:
        self.asked.append(since)
        return self.end

    def table(self, table: Table) -> bytes:
        if table is Table.USERS:
            return self.users
        self.events.extend(self.during)
        self.during = []
        return self.log

    def listen(self, until: float) -> None:
        self.events.extend(self.pushes[:1])
        del self.pushes[:1]

    def acknowledge(self, packets: int) -> None:
        self.acknowledged += packets


def visit(fake: FakeDialogue, check_s: float = 3600.0, memory: Memory | None = None) -> Visit:
    options = ZkTerminal(name="gate", host="gate", check_s=check_s)
    zone = ZoneInfo("Asia/Jakarta")
    return Visit(fake, "CEXA1", zone, options, lambda: NOW, "source gate", memory or Memory(None))


def read(at: Visit) -> Reading:
    reading = at.read(5.0)
    assert reading is not None
    return reading


def test_an_event_in_mid_transfer_follows_the_log() -> None:
    fake = FakeDialogue(rows(1, 2), 2)
    fake.during = [EVENT]
    at = visit(fake)
    assert [punch.user for punch in read(at).punches] == ["1", "2"]
    live = read(at)
    assert [punch.user for punch in live.punches] == ["1001"]
    assert fake.acknowledged == 0
    at.confirm(live)
    assert fake.acknowledged == 1


def test_several_records_in_a_packet_are_acknowledged_once() -> None:
    fake = FakeDialogue(rows(), 0)
    fake.pushes = [EVENT * 3]
    at = visit(fake)
    read(at)
    live = read(at)
    assert len(live.punches) == 3
    at.confirm(live)
    assert fake.acknowledged == 1


def test_an_unreadable_event_is_kept_and_has_the_log_read_again() -> None:
    fake = FakeDialogue(rows(1), 1)
    fake.pushes = [b"\xff" * 49]
    at = visit(fake, check_s=0.001)
    read(at)
    (punch,) = read(at).punches
    assert (punch.user, punch.time, punch.raw) == ("", "", b"\xff" * 49)
    fake.counts, fake.log = [2], rows(1, 2)
    assert [punch.user for punch in read(at).punches] == ["1", "2"]


def test_fewer_rows_than_counted_are_kept_and_do_not_cover() -> None:
    at = visit(FakeDialogue(rows(1, 2), 3))
    reading = read(at)
    assert len(reading.punches) == 2
    assert reading.coverage is None


def test_a_terminal_that_counts_nothing_is_covered() -> None:
    at = visit(FakeDialogue(rows(1, 2), None))
    assert read(at).coverage is not None


def test_a_clock_with_an_impossible_date_has_no_drift() -> None:
    fake = FakeDialogue(rows(1), 1)
    fake.clock_ticks = times.ticks(2026, 2, 31, 8)
    reading = read(visit(fake))
    assert reading.drift_ms is None
    assert reading.coverage is not None
    assert reading.coverage.through == "2026-02-31T08:00:00"


def test_a_table_nobody_can_read_names_its_source() -> None:
    with pytest.raises(Garbled, match="source gate: cannot tell"):
        read(visit(FakeDialogue((37).to_bytes(4, "little") + bytes(37), 1)))


def test_slots_need_the_users() -> None:
    packed = struct.pack("<HBBI", 7, 0x28, 0, CLOCK - 60)
    fake = FakeDialogue((8).to_bytes(4, "little") + packed, 1)
    fake.users = (28).to_bytes(4, "little") + struct.pack("<H22xI", 7, 1007)
    assert [punch.user for punch in read(visit(fake)).punches] == ["1007"]


def test_slots_whose_users_are_withheld() -> None:
    packed = struct.pack("<HBBI", 7, 0x28, 0, CLOCK - 60)

    class Withholding(FakeDialogue):
        def table(self, table: Table) -> bytes:
            if table is Table.USERS:
                raise Refused("no users")
            return super().table(table)

    with pytest.raises(Refused, match="no users"):
        read(visit(Withholding((8).to_bytes(4, "little") + packed, 1)))


def slot_rows(*slots: int) -> bytes:
    packed = b"".join(
        struct.pack("<HBBI", slot, 1, 0, CLOCK - 3600 + n) for n, slot in enumerate(slots)
    )
    return len(packed).to_bytes(4, "little") + packed


def people(**slots: int) -> bytes:
    packed = b"".join(
        struct.pack("<HB5s8sIxBHI", slot, 0, b"", b"", 0, 1, 0, int(user[1:]))
        for user, slot in slots.items()
    )
    return len(packed).to_bytes(4, "little") + packed


def test_a_slot_that_is_anothers_now_leaves_its_earlier_rows_to_whom_they_were() -> None:
    """Each row of it would be recorded once more: as nobody's, or as one who was not there."""
    memory, fake = Memory(None), FakeDialogue(slot_rows(1, 2), 2)

    def users() -> list[str]:
        nonlocal memory
        reading = read(visit(fake, memory=memory))
        memory = Memory(reading.position)
        return [one.user for one in reading.punches]

    fake.users = people(u1001=1, u1002=2)
    assert users() == ["1001", "1002"]
    fake.users = people(u1001=1)  # 1002 has left
    assert users() == ["1001", "1002"]
    fake.users = people(u1001=1, u5000=2)  # and somebody else got the slot
    fake.log, fake.counts = slot_rows(1, 2, 2), [3]
    assert users() == ["1001", "1002", "5000"]
    fake.users = people(u1001=1, u6000=2)
    fake.log, fake.counts = slot_rows(1, 2, 2, 2, 1), [5]
    for _ in range(2):
        assert users() == ["1001", "1002", "5000", "6000", "1001"]
    # What was recorded of them, cleared: nothing of it is remembered of other rows.
    later = slot_rows(1, 1, 1, 1, 1, 2, 1)[-16:]
    fake.log, fake.counts = len(later).to_bytes(4, "little") + later, [2]
    assert users() == ["6000", "1001"]
    assert b"called" not in (read(visit(fake, memory=memory)).position or b"")


def test_a_second_punch_in_one_second_has_the_log_read_again() -> None:
    """An event does not say which of two it is; only the log has both."""
    fake = FakeDialogue(rows(1), 1)
    fake.pushes = [EVENT, EVENT]
    at = visit(fake, check_s=0.001)
    read(at)
    assert [punch.ordinal for _ in range(2) for punch in read(at).punches] == [1, 1]
    fake.counts, fake.log = [3], rows(1, 2, 2)
    assert [(punch.user, punch.ordinal) for punch in read(at).punches][1:] == [("2", 1), ("2", 2)]


def test_an_event_that_is_told_again_is_not_missed_in_the_count() -> None:
    fake = FakeDialogue(rows(1), 1)
    fake.pushes = [EVENT, EVENT]
    at = visit(fake, check_s=0.001)
    read(at)
    fake.counts = [2]
    assert [len(read(at).punches) for _ in range(2)] == [1, 1]
    assert at.read(0.05) is None


def test_a_clock_that_was_set_has_the_log_read_again_and_not_all_day() -> None:
    fake = FakeDialogue(rows(1), 1)
    at = visit(fake, check_s=0.01)
    read(at)
    assert at.read(0.05) is None
    fake.clock_ticks += 3600
    again = read(at)
    assert again.coverage is not None
    assert again.coverage.through == "2026-03-02T09:00:00"
    fake.clock_ticks += 3600
    assert at.read(0.05) is None  # it is believed again only after a while
    assert read(at).coverage is not None


def test_what_was_lost_since_the_last_read_is_told_with_the_next() -> None:
    memory = Memory(None)
    first = read(visit(FakeDialogue(rows(1, 2), 2), memory=memory))
    assert first.lost is None
    kept = Memory(first.position)
    assert read(visit(FakeDialogue(rows(2, 3), 2), memory=kept)).lost is None
    lost = read(visit(FakeDialogue(rows(), 0), memory=kept)).lost
    assert lost is not None
    assert (lost.since, lost.until) == ("2026-03-02T08:00:00", "2026-03-02T08:00:00")


def test_a_log_that_stays_empty_while_people_punch_proves_nobody_absent() -> None:
    """Access-control firmware: it counts 0 rows, gives none, and its line may be down next time."""
    fake = FakeDialogue(rows(), 0)
    memory = Memory(None)
    at = visit(fake, check_s=0.0, memory=memory)
    assert read(at).coverage is not None  # a new terminal is no liar
    fake.pushes.append(EVENT)
    assert len(read(at).punches) == 1
    again = read(at)  # after some checks of a count that says nothing
    assert (again.coverage, again.lost) == (None, None)
    assert "its log stays empty" in "".join(again.warnings or ())
    assert again.position is not None
    # It is remembered: what is punched while the line is down is heard by nobody.
    later = read(visit(fake, memory=Memory(again.position)))
    assert (later.coverage, later.lost) == (None, None)
    # A row, and it keeps a log after all.
    fake.log, fake.counts = rows(1001), [1]
    shown = read(visit(fake, memory=Memory(again.position)))
    assert shown.coverage is not None
    fake.log, fake.counts = rows(), [0]
    cleared = read(visit(fake, memory=Memory(shown.position)))
    assert cleared.coverage is not None
    assert cleared.lost is not None


def test_a_log_that_had_counted_more_than_is_there_was_cleared() -> None:
    fake = FakeDialogue(rows(), 0)
    fake.pushes = [EVENT]
    at = visit(fake, check_s=0.001)
    read(at)
    fake.counts = [1]
    read(at)
    assert at.read(0.02) is None  # the terminal's count and ours agree
    fake.counts, fake.log = [0], rows()
    lost = read(at).lost
    assert lost is not None
    assert "counted 1 rows, 0 are there" in lost.reason


def grown(*end: bytes | None) -> tuple[FakeDialogue, Visit]:
    """Return a terminal with rows 1 to 3, read whole, that counts one more since."""
    fake = FakeDialogue(rows(1, 2, 3), 3)
    fake.end = end[0]
    at = visit(fake, check_s=0.001)
    assert read(at).coverage is not None
    fake.counts, fake.log = [4], rows(1, 2, 3, 4)
    fake.clock_ticks += 60
    return fake, at


def test_what_grew_by_few_is_read_by_its_end_and_covered() -> None:
    fake, at = grown(rows(1, 2, 3, 4))  # all of them are of the last hour
    reading = read(at)
    assert [punch.user for punch in reading.punches] == ["1", "2", "3", "4"]
    assert reading.coverage is None
    assert reading.tail is not None
    assert (reading.tail.through, reading.tail.records) == ("2026-03-02T08:01:00", 4)
    assert fake.asked == [CLOCK - 3600]
    fake.counts, fake.end = [5], rows(99)  # the end begins a minute later now
    again = read(at)
    assert [punch.user for punch in again.punches] == ["99"]
    assert again.tail is not None
    assert again.tail.records == 5


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(rows(2, 3, 4), id="a known row is missing"),
        pytest.param(rows(1, 2, 3), id="fewer than it counts"),
        pytest.param(rows(1, 2, 3, 4, 5), id="more than it counts"),
        pytest.param(rows(1, 2, 4, 5), id="the right number of others"),
        pytest.param(rows(-3601, 1, 2, 3), id="a row from before the range"),
        pytest.param(rows(1, 2, 3, 4)[:-1], id="cut short"),
        pytest.param((39).to_bytes(4, "little") + bytes(39), id="of no width"),
        pytest.param(rows(), id="empty"),
        pytest.param(None, id="a firmware without ranges"),
    ],
)
def test_an_end_that_proves_nothing_has_the_whole_read(end: bytes | None) -> None:
    _fake, at = grown(end)
    reading = read(at)
    assert reading.coverage is not None
    assert reading.tail is None
    assert [punch.user for punch in reading.punches] == ["1", "2", "3", "4"]


def test_a_firmware_without_ranges_is_asked_once_after_each_whole_read() -> None:
    fake, at = grown(None)
    read(at)
    assert len(fake.asked) == 1


def test_a_count_that_moves_during_the_range_has_the_whole_read() -> None:
    fake, at = grown(rows(1, 2, 3, 4))
    fake.counts = [4, 4, 5]  # when compared, before, after
    fake.log = rows(1, 2, 3, 4, 5)
    assert read(at).coverage is not None


def test_a_log_that_grew_by_many_is_read_whole() -> None:
    fake, at = grown(rows(*range(1, 3000)))
    fake.counts, fake.log = [2999], rows(*range(1, 3000))
    assert read(at).coverage is not None
    assert fake.asked == []


def test_a_full_log_and_a_busy_terminal_are_said() -> None:
    class Busy(FakeDialogue):
        def state(self) -> TerminalState | None:
            return TerminalState.BUSY

    fake = Busy(rows(*range(1, 1001)), 1000)
    said = read(visit(fake)).warnings
    assert said is not None
    assert "log is full (1000 of 1000 rows)" in said[0]
    assert "'working'" in said[1]
    fake = FakeDialogue(rows(*range(1, 951)), 950)
    assert "nearly full" in str(read(visit(fake)).warnings)
    assert read(visit(FakeDialogue(rows(1), 1))).warnings == ()
