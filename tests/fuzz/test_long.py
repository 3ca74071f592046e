"""The long run's program, for a short while."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

LONG = Path(__file__).with_name("long.py")


def test_it_says_what_held(tmp_path: Path) -> None:
    command = [sys.executable, LONG, "--blind", "--inputs", "200", "--keep", tmp_path / "found"]
    done = subprocess.run(
        [*command, "--target", "zk4370-live", "--target", "zk4370-users"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["target"] for line in lines] == ["zk4370-live", "zk4370-users"]
    assert all(line["holds"] and line["inputs"] == 200 for line in lines)
    assert list((tmp_path / "found").iterdir()) == []


def test_what_breaks_is_kept_and_said(tmp_path: Path) -> None:
    """Beside a table of targets whose only one refuses every input."""
    (tmp_path / "fuzz_targets.py").write_text(
        "def broken(octets):\n    assert not octets\n"
        "broken.seeds = [b'x']\nTARGETS = {'b': broken}\n"
    )
    for name in ("long.py", "blind.py", "fuzz_breed.py"):
        (tmp_path / name).write_text(LONG.with_name(name).read_text())
    done = subprocess.run(
        [sys.executable, tmp_path / "long.py", "--blind", "--keep", tmp_path / "found"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["holds"] is False
    assert "AssertionError" in done.stderr
    assert (tmp_path / "found" / "b-crash").read_bytes()
