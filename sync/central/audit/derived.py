"""What is shown and counted, made anew from the bodies and compared with the rows that stand there.

Who changes a presence in the database, hides one, invents one, or has a punch counted as a
repetition of another is found here: the chain does not cover derived rows.
"""

from collections.abc import Sequence
from typing import Final

from sync.central import derive
from sync.central.audit.verdict import Verdict
from sync.central.store.arrivals import SHOWN, Sighting
from sync.central.store.evidence import EpochRow, Evidence, Row, Seen
from sync.central.store.ledger import Origin
from sync.protocol import entry
from sync.protocol.errors import Malformed

_LATER: Final = ("up", "boot", "error")  # columns that presences from before 0002 do not have
_NOT_YET: Final = (0, "", None)

Read = tuple[entry.Entry | None, Sighting | None]


def read(body: bytes) -> Read:
    """Return what ingest would have made of a body; (None, None) where it cannot be read."""
    try:
        return derive.read(body)
    except Malformed:
        return None, None


class Derived:
    """Compares page by page the rows derived from one epoch's entries."""

    def __init__(self, evidence: Evidence, at: EpochRow, verdict: Verdict) -> None:
        self._evidence = evidence
        self._at = at
        self._verdict = verdict
        self._place: tuple[int, bytes] = (-(2**62), b"")

    def compare(self, rows: Sequence[Row], read: Sequence[Read]) -> None:
        """Compare what is derived of the next page of entries with what the bodies say."""
        seen = self._seen(rows[-1].place)
        shown: list[tuple[Row, Sighting, Seen]] = []
        for row, (said, sighting) in zip(rows, read, strict=True):
            held = seen.pop(row.place, None)
            if self._is_to_be_shown(row, said, sighting, held):
                assert sighting is not None and held is not None  # noqa: S101, PT018 - it said so
                self._compare(row, sighting, held)
                shown.append((row, sighting, held))
        self._compare_origins(shown)
        self._invented(seen)

    def end(self) -> None:
        """All entries were given: nothing may be derived of any other."""
        self._invented(self._seen(None))

    def _seen(self, last: tuple[int, bytes] | None) -> dict[tuple[int, bytes], Seen]:
        found = self._evidence.seen(self._at.kiosk, self._at.epoch, self._place, last)
        if last is not None:
            self._place = last
        return found

    def _invented(self, seen: dict[tuple[int, bytes], Seen]) -> None:
        for seq, _ in seen:
            self._verdict.fault(seq, "a presence is shown of it, and there is no such entry")

    def _is_to_be_shown(
        self, row: Row, said: entry.Entry | None, sighting: Sighting | None, held: Seen | None
    ) -> bool:
        """Return whether a presence is derived of the entry, and is there."""
        fault = self._verdict.fault
        if row.readable != (said is not None):
            if said is None:
                fault(row.seq, "it is marked readable, and cannot be read")
            elif sighting is not None:
                fault(row.seq, "a punch is marked unreadable, and is not shown")
            else:
                self._verdict.note("entries that an older version could not read can be read now")
        elif sighting is None and held is not None:
            fault(row.seq, "a presence is shown of it, and it is no punch")
        elif sighting is not None and held is None:
            fault(row.seq, "its presence is missing: a punch that is not shown")
        return sighting is not None and held is not None

    def _compare(self, row: Row, sighting: Sighting, held: Seen) -> None:
        due = {name: getattr(sighting, name) for name in SHOWN}
        found = dict(zip(SHOWN, held.said, strict=True))
        if tuple(found[name] for name in _LATER) == _NOT_YET:
            due.update(zip(_LATER, _NOT_YET, strict=True))
        for name in SHOWN:
            if due[name] != found[name]:
                self._verdict.fault(
                    row.seq,
                    f"its presence says {name} {found[name]!r}, the entry says {due[name]!r}",
                )
        if held.received_at != row.received_at:
            self._verdict.fault(row.seq, "its presence says that it came at another time")

    def _compare_origins(self, shown: Sequence[tuple[Row, Sighting, Seen]]) -> None:
        """Is each punch counted once, and for the entry that reported it first?"""
        fault = self._verdict.fault
        origins = self._evidence.origins([sighting.origin for _, sighting, _ in shown])
        again: list[tuple[int, Origin]] = []
        for row, sighting, held in shown:
            first = origins.get(sighting.origin)
            if first is None:
                fault(row.seq, "its origin is not recorded: it would be counted twice")
                continue
            ours = Origin(sighting.origin, self._at.kiosk, self._at.epoch, *row.place)
            if held.first != (first.kiosk, first.epoch, first.seq):
                fault(row.seq, f"its presence says that {_named(*held.first)} was first")
            if held.again != (first != ours):
                counted = "not counted" if held.again else "counted"
                fault(row.seq, f"it is {counted}, and {_named(*held.first)} was first")
            if first != ours:
                again.append((row.seq, first))
        bodies = self._evidence.bodies([first for _, first in again])
        for seq, first in again:
            body = bodies.get(first.origin)
            reported = None if body is None else read(body)[1]
            if reported is None or reported.origin != first.origin:
                where = _named(first.kiosk, first.epoch, first.seq)
                fault(seq, f"it is not counted, for {where}, which does not report that punch")


def _named(kiosk: str, epoch: str, seq: int) -> str:
    return f"entry {kiosk} {epoch} {seq}"
