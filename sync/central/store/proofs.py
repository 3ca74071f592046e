"""What the linked prefix proves of sources: how far each was read completely, and where it was not.

Kept for `central/proof.py`, which makes moments of it. A **run** is one terminal at one source,
from the first complete reading to the last, without another terminal between, by a kiosk that
remembers: a terminal proves nothing about the time before it came there, nor after it went. In a
new boot or epoch a kiosk that remembers says for how long nobody watched; where it does not, or
where entries are lost that may have said so, a new run begins.
"""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from msgspec import Struct, structs
from sqlalchemy import Connection, select, true

from sync.central.condense import is_steady
from sync.central.store import tables
from sync.central.store.ledger import Line
from sync.central.store.rows import insert_new, upsert
from sync.protocol import entry
from sync.protocol.entry import Stamp

LATEST_KEPT: Final = 8
"""So many of a run's latest readings are kept: not of each is known when it was. The latest one
whose stamp is synced is among them, however many came without the time since."""


class Read(Struct, frozen=True, kw_only=True):
    """A terminal's record was read completely up to what its clock showed when that began.

    Attributes:
        through, zone, drift, at: as in the entry.
        received_at: central's clock when it came.
    """

    through: str
    zone: str
    drift: int | None
    at: Stamp
    received_at: int


class Run(Struct, frozen=True, kw_only=True):
    """One terminal at one source.

    Attributes:
        number: of the run at its source, from 1.
        epoch, seq: where its latest reading stands.
        boot: the kiosk's, up to which it is known when the terminal was watched.
        latest: its latest readings, in the order of the record.
        over: nothing that comes later goes on with it.
    """

    kiosk: str
    source: str
    number: int
    terminal: str
    epoch: str
    seq: int
    first: Read
    latest: Sequence[Read]
    boot: str = ""
    over: bool = False


class Gapped(Struct, frozen=True, kw_only=True, tag="gap"):
    """What a terminal recorded between two of its times may be missing.

    Attributes:
        since, until: by its clock, in the zone of its source; "" where the kiosk does not know.
        at: when the kiosk noticed.
        terminal, after: which one it was and its reading before that; "" and None before the first.
    """

    kiosk: str
    source: str
    since: str
    until: str
    at: Stamp
    received_at: int
    terminal: str = ""
    after: Read | None = None


class Blind(Struct, frozen=True, kw_only=True, tag="unwatched"):
    """Nobody saw whether a terminal worked: from `before` ms before `since` until `at`.

    Attributes:
        watched: the terminal.
        terminal, after: which one was read before that, and that reading; "" and None before the
            first.
    """

    kiosk: str
    source: str
    since: Stamp
    before: int
    at: Stamp
    received_at: int
    watched: str = ""
    terminal: str = ""
    after: Read | None = None


_run: Final = msgspec.json.Decoder(Run)
_hole: Final[msgspec.json.Decoder[Gapped | Blind]] = msgspec.json.Decoder(Gapped | Blind)


class Proofs:
    """Runs and gaps, within one transaction. Who writes holds the kiosk."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note(self, line: Line, seq: int, said: entry.Entry, now: int) -> None:
        """Take in what an entry of the prefix proves, or takes back."""
        match said:
            case entry.Coverage():
                self._note_read(line, seq, said, now)
            case entry.Gap(what="terminal"):
                self._note_gap(line, seq, said, now)
            case entry.Unwatched():
                self._note_blind(line, seq, said, now)
            case _:
                pass

    def _note_read(self, line: Line, seq: int, said: entry.Coverage, now: int) -> None:
        read = Read(
            through=said.through, zone=said.zone, drift=said.drift, at=said.at, received_at=now
        )
        last = self._last(line.kiosk, said.source)
        ours = said.terminal, line.epoch, said.at.boot
        if last is None or last.over or (last.terminal, last.epoch, last.boot) != ours:
            run = Run(
                kiosk=line.kiosk,
                source=said.source,
                number=1 if last is None else last.number + 1,
                terminal=said.terminal,
                epoch=line.epoch,
                seq=seq,
                boot=said.at.boot,
                first=read,
                latest=[read],
            )
        elif last.seq >= seq:
            return
        else:
            before = last.latest[-1]
            steady = is_steady((before.at, before.drift), (read.at, read.drift))
            latest = _latest([*(last.latest[:-1] if steady else last.latest), read])
            run = structs.replace(last, seq=seq, latest=latest)
        self._keep_run(run)

    def _note_gap(self, line: Line, seq: int, said: entry.Gap, now: int) -> None:
        last = self._last(line.kiosk, said.source)
        gapped = Gapped(
            kiosk=line.kiosk,
            source=said.source,
            since=said.since,
            until=said.until,
            at=said.at,
            received_at=now,
            terminal="" if last is None else last.terminal,
            after=None if last is None else last.latest[-1],
        )
        self._keep_hole(line, seq, gapped)

    def _note_blind(self, line: Line, seq: int, said: entry.Unwatched, now: int) -> None:
        last = self._last(line.kiosk, said.source)
        blind = Blind(
            kiosk=line.kiosk,
            source=said.source,
            since=said.since,
            before=said.before,
            at=said.at,
            received_at=now,
            watched=said.terminal,
            terminal="" if last is None else last.terminal,
            after=None if last is None else last.latest[-1],
        )
        self._keep_hole(line, seq, blind)
        # Who knows when the terminal answered last has forgotten nothing of it.
        if last is not None and last.terminal == said.terminal and not last.over:
            self._keep_run(structs.replace(last, epoch=line.epoch, seq=seq, boot=said.at.boot))

    def end_runs(self, kiosk: str) -> None:
        """Entries of a kiosk will never come: what they said of its terminals nobody knows."""
        c = tables.covered.c
        for source in self._connection.scalars(
            select(c.source).where(c.kiosk == kiosk).distinct()
        ).all():
            last = self._last(kiosk, source)
            if last is not None:
                self._keep_run(structs.replace(last, over=True))

    def _keep_run(self, run: Run) -> None:
        row = {"kiosk": run.kiosk, "source": run.source, "number": run.number}
        changes = {"said": msgspec.json.encode(run)}
        upsert(self._connection, tables.covered, row | changes, changes)

    def _keep_hole(self, line: Line, seq: int, hole: Gapped | Blind) -> None:
        row = {"kiosk": line.kiosk, "source": hole.source, "epoch": line.epoch, "seq": seq}
        insert_new(self._connection, tables.gapped, {**row, "said": msgspec.json.encode(hole)})

    def _last(self, kiosk: str, source: str) -> Run | None:
        c = tables.covered.c
        found = self._connection.scalars(
            select(c.said)
            .where(c.kiosk == kiosk, c.source == source)
            .order_by(c.number.desc())
            .limit(1)
        ).first()
        return None if found is None else _run.decode(found)

    # Reading.

    def runs(self, kiosks: Collection[str] | None = None) -> list[Run]:
        """Return every run, by source; of some kiosks, or of all."""
        c = tables.covered.c
        which = true() if kiosks is None else c.kiosk.in_(kiosks)
        asked = select(c.said).where(which).order_by(c.kiosk, c.source, c.number)
        return [_run.decode(said) for said in self._connection.scalars(asked)]

    def holes(self, kiosks: Collection[str] | None = None) -> list[Gapped | Blind]:
        """Return where rows of terminals may be missing, and when nobody watched them."""
        c = tables.gapped.c
        which = true() if kiosks is None else c.kiosk.in_(kiosks)
        asked = select(c.said).where(which).order_by(c.kiosk, c.source, c.epoch, c.seq)
        return [_hole.decode(said) for said in self._connection.scalars(asked)]


def _latest(reads: Sequence[Read]) -> Sequence[Read]:
    """Return those that are kept."""
    kept = reads[-LATEST_KEPT:]
    synced = [one for one in reads if one.at.synced]
    return kept if not synced or synced[-1] in kept else [synced[-1], *kept[1:]]
