"""What the linked prefix says of kiosks' clocks and terminals' drifts, for `central/times.py`."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, null, select, union_all

from sync.central.store import tables
from sync.central.store.ledger import Line
from sync.central.store.rows import insert_new, upsert
from sync.central.times import Drifted, History
from sync.protocol import entry
from sync.protocol.moments import Boots, Gathered, Witness, by_epoch

BOOTS_MOST: Final = 400
"""Latest boots of a kiosk that a moment is looked for in: a year of them, with one a day."""

DRIFTS_MOST: Final = 200
"""Latest measures of a terminal's clock that are looked at."""

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
            if isinstance(said, entry.Coverage) and said.drift is not None:
                self._note_drift(line, seq, said, said.drift, now)
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

    def _note_drift(self, line: Line, seq: int, said: entry.Coverage, drift: int, now: int) -> None:
        measured = Drifted(drift=drift, at=said.at, received_at=now)
        row = {"kiosk": line.kiosk, "terminal": said.terminal, "epoch": line.epoch, "seq": seq}
        said_so = {"measured": msgspec.json.encode(measured), "received_at": now}
        insert_new(self._connection, tables.drift, {**row, **said_so})

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

    def _drifts(self, kiosk: str, terminal: str) -> list[Drifted]:
        c = tables.drift.c
        found = self._connection.scalars(
            select(c.measured)
            .where(c.kiosk == kiosk, c.terminal == terminal)
            .order_by(c.received_at.desc(), c.seq.desc())
            .limit(DRIFTS_MOST)
        )
        return [_drifted.decode(one) for one in found]


_boot, _rescuing = tables.boot.c, tables.rescue.c

# One question, made once: every single punch asks it.
_KNOWN: Final = union_all(
    select(_boot.boot, _boot.gathered).where(
        _boot.kiosk == bindparam("of"), _boot.boot.in_(bindparam("boots", expanding=True))
    ),
    select(_rescuing.boot, null()).where(_rescuing.kiosk == bindparam("of")),
)
