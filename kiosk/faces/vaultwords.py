"""What the vault keeps and what it has told: types, and what binds a record to its person."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from sync.protocol.sealed import bound

FORMAT: Final = "presensi/vault/v1"
"""Bound to every record: what its bytes mean."""


class Kind(StrEnum):
    """What a record is. Bound to it: never renamed."""

    TEMPLATE = "template"
    PICTURE = "picture"


class About(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """On what ground somebody was enrolled; no secret.

    Attributes:
        notice: version of the text that the person was shown (UU 27/2022, Pasal 16 and 21).
        basis: the legal basis (Pasal 20), a word of `kiosk.ground.Basis`.
        reference: the letter, decree or signed consent that it rests on.
        by, at: who enrolled them, and when, milliseconds UTC by the kiosk's clock.
        quality, yaw: of each shot.
        although: people whom the templates resembled, when somebody looked and said that it is
            another person.
    """

    notice: str
    basis: str
    by: str
    at: int
    reference: str = ""
    quality: tuple[float, ...] = ()
    yaw: tuple[float, ...] = ()
    although: tuple[str, ...] = ()


class Action(StrEnum):
    """`action` of the audit entries about faces (docs/PROTOCOL.md)."""

    ENROLLED = "face enrolled"
    PRUNED = "faces of another model erased"
    PICTURES_ERASED = "face pictures erased"
    FORGOTTEN = "person forgotten"
    CERTIFIED = "destruction certified"
    REPLAYED = "tombstone replayed"
    SEALED = "vault key sealed"
    REKEYED = "vault key replaced"
    EXPORTED = "vault exported"
    RESTORED = "vault restored"


class Tell(Struct, frozen=True):
    """What the journal shall say: an audit entry without its stamp."""

    actor: str
    action: str
    detail: dict[str, str]


class Person(Struct, frozen=True, kw_only=True):
    """Somebody whom the vault knows, without what it knows."""

    person: str
    generation: int
    model: str
    about: About
    templates: int
    pictures: int


class Gone(Struct, frozen=True):
    """A record that was destroyed. `sha256` is of its ciphertext, as a backup may still hold it."""

    id: str
    kind: str
    model: str
    sha256: str


class Erasure(Struct, frozen=True, kw_only=True):
    """Somebody was forgotten, and what came of it, terminal by terminal.

    Attributes:
        id: of this erasure; its certificates are named by it.
        generation: up to which the person's records are dead.
        at: when the vault forgot them, milliseconds UTC by the kiosk's clock.
        synced: whether that clock was synchronised then.
        gone: what the vault had.
        sources: by the terminal's source, what was done there; "" while it is open.
        why: by source, why it is still open.
        edition: how many certificates there are.
    """

    id: str
    person: str
    generation: int
    by: str
    reason: str
    at: int
    gone: tuple[Gone, ...] = ()
    sources: dict[str, str] = {}
    why: dict[str, str] = {}
    edition: int = 0
    synced: bool = False

    @property
    def open(self) -> list[str]:
        """Return the sources whose terminals may still know the person."""
        return [name for name, done in self.sources.items() if not done]


def bound_to(person: str, model: str, record: str, kind: str) -> bytes:
    """Return what is bound to a record; the same at every kiosk."""
    return bound(FORMAT, person, model, record, str(kind))
