"""What the linked prefix says of kiosks' clocks and terminals' drifts, for `central/times.py`."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, null, select, union_all

from sync.central.condense import is_steady
from sync.central.store import tables
from sync.central.store.ledger import Line
from sync.central.store.rows import insert_new, upsert
from sync.central.times import Drifted, History, ReadAt
from sync.protocol import entry
from sync.protocol.moments import Boots, Gathered, Witness, by_epoch

BOOTS_MOST: Final = 400
"""Latest boots of a kiosk that a moment is looked for in: a year of them, with one a day."""

DRIFTS_MOST: Final = 2000
"""Latest measures of a terminal's clock that are looked at: more than a year of them."""

THIN_MS: Final = 6 * 3_600_000
"""Of measures that go on steadily one in so long is kept."""

NEWS_MS: Final = 60_000
"""A boot whose last entry is later by less is not written again: a bound is looser by so much."""

_gathered: Final = msgspec.json.Decoder(Gathered)
_drifted: Final = msgspec.json.Decoder(Drifted)


class _Worth(NamedTuple):
    """What of a boot is worth a write."""

    last_up: int
    sworn: int
    first: Witness | None

    @classmethod
    def of(cls, one: Gathered) -> "_Worth":
        """Return what it is of `one` now."""
        return cls(one.last_up, len(one.sworn), one.first)

    def is_news_after(self, before: "_Worth") -> bool:
        """Return whether it is worth one."""
        return self.last_up - before.last_up >= NEWS_MS or self[1:] != before[1:]


class Times:
    """Boots and drifts, within one transaction. Who writes holds the kiosk."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, line: Line, linked: Sequence[tuple[int, entry.Entry]], now: int) -> None:
        """Take in entries (seq, what it says) that were linked to the prefix, in their order."""
        # No kernel's boot id has one; no database's text holds it.
        linked = [(seq, said) for seq, said in linked if tables.NUL not in said.at.boot]
        known, rescue = self._known(line.kiosk, {said.at.boot for _, said in linked})
        before = {name: _Worth.of(one) for name, one in known.items()}
        boots, first_seqs = Boots(known.items(), rescue), dict.fromkeys(known, 0)
        for seq, said in linked:
            boots.take(said)
            if said.at.boot in boots.gathered:
                first_seqs.setdefault(said.at.boot, seq)
        for name, seq in first_seqs.items():
            one = boots.gathered[name]
            if name not in before or _Worth.of(one).is_news_after(before[name]):
                self._note_boot(line, seq, name, msgspec.json.encode(one))
        if boots.rescue != rescue:
            self._note_rescue(line.kiosk, boots.rescue)

    def _note_boot(self, line: Line, seq: int, name: str, gathered: bytes) -> None:
        row = {"kiosk": line.kiosk, "boot": name, "epoch": line.epoch, "seq": seq}
        changes = {"gathered": gathered}
        upsert(self._connection, tables.boot, {**row, **changes}, changes)

    def _known(self, kiosk: str, names: Collection[str]) -> tuple[dict[str, Gathered], str]:
        """Return what is known of these boots, and the boot whose rescue goes on, else ""."""
        rows = self._connection.execute(_KNOWN, {"of": kiosk, "boots": sorted(names)}).all()
        boots = {boot: _gathered.decode(gathered) for boot, gathered in rows if gathered}
        return boots, next((boot for boot, gathered in rows if gathered is None), "")

    def _note_rescue(self, kiosk: str, boot: str) -> None:
        table = tables.rescue
        if boot:
            upsert(self._connection, table, {"kiosk": kiosk, "boot": boot}, {"boot": boot})
        else:
            self._connection.execute(delete(table).where(table.c.kiosk == kiosk))

    def note_drifts(self, line: Line, linked: Iterable[tuple[int, entry.Entry]], now: int) -> None:
        """Take in how far terminals' clocks were measured to be off.

        Of measures that go on as those around them one in `THIN_MS` is kept, and the last.
        """
        found: defaultdict[str, list[tuple[int, Drifted]]] = defaultdict(list)
        for seq, said in linked:
            if isinstance(said, entry.Coverage) and said.drift is not None:
                one = Drifted(drift=said.drift, at=said.at, received_at=now)
                found[said.terminal].append((seq, one))
        for terminal, measured in found.items():
            self._note_drifts(line, terminal, measured)

    def _note_drifts(
        self, line: Line, terminal: str, measured: Sequence[tuple[int, Drifted]]
    ) -> None:
        c = tables.drift.c
        of = and_(c.kiosk == line.kiosk, c.terminal == terminal, c.epoch == line.epoch)
        first = measured[0][0]
        rows = self._connection.execute(
            select(c.seq, c.measured).where(of, c.seq < first).order_by(c.seq.desc()).limit(2)
        ).all()
        held = [(row.seq, _drifted.decode(row.measured)) for row in reversed(rows)]
        kept = _thinned([*held, *measured])
        left = {seq for seq, _ in kept}
        for seq, _ in held:
            if seq not in left:
                self._connection.execute(delete(tables.drift).where(of, c.seq == seq))
        row = {"kiosk": line.kiosk, "terminal": terminal, "epoch": line.epoch}
        for seq, one in kept:
            if seq >= first:
                said = {"measured": msgspec.json.encode(one), "received_at": one.received_at}
                insert_new(self._connection, tables.drift, {**row, "seq": seq, **said})

    def history(self, kiosk: str, terminals: Collection[str]) -> History:
        """Return what is known of a kiosk's boots, and of these of its terminals."""
        c, epoch = tables.boot.c, tables.epoch.c
        # A new card counts its epochs from 1 again. Between epochs nothing proves an order.
        newest_first = (epoch.began_at.desc(), epoch.number.desc(), c.seq.desc())
        rows = self._connection.execute(
            select(c.boot, c.epoch, c.gathered)
            .join_from(tables.boot, tables.epoch)
            .where(c.kiosk == kiosk)
            .order_by(*newest_first)
            .limit(BOOTS_MOST)
        ).all()
        boots = by_epoch(
            (row.epoch, _gathered.decode(row.gathered).boot(row.boot)) for row in reversed(rows)
        )
        return History(boots, {terminal: self._drifts(kiosk, terminal) for terminal in terminals})

    def readings(
        self, kiosk: str, terminals: Collection[str], lives: Mapping[tuple[str, str], int]
    ) -> dict[str, list[ReadAt]]:
        """Return when terminals were read completely, as far as it is kept, in order.

        `lives` as of `CityTables.lives`.
        """
        c = tables.drift.c
        found: dict[str, list[ReadAt]] = {}
        for terminal in terminals:
            rows = self._connection.execute(
                select(c.epoch, c.seq, c.measured).where(c.kiosk == kiosk, c.terminal == terminal)
            )
            read = [(lives[kiosk, row.epoch], row.seq, row.measured) for row in rows]
            found[terminal] = [
                ReadAt(life, seq, one.at, one.received_at)
                for life, seq, measured in sorted(read)
                for one in [_drifted.decode(measured)]
            ]
        return found

    def _drifts(self, kiosk: str, terminal: str) -> list[Drifted]:
        c = tables.drift.c
        found = self._connection.scalars(
            select(c.measured)
            .where(c.kiosk == kiosk, c.terminal == terminal)
            .order_by(c.received_at.desc(), c.seq.desc())
            .limit(DRIFTS_MOST)
        )
        return [_drifted.decode(one) for one in found]


def _thinned(measured: Iterable[tuple[int, Drifted]]) -> list[tuple[int, Drifted]]:
    """Return the measures but those that are explained by the one before and the one behind them.

    However many come at once, the same are kept.
    """
    kept: list[tuple[int, Drifted]] = []
    for one in measured:
        if len(kept) >= 2 and _goes_on(kept[-2][1], kept[-1][1], one[1]):
            kept.pop()
        kept.append(one)
    return kept


def _goes_on(before: Drifted, last: Drifted, one: Drifted) -> bool:
    if one.at.up - before.at.up > THIN_MS:
        return False
    begin = (before.at, before.drift)
    return is_steady(begin, (last.at, last.drift)) and is_steady(begin, (one.at, one.drift))


_boot, _rescuing = tables.boot.c, tables.rescue.c

# One question, made once: every single punch asks it.
_KNOWN: Final = union_all(
    select(_boot.boot, _boot.gathered).where(
        _boot.kiosk == bindparam("of"), _boot.boot.in_(bindparam("boots", expanding=True))
    ),
    select(_rescuing.boot, null()).where(_rescuing.kiosk == bindparam("of")),
)
