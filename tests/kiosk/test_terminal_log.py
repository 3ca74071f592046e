"""The terminal's log is the truth: whatever happens to it, each punch once, and coverage is true.

`Truth` says what must hold of a world (terminal_world.py) when it has come to rest.
"""

from collections import Counter

import pytest

from sync.protocol import entry
from tests.kiosk.terminal_world import Punched, World, Written, give_time

SEEDS = 250


class Truth:
    """What is true in a world, against what its journal says."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._entries = world.journal.entries

    def recorded(self, entries: list[Written]) -> Counter[tuple[str, str, int]]:
        """Return how often each origin is recorded in `entries`."""
        said = [one.said for one in entries]
        return Counter(
            (one.user, one.time, one.ordinal) for one in said if isinstance(one, entry.Presence)
        )

    def check_once(self) -> None:
        """Each punch is recorded once, but for those that a gap speaks of; and nothing else is."""
        recorded = self.recorded(self._entries)
        assert not recorded.keys() - {one.origin for one in self._world.punches}, "invented"
        assert set(recorded.values()) <= {1}, "doubled"
        for one in self._world.punches:
            if one.origin not in recorded:
                assert one.gone, f"{one} stands in the log and is not recorded"
                assert self.is_told(one, len(self._entries)), f"{one} is lost and nothing says so"

    def check_coverage(self) -> None:
        """What was punched before a read that is called complete is recorded before, or lost."""
        for place, written in enumerate(self._entries):
            if not isinstance(written.said, entry.Coverage):
                continue
            began = self._world.began(written.said.through, written.second)
            known = self.recorded(self._entries[:place])
            for one in self._world.punches:
                if one.second < began and one.origin not in known:
                    assert self.is_told(one, place + 1), f"{written.said} hides {one}"

    def is_told(self, lost: Punched, before: int) -> bool:
        """Return whether the first `before` entries say that a punch may be lost, or nobody can.

        A gap speaks of what was punched between the complete read before it and the one that found
        it. Where that read saw no row, there is none whose absence could be noticed.
        """
        read, rows = -1, 0
        for written in self._entries[:before]:
            match written.said:
                case entry.Coverage() as covered:
                    began = self._world.began(covered.through, written.second)
                    if lost.gone and rows == 0 and read <= lost.second <= began:
                        return True
                    read, rows = began, covered.records
                case entry.Gap() if read <= lost.second <= written.second:
                    return True
        return False


@pytest.mark.parametrize("tens", range(SEEDS // 10))
def test_each_punch_once_and_coverage_is_true(monkeypatch: pytest.MonkeyPatch, tens: int) -> None:
    for seed in range(tens * 10, tens * 10 + 10):
        world = World(seed)
        give_time(monkeypatch, world)
        truth = Truth(world)
        try:
            for rested in world.run(steps=80):
                # A terminal that loses as many rows as were punched unheard counts what it counted
                # before: only the whole read of the next night finds them.
                if rested == "day" or not world.loses_rows:
                    truth.check_once()
                truth.check_coverage()
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}\n" + "\n".join(world.trace)) from broken
