"""Proposals: what somebody wants decided, and what became of it. What they mean is
`sync/central/proposals.py`'s.
"""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, func, insert, or_, select, update

from sync.central.store import tables


class Kind(StrEnum):
    """What is to be decided."""

    ABSENCE = "absence"  # an absence is added, changed or ended
    PAPER = "paper"  # rows of an attendance list of paper
    NAME = "name"  # presences are a person's, or nobody of ours
    TIME = "time"  # a presence was at this moment


class Stage(StrEnum):
    """How far a proposal is."""

    WAITING = "waiting"
    APPROVED = "approved"  # it had its effect
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Proposed(Struct, frozen=True, kw_only=True):
    """A proposal as it is kept; `id` is 0 while it is not.

    Attributes:
        person, unit: whom it is about; "" where it is several or none.
        body: JSON of what is to be done.
        decided_by, decided_reason, decided_at: of whoever approved, refused or withdrew.
    """

    kind: Kind
    person: str
    unit: str
    author: str
    reason: str
    made_at: int
    body: bytes
    id: int = 0
    state: Stage = Stage.WAITING
    decided_by: str = ""
    decided_reason: str = ""
    decided_at: int = 0


MOST: Final = 500
"""Proposals that are listed at once; the newest."""


class Proposals:
    """Proposals, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, one: Proposed) -> int:
        """Keep a proposal; return its id."""
        row = {name: getattr(one, name) for name in _NAMES if name != "id"}
        key = self._connection.execute(insert(tables.proposal).values(row)).inserted_primary_key
        return int(key[0]) if key else 0

    def one(self, number: int) -> Proposed | None:
        """Return the proposal of that id."""
        row = self._connection.execute(
            select(*_columns()).where(tables.proposal.c.id == number)
        ).one_or_none()
        return None if row is None else _proposed(row)

    def listed(
        self,
        states: Collection[Stage],
        limit: int | None = MOST,
        *,
        author: str = "",
        units: Collection[str] | None = None,
    ) -> list[Proposed]:
        """Return the proposals in one of these states, the newest first; None for no limit.

        With `units`, only those of one of them, or by `author`.
        """
        c = tables.proposal.c
        asked = select(*_columns()).where(c.state.in_(states))
        if units is not None:
            asked = asked.where(or_(c.author == author, c.unit.in_(sorted(units))))
        rows = self._connection.execute(asked.order_by(c.id.desc()).limit(limit))
        return [_proposed(row) for row in rows]

    def waiting_alike(self, author: str, body: bytes) -> Proposed | None:
        """Return what the same account proposed in the same words, if it still waits."""
        c = tables.proposal.c
        row = self._connection.execute(
            select(*_columns())
            .where(c.state == Stage.WAITING, c.author == author, c.body == body)
            .order_by(c.id)
            .limit(1)
        ).one_or_none()
        return None if row is None else _proposed(row)

    def every(self) -> Iterator[Proposed]:
        """Yield every proposal, the oldest first."""
        rows = self._connection.execute(select(*_columns()).order_by(tables.proposal.c.id))
        return map(_proposed, rows)

    def waiting(self) -> int:
        """Return how many wait."""
        c = tables.proposal.c
        asked = select(func.count()).select_from(tables.proposal)
        return self._connection.scalar(asked.where(c.state == Stage.WAITING)) or 0

    def decide(self, number: int, state: Stage, by: str, reason: str, now: int) -> bool:
        """Say what became of a proposal; return whether it was waiting until now."""
        c = tables.proposal.c
        done = self._connection.execute(
            update(tables.proposal)
            .where(c.id == number, c.state == Stage.WAITING)
            .values(state=state, decided_by=by, decided_reason=reason, decided_at=now)
        )
        return bool(done.rowcount)


_NAMES: Final[Sequence[str]] = Proposed.__struct_fields__


def _columns() -> list[Any]:
    return [tables.proposal.c[name] for name in _NAMES]


def _proposed(row: Any) -> Proposed:
    said = dict(row._mapping)
    return Proposed(**{**said, "kind": Kind(said["kind"]), "state": Stage(said["state"])})
