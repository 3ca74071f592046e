"""The engines where nothing may be written and then executed: `MemoryDenyWriteExecute` of the unit.

systemd forbids it by a filter of system calls, this by the kernel's own switch for the same.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from stand.portraits import portraits

INSIDE = """
import ctypes, mmap, sys
from pathlib import Path

PR_SET_MDWE, REFUSE_EXEC_GAIN = 65, 1
if ctypes.CDLL(None).prctl(PR_SET_MDWE, REFUSE_EXEC_GAIN, 0, 0, 0):
    sys.exit(77)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    sys.exit("the kernel did not keep its word")

from drivers.camera import build
from drivers.camera.pictures import load
from drivers.options import Camera, Engine

camera = Camera(name="pintu", capture="folder:x", engine=Engine(sys.argv[1]))
engine = build.engine(camera, Path(sys.argv[2]))
picture = load(Path(sys.argv[3]))
[face] = engine.detect(picture)
print(engine.embed(picture, face).shape)
"""

NO_SWITCH = 77


@pytest.mark.parametrize("engine", ["sface", "dlib"])
def test_an_engine_works_in_the_units_sandbox(engine: str, weights: Path) -> None:
    command = [sys.executable, "-c", INSIDE, engine, str(weights), str(portraits()["official"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode == NO_SWITCH:
        pytest.skip("needs a kernel with PR_SET_MDWE (6.3)")
    assert (done.returncode, done.stdout) == (0, "(128,)\n"), done.stderr
