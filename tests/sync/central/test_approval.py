"""[decisions] in central.toml: which kinds of proposals need a second account."""

from pathlib import Path

import pytest

from sync.central.settings import load
from sync.central.store.proposals import Kind
from sync.settingsfile import SettingsError

TOML = 'data = "data"\n[broker]\nhost = "x"\n'


def approval(tmp_path: Path, words: str):
    file = tmp_path / "central.toml"
    file.write_text(TOML + words)
    return load(file).settings.decisions


def test_paper_and_times_unless_it_says_otherwise(tmp_path):
    assert list(approval(tmp_path, "").second) == [Kind.PAPER, Kind.TIME]
    given = approval(tmp_path, '[decisions]\nsecond = ["absence", "name"]\n')
    assert list(given.second) == [Kind.ABSENCE, Kind.NAME]
    assert list(approval(tmp_path, "[decisions]\nsecond = []\n").second) == []


@pytest.mark.parametrize("words", ['second = ["papers"]', 'second = "paper"', "third = []"])
def test_what_is_no_kind_is_refused_with_its_place(tmp_path, words):
    with pytest.raises(SettingsError, match="decisions"):
        approval(tmp_path, f"[decisions]\n{words}\n")
