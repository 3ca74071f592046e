"""What the last complete read of a terminal saw: so the next one knows whether rows have vanished.

A log loses rows when somebody clears it and, when it is full, from its front. Rows that were read
are no loss. So one row decides: while the newest of the last read is still there, nothing behind it
can have gone; where it is not, whatever was punched since that read may have gone with it.

It is kept as the source's position, so it survives a restart and is committed together with the
punches that it speaks of. Two terminals that take turns under one address are kept apart.
"""

from collections.abc import Mapping
from typing import Final, Self

import msgspec
from msgspec import Struct

from drivers.base import Lost
from drivers.zkteco import times
from drivers.zkteco.log import Log
from drivers.zkteco.records import LogRow
from drivers.zkteco.slots import Called, changed

TERMINALS_MOST: Final = 4
"""So many terminals are remembered under one address."""


class LastRead(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One complete read.

    Attributes:
        through: the terminal's naive clock when it began.
        records: how many rows there were.
        user, ticks, raw: the newest of them, as in a `LogRow`; `raw` is hexadecimal.
        withheld: somebody was heard punching, and no log has ever shown a row: it proves nothing
            until one does.
        slots, called: as in a `Log`, where its rows name slots.
    """

    serial: str
    through: str
    records: int
    user: str = ""
    ticks: int = 0
    raw: str = ""
    withheld: bool = False
    slots: dict[int, str] = {}
    called: tuple[Called, ...] = ()

    @classmethod
    def of(cls, serial: str, through: str, records: int, end: Log) -> Self:
        """Return what a read that began at `through` saw: so many rows, `end` the last of them."""
        if not end:
            return cls(serial=serial, through=through, records=records)
        newest = end[-1]
        return cls(
            serial=serial,
            through=through,
            records=records,
            user=newest.user,
            ticks=newest.ticks,
            raw=newest.raw.hex(),
            slots=dict(end.slots),
            called=end.called,
        )

    def called_before(self, slots: Mapping[int, str]) -> tuple[Called, ...]:
        """Return what slots were called in the rows up to this read, now that they are `slots`."""
        gone = changed(self.slots, slots)
        return (*self.called, Called(self.ticks, self.raw, gone)) if gone else self.called

    def lost(self, rows: Log, through: str) -> Lost | None:
        """Return what may be missing from `rows`, a complete read that began at `through`."""
        same = (at for at, ticks in enumerate(rows.ticks) if ticks == self.ticks)
        if self.records == 0 or any(self._is_newest(rows[at]) for at in same):
            return None
        first = rows[0].time if rows else ""
        return Lost(
            since=self.through,
            # What stands first now was punched after whatever took its place free.
            until=first if self.through <= first <= through else through,
            reason=f"its log was cleared or has run over: of {self.records} rows the newest, of "
            f"{times.text(self.ticks)}, is gone, and {len(rows)} rows are there",
        )

    def _is_newest(self, row: LogRow) -> bool:
        # Firmware swaps a row's other fields from one read to the next, and a slot's user may
        # have been renamed: one of the two is enough.
        return row.user == self.user or row.raw.hex() == self.raw


class Memory:
    """The last complete reads of the terminals that have answered under one address."""

    def __init__(self, position: bytes | None) -> None:
        """`position` is what `after` returned; anything else is no memory."""
        self._reads: list[LastRead] = []
        if position is not None:
            try:
                self._reads = msgspec.json.decode(position, type=list[LastRead])
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._reads = []  # of another driver, or of a newer one: a first read, then

    def of(self, serial: str) -> LastRead | None:
        """Return the last complete read of a terminal, if there was one."""
        return next((one for one in self._reads if one.serial == serial), None)

    def after(self, read: LastRead) -> bytes:
        """Remember `read`; return the position that says so."""
        others = [one for one in self._reads if one.serial != read.serial]
        self._reads = [read, *others][:TERMINALS_MOST]
        return msgspec.json.encode(self._reads)
