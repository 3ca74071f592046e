"""The long run of the fuzz targets: a process for each, guided by coverage where atheris is there.

    python tests/fuzz/long.py [--inputs N] [--target NAME ...] [--keep DIR] [--blind]

Without atheris inputs are bred from sound ones, blindly, and the line says so. Prints one JSON line
per target. An input that breaks a promise, or takes over five seconds or half a GiB, ends the
target's run; it is kept in DIR, and is to become a test.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from fuzz_targets import TARGETS

HERE: Final = Path(__file__).parent
INPUTS: Final = 1_000_000


def main() -> int:
    """Fuzz, each target in a process of its own; return 1 if one broke."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=INPUTS, help="for each target (%(default)s)")
    parser.add_argument("--target", choices=TARGETS, action="append", help="only this one")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-found"), help="%(default)s")
    parser.add_argument("--blind", action="store_true", help="without atheris though it is there")
    given = parser.parse_args()
    engine = "blind" if given.blind or importlib.util.find_spec("atheris") is None else "guided"
    given.keep.mkdir(exist_ok=True)
    names = given.target or list(TARGETS)
    broken = [name for name in names if not fuzz(engine, name, given.inputs, given.keep)]
    return 1 if broken else 0


def fuzz(engine: str, name: str, inputs: int, keep: Path) -> bool:
    """Run one target and print its line; return whether it held."""
    began = time.monotonic()
    command = [sys.executable, str(HERE / f"{engine}.py"), name, str(inputs), str(keep)]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words = said.read().decode(errors="replace")
    line = {
        "target": name,
        "engine": "atheris" if engine == "guided" else "bred without coverage",
        "inputs": inputs,
        "seconds": round(time.monotonic() - began, 1),
        "peak_mib": round(used.ru_maxrss / 1024, 1),
        "holds": process.returncode == 0,
    }
    print(json.dumps(line), flush=True)
    if process.returncode:
        print(words[-4000:], file=sys.stderr)
    return process.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
