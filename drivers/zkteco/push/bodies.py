"""How much of a request's body is kept while it comes in: as little as will do.

What is about people (users, templates, pictures) goes past and is not held for a moment; users are
kept while somebody has asked for them.
"""

from typing import Final, Protocol

from drivers.zkteco.push.asked import Asked, Endpoint, Table, Verb
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.operations import OPLOG
from drivers.zkteco.push.people import TABLE, USER
from drivers.zkteco.push.session import TRANSACTIONS

KEPT_MOST_BYTES: Final = 1 << 20
"""Longest body that is kept; terminals send a long log in batches of some tens of KiB."""

PASSED_MOST_BYTES: Final = 32 << 20
"""Longest body that is let past; pictures of 20 MB were seen."""


class Body(Protocol):
    """What becomes of a body, chunk by chunk."""

    def feed(self, chunk: bytes) -> int:
        """Take a chunk; return how many bytes more are held now. Raises Declined."""

    def content(self) -> bytes:
        """Return what was kept."""


class Kept:
    """All of it."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, chunk: bytes) -> int:
        """Keep the chunk. Raises Declined."""
        self._held += chunk
        if len(self._held) > KEPT_MOST_BYTES:
            raise Declined(413, f"a body of more than {KEPT_MOST_BYTES} bytes")
        return len(chunk)

    def content(self) -> bytes:
        """Return what was kept."""
        return bytes(self._held)


class Passed:
    """Nothing of it."""

    def __init__(self) -> None:
        self._went = 0

    def feed(self, chunk: bytes) -> int:
        """Count the chunk and let it go. Raises Declined."""
        self._went += len(chunk)
        if self._went > PASSED_MOST_BYTES:
            raise Declined(413, f"a body of more than {PASSED_MOST_BYTES} bytes")
        return 0

    def content(self) -> bytes:
        """Return nothing."""
        return b""


class Sieved:
    """The lines that begin with one of `wanted`, however the body is cut into chunks."""

    def __init__(self, *wanted: bytes) -> None:
        self._wanted = wanted
        self._kept, self._all = Kept(), Passed()
        self._begun = b""  # the line's first bytes, while they do not tell
        self._keeps: bool | None = None

    def feed(self, chunk: bytes) -> int:
        """Keep what belongs to wanted lines. Raises Declined."""
        held = self._all.feed(chunk)
        for n, piece in enumerate(chunk.split(b"\n")):
            if n:
                held += self._piece(b"\n") if self._keeps else 0
                self._begun, self._keeps = b"", None
            held += self._piece(piece) if piece else 0
        return held

    def _piece(self, piece: bytes) -> int:
        if self._keeps is None:
            self._begun = (self._begun + piece).lstrip(b"\0")
            self._keeps = self._told()
            piece = self._begun
            if self._keeps is not None:
                self._begun = b""
        return self._kept.feed(piece) if self._keeps else 0

    def _told(self) -> bool | None:
        """Return whether the line is a wanted one; None while its first bytes do not tell."""
        if self._begun.startswith(self._wanted):
            return True
        return None if any(one.startswith(self._begun) for one in self._wanted) else False

    def content(self) -> bytes:
        """Return the wanted lines."""
        return self._kept.content()


def body_for(asked: Asked, *, users: bool = False) -> Body:
    """Return what is to become of the body of a request; `users` says that they were asked for."""
    if asked.verb is Verb.GET or asked.endpoint in (Endpoint.FDATA, Endpoint.EXCHANGE):
        return Passed()
    if asked.endpoint not in (Endpoint.CDATA, Endpoint.QUERYDATA):
        return Kept()
    match asked.table:
        case Table.OPERLOG:
            return Sieved(OPLOG, USER) if users else Sieved(OPLOG)
        case Table.ATTLOG | Table.RTLOG | Table.OPTIONS | Table.RTSTATE:
            return Kept()
        case Table.USERINFO:
            return Sieved(USER) if users else Passed()
        case Table.ATTPHOTO | Table.BIODATA:
            return Passed()
        case Table.TABLEDATA | Table.UNKNOWN:
            name = asked.query.get("tablename", "").lower()
            return Kept() if name == TRANSACTIONS or (users and name == TABLE) else Passed()
