"""Run whole-system histories, each from a seed, and count those that break a promise.

    python bench/histories.py [--n N] [--seed S] [--quick]

Edge, broker, central, database, disk and clocks as one deterministic simulation (tests/histories).
Prints one JSON line {"histories", "broken", "events"}; a broken one is named on stderr by its seed,
and `--n 1 --seed S` shows it again. Ends with 1 if there was any.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run them in a process whose signatures are cheap."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="1,000 histories")
    words = parser.parse_args()
    number = 1_000 if words.quick else words.n
    program = ROOT / "tests" / "histories" / "run.py"
    return subprocess.run(
        [sys.executable, str(program), "--n", str(number), "--seed", str(words.seed)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
