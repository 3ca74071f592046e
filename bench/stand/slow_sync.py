"""A disk whose sync takes its time, as an SD card's does: the environment to run a program with."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("slow_sync.c")


class CannotSlow(RuntimeError):
    """There is no compiler, or it refuses; the message says which."""


def environment(directory: Path, sync_us: int) -> dict[str, str]:
    """Return what a process needs so that each sync lasts `sync_us` microseconds at least.

    The library is built into `directory`. Raises CannotSlow.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise CannotSlow("no cc on the PATH; on Debian: apt-get install gcc libc6-dev")
    library = directory / "slow_sync.so"
    done = subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CannotSlow(f"cc refuses {SOURCE.name}: {done.stderr.strip()}")
    return {"LD_PRELOAD": str(library), "SLOW_SYNC_US": str(sync_us)}
