"""Retention and erasure: what central lacks is never let go of, and what is gone is gone.

Time here is the clock in central's receipts and nothing else.
"""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sync.journal import retention
from sync.journal.errors import Damaged
from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life, Row
from sync.protocol import entry

AT = entry.Stamp(wall=1, up=2, boot="b" * 32, synced=False)
DAY = 86_400_000
NOW = 1_795_471_200_000
LIFE = Life("k1", "00112233aabbccdd", 1, b"key")


def punch(number: int, terminal: str = "T1", **more: str) -> Draft:
    said = entry.Presence(
        at=AT,
        source="lobi",
        terminal=terminal,
        credential="terminal_user",
        user=f"U{number:04}U",
        time="2026-11-24T07:00:00",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
        **more,
    )
    return Draft(entry.encode(said), said.origin)


def opened(path: Path) -> Journal:
    if not path.exists():
        Journal.make(path, LIFE)
    journal = Journal(path)
    journal.open()
    return journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """Return a journal of forty punches."""
    one = opened(tmp_path / "j.db")
    one.append([punch(n) for n in range(1, 41)])
    yield one
    one.close()


def held(journal: Journal) -> tuple[int, int]:
    span = journal.reader.verify()
    assert span == journal.span()
    return span.first, span.last


def test_nothing_is_due_before_the_days(journal: Journal) -> None:
    journal.receipted(10, NOW)
    journal.receipted(25, NOW + 2 * DAY)
    for days in (2, 30, 60, 89):
        journal.receipted(40, NOW + days * DAY)
        assert journal.retain(90) == 0
    journal.receipted(40, NOW + 90 * DAY)
    assert journal.retain(90) == 10
    assert held(journal) == (11, 40)
    journal.receipted(40, NOW + 91 * DAY)
    assert journal.retain(90) == 0
    journal.receipted(40, NOW + 92 * DAY)
    assert journal.retain(90) == 15
    assert held(journal) == (26, 40)


def test_time_goes_on_after_a_restart(journal: Journal) -> None:
    path = journal.path
    for day in range(0, 60, 20):
        journal.receipted(10, NOW + day * DAY)
        journal.close()
        journal = opened(path)
    journal.receipted(10, NOW + 60 * DAY)
    assert journal.retain(61) == 0
    assert journal.retain(60) == 10
    journal.close()


def test_a_leap_of_centrals_clock_counts_as_a_month_and_its_return_takes_that_back(
    journal: Journal,
) -> None:
    journal.receipted(40, NOW)
    journal.receipted(40, NOW + 3650 * DAY)
    assert journal.retain(32) == 0
    for _ in range(5):  # a clock that swings counts no more than one that stands
        journal.receipted(40, NOW)
        journal.receipted(40, NOW + 31 * DAY)
    assert journal.retain(32) == 0
    journal.receipted(40, NOW - 5 * DAY)
    assert journal.retain(1) == 0
    journal.receipted(40, NOW - 4 * DAY)  # one day on from there
    assert journal.retain(1) == 40


def test_a_kiosk_that_is_told_the_time_rarely_counts_at_most_a_month_each(
    journal: Journal,
) -> None:
    journal.receipted(40, NOW)
    for year in (1, 2):
        journal.receipted(40, NOW + year * 365 * DAY)
        assert journal.retain(31 * year + 1) == 0
    assert journal.retain(62) == 40


def test_less_than_a_day_is_no_news(journal: Journal) -> None:
    """Receipts come every few seconds: they must not each write a page."""
    journal.receipted(10, NOW)
    before = journal.path.with_name(journal.path.name + "-wal").stat().st_size
    for second in range(100):
        journal.receipted(11 + second % 20, NOW + second * 1000)
    assert journal.path.with_name(journal.path.name + "-wal").stat().st_size <= before + 100_000
    journal.receipted(40, NOW + DAY)
    journal.receipted(40, NOW + 2 * DAY)
    assert journal.retain(1) == 40
    assert retention.is_news(NOW, NOW + DAY)
    assert not retention.is_news(NOW, NOW + DAY - 1)


def test_a_mark_at_the_same_place_keeps_its_age(journal: Journal) -> None:
    for day in range(11):  # nobody punches for ten days
        journal.receipted(40, NOW + day * DAY)
    assert journal.retain(11) == 0
    assert journal.retain(10) == 40


def test_what_central_has_lost_begins_anew(journal: Journal) -> None:
    journal.receipted(40, NOW)
    journal.receipted(15, NOW + 50 * DAY)  # restored from a backup; it has 15 still, since then
    journal.receipted(40, NOW + 51 * DAY)
    journal.receipted(40, NOW + 80 * DAY)
    assert journal.retain(31) == 0  # a month at most was counted at the first step
    assert journal.retain(30) == 15
    journal.receipted(40, NOW + 110 * DAY)
    assert journal.retain(59) == 25


def test_only_what_has_a_receipt_is_let_go_of(journal: Journal) -> None:
    assert journal.prune(40) == 0
    journal.receipted(12, NOW)
    assert journal.prune(40) == 12
    assert held(journal) == (13, 40)
    assert journal.prune(12) == 0
    assert journal.hash_at(12) == journal.span().anchor
    assert journal.hash_at(11) is None


def test_everything_may_go_and_the_epoch_goes_on(journal: Journal) -> None:
    journal.receipted(40, NOW)
    head = journal.span().head
    assert journal.prune(40) == 40
    span = journal.span()
    assert (span.first, span.last, span.anchor, span.head) == (41, 40, head, head)
    assert journal.append([punch(7), punch(99)]) == [None, 41]
    journal.close()
    again = opened(journal.path)
    assert again.cursor == 40
    assert again.append([punch(99), punch(100)]) == [None, 42]
    assert held(again) == (41, 42)
    again.close()


def test_more_than_a_page_goes_page_by_page(tmp_path: Path) -> None:
    journal = opened(tmp_path / "j.db")
    number = 2 * retention.PAGE + 17
    journal.append([punch(n) for n in range(number)])
    journal.receipted(number, NOW)
    assert journal.prune(number) == number
    assert journal.append([punch(n) for n in range(number)]) == [None] * number
    journal.close()


@pytest.mark.parametrize("restart", [False, True])
def test_an_origin_outlives_its_entry_while_the_terminal_shows_it(
    journal: Journal, restart: bool
) -> None:
    journal.append([punch(n, terminal="T2") for n in range(1, 4)])
    journal.receipted(43, NOW)
    journal.prune(20)
    if restart:
        journal.close()
        journal = opened(journal.path)
    assert all(journal.records(punch(n).origin or b"") for n in range(1, 41))
    shown = frozenset(punch(n).origin or b"" for n in range(15, 41))  # the log is full: 14 are gone
    assert journal.forget_origins("T2", shown) == 0  # none of its entries is gone
    assert journal.forget_origins("T1", shown) == 14
    assert journal.forget_origins("T1", shown) == 0
    known = [n for n in range(1, 41) if journal.records(punch(n).origin or b"")]
    assert known == list(range(15, 41))
    # Of entries that are held nothing is forgotten, whatever the log shows.
    assert journal.forget_origins("T1", frozenset()) == 6
    assert journal.append([punch(21), punch(20)]) == [None, 44]
    journal.close()


def test_what_is_let_go_of_during_a_look_is_no_damage(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.receipted(40, NOW)
    real, to_go = journal.reader.rows, [20, 30]

    def rows(first: int, page: int = 500) -> Iterator[Row]:
        for row in real(first, 4):
            yield row
            if to_go:
                journal.prune(to_go.pop(0))

    monkeypatch.setattr(journal.reader, "rows", rows)
    assert journal.reader.verify() == journal.span()
    assert journal.span().first == 31
    with closing(sqlite3.connect(journal.path)) as db, db:
        db.execute("DELETE FROM entry WHERE seq = 35")
    to_go += [32]
    with pytest.raises(Damaged, match="after entry 34 comes 36"):
        journal.reader.verify()


# Erasure.


def test_a_destroyed_body_leaves_the_chain_whole(journal: Journal) -> None:
    journal.receipted(40, NOW)
    hashes = [journal.hash_at(seq) for seq in range(41)]
    for seq in (1, 17, 18, 40):
        journal.destroy(seq)
    assert held(journal) == (1, 40)
    assert [journal.hash_at(seq) for seq in range(41)] == hashes
    assert [row.seq for row in journal.reader.rows(1) if row.body is None] == [1, 17, 18, 40]
    before = journal.stretch(2, 100, 100_000)
    assert before is not None
    assert (len(before.bodies), before.more, before.head) == (15, True, hashes[16])
    assert journal.stretch(17, 100, 100_000) is None
    assert journal.append([punch(17), punch(41)]) == [None, 41]  # it stays counted
    journal.close()
    again = opened(journal.path)
    assert held(again) == (1, 41)
    assert again.append([punch(17), punch(1)]) == [None, None]
    assert again.prune(17) == 17
    assert again.append([punch(17), punch(1)]) == [None, None]
    again.close()


@pytest.mark.parametrize("seq", [0, 31, 40, 41, -1])
def test_what_central_lacks_or_nobody_has_is_not_destroyed(journal: Journal, seq: int) -> None:
    journal.receipted(30, NOW)
    with pytest.raises(ValueError, match=f"entry {seq}"):
        journal.destroy(seq)
    assert all(row.body is not None for row in journal.reader.rows(1))


def test_a_body_is_destroyed_once_and_not_after_it_was_let_go_of(journal: Journal) -> None:
    journal.receipted(30, NOW)
    journal.destroy(20)
    journal.prune(5)
    for seq in (20, 5):
        with pytest.raises(ValueError, match="no body to destroy"):
            journal.destroy(seq)


@pytest.mark.parametrize("raw", [0, 150, 2000])
def test_no_copy_of_a_destroyed_body_is_left_on_the_medium(tmp_path: Path, raw: int) -> None:
    """Not where it stood, not in the log, not in pages that were freed when rows moved."""
    journal = opened(tmp_path / "j.db")

    def copies(number: int) -> list[str]:
        marked = f"U{number:04}U".encode()
        return [one.name for one in tmp_path.iterdir() if marked in one.read_bytes()]

    number = 0
    for turn in range(1, 60):
        for _ in range(1 + turn % 4):
            number += 1
            journal.append([punch(number, raw="00" * (raw * (number % 3) // 2))])
        assert copies(number)
        journal.receipted(number, NOW)
        span = journal.span()
        if turn % 3 == 0:
            journal.prune(span.first + turn % 5)
        rows = [row.seq for row in journal.reader.rows(1) if row.body is not None]
        victim = rows[turn * 7 % len(rows)]
        journal.destroy(victim)
        assert copies(victim) == []
        assert held(journal)[1] == number
    journal.close()


@pytest.mark.parametrize(
    ("destroyed", "pruned", "backup", "lost"),
    [
        ([12, 13], 0, 5, [(12, 13)]),
        ([12, 13], 3, 5, [(12, 13)]),
        ([12, 13, 20], 0, 5, [(12, 13), (20, 20)]),
        ([12, 13], 5, 12, [(13, 13)]),
        ([12], 0, 12, []),
        ([12, 13], 3, 11, [(12, 13)]),
        ([1], 0, 0, [(1, 1)]),
        ([1, 2, 5], 0, 0, [(1, 2), (5, 5)]),
        ([6], 0, 5, [(6, 6)]),
        ([6], 5, 5, [(6, 6)]),
        ([32], 0, 5, [(32, 32)]),
        (list(range(1, 33)), 0, 0, [(1, 32)]),
    ],
)
def test_delivery_passes_over_what_was_destroyed_when_central_is_set_back(
    office: Any,
    head_office: Any,
    destroyed: list[int],
    pruned: int,
    backup: int,
    lost: list[tuple[int, int]],
) -> None:
    """Of 32 entries, central's backup has the first `backup`."""
    live = office.epochs.live
    drafts = [punch(n) for n in range(1, 33)]
    live.append(drafts[:backup])
    office.deliver_all(head_office)
    head_office.back_up()
    live.append(drafts[backup:])
    office.deliver_all(head_office)
    for seq in destroyed:
        live.destroy(seq)
    live.prune(pruned)
    head_office.restore()
    office.deliver_all(head_office)
    assert live.cursor == 32
    assert head_office.lost() == lost
    gone = {seq for first, last in lost for seq in range(first, last + 1)}
    assert head_office.bodies() == [
        draft.body for seq, draft in enumerate(drafts, 1) if seq not in gone
    ]
    assert head_office.alarms() == ({"lost"} if lost else set())
    live.append([punch(33)])
    office.deliver_all(head_office)
    assert live.cursor == 33


@pytest.mark.parametrize("destroyed", [[], [11], [11, 12], [15]])
def test_what_was_let_go_of_is_lost_when_central_is_set_back_behind_it(
    office: Any, head_office: Any, destroyed: list[int]
) -> None:
    live = office.epochs.live
    live.append([punch(n) for n in range(1, 6)])
    office.deliver_all(head_office)
    head_office.back_up()
    live.append([punch(n) for n in range(6, 33)])
    office.deliver_all(head_office)
    for seq in destroyed:
        live.destroy(seq)
    live.prune(10)
    head_office.restore()
    office.deliver_all(head_office)
    assert live.cursor == 32
    gone = {seq for first, last in head_office.lost() for seq in range(first, last + 1)}
    assert gone == {6, 7, 8, 9, 10, *destroyed}
    assert len(head_office.bodies()) == 32 - len(gone)


class Months(RuleBasedStateMachine):
    """Appending, receipts forward and back, leaps of central's clock, letting go, power cuts."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp())
        self.turn = 0
        self.journal = opened(self.home / "0.db")
        self.punches = 0
        self.utc = NOW
        self.told = 0
        self.counted = 0
        self.through = 0  # what central has
        self.had_since: dict[int, int] = {}  # by entry, what was counted when central had it
        self.destroyed: set[int] = set()

    @rule(number=st.integers(1, 12), again=st.integers(0, 3))
    def append(self, number: int, again: int) -> None:
        old = [punch(n) for n in range(max(1, self.punches - again), self.punches + 1)]
        new = [punch(self.punches + n) for n in range(1, number + 1)]
        seqs = self.journal.append([*old, *new])
        assert seqs[: len(old)] == [None] * len(old)
        self.punches += number
        assert seqs[len(old) :] == list(range(self.punches - number + 1, self.punches + 1))

    def _receipt(self, through: int, step: int) -> None:
        self.utc = max(1, self.utc + step)
        if abs(self.utc - self.told) >= DAY:
            if self.told:
                self.counted += min(max(self.utc - self.told, 0), 31 * DAY)
            self.told = self.utc
        self.had_since = {seq: at for seq, at in self.had_since.items() if seq <= through}
        for seq in range(1, through + 1):
            self.had_since.setdefault(seq, self.counted)
        self.through = through
        self.journal.receipted(through, self.utc)
        assert self.journal.cursor == through

    steps = st.sampled_from(
        [0, 1000, DAY // 2, DAY, 9 * DAY, 40 * DAY, 3650 * DAY, -DAY, -90 * DAY]
    )

    @rule(share=st.floats(0, 1), step=steps)
    def central_has_more(self, share: float, step: int) -> None:
        self._receipt(self.through + int((self.punches - self.through) * share), step)

    @rule(share=st.floats(0, 1), step=steps)
    def central_is_set_back(self, share: float, step: int) -> None:
        """But not behind what is let go of: a hello says from where on entries are held."""
        floor = self.journal.span().first - 1
        self._receipt(floor + int((self.through - floor) * share), step)

    @rule(days=st.sampled_from([1, 10, 31, 60, 90]))
    def retain(self, days: int) -> None:
        before = self.journal.span().first
        gone = self.journal.retain(days)
        assert self.journal.span().first == before + gone
        for seq in range(before, before + gone):
            assert self.counted - self.had_since[seq] >= days * DAY

    @rule(through=st.integers(0, 60))
    def the_disk_is_nearly_full(self, through: int) -> None:
        before = self.journal.span().first
        gone = self.journal.prune(through)
        assert before + gone - 1 == max(before - 1, min(through, self.through))

    @precondition(lambda self: self.punches)
    @rule(share=st.floats(0, 0.99))
    def destroy(self, share: float) -> None:
        seq = 1 + int(share * self.punches)
        if self.journal.span().first <= seq <= self.through and seq not in self.destroyed:
            self.journal.destroy(seq)
            self.destroyed.add(seq)
        else:
            with pytest.raises(ValueError, match="entry"):
                self.journal.destroy(seq)

    @rule(tidy=st.booleans())
    def restart(self, tidy: bool) -> None:
        self.turn += 1
        path = self.home / f"{self.turn}.db"
        if tidy:
            self.journal.close()
        for suffix in ("", "-wal"):
            part = Path(f"{self.journal.path}{suffix}")
            if part.exists():
                shutil.copy(part, f"{path}{suffix}")
        if not tidy:
            self.journal.close()
        self.journal = opened(path)
        # A cursor that was not saved costs a resend; one that central never gave costs entries.
        assert self.journal.cursor <= self.through
        assert not tidy or self.journal.cursor == self.through
        self.journal.receipted(self.through, self.utc)  # the answer to the first hello

    @invariant()
    def the_chain_holds(self) -> None:
        assert self.journal.reader.verify() == self.journal.span()

    @invariant()
    def what_central_lacks_is_held(self) -> None:
        rows = {row.seq: row.body for row in self.journal.reader.rows(1)}
        for seq in range(self.through + 1, self.punches + 1):
            assert rows[seq] is not None or seq in self.destroyed

    @invariant()
    def what_was_recorded_is_known(self) -> None:
        for number in range(1, self.punches + 1, 5):
            assert self.journal.records(punch(number).origin or b"")

    def teardown(self) -> None:
        assert self.journal.append([punch(n) for n in range(1, self.punches + 1)]) == (
            [None] * self.punches
        )
        self.journal.close()
        shutil.rmtree(self.home)


TestMonths = Months.TestCase
TestMonths.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
