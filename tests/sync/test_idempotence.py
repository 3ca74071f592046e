"""Each punch counts once, however often, from wherever and by whomever it is read.

Where the edge can know that a punch is recorded already it records nothing; what it cannot know,
central does: a punch reported before is stored, so that its chain is whole, and not counted.
"""

import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from drivers.base import Source
from drivers.options import Transport, ZkTerminal
from drivers.registry import build
from drivers.sim import zkteco as sim
from sync.journal.journal import Draft
from sync.protocol import entry, receipt

Office = Any  # tests/sync/conftest.py: Kiosk, Log, Central; a fixture's module has no name here
LogOf = Any
HeadOffice = Any


def presences(office: Office) -> int:
    """Return how many presences the kiosk's epochs hold."""
    bodies = (row.body for row in office.rows() if row.body is not None)
    return sum(isinstance(entry.decode(body), entry.Presence) for body in bodies)


@pytest.mark.parametrize("restart", [False, True])
def test_a_log_read_again(
    office: Office, log: LogOf, head_office: HeadOffice, restart: bool
) -> None:
    assert office.read(log) == 30
    if restart:
        office.restart()
    assert office.read(log) == 0
    office.deliver_all(head_office)
    log.fill(5)
    assert office.read(log) == 5
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth
    assert head_office.again() == 0


@pytest.mark.parametrize("restart", [False, True])
def test_after_pruning(office: Office, log: LogOf, head_office: HeadOffice, restart: bool) -> None:
    office.read(log)
    office.deliver_all(head_office)
    assert office.epochs.live.prune(1_000_000) == 32
    assert presences(office) == 0
    if restart:
        office.restart()
    log.fill(3)
    assert office.read(log) == 3
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth
    assert head_office.again() == 0
    assert head_office.alarms() == set()


def test_after_central_was_set_back_behind_what_was_let_go_of(
    office: Office, log: LogOf, head_office: HeadOffice
) -> None:
    """What nobody has any more is recorded again from the terminal that still shows it."""
    office.read(log)
    office.deliver_all(head_office)
    head_office.back_up()
    log.fill(10)
    office.read(log)
    office.deliver_all(head_office)
    office.epochs.live.prune(1_000_000)
    head_office.restore()
    office.deliver_all(head_office)
    assert len(head_office.lost()) == 1
    office.read(log)
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth


def test_what_central_lost_is_said_until_the_kiosk_has_heard_it(
    office: Office, log: LogOf, head_office: HeadOffice
) -> None:
    """The receipt that says it may be lost on the line; the next hello's answer says it again."""
    office.read(log)
    head_office.back_up()
    office.deliver_all(head_office)
    office.epochs.live.prune(1_000_000)
    head_office.restore()
    first = office.epochs.live.span().first
    for _ in range(2):
        [hello] = office.converse(head_office).connected(0.0)
        said, _ = receipt.decode(head_office.hear(hello))
        assert said.lost == [(1, first - 1)]
    assert first > 1
    office.deliver_all(head_office)
    assert office.read(log) == 30
    office.deliver_all(head_office)  # it is said again, and is no news
    assert office.read(log) == 0
    assert head_office.counted() == log.truth


@pytest.mark.parametrize("delivered", [False, True])
def test_after_a_new_card(
    office: Office, log: LogOf, head_office: HeadOffice, delivered: bool
) -> None:
    office.read(log)
    if delivered:
        office.deliver_all(head_office)
    office.new_card()
    assert office.read(log) == 30  # a new card knows nothing
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth
    assert head_office.again() == (30 if delivered else 0)


def card(user: str) -> Draft:
    """Return a punch at a reader that keeps no log: nobody can read it a second time."""
    said = entry.Presence(
        at=entry.Stamp(wall=1, up=2, boot="b", synced=True),
        source="pintu",
        terminal="R1",
        credential="card",
        user=user,
        time="2026-11-24T09:00:00",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
    )
    return Draft(entry.encode(said), said.origin)


@pytest.mark.parametrize("read_before_the_line", [False, True])
@pytest.mark.parametrize("delivered_before", [False, True])
def test_after_restoring_a_backup(
    office: Office,
    log: LogOf,
    head_office: HeadOffice,
    tmp_path: Path,
    read_before_the_line: bool,
    delivered_before: bool,
) -> None:
    office.read(log)
    if delivered_before:
        office.deliver_all(head_office)
    office.copy_card(tmp_path / "backup")
    log.fill(8)
    office.read(log)
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth

    office.put_card(tmp_path / "backup")
    first = office.epochs.live.life
    # Before the line returns: a card punch that nothing but this copy has, perhaps the terminal.
    office.epochs.live.append([card("77")])
    if read_before_the_line:
        assert office.read(log) == 8
    office.deliver_all(head_office)
    assert office.epochs.live.life.number == 2
    assert office.epochs.live.life != first
    known = office.read(log)
    assert known == (0 if read_before_the_line else 8)
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth + Counter({("77", "2026-11-24T09:00:00"): 1})
    assert head_office.lost() == []
    # The next start has nothing to take over, and the old epoch contradicts for ever in peace.
    before = office.epochs.live.span().last
    office.restart()
    assert office.epochs.live.span().last == before
    assert office.read(log) == 0
    office.deliver_all(head_office)
    assert head_office.counted().total() == 39


def test_a_copy_delivers_while_central_is_set_back(
    office: Office, log: LogOf, head_office: HeadOffice, tmp_path: Path
) -> None:
    """Central once had what we sent, was restored, and was given the copy's history instead.

    Found by a history: the cursor had said that central has it.
    """
    office.copy_card(tmp_path / "twin")
    head_office.back_up()
    office.epochs.live.append([card(str(n)) for n in range(5)])
    office.deliver_all(head_office)
    head_office.restore()
    office.copy_card(tmp_path / "ours")
    office.put_card(tmp_path / "twin")  # a second machine with the same identity
    office.epochs.live.append([card(str(n)) for n in range(50, 60)])
    office.deliver_all(head_office)
    office.put_card(tmp_path / "ours")
    office.deliver_all(head_office)
    users = {user for user, _ in head_office.counted()}
    assert users == {str(n) for n in (*range(5), *range(50, 60))}
    assert head_office.alarms() == {"fork", "rollback"}


def test_central_loses_the_same_place_twice(
    office: Office, log: LogOf, head_office: HeadOffice
) -> None:
    """Found by a history: what was lost the second time reached further, and was taken for told."""
    office.read(log)
    head_office.back_up()
    for _ in range(2):
        log.fill(10)
        office.read(log)
        office.deliver_all(head_office)
        office.epochs.live.prune(1_000_000)
        head_office.restore()
        office.deliver_all(head_office)
        office.restart()
        office.read(log)
        office.deliver_all(head_office)
        assert head_office.counted() == log.truth


def flip(path: Path, seq: int) -> None:
    """Let one bit of entry `seq`'s body flip in the closed file at `path`."""
    with closing(sqlite3.connect(path)) as db:
        [body] = db.execute("SELECT body FROM entry WHERE seq = ?", (seq,)).fetchone()
    content = bytearray(path.read_bytes())
    assert content.count(body) == 1
    content[content.find(body) + len(body) // 2] ^= 0x04
    path.write_bytes(content)


@pytest.mark.parametrize("receipted", ["nothing", "the first reading", "everything"])
@pytest.mark.parametrize("seq", [2, 9, 10, 16, 33])
def test_after_salvage(
    office: Office,
    make_log: Callable[[str], LogOf],
    head_office: HeadOffice,
    seq: int,
    receipted: str,
) -> None:
    log = make_log("T1")
    log.fill(8)
    office.read(log)  # entries 1 to 10: the terminal, eight punches, the coverage
    if receipted != "nothing":
        office.deliver_all(head_office)
    log.fill(22)
    office.read(log)  # entries 11 to 34
    if receipted == "everything":
        office.deliver_all(head_office)
    path = office.epochs.live.path
    office.stop()
    flip(path, seq)
    office.start()
    [salvaged] = office.salvaged
    assert f"entry {seq}" in salvaged.reason
    assert office.epochs.live.life.number == 2
    # Read anew is the damaged one, and what central has and no file here any more.
    lacking = office.read(log)
    assert lacking >= (seq != 10)  # which was a coverage
    if receipted == "nothing":
        assert lacking == (seq != 10)
    assert office.read(log) == 0
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth
    office.restart()
    assert office.salvaged == []
    assert office.read(log) == 0
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth


def test_two_kiosks_read_one_terminal(
    make_office: Callable[[str], Office], log: LogOf, head_office: HeadOffice
) -> None:
    lobby, hall = make_office("lobby"), make_office("hall")
    assert lobby.read(log) == 30
    log.fill(4)
    assert hall.read(log) == 34
    hall.deliver_all(head_office)
    lobby.deliver_all(head_office)
    assert lobby.read(log) == 4
    lobby.deliver_all(head_office)
    assert head_office.counted() == log.truth
    assert head_office.again() == 34
    assert (presences(lobby), presences(hall)) == (34, 34)


def test_two_sources_of_one_kiosk_are_the_same_terminal(
    office: Office, log: LogOf, make_log: Callable[[str], LogOf], head_office: HeadOffice
) -> None:
    beside = make_log(log.serial)  # the same unit under a second address
    beside.name, beside.rows = "belakang", log.rows
    other = make_log("T2")  # another unit at which the same people punched in the same minutes
    other.fill(30)
    assert [office.read(one) for one in (log, beside, other)] == [30, 0, 30]
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth + other.truth
    assert head_office.again() == 0


@pytest.mark.parametrize("log_layout", [sim.LogLayout.ZEM500_8, sim.LogLayout.PLAIN_8])
def test_slots_that_were_renumbered(
    office: Office, head_office: HeadOffice, log_layout: sim.LogLayout
) -> None:
    """Old units name the slot in their log, and restoring their user table deals slots anew."""
    old = sim.Profile(log=log_layout, users=sim.UserLayout.OLD, sizes=sim.SizesLayout.PLAIN)
    now = datetime(2026, 11, 24, 16, 0)  # noqa: DTZ001 - a terminal's clock has no zone
    staff = sim.simulated_staff(12)
    with sim.SimulatedTerminal(staff, serial="U580", profile=old, clock=lambda: now) as terminal:
        for n in range(40):
            at = now.replace(hour=7 + n // 20, minute=n % 20)
            terminal.punch(staff[n % 12].user_id, at=at)

        def source() -> Source:
            options = ZkTerminal(
                name="lobi", host=terminal.host, port=terminal.port, transport=Transport.TCP
            )
            return build(options, office.clock.now)

        assert office.read(source()) == 40
        before = {one.user_id: one.uid for one in terminal.terminal.people.values()}
        terminal.terminal.renumber({uid: 100 - uid for uid in before.values()})
        assert all(row.uid != before[row.user_id] for row in terminal.log)
        assert office.read(source()) == 0
        terminal.punch(staff[3].user_id)
        assert office.read(source()) == 1
        truth = Counter((row.user_id, row.time.isoformat()) for row in terminal.log)
    office.deliver_all(head_office)
    assert head_office.counted() == truth
    assert head_office.again() == 0


class Years(RuleBasedStateMachine):
    """Whatever befalls two kiosks at one terminal, in any order: at the end each punch counts once.

    The terminal keeps its log; the last thing that happens is that everything is read and sent.
    Either the kiosks let go of what central has, or central is set back to a backup: what nobody
    holds any more is lost, aloud.
    """

    who = st.integers(0, 1)

    def __init__(self, worlds: tuple[Any, Any, Any]) -> None:
        super().__init__()
        central, kiosk, log = worlds
        self.home = Path(tempfile.mkdtemp())
        self.central = central(self.home / "central.db")
        self.kiosks = [kiosk(self.home / name, name) for name in ("k1", "k2")]
        for one in self.kiosks:
            self.central.admit(one.name, one.key.public)
            one.start()
        self.central.back_up()
        self.log = log("T1")
        self.copies: list[tuple[Any, Path]] = []

    @initialize(lets_go=st.booleans())
    def begin(self, lets_go: bool) -> None:
        self.lets_go = lets_go

    @rule(number=st.integers(1, 25))
    def people_punch(self, number: int) -> None:
        self.log.fill(number)

    @rule(who=who)
    def the_terminal_is_read(self, who: int) -> None:
        self.kiosks[who].read(self.log)
        assert self.kiosks[who].read(self.log) == 0

    @rule(who=who)
    def the_line_is_up(self, who: int) -> None:
        self.kiosks[who].deliver_all(self.central)

    @precondition(lambda self: self.lets_go)
    @rule(who=who, through=st.integers(0, 80))
    def retention(self, who: int, through: int) -> None:
        for journal in self.kiosks[who].epochs.journals:
            journal.prune(through)

    @precondition(lambda self: self.lets_go)
    @rule(who=who, share=st.floats(0, 0.99))
    def a_body_is_destroyed(self, who: int, share: float) -> None:
        live = self.kiosks[who].epochs.live
        seqs = [row.seq for row in live.reader.rows(1) if row.body and row.seq <= live.cursor]
        if seqs:
            live.destroy(seqs[int(len(seqs) * share)])

    @rule(who=who)
    def restart(self, who: int) -> None:
        self.kiosks[who].restart()

    @rule(who=who)
    def the_card_is_copied(self, who: int) -> None:
        to = self.home / f"copy-{len(self.copies)}"
        self.kiosks[who].copy_card(to)
        self.copies.append((self.kiosks[who], to))

    @precondition(lambda self: self.copies)
    @rule(share=st.floats(0, 0.99))
    def a_copy_is_put_back(self, share: float) -> None:
        kiosk, copy = self.copies[int(len(self.copies) * share)]
        kiosk.put_card(copy)

    @rule(who=who)
    def a_new_card(self, who: int) -> None:
        self.kiosks[who].new_card()

    @rule(who=who, share=st.floats(0, 0.99))
    def a_bit_flips(self, who: int, share: float) -> None:
        kiosk = self.kiosks[who]
        live = kiosk.epochs.live
        rows = [row for row in live.reader.rows(1) if row.body is not None]
        kiosk.stop()
        if rows:
            row = rows[int(len(rows) * share)]
            body = bytearray(row.body)
            body[len(body) // 2] ^= 0x04
            with closing(sqlite3.connect(live.path)) as db, db:
                db.execute("UPDATE entry SET body = ? WHERE seq = ?", (bytes(body), row.seq))
        kiosk.start()

    @rule()
    def central_is_backed_up(self) -> None:
        self.central.back_up()

    @precondition(lambda self: not self.lets_go)
    @rule()
    def central_is_set_back(self) -> None:
        self.central.restore()

    @invariant()
    def every_chain_holds(self) -> None:
        for kiosk in self.kiosks:
            for journal in kiosk.epochs.journals:
                assert journal.reader.verify() == journal.span()

    def teardown(self) -> None:
        try:
            for kiosk in self.kiosks:
                kiosk.read(self.log)
                kiosk.deliver_all(self.central)
            assert self.central.counted() == self.log.truth
        finally:
            for kiosk in self.kiosks:
                kiosk.stop()
            self.central.close()
            shutil.rmtree(self.home)


def test_whatever_happens_each_punch_counts_once(worlds: tuple[Any, Any, Any]) -> None:
    run_state_machine_as_test(
        lambda: Years(worlds),
        settings=settings(max_examples=40, stateful_step_count=25, deadline=None),
    )
