"""Crash the journal and the whole daemon, and count what was acknowledged and is lost or doubled.

    python bench/crash.py [--states N] [--kills N] [--seed S] [--quick]

`N` states that a power cut can leave, rebuilt write by write (tests/crash/states.py), half of them
on a disk where only a directory's own sync makes names safe; `N` deaths of the running daemon: kill
-9, clean stop, power cut, full disk (tests/crash/kills.py). Prints one JSON line; "acked" counts
every acknowledged entry in every state, and every distinct one of the daemon's. Ends with 1, the
failing states on stderr, if a promise was broken. `make setup` installs what it needs.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LAB = ROOT / "tests" / "crash"
LAB_PYTHON = ROOT / ".peers" / "crash" / "bin" / "python"


def run(python: str, program: str, *words: str) -> tuple[int, dict[str, Any]]:
    """Return a program of the lab's exit code, 1 for a broken promise, and what it printed."""
    done = subprocess.run(
        [python, str(LAB / program), *words],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    if not done.stdout:
        raise SystemExit(f"{program} {' '.join(words)}: it failed; see above")
    return done.returncode, json.loads(done.stdout)


def main() -> int:
    """Crash, count and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--states", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="100 states and 3 kills")
    words = parser.parse_args()
    states, kills = (100, 3) if words.quick else (words.states, words.kills)
    seed = ("--seed", str(words.seed))
    strict = states // 2
    found = [
        run(str(LAB_PYTHON), "states.py", "--states", str(number), "--names", names, *seed)
        for number, names in ((strict, "strict"), (states - strict, "journalled"))
        if number
    ]
    if kills:
        found.append(run(sys.executable, "kills.py", "--kills", str(kills), *seed))
    counted = {
        key: sum(said.get(key, 0) for _, said in found)
        for key in ("states", "kills", "acked", "lost", "doubled")
    }
    print(json.dumps(counted))
    return max((code for code, _ in found), default=0)


if __name__ == "__main__":
    sys.exit(main())
