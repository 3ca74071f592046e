"""Whole-system histories: each promise holds in every one, models and real parts agree."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

# What a history must have met somewhere, in how many of 10,000 at least.
SITUATIONS = {
    "a punch was reported again": 1000,
    "retention let go of entries": 500,
    "a body was destroyed": 100,
    "a punch was lost aloud, or with its card": 100,
    "forked": 100,
    "relearned": 50,
    "central's word moved a cursor back": 50,
    "a branch is stored": 50,
    "an island is left": 5,
    "a worker was killed between COMMIT and PUBACK": 50,
    "the power was cut between a commit and its confirmation": 500,
    "a full disk refused a reading": 500,
    "central's word could not be carried out to its end": 50,
    "the broker said: nobody subscribes": 500,
    "the broker said: refused": 500,
    "the database: it is down": 100,
    "the database: the disk is full": 100,
    "the database: the connection was lost": 100,
    "a stick's answer moved a cursor": 50,
    "a moment is synced": 1000,
    "a moment is anchored": 100,
    "a moment is bounded": 50,
    "alarm: fork": 100,
    "alarm: rollback": 100,
    "alarm: lost": 50,
    "alarm: unreadable": 500,
    "alarm: unverified": 100,
    "alarm: inconsistent": 50,
}


class Said(NamedTuple):
    """What the program printed, its complaints, and its exit code."""

    found: dict[str, Any]
    complaints: str
    code: int


Run = Callable[..., Said]


@pytest.fixture
def run() -> Run:
    """Return a function that runs histories: `run("--n", "100")`."""

    def histories(*words: str) -> Said:
        done = subprocess.run(
            [sys.executable, str(HERE / "run.py"), *words],
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        assert done.stdout, done.stderr
        return Said(json.loads(done.stdout), done.stderr, done.returncode)

    return histories


@pytest.mark.timeout(600)
def test_no_history_breaks_a_promise(run: Run) -> None:
    said = run("--n", "10000", "--seed", "1", "--seen")
    assert said.found["broken"] == 0, said.complaints
    assert said.code == 0
    assert said.found["histories"] == 10_000
    assert said.found["events"] > 1_500_000
    seen = said.found["seen"]
    rare = {what: (seen.get(what, 0), most) for what, most in SITUATIONS.items()}
    assert not {what: was for what, was in rare.items() if was[0] < was[1]}


@pytest.mark.timeout(600)
def test_models_and_real_parts_come_to_the_same(run: Run) -> None:
    """What the million ran on behaves as the journal and the store do, to the byte."""
    words = ("--n", "120", "--seed", "77000", "--trace")
    model, real = run(*words), run(*words, "--parts", "real")
    assert real.found["broken"] == 0, real.complaints
    assert model.found == real.found


@pytest.mark.parametrize(
    "mistake",
    ["any_nonce", "any_head", "answers_before_commit", "islands_stay", "poison_stalls"],
)
def test_a_mistake_is_found_and_its_history_can_be_seen_again(run: Run, mistake: str) -> None:
    number = "3000" if mistake == "any_nonce" else "800"  # that one needs a long chain of events
    said = run("--n", number, "--spoil", mistake)
    assert said.code == 1
    match = re.match(r"(--seed \d+) ", said.complaints)
    assert match, said.complaints
    again = run("--n", "1", *match[1].split(), "--spoil", mistake)
    assert again.found["broken"] == 1
    assert again.complaints.splitlines()[0] == said.complaints.splitlines()[0]
    assert run("--n", "1", *match[1].split()).code == 0


def test_real_parts_and_real_signatures(run: Run) -> None:
    said = run("--n", "60", "--seed", "88000", "--parts", "real", "--p256")
    assert (said.found["broken"], said.code) == (0, 0), said.complaints
