"""Whatever befalls a terminal and its kiosk: each punch once, coverage is true, losses are told.

As `test_terminal_log`, with several terminals that take turns under one address.
"""

from collections import Counter

import pytest

from sync.protocol import entry
from tests.kiosk.terminal_world import give_time
from tests.kiosk.wider_world import PunchedAt, WiderWorld

SEEDS = 120


class Truth:
    """What is true in a world, against what its journal says."""

    def __init__(self, world: WiderWorld) -> None:
        self._world = world
        self._entries = world.journal.entries

    def check_once(self) -> None:
        """Each punch counts once, whichever terminal's it is called, and nothing else is recorded.

        A punch of a terminal that nobody has called the successor is marked `unbound`, and counts
        for nobody: one that was brought along may stand beside its first record.
        """
        said = [one.said for one in self._entries if isinstance(one.said, entry.Presence)]
        recorded = Counter((one.terminal, one.user, one.time, one.ordinal) for one in said)
        counted = Counter(
            (one.terminal, one.user, one.time, one.ordinal)
            for one in said
            if one.mark is not entry.Mark.UNBOUND
        )
        punched = {key for one in self._world.punches for key in one.keys}
        assert not recorded.keys() - punched, "invented"
        assert set(recorded.values()) <= {1}, "doubled"
        for one in self._world.punches:
            times = sum(counted[key] for key in one.keys)
            assert times <= 1, f"{one} counts {times} times"
            times = sum(recorded[key] for key in one.keys)
            if times == 0 and self._is_seen(one):
                assert one.gone, f"{one} stands in the log and is not recorded"
                if self._is_bound(one, self._world.second):
                    told = self.is_told(one, len(self._entries))
                    assert told, f"{one} is lost and nothing says so"

    def check_coverage(self) -> None:
        """What was punched before a read that is called complete is recorded before, or lost."""
        known: set[tuple[str, str, str, int]] = set()
        for place, written in enumerate(self._entries):
            said = written.said
            if isinstance(said, entry.Presence):
                known.add((said.terminal, said.user, said.time, said.ordinal))
            if not isinstance(said, entry.Coverage):
                continue
            began = self._world.began_at(said.terminal, said.through, written.second)
            for one in self._world.punches:
                hidden = one.second < began and said.terminal == one.where[-1]
                if hidden and known.isdisjoint(one.keys) and self._is_bound(one, written.second):
                    assert self.is_told(one, place + 1), f"{said} hides {one}"

    def _is_seen(self, one: PunchedAt) -> bool:
        return one.where[-1] == self._world.terminal.serial

    def _is_bound(self, one: PunchedAt, until: int) -> bool:
        """Return whether its terminal was the source's since: of another's log nothing is said."""
        return self._world.is_bound_since(one.where[-1], one.second, until)

    def is_told(self, lost: PunchedAt, before: int) -> bool:
        """As in `test_terminal_log`, by what is said of the terminals that had it."""
        read, rows = -1, 0
        for written in self._entries[:before]:
            match written.said:
                case entry.Coverage() as covered if covered.terminal in lost.where:
                    began = self._world.began_at(covered.terminal, covered.through, written.second)
                    if lost.gone and rows == 0 and read <= lost.second <= began:
                        return True
                    read, rows = began, covered.records
                case entry.Gap() if read <= lost.second <= written.second:
                    return True
        return False


@pytest.mark.parametrize("tens", range(SEEDS // 10))
def test_each_punch_once_whatever_befalls(monkeypatch: pytest.MonkeyPatch, tens: int) -> None:
    for seed in range(tens * 10, tens * 10 + 10):
        world = WiderWorld(seed)
        give_time(monkeypatch, world)
        truth = Truth(world)
        try:
            for rested in world.run(steps=80):
                if rested == "day" or not world.loses_rows:
                    truth.check_once()
                truth.check_coverage()
        except AssertionError as broken:
            raise AssertionError(f"seed {seed}: {broken}\n" + "\n".join(world.trace)) from broken
