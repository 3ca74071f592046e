"""The medium runs full, goes read-only, rots: the daemon goes on, and says what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Lab = Callable[..., Any]


def test_a_disk_that_runs_full_at_any_step_costs_nothing(lab: Lab) -> None:
    said = lab("full.py", "--step", "2048")
    assert said.code == 0, said.complaints
    found = said.found
    assert (found["lost"], found["doubled"], found["wrong"]) == (0, 0, 0)
    assert found["steps"] > 20
    # It was full in every kind of request, and every refusal said so.
    wanted = {"start", "append", "position", "note", "retain", "destroy", "read again"}
    assert set(found["by_request"]) == {f"{name}: StorageFull" for name in wanted}


def test_a_damaged_journal_is_gone_on_from_and_no_punch_is_lost(lab: Lab) -> None:
    said = lab("damage.py", "--rounds", "12")
    assert said.code == 0, said.complaints
    found = said.found
    assert (found["lost"], found["doubled"], found["wrong"]) == (0, 0, 0)
    assert found["again"] <= 21  # no more than bits were flipped
    assert len(found["by_kind"]) == 12
    assert found["salvaged"] > 2
    assert found["carried"] >= 0.8 * found["readable"] > 0


def test_a_medium_that_goes_read_only_refuses_and_recovers(lab: Lab) -> None:
    said = lab("readonly.py")
    assert said.code == 0, said.complaints
    found = said.found
    assert found["acknowledged while read-only"] == 0
    assert "the disk reports errors" in found["said"]  # all that SQLite tells of it
    assert (found["lost"], found["doubled"]) == (0, 0)


def test_the_second_medium_takes_over_from_one_that_fails_in_use(lab: Lab) -> None:
    said = lab("standby.py")
    assert said.code == 0, said.complaints
    found = said.found
    assert found["wanted"] > found["before"] > 5
    assert (found["lost"], found["said"]) == (0, True)
