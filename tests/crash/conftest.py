"""Runs the lab's programs. Each is a process of its own that prints one JSON line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LAB_PYTHON = ROOT / ".peers" / "crash" / "bin" / "python"


class Said(NamedTuple):
    """What a program printed, its complaints, and its exit code: 1 for a broken promise."""

    found: dict[str, Any]
    complaints: str
    code: int


def run(python: str, program: Path, *words: str) -> Said:
    done = subprocess.run(
        [python, str(program), *words],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.stdout, done.stderr
    return Said(json.loads(done.stdout), done.stderr, done.returncode)


@pytest.fixture
def states() -> Callable[..., Said]:
    """Return a function that runs states.py, under the distribution's Python."""
    assert LAB_PYTHON.exists(), "run `make setup`: the crash lab's Python is missing"
    return lambda *words: run(str(LAB_PYTHON), HERE / "states.py", *words)


@pytest.fixture
def bench(needs_fuse: None) -> Callable[..., Said]:
    """Return a function that runs bench/crash.py, which prints the README's figures."""
    return lambda *words: run(sys.executable, ROOT / "bench" / "crash.py", *words)


@pytest.fixture
def lab(needs_fuse: None) -> Callable[..., Said]:
    """Return a function that runs another program of the lab: `lab("kills.py", ...)`."""
    return lambda program, *words: run(sys.executable, HERE / program, *words)


@pytest.fixture
def needs_fuse() -> None:
    """Skip where file systems cannot be mounted from a program: in most containers."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("there is no /dev/fuse here that we may use")
