"""The kiosk's clock and central's corrections together, over simulated months: the truth is inside.

A machine whose boots, walls, syncs and witnesses are random, the daemon's own clock and timekeeper,
and the moments that are drawn from what they recorded.
"""

import random
from collections.abc import Callable, Sequence
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from kiosk.clock import TrustedClock
from kiosk.timekeeper import Timekeeper, remembered
from sync.journal.journal import Draft, Journal, Position
from sync.journal.reader import Row, Span
from sync.machine import Reading
from sync.protocol import entry
from sync.protocol.entry import Anchor
from sync.protocol.moments import DRIFT_PPM, Boots, Known, Timeline
from tests.kiosk.machine import DAY, HOUR, MINUTE, NOW, SECOND, YEARS_10, FakeMachine


class DriftingMachine(FakeMachine):
    """A machine whose CLOCK_BOOTTIME, and wall with it, runs fast or slow."""

    rate = 1.0

    def pass_(self, ms: int) -> None:
        self.truth += ms
        ticked = round(ms * self.rate)
        self.up += ticked
        self.off += ticked - ms

    def __call__(self) -> Reading:
        if self.synced:
            self.off = max(-400, min(400, self.off))  # NTP keeps it
        return super().__call__()


class MemoryJournal:
    """As much of a journal as a timekeeper needs."""

    def __init__(self) -> None:
        self.reader = self
        self.bodies: list[bytes] = []
        self.positions: dict[str, bytes] = {}

    def append(self, drafts: Sequence[Draft], position: Position | None = None) -> list[int | None]:
        self.bodies += [draft.body for draft in drafts]
        if position is not None:
            self.positions[position.source] = position.value
        return []

    def position(self, source: str) -> bytes | None:
        return self.positions.get(source)

    def span(self) -> Span:
        return Span(1, b"", len(self.bodies), b"")

    def rows(self, first: int) -> list[Row]:
        return [Row(n, body, b"", None) for n, body in enumerate(self.bodies, 1) if n >= first]


class Written(Struct, frozen=True):
    """An entry's stamp, and when it truly was."""

    at: entry.Stamp
    truth: int


def months(
    seed: int, told: Callable[[random.Random, int], int]
) -> tuple[list[Written], list[bytes]]:
    """Return what was written over some boots, and the journal. `told` is what central says."""
    dice = random.Random(seed)
    machine, stored = DriftingMachine(off=dice.choice([0, -YEARS_10])), MemoryJournal()
    journal = cast(Journal, stored)
    written: list[Written] = []
    for _ in range(dice.randint(1, 5)):
        machine.rate = 1 + dice.uniform(-DRIFT_PPM, DRIFT_PPM) / 1e6
        clock = TrustedClock(remembered([journal]), machine)
        keeper = Timekeeper(clock, journal)
        online, with_ntp = dice.random() < 0.6, dice.random() < 0.5
        for _ in range(dice.randint(1, 15)):
            machine.pass_(dice.choice([SECOND, 10 * MINUTE, HOUR, DAY]))
            if with_ntp and dice.random() < 0.3:
                machine.synced = not machine.synced
            if not machine.synced and dice.random() < 0.2:
                machine.off = dice.choice([0, HOUR, -HOUR, 40 * DAY, -YEARS_10, YEARS_10])
            if online and dice.random() < 0.4:
                keeper.on_time(told(dice, machine.truth), 30)
            if dice.random() < 0.1:
                keeper.witness(
                    "rudi", machine.truth + dice.randint(-30, 30) * SECOND, MINUTE, False
                )
            keeper.record()
            at = clock.stamp()
            said = entry.Audit(at=at, actor="kiosk", action="x")
            journal.append([Draft(entry.encode(said))])
            written.append(Written(at, machine.truth))
        machine.reboot(dice.choice([0, machine.truth - HOUR, machine.truth, NOW + YEARS_10]), HOUR)
    return written, stored.bodies


def timeline(bodies: Sequence[bytes]) -> Timeline:
    boots = Boots()
    for body in bodies:
        boots.take(entry.decode(body))
    return Timeline(boots.boots())


def witnessed(bodies: Sequence[bytes], *by: Anchor) -> list[entry.Clock]:
    clocks = [said for said in map(entry.decode, bodies) if isinstance(said, entry.Clock)]
    return [said for said in clocks if said.anchor in by]


def honest(dice: random.Random, truth: int) -> int:
    return truth + dice.randint(-500, 500)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_every_entry_lies_where_it_is_said_to(seed: int) -> None:
    written, bodies = months(seed, honest)
    line = timeline(bodies)
    for one in written:
        moment = line.moment(one.at)
        assert not moment.doubted
        assert moment.earliest is None or moment.earliest - 2 <= one.truth
        assert moment.latest is None or one.truth <= moment.latest + 2
    assert len(witnessed(bodies, Anchor.NTP, Anchor.RECEIPT)) <= len(written)  # rarely


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_no_clock_starts_below_what_was_known(seed: int) -> None:
    written, bodies = months(seed, honest)
    known, boot = 0, ""
    line = timeline(bodies)
    for one in written:
        if one.at.boot != boot:
            boot = one.at.boot
            assert one.at.wall >= known - 2 * SECOND  # two honest witnesses differ by their errors
        if line.moment(one.at).how in (Known.SYNCED, Known.ANCHORED) and one.at.synced:
            known = max(known, one.at.wall)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([-NOW, -YEARS_10, YEARS_10]))
def test_a_central_in_1970_or_ten_years_ahead_does_no_harm(seed: int, lie: int) -> None:
    dice = random.Random(seed)
    written, bodies = months(seed, lambda _, truth: truth + (lie if dice.random() < 0.5 else 0))
    line = timeline(bodies)
    for one in written:
        moment = line.moment(one.at)
        inside = (moment.earliest is None or moment.earliest - 2 <= one.truth) and (
            moment.latest is None or one.truth <= moment.latest + 2
        )
        assert inside or moment.doubted
    # No anchor was taken from the lies; and so no two receipts contradict each other.
    for said in witnessed(bodies, Anchor.RECEIPT):
        assert abs(said.utc - NOW) < YEARS_10 // 2
