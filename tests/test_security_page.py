"""docs/SECURITY.md: every threat and every provision has a test that exists, or a reason."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "SECURITY.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([a-z_/0-9]+(?:\.py)?(?:::\w+)?)`", PAGE)))
WHO = ("an SD card", "laptop", "rogue terminal", "rogue kiosk", "rogue administrator", "replays",
       "bomb", "a broker that is not ours")  # fmt: skip


@pytest.mark.parametrize("named", [one for one in NAMED if "/" in one])
def test_a_named_test_exists(named: str) -> None:
    file, _, test = named.partition("::")
    path = TESTS / file
    assert path.exists(), file
    if test:
        assert re.search(rf"^(?:class \w+|\s*def {test}\()", path.read_text(), re.MULTILINE)
        assert f"def {test}(" in path.read_text()


def test_every_threat_of_the_design_has_its_row_and_every_row_its_test() -> None:
    table = PAGE.partition("| who | does what |")[2].partition("\n\n")[0]
    for who in WHO:
        assert who in table
    for row in table.splitlines()[2:]:
        assert ".py::" in row, row


def test_every_provision_of_303645_has_a_row() -> None:
    table = PAGE.partition("| provision | here |")[2].partition("\n\n")[0]
    for number in (*(f"5.{n}" for n in range(1, 14)), "6"):
        [row] = [one for one in table.splitlines() if one.startswith(f"| {number} ")]
        assert len([cell for cell in row.split("|") if cell.strip()]) == 3
