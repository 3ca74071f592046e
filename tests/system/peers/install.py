"""Install into .peers/ of the checkout what tests run beside our own environment.

    python tests/system/peers/install.py

The foreign clients that judge our simulators, and the crash lab's Python. May be run again and
again: what is there already is left alone. pyzk is GPL-2.0 and gets a virtual environment of its
own; it only ever runs as a process beside ours. The crash lab (tests/crash) needs the
distribution's Python, because only there do sqlite3 and apsw stand on one SQLite. Needs network,
node, npm, python3-venv and python3-apsw.
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
NODE = PEERS / "node"
DISTRIBUTION_PYTHON = "/usr/bin/python3"
CRASH_NEEDS = "msgspec>=0.19"
CRASH_PYTHON = PEERS / "crash" / "bin" / "python"
MANIFEST = HERE / "package.json"


class CannotInstall(RuntimeError):
    """A peer could not be installed; the message has the command and what it said."""


def install() -> None:
    """Install what is missing. Raises CannotInstall."""
    PEERS.mkdir(exist_ok=True)
    if not _pyzk_is_there():
        _install_pyzk()
    if not _node_is_there():
        _install_node()
    if not _crash_is_there():
        _install_crash()


def _pyzk_is_there() -> bool:
    # Written last, so a half-made environment is made anew.
    mark = PEERS / "pyzk" / "installed"
    return mark.exists() and mark.read_text() == PYZK and PYZK_PYTHON.exists()


def _install_pyzk() -> None:
    home = PEERS / "pyzk"
    shutil.rmtree(home, ignore_errors=True)
    _run(sys.executable, "-m", "venv", str(home))
    _run(str(PYZK_PYTHON), "-m", "pip", "install", "--quiet", PYZK)
    (home / "installed").write_text(PYZK)


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
    _run(str(CRASH_PYTHON), "-m", "pip", "install", "--quiet", CRASH_NEEDS)
    _run(str(CRASH_PYTHON), "-c", "import apsw")
    (home / "installed").write_text(CRASH_NEEDS)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise CannotInstall(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    install()
    print(f"peers are in {PEERS}")
