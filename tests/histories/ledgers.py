"""A kiosk's journal in memory: what an epoch's file holds, without the file.

It keeps to what sync/journal promises and shares no code with it but the chain and the bodies. That
it behaves as the real one does is not believed but tested: every history can be run on both, and
must come out the same to the byte (test_histories.py).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from copy import copy
from typing import Any, NamedTuple

from sync.journal.commit import Draft, Position
from sync.journal.reader import Life, Row, Span, Stretch
from sync.journal.retention import DAY_MS, STEP_MOST_MS
from sync.journal.schema import Closed
from sync.protocol import chain, entry
from sync.protocol.entry import Stamp
from sync.protocol.errors import Malformed

TAKE_OVER_PAGE = 200


class Line(NamedTuple):
    """One entry. `body` is None where it was destroyed; `digest` then stands for it."""

    body: bytes | None
    digest: bytes
    hash: bytes


class Kept:
    """What is on the medium of one epoch: it outlives the process."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.first = 1
        self.anchor = life.genesis
        self.lines: list[Line] = []  # entry `first` and on
        self.cursor = 0
        self.closed = Closed.NO
        self.origins: dict[bytes, tuple[int, str | None]] = {}  # -> seq, whose log may show it
        self.positions: dict[str, bytes] = {}
        self.told = self.counted = 0
        self.marks: dict[int, int] = {}

    def copy(self) -> "Kept":
        """Return a copy of the medium."""
        other = copy(self)
        other.lines = list(self.lines)
        other.origins = dict(self.origins)
        other.positions = dict(self.positions)
        other.marks = dict(self.marks)
        return other


class ModelJournal:
    """One epoch, opened by a process: `kept`, and what is only in memory."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.life = kept.life
        self.cursor = max(kept.cursor, kept.first - 1)
        self.reader = ModelReader(self)
        self._heard = False
        self._set_back = False
        self._saved = False
        self._told = kept.told

    # What the delivery asks.

    @property
    def tip(self) -> int:
        return self.kept.first + len(self.kept.lines) - 1

    def span(self, past: int | None = None) -> Span:
        kept, last = self.kept, self.tip
        if not kept.lines:
            return Span(kept.first, kept.anchor, last, kept.anchor)
        first, anchor = kept.first, kept.anchor
        if past is not None and past >= first - 1:
            held = (seq for seq in range(past + 1, last + 1) if self._line(seq).body is not None)
            first = next(held, last + 1)
            anchor = self.hash_at(first - 1) or b""
        return Span(first, anchor, last, kept.lines[-1].hash)

    def _line(self, seq: int) -> Line:
        return self.kept.lines[seq - self.kept.first]

    def hash_at(self, seq: int) -> bytes | None:
        kept = self.kept
        if seq == kept.first - 1:
            return kept.anchor
        return self._line(seq).hash if kept.first <= seq <= self.tip else None

    def stretch(self, first: int, most: int, most_bytes: int) -> Stretch | None:
        prev = self.hash_at(first - 1)
        if prev is None or first > self.tip:
            return None
        bodies: list[bytes] = []
        size, head, seq = 0, prev, first
        while seq <= self.tip and len(bodies) < most:
            body = self._line(seq).body
            if body is None or (bodies and size + len(body) > most_bytes):
                break
            size += len(body)
            bodies.append(body)
            head = self._line(seq).hash
            seq += 1
        return Stretch(prev, bodies, head, seq <= self.tip) if bodies else None

    def receipted(self, through: int, utc: int) -> None:
        self._heard = True
        self._set_back = self._set_back or through < self.cursor
        self.cursor = through
        news = abs(utc - self._told) >= DAY_MS
        if self._set_back or news or not self._saved:
            self._save_cursor(utc if news else 0)

    def _save_cursor(self, utc: int = 0) -> None:
        kept = self.kept
        self._saved = True
        kept.cursor = self.cursor
        if self._set_back:
            kept.marks = {at: since for at, since in kept.marks.items() if at <= self.cursor}
        if utc:
            if kept.told:
                step = max(-STEP_MOST_MS, min(utc - kept.told, STEP_MOST_MS))
                kept.counted = max(0, kept.counted + step)
            kept.marks.setdefault(self.cursor, kept.counted)
            kept.told = utc
        self._set_back = False
        self._told = utc or self._told

    @property
    def ended(self) -> bool:
        return self.kept.closed is Closed.ENDED

    @property
    def replaced(self) -> bool:
        return self.kept.closed is Closed.REPLACED

    def end(self) -> None:
        self.kept.closed = Closed.ENDED

    def has_relearned(self, epoch: str, lost: str) -> bool:
        return self.kept.positions.get(f".relearned {epoch}") == lost.encode()

    def relearn(self, epoch: str, lost: str) -> bool:
        if self.has_relearned(epoch, lost):
            return False
        before = len(self.kept.origins)
        self.kept.origins = {
            key: (seq, whose)
            for key, (seq, whose) in self.kept.origins.items()
            if whose is None and seq
        }
        self.kept.positions[f".relearned {epoch}"] = lost.encode()
        return len(self.kept.origins) < before

    # What the collector asks.

    def records(self, origin: bytes) -> bool:
        return origin in self.kept.origins

    def append(self, drafts: Sequence[Draft], position: Position | None = None) -> list[int | None]:
        kept = self.kept
        seqs: list[int | None] = []
        for body, origin in drafts:
            if origin is not None and origin in kept.origins:
                seqs.append(None)
                continue
            digest = chain.digest(body)
            previous = kept.lines[-1].hash if kept.lines else kept.anchor
            kept.lines.append(Line(body, digest, chain.join(previous, digest)))
            seqs.append(self.tip)
            if origin is not None:
                kept.origins[origin] = (self.tip, None)
        if position is not None:
            kept.positions[position.source] = position.value
        return seqs

    def forget_origins(self, terminal: str, shown: frozenset[bytes]) -> int:
        stale = [
            key
            for key, (_, whose) in self.kept.origins.items()
            if whose == terminal and key not in shown
        ]
        for key in stale:
            del self.kept.origins[key]
        return len(stale)

    # Letting go.

    def prune(self, through: int) -> int:
        kept = self.kept
        self._write_cursor()
        surely = self.cursor if self._heard else min(self.cursor, max(kept.marks, default=0))
        last = min(through, surely, self.tip)
        gone = kept.lines[: max(0, last - kept.first + 1)]
        if not gone:
            return 0
        for line in gone:
            said = _presence(line.body)
            if said is not None and said.origin in kept.origins:
                kept.origins[said.origin] = (kept.origins[said.origin][0], said.terminal)
        kept.lines = kept.lines[len(gone) :]
        kept.first, kept.anchor = last + 1, gone[-1].hash
        kept.marks = {at: since for at, since in kept.marks.items() if at >= last}
        return len(gone)

    def destroy(self, seq: int) -> None:
        self._write_cursor()
        line = self._line(seq)
        self.kept.lines[seq - self.kept.first] = line._replace(body=None)

    def _write_cursor(self) -> None:
        self.kept.cursor = self.cursor
        self._saved = True

    def close(self) -> None:
        self._write_cursor()

    def bodies(self) -> Iterator[tuple[int, bytes | None, bytes]]:
        """Yield (seq, body, hash) of what is held."""
        for seq, line in enumerate(self.kept.lines, self.kept.first):
            yield seq, line.body, line.hash

    def unknow(self) -> None:
        """Forget what `know_all` was told."""
        self.kept.origins = {key: it for key, it in self.kept.origins.items() if it[0]}

    def know_all(self, older: "ModelJournal") -> None:
        """Take every punch of an older epoch for recorded."""
        another = older.kept.closed is not Closed.NO
        for key, (_, whose) in older.kept.origins.items():
            if whose is None or not another:
                self.kept.origins.setdefault(key, (0, None))

    def settle(self) -> None:
        """Take this epoch, which central refuses, for done."""
        self.kept.cursor = self.cursor = self.tip
        self.kept.closed = Closed.REPLACED


class ModelReader:
    """What only reads: the collector's positions, and a stick that is written."""

    def __init__(self, journal: ModelJournal) -> None:
        self._journal = journal
        self.span = journal.span
        self.stretch = journal.stretch

    def cursor(self) -> int:
        return self._journal.kept.cursor

    def position(self, source: str) -> bytes | None:
        return self._journal.kept.positions.get(source)

    def rows(self, first: int) -> Iterator[Row]:
        for seq, body, hash_ in self._journal.bodies():
            if seq >= first:
                yield Row(seq, body, hash_, None)


class ModelCard:
    """A medium with the epochs of one kiosk on it, and the process that has them open."""

    def __init__(self, kiosk: str, key: bytes, fresh_name: Callable[[], str]) -> None:
        self.kiosk = kiosk
        self.key = key
        self.fresh_name = fresh_name
        self.journals: list[Any] = []
        self._kept: list[Kept] = []

    def open(self) -> None:
        """Open what is there, as `Epochs.open` does."""
        self.journals = []
        for kept in self._kept:
            if not kept.lines and kept.closed is Closed.REPLACED:
                continue
            self.journals.append(ModelJournal(kept))
        self._kept = [journal.kept for journal in self.journals]
        if not self.journals or self.journals[-1].kept.closed is not Closed.NO:
            number = 1 + max((kept.life.number for kept in self._kept), default=0)
            begun = Kept(Life(self.kiosk, self.fresh_name(), number, self.key))
            self._kept.append(begun)
            self.journals.append(ModelJournal(begun))

    def take_over(self, stamp: Callable[[], Stamp]) -> None:
        """Record anew what ended epochs hold, as `Epochs.take_over` does."""
        live = self.journals[-1]
        ended = [one for one in self.journals[:-1] if one.kept.closed is Closed.ENDED]
        if not ended:
            return
        live.unknow()
        for journal in ended:
            epoch = journal.life.epoch
            reason = (
                f"central holds another history of epoch {epoch}, or gave up some that this card "
                "holds: was it copied or restored?"
            )
            gap = entry.Gap(
                at=stamp(), what="history", reason=reason, since=f"{epoch} {journal.kept.first}"
            )
            live.append([Draft(entry.encode(gap))])
            lacking = [
                Draft(body, next(_origins([body]), None))
                for _, body, _ in journal.bodies()
                if body is not None
            ]
            live.append(lacking)
            for seq, body, _ in journal.bodies():
                if body is None:
                    there = f"{epoch} {seq}"
                    why = "its body was destroyed after its retention: only central may have it"
                    gap = entry.Gap(
                        at=stamp(), what="history", reason=why, since=there, until=there
                    )
                    live.append([Draft(entry.encode(gap))])
        for journal in self.journals[:-1]:
            live.know_all(journal)
        for journal in ended:
            journal.settle()

    @property
    def live(self) -> Any:
        """Return the journal that takes entries."""
        return self.journals[-1]

    def stop(self) -> None:
        """End the process as asked."""
        for journal in self.journals:
            journal.close()
        self.journals = []

    def cut(self) -> None:
        """End the process as a power cut does: what was only in memory is gone."""
        self.journals = []

    def copy(self) -> "ModelCard":
        """Return a copy of the medium as it is at this moment."""
        other = ModelCard(self.kiosk, self.key, self.fresh_name)
        other._kept = [kept.copy() for kept in self._kept]
        return other

    def destroy(self) -> None:
        """Throw the medium away."""
        self.journals, self._kept = [], []


def _presence(body: bytes | None) -> entry.Presence | None:
    with suppress(Malformed):
        if body is not None and isinstance(said := entry.decode(body), entry.Presence):
            return said
    return None


def _origins(bodies: Iterable[bytes | None]) -> Iterator[bytes]:
    for body in bodies:
        said = _presence(body)
        if said is not None:
            yield said.origin
