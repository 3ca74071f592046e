"""A release's directory: a virtual environment of its own, beside those of other releases.

lib/pythonX.Y/site-packages    the packages
share/presensi-kiosk           samples of settings, units
bin, pyvenv.cfg                made here: they say where the directory is
"""

from pathlib import Path
from typing import Final

from sync.journal.durable import sync_directory

HOME: Final = Path("/usr/bin")
"""Where Debian's Python is."""

_PROGRAMS: Final = {
    "kiosk": "kiosk.cli",
    "presensi-central": "sync.central.cli",
}

_CONFIGURATION: Final = """\
home = {home}
include-system-site-packages = {outside}
version = {python}
"""

_PROGRAM: Final = """\
#!{interpreter} -IB
import sys

from {module} import main

sys.exit(main())
"""


def packages(tree: Path, python: str) -> Path:
    """Return where a release for `python` (as 3.11) has its packages."""
    return tree / "lib" / f"python{python}" / "site-packages"


def equip(tree: Path, place: Path, python: str, home: Path = HOME) -> None:
    """Make what runs a release: `tree` is where its files are, `place` where they will be.

    A release with a camera's libraries sees Debian's packages as well, for the Pi's own camera
    (picamera2 comes by apt only). Raises OSError.
    """
    programs = tree / "bin"
    programs.mkdir(exist_ok=True)
    interpreter = programs / "python3"
    interpreter.unlink(missing_ok=True)
    interpreter.symlink_to(home / f"python{python}")
    outside = "true" if (packages(tree, python) / "cv2").is_dir() else "false"
    (tree / "pyvenv.cfg").write_text(
        _CONFIGURATION.format(home=home, outside=outside, python=python)
    )
    for name, module in _PROGRAMS.items():
        program = programs / name
        program.write_text(_PROGRAM.format(interpreter=place / "bin" / "python3", module=module))
        program.chmod(0o755)
    sync_directory(programs)
    sync_directory(tree)
