"""The clock: what it says of itself."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kiosk.clock import SystemClock
from kiosk.restarts import EVERY_S, Restarts


def test_a_stamp_says_when_and_how_far_it_can_be_trusted() -> None:
    before = time.time_ns() // 1_000_000
    stamp = SystemClock().stamp()
    assert before <= stamp.wall <= time.time_ns() // 1_000_000
    assert len(stamp.boot) == 32
    assert stamp.up > 0
    assert (stamp.error is not None) == stamp.synced


def test_it_never_starts_below_the_last_known_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrow = time.time_ns() // 1_000_000 + 86_400_000
    clock = SystemClock(floor=tomorrow)
    monkeypatch.setattr(clock, "_kernel", lambda: (False, 0))
    stamp = clock.stamp()
    assert tomorrow <= stamp.wall < tomorrow + 60_000
    assert not stamp.synced
    assert clock.now() >= datetime.fromtimestamp(tomorrow / 1000, UTC)
    assert SystemClock(floor=1000).stamp().wall < tomorrow
    # The truth ends the lift: what NTP says is not moved by what was believed before.
    monkeypatch.setattr(clock, "_kernel", lambda: (True, 5))
    stamp = clock.stamp()
    assert stamp.synced
    assert stamp.wall < tomorrow


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
