"""One fuzz target under atheris, which breeds inputs by what code they reach. Started by long.py.

python tests/fuzz/guided.py NAME INPUTS DIR
"""

import sys
import tempfile
from pathlib import Path

import atheris
from fuzz_breed import MOST_BYTES

with atheris.instrument_imports(include=["drivers", "fuzz_targets", "fuzz_push"]):
    from fuzz_targets import TARGETS

MOST_S = 5
MOST_MIB = 512


def main(name: str, inputs: str, keep: str) -> None:
    """Fuzz; libFuzzer ends the process, with 0 if nothing broke."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as corpus:
        for n, seed in enumerate(target.seeds):
            Path(corpus, f"seed-{n}").write_bytes(seed)
        limits = [f"-runs={inputs}", f"-max_len={MOST_BYTES}", f"-timeout={MOST_S}", "-seed=4370"]
        limits += [f"-rss_limit_mb={MOST_MIB}", f"-artifact_prefix={keep}/{name}-"]
        atheris.Setup([name, *limits, corpus], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
