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


class Peer(Enum):
    """A peer: the name of its environment, and what pip is asked for."""

    PERSIST_QUEUE = ("persist-queue", "persist-queue==1.1.0")
    THINGSBOARD = ("thingsboard-gateway", "thingsboard-gateway==3.8.5")

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
        return mark.exists() and mark.read_text() == self.value[1] and self.python.exists()


def install(peer: Peer) -> None:
    """Install `peer` if it is missing; what cannot be had is said, and its figures stay null."""
    if peer.installed:
        return
    shutil.rmtree(peer.home, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(peer.home)],
        [str(peer.python), "-m", "pip", "install", "--quiet", peer.value[1]],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            last = done.stderr.strip().splitlines()
            sys.stderr.write(f"{peer.value[0]}: not installed: {last[-1] if last else command}\n")
            return
    (peer.home / "installed").write_text(peer.value[1])
