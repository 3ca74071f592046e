"""The roster in this kiosk's data directory: put into force, and each adoption recorded."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from sync.edge.roster import Adopted, Rosters
from sync.edge.shelf import Shelf
from sync.journal.errors import StorageFull
from sync.journal.journal import Draft, Journal
from sync.protocol import entry
from sync.protocol.entry import Stamp

_DIRECTORY: Final = "roster"

log: Final = logging.getLogger(__name__)

Told = Callable[[Adopted], None]


def open_shelf(
    data: Path,
    journal: Journal,
    stamp: Callable[[], Stamp],
    rosters: Rosters | None = None,
    told: Sequence[Told] = (),
) -> Shelf:
    """Return the shelf in `data`, its version in force in `rosters`; `told` hear of later ones."""

    def adopted(roster: Adopted) -> None:
        said = entry.Audit(
            at=stamp(),
            actor="central",
            action=entry.ADOPTED,
            detail={"version": str(roster.version), "people": str(roster.people)},
        )
        try:
            journal.append([Draft(entry.encode(said))])
        except StorageFull as error:
            # It is in force all the same, each presence names it, and so does the next hello.
            log.warning("roster %d adopted, which is not recorded: %s", roster.version, error)
        for tell in told:
            tell(roster)

    shelf = Shelf(data / _DIRECTORY, rosters or Rosters(), adopted)
    shelf.load()
    return shelf


def version_on(data: Path) -> int:
    """Return the version in force in `data`, read without a daemon; 0 for none."""
    return roster_on(data).version


def roster_on(data: Path) -> Adopted:
    """Return the roster in force in `data`, read without a daemon; an empty one for none."""
    rosters = Rosters()
    Shelf(data / _DIRECTORY, rosters, lambda _: None).load()
    return rosters.current
