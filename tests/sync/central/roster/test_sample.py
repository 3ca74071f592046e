"""config/roster: sheets to begin with, which can be taken in as they are."""

from pathlib import Path

from sync.central.roster.layout import SHEETS

SAMPLE = Path(__file__).parents[4] / "config" / "roster"


def test_the_sample_is_taken_in_and_then_changes_nothing(run):
    code, out, _ = run("roster", "import", SAMPLE)
    assert code == 0, out
    assert "units +3" in out
    code, out, _ = run("roster", "diff", SAMPLE, "--replace")
    assert (code, out.splitlines()[-1][:15]) == (0, "nothing changes")


def test_it_shows_every_sheet_but_those_of_single_cases():
    shown = {one.stem for one in SAMPLE.glob("*.csv")}
    assert set(SHEETS) - shown == {"tables", "swaps", "pairs"}
