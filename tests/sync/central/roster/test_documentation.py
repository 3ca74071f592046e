"""docs/ROSTER.md shows sheets that can be taken in."""

import re
from pathlib import Path
from textwrap import dedent

from sync.central.roster.layout import SHEETS

DOCUMENT = Path(__file__).parents[4] / "docs" / "ROSTER.md"


def test_the_sheets_that_are_shown_are_taken_in(run, sheets):
    text = DOCUMENT.read_text()
    shown = re.findall(r"^### `(\w+)`.*\n\n((?: {4}.*\n)+)", text, re.MULTILINE)
    files = {name: dedent(rows) for name, rows in shown}
    assert list(files) == ["units", "posts", "people", "members", "credentials", "grants"]
    code, out, _ = run("roster", "import", sheets(**files))
    assert (code, out.splitlines()[-1]) == (
        0,
        "units +2 ~0 -0, posts +2 ~0 -0, people +3 ~0 -0, members +4 ~0 -0, credentials +5 ~0 -0, "
        "grants +2 ~0 -0",
    )


def test_the_keys_and_the_sheets_are_those_of_the_code():
    text = DOCUMENT.read_text()
    for name, keys in re.findall(r"^### `(\w+)`.*\(\*\*(.*)\*\*\)", text, re.MULTILINE):
        sheet = SHEETS[name]
        assert keys.split(", ") == [sheet.column(field).name for field in sheet.key]
    assert all(f"`{name}`" in text for name in SHEETS)
