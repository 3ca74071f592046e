"""What is kept of a set-up that is not finished: `setup-draft.json` in the data directory.

The answers, but for the claim code; central's answer, from when it is believed until the settings
are written; and while a request travels on a stick, what is needed to believe its answer.
"""

from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kiosk.setup.disk import Disk
from sync.protocol.enrolment import Enrolled

FILE: Final = "setup-draft.json"


class OnStick(Struct, frozen=True, kw_only=True):
    """A request that travels: its message, and the claim's key, hexadecimal: a secret."""

    message: str
    key: str


class Draft(Struct, frozen=True, kw_only=True):
    """An unfinished set-up.

    Attributes:
        given: answers by the question's name.
        enrolled: what central gave.
        on_stick: what is under way.
    """

    given: dict[str, str] = {}
    enrolled: Enrolled | None = None
    on_stick: OnStick | None = None


def load(disk: Disk, home: Path) -> Draft:
    """Return what is kept, or an empty draft. Raises OSError."""
    content = disk.read(home / FILE)
    try:
        return Draft() if content is None else msgspec.json.decode(content, type=Draft)
    except msgspec.DecodeError:
        return Draft()  # of another version: asked again


def save(disk: Disk, home: Path, draft: Draft) -> None:
    """Keep a draft. Raises OSError."""
    disk.replace(home / FILE, msgspec.json.encode(draft), 0o600)


def drop(disk: Disk, home: Path) -> None:
    """The set-up is finished. Raises OSError."""
    disk.remove(home / FILE)
