"""Who was forgotten at a kiosk, as far as central was told: no restore brings them back there.

The list is what `kiosk restore --forgotten` reads: {kiosk, tombstones}, a tombstone the generation
up to which whatever is known of the person is dead. Entries in the prefix or not, all of them
count: somebody who was forgotten stays so.
"""

from typing import Final

import msgspec

from sync.central.exits import Refused
from sync.central.house import House
from sync.central.store import Transaction
from sync.protocol import entry
from sync.protocol.errors import Malformed

SAID: Final = ("person forgotten", "tombstone replayed")
"""The actions that say that somebody is dead, and up to which generation."""


def show(house: House, kiosk: str) -> str:
    """Return the list for a kiosk, as JSON. Raises Refused."""
    with house.store.reading() as tx:
        if not tx.evidence.epochs(kiosk):
            raise Refused(
                f"nothing is held of kiosk {kiosk!r}; `presensi-central kiosks list` names those "
                "that there are"
            )
        found = dict(sorted(tombstones(tx, kiosk).items()))
    return msgspec.json.encode({"kiosk": kiosk, "tombstones": found}).decode() + "\n"


def tombstones(tx: Transaction, kiosk: str) -> dict[str, int]:
    """Return everybody's highest tombstone in a kiosk's entries."""
    highest: dict[str, int] = {}
    for at in tx.evidence.epochs(kiosk):
        for page in tx.evidence.pages(kiosk, at.epoch):
            for row in page:
                for person, generation in _said(row.body).items():
                    highest[person] = max(generation, highest.get(person, 0))
    return highest


def _said(body: bytes) -> dict[str, int]:
    if not any(action.encode() in body for action in SAID):
        return {}
    try:
        said = entry.decode(body)
    except Malformed:
        return {}
    if not isinstance(said, entry.Audit) or said.action not in SAID:
        return {}
    person, generation = said.detail.get("person", ""), said.detail.get("generation", "")
    return {person: int(generation)} if person and generation.isdecimal() else {}
