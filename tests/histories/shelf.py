"""Central's database in memory: what ingest asks of `sync.central.store`, without SQL.

Shares no code with the store but the types that pass its door. Histories run on both must come out
the same (test_histories.py). A transaction is one copy of the tables, put in place by its COMMIT.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

from sync.central.store.arrivals import Arrivals
from sync.central.store.ledger import Held, Line, Origin, SignedEnd
from sync.central.store.registry import KioskKey
from sync.protocol import entry, topics

PAGE = 500

Place = tuple[str, str]  # kiosk, epoch


class Tables:
    """Everything that is stored."""

    def __init__(self) -> None:
        self.keys: dict[str, KioskKey] = {}
        self.lines: dict[Place, Line] = {}
        self.tops: dict[Place, int] = {}  # the highest seq held
        self.entries: dict[tuple[str, str, int], tuple[tuple[int, bytes, Held], ...]] = {}
        self.origins: dict[bytes, Origin] = {}
        self.counts: dict[bytes, int] = {}  # origin -> how often it counts
        self.again = 0
        self.lost: dict[tuple[str, str, int], tuple[int, bytes]] = {}  # first -> last, anchor
        self.ends: dict[tuple[str, str, int, bytes], SignedEnd] = {}  # that the prefix may reach
        self.alarms: dict[tuple[str, str, str], int] = {}
        self.quarantined = 0

    def copy(self) -> "Tables":
        """Return a copy that can be changed by itself."""
        other = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict):
                setattr(other, name, value.copy())
        return other


class Shelf:
    """The tables as one transaction sees them: all of its parts in one."""

    def __init__(self, tables: Tables) -> None:
        self._t = tables
        self.registry = self.ledger = self.standing = self.times = self
        self.proofs = self.city = self

    # Registry.

    def key(self, fingerprint: str) -> KioskKey | None:
        return self._t.keys.get(fingerprint)

    def knows(self, kiosk: str) -> bool:
        return any(one.kiosk == kiosk for one in self._t.keys.values())

    def put_on_list(self, kiosk: str, fingerprint: str, now: int) -> None:
        pass

    # Ledger.

    def hold(self, kiosks: Sequence[str]) -> None:
        """Lock nothing: here one transaction follows another."""

    def line(self, kiosk: str, epoch: str) -> Line | None:
        return self._t.lines.get((kiosk, epoch))

    def begin(self, line: Line, born: str, now: int) -> Line:
        return self._t.lines.setdefault((line.kiosk, line.epoch), line)

    def note_hello(self, line: Any, *_: Any) -> None:
        if isinstance(line, Line):  # the ledger's; the standing's is for people
            self._t.lines[line.kiosk, line.epoch] = line

    def move(self, line: Line) -> None:
        self._t.lines[line.kiosk, line.epoch] = line

    def move_signed(self, line: Line, signed: bytes) -> None:
        self.move(line)

    def keep_signed_end(self, line: Line, end: SignedEnd) -> None:
        self._t.ends.setdefault((line.kiosk, line.epoch, end.through, end.head), end)

    def take_signed_ends(self, line: Line) -> list[SignedEnd]:
        reached = [
            at
            for at in self._t.ends
            if at[:2] == (line.kiosk, line.epoch) and at[2] <= line.through
        ]
        ends = [self._t.ends.pop(at) for at in reached]
        return sorted(ends, key=lambda end: end.through, reverse=True)

    def held(self, line: Line, first: int, last: int) -> list[Held]:
        place = (line.kiosk, line.epoch)
        last = min(last, self._t.tops.get(place, 0))
        found: list[Held] = []
        for seq in range(max(first, 1), last + 1):
            found += (one for _, _, one in self._t.entries.get((*place, seq), ()))
        return found

    def page_after(self, line: Line, seq: int) -> list[Held]:
        return self.held(line, seq + 1, seq + PAGE)

    def page_before(self, line: Line, seq: int) -> list[Held]:
        return self.held(line, seq - PAGE + 1, seq)

    def link(self, line: Line, entries: Sequence[tuple[int, bytes]]) -> None:
        for seq, hash_ in entries:
            place = (line.kiosk, line.epoch, seq)
            self._t.entries[place] = tuple(
                (at, found, _linked(one) if found == hash_ else one)
                for at, found, one in self._t.entries[place]
            )

    def holds(self, line: Line, first: int, last: int) -> bool:
        return bool(self.held(line, first, last))

    def add(self, line: Line, arrivals: Arrivals, now: int, *, linked: bool) -> None:
        t, place = self._t, (line.kiosk, line.epoch)
        columns = (arrivals.seqs, arrivals.hashes, arrivals.prevs, arrivals.bodies)
        for one, sighting in zip(zip(*columns, strict=True), arrivals.sightings, strict=True):
            held = Held(*one, linked)
            seq, hash_ = held.seq, held.hash
            t.tops[place] = max(t.tops.get(place, 0), seq)
            arrived = (*t.entries.get((*place, seq), ()), (now, hash_, held))
            t.entries[*place, seq] = tuple(sorted(arrived, key=lambda it: it[:2]))
            if sighting is None:
                continue
            ours = Origin(sighting.origin, *place, seq, hash_)
            if t.origins.setdefault(ours.origin, ours) == ours:
                t.counts[ours.origin] = t.counts.get(ours.origin, 0) + 1
            else:
                t.again += 1

    def lose(self, line: Line, first: int, last: int, anchor: bytes, now: int) -> None:
        self._t.lost.setdefault((line.kiosk, line.epoch, first), (last, anchor))

    def lost_ranges(self, line: Line) -> list[tuple[int, int]]:
        return sorted(
            (first, last)
            for (kiosk, epoch, first), (last, _) in self._t.lost.items()
            if (kiosk, epoch) == (line.kiosk, line.epoch)
        )

    def lost_anchor(self, line: Line, seq: int) -> bytes | None:
        for (kiosk, epoch, _), (last, anchor) in self._t.lost.items():
            if (kiosk, epoch, last) == (line.kiosk, line.epoch, seq):
                return anchor
        return None

    # Standing.

    def raise_alarm(self, kind: str, kiosk: str, subject: str, detail: str, now: int) -> None:
        key = (str(kind), kiosk, subject)
        self._t.alarms[key] = self._t.alarms.get(key, 0) + 1

    def quarantine(self, raw: bytes, reason: str, topic: str, now: int) -> None:
        self._t.quarantined += 1

    def note_receipt(self, kiosk: str, now: int) -> None:
        pass

    def note(self, *_: Any) -> None:
        pass  # when people really punched, and what that proves, is no question of histories

    note_drifts = end_runs = note

    def note_linked(self, line: Line, seq: int, said: entry.Entry) -> None:
        pass

    def note_state(self, kiosk: str, state: topics.State) -> None:
        pass


def _linked(one: Held) -> Held:
    return Held(one.seq, one.hash, one.prev, one.body, True)


class ModelStore:
    """A database: the tables as last committed, and its backups."""

    def __init__(self) -> None:
        self.tables = Tables()

    @contextmanager
    def writing(self) -> Iterator[Any]:
        drawn = self.tables.copy()
        yield Shelf(drawn)
        self.tables = drawn

    def admit(self, key: KioskKey) -> None:
        self.tables.keys[key.fingerprint] = key

    def back_up(self) -> Tables:
        return self.tables  # nobody changes what is committed

    def restore(self, backup: Tables) -> None:
        self.tables = backup.copy()

    # What the promises look at.

    def lines(self) -> dict[Place, tuple[int, bytes]]:
        """Return how far each epoch's prefix reaches, and its head."""
        return {place: (line.through, line.head) for place, line in self.tables.lines.items()}

    def in_order(self, kiosk: str) -> list[Place]:
        """Return a kiosk's epochs in the order of their first hellos."""
        return [place for place in self.tables.lines if place[0] == kiosk]

    def linked(self, place: Place) -> dict[int, tuple[bytes, bytes]]:
        """Return (body, hash) of every entry of a prefix."""
        return {
            one.seq: (one.body, one.hash)
            for seq in range(1, self.tables.tops.get(place, 0) + 1)
            for _, _, one in self.tables.entries.get((*place, seq), ())
            if one.linked
        }

    def counted(self) -> dict[bytes, int]:
        """Return how often each origin counts."""
        return self.tables.counts

    def lost(self) -> list[tuple[str, str, int, int]]:
        """Return (kiosk, epoch, first, last) of what nobody has."""
        return sorted((*at, last) for at, (last, _) in self.tables.lost.items())

    def alarms(self) -> set[tuple[str, str, str]]:
        """Return (kind, kiosk, subject) of every alarm."""
        return set(self.tables.alarms)

    def situations(self) -> set[str]:
        """Return what of interest came about."""
        tables, seen = self.tables, set()
        if tables.again:
            seen.add("a punch was reported again")
        for place, line in tables.lines.items():
            for seq in range(1, tables.tops.get(place, 0) + 1):
                held = tables.entries.get((*place, seq), ())
                if len(held) > 1:
                    seen.add("a branch is stored")
                elif held and not held[0][2].linked and seq > line.through:
                    seen.add("an island is left")
        return seen

    def close(self) -> None:
        pass
