"""The running daemon dies in every way; what it said it had recorded is there, once."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Lab = Callable[..., Any]


@pytest.mark.parametrize("names", ["strict", "journalled"])
def test_whatever_kills_it_nothing_acknowledged_is_lost(lab: Lab, names: str) -> None:
    said = lab("kills.py", "--kills", "8", "--names", names, "--seed", "2")
    assert said.code == 0, said.complaints
    found = said.found
    assert (found["kills"], found["lost"], found["doubled"], found["wrong"]) == (8, 0, 0, 0)
    assert found["acked"] >= found["punches"] / 2 > 50
    assert found["confirmed"] > 0


def test_a_disk_that_lies_about_syncs_loses_punches(lab: Lab) -> None:
    said = lab("kills.py", "--kills", "25", "--names", "journalled", "--liar")
    assert said.code == 1
    assert said.found["lost"] > 0


def test_the_figures_of_the_readme_in_small(bench: Lab) -> None:
    said = bench("--states", "100", "--kills", "3")
    assert said.code == 0, said.complaints
    assert said.found.pop("acked") > 1000
    assert said.found == {"states": 100, "kills": 3, "lost": 0, "doubled": 0}
