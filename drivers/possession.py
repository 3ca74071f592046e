"""What a reader of cards, codes and PINs needs of the kiosk around it.

A card, a code, a PIN prove that somebody has or knows something, and never who they are: a card is
lent, a code photographed, a PIN told. A punch by one says so in its method, and the rules ask for
more where they want more (docs/WORKTIME.md).
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from drivers.prompt import Prompt


class Genuine(Struct, frozen=True):
    """A code that was made for somebody and holds now; `proof` is what the punch keeps of it."""

    person: str
    proof: bytes


class NotGenuine(Struct, frozen=True):
    """A code that counts for nobody.

    Attributes:
        why: for people, without the code itself.
        person: who it was made for, where its signature holds; else "".
    """

    why: str
    person: str = ""


class Judge(Protocol):
    """Says what a code or a PIN is worth. Called by a source's worker; never raises."""

    def code(self, text: str) -> Genuine | NotGenuine:
        """Return for whom a signed code was made, if it holds now. A one-time code holds once."""

    def knows(self, user: str) -> bool:
        """Return whether somebody has that user number here."""

    def pin(self, user: str, pin: str) -> bool:
        """Return whether that is the PIN of user number `user`; wrong too often, it is not."""


class ReaderParts(Struct, frozen=True):
    """What readers are given.

    Attributes:
        kiosk: its id. Two kiosks may have their keypads at ports of one name, and a number that is
            two people's: without it, two punches of one second would be one origin at central.
        tell: passes on what somebody in front of a source is to do: its name; never blocks.
    """

    kiosk: str
    judge: Judge
    tell: Callable[[str, Prompt], None]
