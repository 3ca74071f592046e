"""Which versions of a roster each kiosk was told, and what each was made of."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, delete, select

from sync.central.store import tables
from sync.central.store.rows import insert_new

KEPT: Final = 64
"""So many versions of a kiosk are remembered: one that comes back with an older gets all pages."""


class Issue(Struct, frozen=True):
    """A version of a kiosk's roster; `pages` as in a manifest."""

    version: int
    pages: Sequence[str]


class Issues:
    """The issued versions, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, kiosk: str, version: int) -> Issue | None:
        """Return a version that `kiosk` was told."""
        c = tables.roster_issue.c
        chosen = select(c.version, c.pages).where(c.kiosk == kiosk, c.version == version)
        return _issue(self._connection.execute(chosen).one_or_none())

    def latest(self, kiosk: str) -> Issue | None:
        """Return the version that `kiosk` was told last."""
        c = tables.roster_issue.c
        chosen = select(c.version, c.pages).where(c.kiosk == kiosk)
        row = self._connection.execute(chosen.order_by(c.version.desc()).limit(1))
        return _issue(row.one_or_none())

    def current(self, kiosk: str, pages: Sequence[str], now: int) -> Issue:
        """Return the version that has these pages, issued now unless it is the latest."""
        latest = self.latest(kiosk)
        if latest is not None and latest.pages == list(pages):
            return latest
        version = now if latest is None else max(now, latest.version + 1)
        row = {"kiosk": kiosk, "version": version, "pages": msgspec.json.encode(pages).decode()}
        insert_new(self._connection, tables.roster_issue, row)
        self._forget(kiosk)
        return Issue(version, list(pages))

    def _forget(self, kiosk: str) -> None:
        c = tables.roster_issue.c
        oldest = self._connection.scalar(
            select(c.version)
            .where(c.kiosk == kiosk)
            .order_by(c.version.desc())
            .offset(KEPT)
            .limit(1)
        )
        if oldest is not None:
            self._connection.execute(
                delete(tables.roster_issue).where(c.kiosk == kiosk, c.version <= oldest)
            )


def _issue(row: Row[Any, Any] | None) -> Issue | None:
    if row is None:
        return None
    return Issue(row.version, msgspec.json.decode(row.pages, type=list[str]))
