"""What a camera says of a visit that ended without a name, in words for whoever is to give it one.

Its punch has the evidence as JSON in `raw` (docs/PROTOCOL.md, 7). What cannot be read says nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from sync.central.resolve import Resolved
from sync.central.store import Transaction
from sync.central.store.city import Place
from sync.protocol.entry import Presence

FACE: Final = "face"

WORDS: Final = {
    "stranger": "wajah yang tidak terdaftar",
    "ambiguous": "dua orang terlalu mirip",
    "not_live": "tidak menengok seperti diminta, atau sebuah gambar",
}


class Visit(Struct, frozen=True):
    """Of the evidence, what a person judges by.

    Attributes:
        candidates: ids of the people who came nearest, best first.
    """

    verdict: str
    score: float = 0.0
    margin: float = 0.0
    candidates: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Return it in words; of a verdict that is not known, nothing."""
        said = WORDS.get(self.verdict, "")
        if not said or not self.candidates:
            return said
        return f"{said}; kemiripan {self.score:.2f}, jarak ke orang berikutnya {self.margin:.2f}"


def visits(tx: Transaction, seen: Sequence[Resolved]) -> Mapping[Place, Visit]:
    """Return what cameras said of these presences."""
    places = [one.sighted.place for one in seen if one.sighted.credential == FACE]
    found = {}
    for place, body in tx.city.bodies(places).items() if places else ():
        try:
            presence = msgspec.json.decode(body, type=Presence)
            found[place] = msgspec.json.decode(bytes.fromhex(presence.raw), type=Visit)
        except (msgspec.DecodeError, ValueError):
            continue
    return found
