"""Tombstones from wherever they are kept: the second medium, and the journal's own entries.

Up to which generation is somebody dead? The highest answer holds; there is no other rule, so it
does not matter in which order they come together, or how often.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultwords import Action
from sync.journal.durable import make_directory
from sync.journal.reader import Reader
from sync.keyfile import write_durably
from sync.protocol import entry
from sync.protocol.errors import Malformed

FILE: Final = "tombstones.json"

SAID: Final = (Action.FORGOTTEN, Action.REPLAYED)
"""The entries that say that somebody is dead, and up to which generation."""


class _Kept(Struct, frozen=True):
    kiosk: str
    tombstones: dict[str, int]


def highest(*many: Mapping[str, int]) -> dict[str, int]:
    """Return everybody's highest tombstone."""
    merged: dict[str, int] = {}
    for one in many:
        for person, generation in one.items():
            merged[person] = max(generation, merged.get(person, 0))
    return merged


def kept_on(medium: Path, kiosk: str) -> dict[str, int]:
    """Return those that a second medium has of this kiosk; none where it has none.

    Raises VaultError: the file is there, and nobody can say who is dead.
    """
    path = medium / FILE
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise VaultError(
            f"{path}: {error}; who was forgotten cannot be read there. Look at the second medium, "
            "or move the file away"
        ) from error
    return kept.tombstones if kept.kiosk == kiosk else {}


def keep_on(medium: Path, kiosk: str, tombstones: Mapping[str, int]) -> None:
    """Have a second medium hold them. Raises OSError."""
    make_directory(medium)
    content = msgspec.json.encode(_Kept(kiosk, dict(sorted(tombstones.items()))))
    write_durably(medium / FILE, content)


def entered(readers: Iterable[Reader]) -> dict[str, int]:
    """Return those that open journals still have as entries. Raises JournalError."""
    merged: dict[str, int] = {}
    for reader in readers:
        span = reader.span()
        for action in SAID:
            # The whole word as JSON has it; `_said` looks whether it is where it should be.
            text = msgspec.json.encode(action.value)
            for _, body in reader.holding(text, span.first, span.last + 1):
                merged = highest(merged, _said(body))
    return merged


def _said(body: bytes) -> dict[str, int]:
    try:
        said = entry.decode(body)
    except Malformed:
        return {}
    if not isinstance(said, entry.Audit) or said.action not in SAID:
        return {}
    generation = said.detail.get("generation", "")
    person = said.detail.get("person", "")
    return {person: int(generation)} if person and generation.isdecimal() else {}
