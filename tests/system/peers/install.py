"""Install into .peers/ of the checkout what tests run beside our own environment.

    python tests/system/peers/install.py

The foreign clients that judge our simulators, and the crash lab's Python. May be run again and
again: what is there already is left alone. pyzk is GPL-2.0, pyfingerprint under the D-FSL: each
gets a virtual environment of its own and only ever runs as a process beside ours. The crash lab
(tests/crash) needs the distribution's Python, because only there do sqlite3 and apsw stand on one
SQLite. Needs network, node, npm, python3-venv and python3-apsw.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PEERS = HERE.parents[2] / ".peers"
PYZK = "pyzk==0.9"
PYZK_PYTHON = PEERS / "pyzk" / "bin" / "python"
PUSH = "django-fingerprint-attendance==0.1.0"
FINGERS = {
    "adafruit": "adafruit-circuitpython-fingerprint==2.2.25",
    "pyfingerprint": "pyfingerprint==1.5",
    "r503": "r503==0.0.4",
}
"""Drivers of finger modules, each alone: they bring versions of one another's libraries."""
PUSH_PYTHON = PEERS / "push" / "bin" / "python"
NODE = PEERS / "node"
DISTRIBUTION_PYTHON = "/usr/bin/python3"
CRASH_NEEDS = "msgspec>=0.19 cryptography>=47"
CRASH_PYTHON = PEERS / "crash" / "bin" / "python"
MANIFEST = HERE / "package.json"


class CannotInstall(RuntimeError):
    """A peer could not be installed; the message has the command and what it said."""


def install() -> None:
    """Install what is missing. Raises CannotInstall."""
    PEERS.mkdir(exist_ok=True)
    if not _is_there("pyzk", PYZK):
        _install_alone("pyzk", PYZK)
    if not _is_there("push", PUSH):
        _install_alone("push", PUSH)
    install_fingers()
    if not _node_is_there():
        _install_node()
    if not _crash_is_there():
        _install_crash()


def install_fingers() -> None:
    """Install the drivers of finger modules that are missing. Raises CannotInstall."""
    PEERS.mkdir(exist_ok=True)
    for name, wanted in FINGERS.items():
        if not _is_there(name, wanted):
            _install_alone(name, wanted)


def _is_there(name: str, wanted: str) -> bool:
    # Written last, so a half-made environment is made anew.
    mark = PEERS / name / "installed"
    python = PEERS / name / "bin" / "python"
    return mark.exists() and mark.read_text() == wanted and python.exists()


def _install_alone(name: str, wanted: str) -> None:
    """Install `wanted` into a virtual environment of its own."""
    home = PEERS / name
    shutil.rmtree(home, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(home))
    _run(str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", wanted)
    (home / "installed").write_text(wanted)


def _node_is_there() -> bool:
    wanted: dict[str, str] = json.loads(MANIFEST.read_text())["dependencies"]
    for name, version in wanted.items():
        manifest = NODE / "node_modules" / name / "package.json"
        if not manifest.exists() or json.loads(manifest.read_text())["version"] != version:
            return False
    return True


def _install_node() -> None:
    NODE.mkdir(exist_ok=True)
    shutil.copy(MANIFEST, NODE / "package.json")
    if shutil.which("npm") is None:
        raise CannotInstall("npm is not on the PATH; on Debian: apt-get install nodejs npm")
    _run(
        "npm", "install", "--prefix", str(NODE),
        "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts",
    )  # fmt: skip


def _crash_is_there() -> bool:
    mark = PEERS / "crash" / "installed"
    return mark.exists() and mark.read_text() == CRASH_NEEDS and CRASH_PYTHON.exists()


def _install_crash() -> None:
    home = PEERS / "crash"
    shutil.rmtree(home, ignore_errors=True)
    _run(DISTRIBUTION_PYTHON, "-m", "venv", "--system-site-packages", str(home))
    _run(str(CRASH_PYTHON), "-m", "pip", "install", "--quiet", *CRASH_NEEDS.split())
    _run(str(CRASH_PYTHON), "-c", "import apsw")
    (home / "installed").write_text(CRASH_NEEDS)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise CannotInstall(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    install()
    print(f"peers are in {PEERS}")
