"""What a body says, in the form that is shown and counted. Pure: no clock, no store.

The body stays as it is; a derived row may be made anew from it at any time.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from sync.central.store.ledger import Sighting
from sync.central.store.tables import NOT_NUL, NUL
from sync.protocol import entry
from sync.protocol.errors import Malformed

_MOST: Final = 2**62
"""Numbers beyond it fit no database's integer, and no clock's milliseconds either."""

_LONGEST_NAME: Final = 256
"""Longest name by which rows are found, characters: PostgreSQL takes 2704 bytes into an index."""


def read(body: bytes) -> tuple[entry.Entry, Sighting | None]:
    """Return what `body` says and, where it is a presence, its row.

    Raises:
        Malformed: this version cannot read it.
    """
    said = entry.decode(body)
    _check_names(said.at.boot)
    match said:
        case entry.Presence():
            _check_names(said.terminal, said.person or "")
            return said, _sighting(said)
        case entry.Coverage():
            _check_names(said.source, said.terminal)
            _check_numbers(said.records)
        case entry.Terminal():
            _check_names(said.source)
        case _:
            pass
    return said, None


Meaning = tuple[entry.Entry, Sighting | None] | Malformed
"""What a body says, or why this version cannot read it."""


def meaning(body: bytes) -> Meaning:
    """Return what `body` says, or why it cannot be read."""
    try:
        return read(body)
    except Malformed as error:
        return error


def read_if_possible(body: bytes) -> entry.Entry | None:
    """Return what `body` says, None where this version cannot read it."""
    try:
        return read(body)[0]
    except Malformed:
        return None


def _sighting(said: entry.Presence) -> Sighting:
    at = said.at
    _check_numbers(at.wall, at.up, at.error or 0, said.drift or 0)
    return Sighting(
        origin=said.origin,
        source=_text(said.source),
        terminal=_text(said.terminal),
        user=_text(said.user),
        time=_text(said.time),
        zone=_text(said.zone),
        utc=utc(said.time, said.zone),
        person=None if said.person is None else _text(said.person),
        mark=said.mark.value,
        method=_text(said.method),
        state=_text(said.state),
        witness=_text(said.witness),
        drift=said.drift,
        wall=at.wall,
        up=at.up,
        boot=_text(at.boot),
        synced=at.synced,
        error=at.error,
    )


def _check_numbers(*numbers: int) -> None:
    """Raises Malformed."""
    if not all(abs(number) < _MOST for number in numbers):
        raise Malformed(f"entry: no clock shows and nobody counts {numbers}")


def _check_names(*names: str) -> None:
    """Raises Malformed."""
    if any(len(name) > _LONGEST_NAME for name in names):
        raise Malformed(f"entry: a name has more than {_LONGEST_NAME} characters")


def _text(text: str) -> str:
    """Return `text` as any database takes it."""
    return text.replace(NUL, NOT_NUL) if NUL in text else text


def utc(time: str, zone: str) -> int | None:
    """Return a terminal's naive `time` in milliseconds since 1970-01-01 UTC.

    None where it is no real date, or the zone unknown. The terminal's drift is not taken out.
    """
    minute, seconds = time[:_MINUTE], time[_MINUTE:]
    if seconds in _SECONDS:
        begun = _utc(minute, zone)
        return None if begun is None else begun + _SECONDS[seconds]
    return _utc(time, zone)


_MINUTE: Final = len("2026-11-24T07:28")
_SECONDS: Final = {f":{second:02}": 1000 * second for second in range(60)}


@lru_cache(maxsize=4096)  # a backlog has many punches of one minute; no zone shifts within one
def _utc(time: str, zone: str) -> int | None:
    known = zone_named(zone)
    if known is None:
        return None
    try:
        naive = datetime.fromisoformat(time)
        if naive.tzinfo is not None:
            return None
        return int(naive.replace(tzinfo=known).astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=256)
def zone_named(zone: str) -> ZoneInfo | None:
    """Return the IANA zone of that name, None where there is none."""
    try:
        return ZoneInfo(zone)
    except (LookupError, ValueError, OSError):
        return None
