"""One fuzz target on inputs bred from sound ones, without coverage. Started by long.py.

python tests/fuzz/blind.py NAME INPUTS DIR
"""

import sys
import time
from pathlib import Path
from random import Random

from fuzz_breed import bred
from fuzz_targets import TARGETS

MOST_S = 5


def main(name: str, inputs: str, keep: str) -> None:
    """Fuzz; raise what an input broke, which is then in `keep`."""
    target, random = TARGETS[name], Random(4370)
    for _ in range(int(inputs)):
        octets = bred(random, target.seeds)
        began = time.monotonic()
        try:
            target(octets)
        except BaseException:
            Path(keep, f"{name}-crash").write_bytes(octets)
            raise
        if time.monotonic() - began > MOST_S:
            Path(keep, f"{name}-slow").write_bytes(octets)
            raise TimeoutError(f"{name}: over {MOST_S} s for {octets.hex()}")


if __name__ == "__main__":
    main(*sys.argv[1:])
