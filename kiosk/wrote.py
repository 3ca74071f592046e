"""Which release last had the journal open: what an older one says when it cannot read it."""

import logging
from pathlib import Path
from typing import Final

from sync.journal.errors import Newer
from sync.keyfile import write_durably

log: Final = logging.getLogger(__name__)

_FILE: Final = "software"


def who_wrote(data: Path) -> str:
    """Return what last had the journal in `data` open, by its own word; "" if nothing says."""
    try:
        return (data / _FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def sign_in(data: Path, software: str) -> None:
    """Have on disk that `software` has the journal open; a full disk is no reason not to start."""
    if who_wrote(data) == software:
        return
    try:
        write_durably(data / _FILE, f"{software}\n".encode())
    except OSError as error:
        log.warning("%s: %s: it does not say who wrote it", data / _FILE, error.strerror)


def wanted(error: Newer, data: Path, software: str) -> Newer:
    """Return the error with the release that is needed, where that is known."""
    wrote = who_wrote(data)
    if not wrote or wrote == software:
        return error
    return Newer(
        f"{error}. {wrote} had it open last, and this is {software}: switch to that one or a later "
        "one (kiosk release list)"
    )
