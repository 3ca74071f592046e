"""The clock: what it says of itself."""

import time
from datetime import UTC, datetime
from pathlib import Path

from kiosk.clock import TELL_MOST_MS, TrustedClock
from kiosk.restarts import EVERY_S, Restarts
from kiosk.truth import Memory
from sync.protocol.entry import Anchor
from tests.kiosk.machine import DAY, HOUR, NOW, FakeMachine


def test_a_stamp_says_when_and_how_far_it_can_be_trusted() -> None:
    before = time.time_ns() // 1_000_000
    stamp = TrustedClock().stamp()
    assert before <= stamp.wall <= time.time_ns() // 1_000_000
    assert len(stamp.boot) == 32
    assert stamp.up > 0
    assert (stamp.error is not None) == stamp.synced


def test_it_never_starts_below_the_last_known_time_and_the_truth_ends_that() -> None:
    machine = FakeMachine(off=-DAY)
    clock = TrustedClock(Memory(known=NOW + HOUR, believed=NOW + HOUR), machine)
    stamp = clock.stamp()
    assert (stamp.wall, stamp.synced, stamp.error) == (NOW + HOUR, False, None)
    assert clock.now() == datetime.fromtimestamp((NOW + HOUR) / 1000, UTC)
    # What NTP says is not moved by what was believed before.
    machine.sync()
    stamp = clock.stamp()
    assert (stamp.wall, stamp.synced, stamp.error) == (NOW, True, machine.error)


def test_what_is_due_stays_due_until_it_is_recorded() -> None:
    machine = FakeMachine()
    clock = TrustedClock(machine=machine)
    assert clock.due() is None
    clock.told(NOW, 100, Anchor.RECEIPT)
    machine.sync()
    first = clock.due()
    assert first is clock.due()
    assert first is not None
    assert first.fix is not None
    assert first.fix.anchor is Anchor.RECEIPT
    clock.recorded(first)
    second = clock.due()
    assert second is not None
    assert second.fix is not None
    assert second.fix.anchor is Anchor.NTP
    clock.recorded(second)
    assert clock.due() is None
    assert clock.belief().recorded == [first.fix, second.fix]


def test_others_are_told_the_time_only_by_a_clock_that_is_hardly_off() -> None:
    machine = FakeMachine()
    clock = TrustedClock(machine=machine)
    assert clock.sure() is None
    clock.told(NOW, TELL_MOST_MS + 1, Anchor.TECHNICIAN)
    assert clock.belief().may_show_lateness
    assert clock.sure() is None
    machine.sync()
    assert clock.sure() == clock.now()


def test_a_restart_is_allowed_once_an_hour(tmp_path: Path) -> None:
    restarts = Restarts(tmp_path / "restarted")
    assert restarts.allow()
    assert not restarts.allow()
    boot, up_s = (tmp_path / "restarted").read_text().split()
    (tmp_path / "restarted").write_text(f"{boot} {float(up_s) - EVERY_S - 1}")
    assert restarts.allow()
    (tmp_path / "restarted").write_text("another-boot 5")
    assert restarts.allow()
    assert not Restarts(tmp_path / "no-such-directory" / "restarted").allow()
