"""What a body says, in the form that is shown and counted. Pure: no clock, no store.

The body stays as it is; a derived row may be made anew from it at any time.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import structs

from sync.central.store.arrivals import Sighting
from sync.central.store.tables import NOT_NUL, NUL
from sync.protocol import entry
from sync.protocol.errors import Malformed

_MOST: Final = 2**62
"""Numbers beyond it fit no database's integer, and no clock's milliseconds either."""

_NUL_IN_JSON: Final = b"\\u0000"
"""The only form in which JSON may hold a NUL."""

_LONGEST_NAME: Final = 256
"""Longest name by which rows are found, characters: PostgreSQL takes 2704 bytes into an index."""


def read(body: bytes) -> tuple[entry.Entry, Sighting | None]:
    """Return what `body` says and, where it is a presence, its row.

    Raises:
        Malformed: this version cannot read it.
    """
    said = entry.decode(body)
    if isinstance(said, entry.Presence):
        _check_names(said.at.boot, said.terminal, said.person or "")
        sighting = _sighting(said)
        return said, _without_nul(sighting) if _NUL_IN_JSON in body else sighting
    _check_names(said.at.boot)
    match said:
        case entry.Coverage():
            _check_names(said.source, said.terminal)
            _check_numbers(said.records)
        case entry.Terminal() | entry.Gap() | entry.Unwatched():
            _check_names(said.source)
        case _:
            pass
    return said, None


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
        source=said.source,
        terminal=said.terminal,
        credential=said.credential,
        user=said.user,
        time=said.time,
        zone=said.zone,
        utc=utc(said.time, said.zone),
        person=said.person,
        mark=said.mark.value,
        method=said.method,
        state=said.state,
        witness=said.witness,
        drift=said.drift,
        wall=at.wall,
        up=at.up,
        boot=at.boot,
        synced=at.synced,
        error=at.error,
    )


def _without_nul(sighting: Sighting) -> Sighting:
    """Return it with its texts as any database takes them."""
    texts = {
        name: value.replace(NUL, NOT_NUL)
        for name in Sighting.__struct_fields__
        if isinstance(value := getattr(sighting, name), str)
    }
    return structs.replace(sighting, **texts)


def _check_numbers(*numbers: int) -> None:
    """Raises Malformed."""
    for number in numbers:
        if abs(number) >= _MOST:
            raise Malformed(f"entry: no clock shows and nobody counts {numbers}")


def _check_names(*names: str) -> None:
    """Raises Malformed."""
    for name in names:  # a generator would take twice as long, for every punch
        if len(name) > _LONGEST_NAME:
            raise Malformed(f"entry: a name has more than {_LONGEST_NAME} characters")


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
