"""No power cut and no kill, at any write of the vault, brings back a face or loses one."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from tests.crash.conftest import HERE, LAB_PYTHON, ROOT, Said, run

pytestmark = pytest.mark.slow

Lab = Callable[..., Said]


@pytest.fixture
def lab() -> Lab:
    """Return a function that runs vault_states.py, under the distribution's Python."""
    assert LAB_PYTHON.exists(), "run `make setup`: the crash lab's Python is missing"
    return lambda *words: run(str(LAB_PYTHON), HERE / "vault_states.py", *words)


@pytest.mark.parametrize("names", ["strict", "journalled"])
def test_every_promise_holds_in_every_state(lab: Lab, names: str) -> None:
    said = lab("--names", names, "--states", "50", "--seed", "11")
    assert said.code == 0, said.complaints
    found: dict[str, Any] = said.found
    assert (found["states"], found["wrong"]) == (50, 0)
    assert found["held"] > 250
    assert found["searched_bytes"] > 2_000_000
    assert found["syncs"] > 100
    assert set(found["by_what"]) == {"done", "not begun"}


@pytest.mark.parametrize("weak", [["--weak", "OFF"], ["--liar"], ["--unwashed"]])
def test_the_lab_sees_what_is_weaker(lab: Lab, weak: list[str]) -> None:
    said = lab("--states", "15", "--seed", "3", *weak)
    assert said.code == 1
    assert said.found["wrong"] > 0


def test_a_kill_leaves_no_piece_of_whoever_was_forgotten(tmp_path: Path) -> None:
    """kill -9, whatever it is doing: what it had acknowledged holds in the bytes of every file."""
    for n, after in enumerate((3, 10, 25)):
        home = tmp_path / f"{n}"
        with subprocess.Popen(
            [sys.executable, str(HERE / "vault_child.py"), str(home)],
            stdout=subprocess.PIPE, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
        ) as child:  # fmt: skip
            assert child.stdout is not None
            lines = [child.stdout.readline().split() for _ in range(after)]
            child.kill()
            lines += [line.split() for line in child.stdout if line.endswith("\n")]
        there = b"".join(path.read_bytes() for path in sorted(home.iterdir()))
        alive: dict[str, str] = {}
        for what, person, number, *octets in lines:
            if what == "enrolled":
                alive[person] = number
                assert bytes.fromhex(octets[0])[:16] not in there
                continue
            alive.pop(person, None)
            for sealed in map(bytes.fromhex, octets):
                pieces = [sealed[at : at + 16] for at in range(0, len(sealed) - 15, 16)]
                assert not any(piece in there for piece in pieces)
        vault = Vault(home, KeyPlace(home, {}))
        vault.open()
        known = {one.person: one.about.notice for one in vault.people()}
        [last] = [person for _, person, *_ in lines[-1:]]
        following = f"p{(int(lines[-1][2]) + 1) % 5}"  # what was under way may be either
        for person in set(alive) - {last, following}:
            assert known[person] == alive[person]
        vault.close()
