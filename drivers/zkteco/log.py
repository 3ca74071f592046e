"""An attendance log as a sequence: its bytes are held once, its rows are made when looked at.

A full log has 200,000 rows. Made all at once they take many times the memory of their bytes, and
other terminals' threads wait meanwhile; so rows and punches are decoded a page at a time, by
whoever goes through them. Going through twice decodes twice, which is cheap.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from struct import iter_unpack
from typing import Final, Generic, TypeVar, overload

from drivers.base import Credential, Punch, Witness
from drivers.zkteco.records import Layout, LogRow, choose_layout, decode_rows, names_of, rows_of
from drivers.zkteco.slots import Called

PAGE_ROWS: Final = 1000
"""Rows decoded at once while a log is gone through: about a millisecond's work."""

T = TypeVar("T", covariant=True)


class _Paged(Sequence[T], Generic[T]):
    """A sequence that knows how to make a stretch of itself."""

    def _stretch(self, start: int, stop: int) -> list[T]:
        """Return the items from `start` to before `stop`, both within the length."""
        raise NotImplementedError

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[T]: ...
    def __getitem__(self, at: int | slice) -> T | Sequence[T]:
        if isinstance(at, slice):
            start, stop, step = at.indices(len(self))
            if step == 1:
                return self._stretch(start, max(start, stop))
            return [self[one] for one in range(start, stop, step)]
        at = range(len(self))[at]  # an index from the end, or none: as every sequence has it
        return self._stretch(at, at + 1)[0]

    def __iter__(self) -> Iterator[T]:
        for start in range(0, len(self), PAGE_ROWS):
            yield from self._stretch(start, min(start + PAGE_ROWS, len(self)))


class Log(_Paged[LogRow]):
    """The rows of an attendance log, in the terminal's order.

    Attributes:
        layout: of all its rows.
        slots: user id by slot, where rows name slots.
        called: what slots were called in earlier rows, the earliest first; see `slots`.
    """

    def __init__(
        self,
        rows: bytes | memoryview,
        layout: Layout,
        slots: Mapping[int, str],
        called: Sequence[Called] = (),
    ) -> None:
        """`rows` are of `layout`; `slots` gives user ids where rows name slots."""
        self.layout = layout
        self.slots = slots
        self._rows = memoryview(rows)
        ends = [(self._end_of(one), one) for one in called]
        # What was called so only in rows that are gone need not be remembered.
        ends = [(end, one) for end, one in ends if end]
        self.called = tuple(one for _, one in ends)
        self._named = [(len(self), names_of(layout, slots))]
        for end, one in reversed(ends):
            slots = {**slots, **one.slots}
            self._named.insert(0, (end, names_of(layout, slots)))

    def __len__(self) -> int:
        return len(self._rows) // self.layout.width

    def with_slots_called(self, called: Sequence[Called]) -> "Log":
        """Return the same rows, earlier ones of them by what their slots were called."""
        return Log(self._rows, self.layout, self.slots, called) if called else self

    @cached_property
    def ticks(self) -> "array[int]":
        """The time of each row, see `times`."""
        before = self.layout.time_at
        behind = self.layout.width - before - 4
        return array("I", (t for (t,) in iter_unpack(f"<{before}xI{behind}x", self._rows)))

    def _stretch(self, start: int, stop: int) -> list[LogRow]:
        width, found = self.layout.width, list[LogRow]()
        for end, names in self._named:
            until = min(stop, end)
            if start < until:
                rows = self._rows[start * width : until * width]
                found += decode_rows(rows, self.layout, names)
                start = until
        return found

    def _end_of(self, called: Called) -> int:
        """Return the place behind the row up to which `called` holds; 0 where it is gone."""
        width, raw = self.layout.width, bytes.fromhex(called.raw)
        for at in range(len(self) - 1, -1, -1):
            if self.ticks[at] == called.ticks and self._rows[at * width : (at + 1) * width] == raw:
                return at + 1
        return 0


class LogPunches(_Paged[Punch]):
    """The punches of a log whose every row with the same user and time is in it."""

    def __init__(self, log: Log, serial: str) -> None:
        self.log = log
        self._serial = serial
        self._ordinals = _ordinals(log)

    def __len__(self) -> int:
        return len(self.log)

    def _stretch(self, start: int, stop: int) -> list[Punch]:
        serial, ordinals = self._serial, self._ordinals
        return [
            Punch(
                terminal=serial,
                credential=Credential.TERMINAL_USER,
                user=row.user,
                time=row.time,
                ordinal=ordinals.get(at, 1),
                method=row.method,
                state=row.state,
                witness=Witness.LOG,
                raw=row.raw,
            )
            for at, row in enumerate(self.log[start:stop], start)
        ]


def decode_log(
    table: bytes,
    counts: Iterable[int | None],
    latest: int,
    slots: Callable[[], Mapping[int, str]],
) -> Log:
    """Return the log in an attendance table.

    Args:
        table: u32 size, perhaps nine stray bytes, rows.
        counts: what the terminal said its log holds, before and after the table was made.
        latest: ticks after which no row is plausible.
        slots: called only when rows name slots; user id by slot.

    Raises:
        Garbled: the size does not fit, or no layout is beyond doubt.
    """
    rows = rows_of(table)
    if len(rows) == 0:
        return Log(b"", Layout.TFT_40, {})
    layout = choose_layout(rows, [count for count in counts if count], latest)
    return Log(rows, layout, slots() if layout.by_slot else {})


def _ordinals(log: Log) -> dict[int, int]:
    """Return, by its place, the ordinal of each row that is not the first of its user and time."""
    # Hardly a second has two rows; only those are worth a look at who punched.
    shared = {ticks for ticks, rows in _runs(sorted(log.ticks)) if rows > 1}
    seen: Counter[tuple[str, int]] = Counter()
    ordinals = {}
    for at, ticks in enumerate(log.ticks):
        if ticks in shared:
            who = log[at].user, ticks
            seen[who] += 1
            if seen[who] > 1:
                ordinals[at] = seen[who]
    return ordinals


def _runs(ordered: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield each number of `ordered` with how often it stands there."""
    last, rows = -1, 0
    for one in ordered:
        if one == last:
            rows += 1
            continue
        if rows:
            yield last, rows
        last, rows = one, 1
    if rows:
        yield last, rows
