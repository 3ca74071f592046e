"""No power cut, at any write of anything the journal does, costs an acknowledged entry."""

import re
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Lab = Callable[..., Any]
SCENARIOS = {
    "live", "shared", "positions", "flushes", "receipts", "checkpoints", "beside", "epoch_change",
    "retention", "destruction", "migration", "rot", "rot_in_the_log",
}  # fmt: skip


@pytest.mark.parametrize("names", ["strict", "journalled"])
def test_every_promise_holds_in_every_state(states: Lab, names: str) -> None:
    said = states("--names", names, "--states", "1300")
    assert said.code == 0, said.complaints
    found = said.found
    assert found["states"] == 1300
    assert (found["lost"], found["doubled"], found["wrong"]) == (0, 0, 0)
    assert found["acked"] > 10_000
    # The recorder saw what sqlite3 did: both stand on one SQLite, and commits were synced.
    assert found["sqlite"]["source"]
    assert found["syncs"] > 300
    assert set(found["by_scenario"]) == SCENARIOS
    assert min(found["by_scenario"].values()) == 100


def test_a_weaker_commit_loses_entries(states: Lab) -> None:
    """WAL with synchronous=NORMAL, as many gateways have it: the lab must see it."""
    said = states(
        "--names", "journalled", "--weak", "NORMAL", "--scenario", "live", "--states", "30"
    )
    assert said.code == 1
    assert said.found["lost"] > 20


def test_a_disk_that_lies_about_syncs_loses_entries(states: Lab) -> None:
    said = states("--names", "journalled", "--liar", "--scenario", "positions", "--states", "30")
    assert said.code == 1
    assert said.found["lost"] > 20


def test_a_failing_state_can_be_seen_again(states: Lab, tmp_path: Any) -> None:
    said = states("--names", "journalled", "--liar", "--scenario", "live", "--states", "20")
    match = re.match(r"(--seed .*?) \(", said.complaints)
    assert match, said.complaints
    again = states("--liar", *match[1].split(), "--keep", str(tmp_path / "kept"))
    assert again.code == 1
    assert again.found["states"] == 1
    assert (tmp_path / "kept").is_dir()
