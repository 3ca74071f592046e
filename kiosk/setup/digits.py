"""The six digits of an enrolment, for whatever else shows them: a file in the data directory.

They are no secret: who reads them can approve nothing. Whoever shows them looks whether they are
fresh, because a set-up that was cut short takes nothing back.
"""

import os
import time
from pathlib import Path
from typing import Final

from kiosk.setup.disk import Disk

FILE: Final = "setup-digits"
FRESH_S: Final = 30.0
"""So long after they were last told they are shown."""


def tell(disk: Disk, home: Path, digits: str) -> None:
    """Tell the digits, again and again while they hold; "" ends that. Raises OSError."""
    path = home / FILE
    if not digits:
        disk.remove(path)
        return
    disk.replace(path, digits.encode())
    os.utime(path)


def told(home: Path, now: float | None = None) -> str:
    """Return the digits that hold now; "" for none."""
    path = home / FILE
    try:
        age_s = (time.time() if now is None else now) - path.stat().st_mtime
        text = path.read_text("ascii") if abs(age_s) < FRESH_S else ""
    except (OSError, UnicodeDecodeError):
        return ""
    return text if len(text) == 6 and text.isdecimal() else ""
