"""What must hold in every history, whatever happened in it (design: "What we promise").

1. Delivered means in central's database: no receipt says more than a COMMIT holds.
2. Nothing lost: a punch that was shown as counted, and that any card still in use has or any
   terminal still shows, counts at the end; one that does not is on a card that was thrown away, or
   in a range that central calls lost, aloud.
3. Nothing doubled: every punch counts once at most, and nothing counts that nobody punched.
4. Every chain holds: central's prefix leads from the genesis to its head, and is the kiosk's.
5. Nothing stalls: once all trouble has ended everything is delivered, within bounded time.
6. An alarm has a cause, and what alarms are for raises one.
7. A kiosk lets go only of what central has had.
8. Honest time: when an entry truly was lies where central, from what the kiosk's entries say of its
   clock, says it lies; unless it says that it doubts, or central itself lied about the time.

That absence is said only with proof follows: a coverage stands behind every punch that it covers,
and each of those was shown as counted.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from kiosks import Kiosk, Terminal

from sync.central.store.standing import Alarm
from sync.edge.delivery import Receipted
from sync.edge.session import Self
from sync.protocol import chain, entry
from sync.protocol.errors import Malformed
from sync.protocol.moments import Boots, Timeline, by_epoch


class BrokenPromise(AssertionError):
    """A promise did not hold."""


class Promises:
    """Sees what happens in one history, and judges it."""

    def __init__(self, central: Any) -> None:
        self._central = central
        self._acked: dict[bytes, str] = {}  # origin -> user, for people
        self._thrown_away: set[bytes] = set()
        self._destroyed: set[bytes] = set()
        self._gone: dict[bytes, set[tuple[str, str, int]]] = {}  # origin -> places let go of
        self._cursors: dict[tuple[int, str, str], int] = {}
        self.seen: set[str] = set()
        self.rubbish = self.unreadable = self.set_back = self.destroyed = False
        self.copied: set[str] = set()
        self.central_lied = False

    def acked(self, presence: entry.Presence) -> None:
        """A punch was shown as counted."""
        self._acked[presence.origin] = presence.user

    def receipted(self, kiosk: Kiosk, step: Receipted) -> None:
        """A kiosk believes that central has everything up to here: central must have had it."""
        place = (kiosk.name, step.life.epoch)
        through, _ = self._central.database.store.lines().get(place, (0, b""))
        if through < step.through and not self.set_back:
            raise BrokenPromise(f"{place}: receipt through {step.through}, central has {through}")
        before = self._cursors.get((id(kiosk), *place), 0)
        self._cursors[id(kiosk), *place] = step.through
        if step.through < before:
            self.seen.add("central's word moved a cursor back")

    def lets_go(self, kiosk: Kiosk, journal: Any, through: int) -> None:
        """Retention: have `journal` let go of what it may, up to `through`."""
        before = list(journal.bodies())
        journal.prune(through)
        held = {seq for seq, _, _ in journal.bodies()}
        if len(held) < len(before):
            self.seen.add("retention let go of entries")
        for seq, body, hash_ in before:
            if seq not in held:
                self._check_gone(kiosk, journal, seq, body, hash_)

    def destroys(self, kiosk: Kiosk, journal: Any, seq: int) -> None:
        """Have `journal` destroy a body, which is not to come back."""
        [(body, hash_)] = [(body, hash_) for at, body, hash_ in journal.bodies() if at == seq]
        journal.destroy(seq)
        self.destroyed = True
        self._check_gone(kiosk, journal, seq, body, hash_)
        origin = _origin(body)
        if origin is not None:
            self._destroyed.add(origin)

    def _check_gone(
        self, kiosk: Kiosk, journal: Any, seq: int, body: bytes | None, hash_: bytes
    ) -> None:
        place = (kiosk.name, journal.life.epoch, seq)
        if body is None:
            return
        if not self._held_at_central(place, hash_) and not self.set_back:
            raise BrokenPromise(f"{place}: let go of, and central never had it")
        origin = _origin(body)
        if origin is not None:
            self._gone.setdefault(origin, set()).add(place)

    def _held_at_central(self, place: tuple[str, str, int], hash_: bytes) -> bool:
        kiosk, epoch, seq = place
        held = self._central.database.store.linked((kiosk, epoch)).get(seq)
        return held is not None and held[1] == hash_

    def card_goes(self, kiosk: Kiosk) -> None:
        """A card is thrown away with everything on it."""
        if kiosk.on:
            journals = kiosk.card.journals
        else:
            kiosk.card.open()
            journals = kiosk.card.journals
            kiosk.on = True
        gone = {(kiosk.name, journal.life.epoch) for journal in journals}
        for origin, places in self._gone.items():  # nobody knows any more that it was there
            if any(place[:2] in gone for place in places):
                self._thrown_away.add(origin)
        for journal in journals:
            for _, body, _ in journal.bodies():
                origin = _origin(body)
                if origin is not None:
                    self._thrown_away.add(origin)

    # At the end.

    def delivered(self, kiosks: Sequence[Kiosk]) -> bool:
        """Return whether every kiosk knows that central has everything it holds."""
        return all(
            kiosk.session is not None
            and all(one.replaced or one.cursor == one.tip for one in kiosk.card.journals)
            for kiosk in kiosks
        )

    def stalled(self, kiosks: Sequence[Kiosk]) -> None:
        """Raise BrokenPromise: it did not get on."""
        where = [
            (
                one.name,
                journal.life.epoch,
                journal.cursor,
                journal.tip,
                one.session and one.session.state,
            )
            for one in kiosks
            for journal in one.card.journals
        ]
        raise BrokenPromise(f"stalled: {where}")

    def kept(self, kiosks: Sequence[Kiosk], terminals: Sequence[Terminal]) -> None:
        """Judge a history that has healed. Raises BrokenPromise."""
        store = self._central.database.store
        counted = store.counted()
        lost = store.lost()
        doubled = [origin for origin, times in counted.items() if times != 1]
        if doubled:
            raise BrokenPromise(f"{len(doubled)} punches count more than once")
        self._nothing_is_missing(counted, lost, kiosks, terminals)
        self._every_chain_holds(store, lost, kiosks)
        self._times_are_honest(store, kiosks)
        alarms = store.alarms()
        self._alarms_have_causes(alarms, bool(lost))
        self.seen |= {f"alarm: {kind}" for kind, _, _ in alarms} | store.situations()
        if self._destroyed:
            self.seen.add("a body was destroyed")
        if self._acked.keys() - counted.keys():
            self.seen.add("a punch was lost aloud, or with its card")

    def _nothing_is_missing(
        self,
        counted: dict[bytes, int],
        lost: list[tuple[str, str, int, int]],
        kiosks: Sequence[Kiosk],
        terminals: Sequence[Terminal],
    ) -> None:
        held = {
            origin
            for kiosk in kiosks
            for journal in kiosk.card.journals
            for _, body, _ in journal.bodies()
            if (origin := _origin(body)) is not None
        }
        read = {one.serial for kiosk in kiosks for one in kiosk.terminals}
        shown = {
            entry.origin_key(punch.terminal, punch.user, punch.time, punch.ordinal)
            for terminal in terminals
            if terminal.serial in read
            for punch in terminal.punches()
        }
        missing = (held | shown) - self._destroyed - counted.keys()
        if missing:
            raise BrokenPromise(f"{len(missing)} punches that are still to be had do not count")
        aloud = lost + [gap for kiosk in kiosks for gap in _closed_aloud(kiosk)]
        # Given up behind what a copy had said in the same epoch, nobody can tell whose that was:
        # the loss is aloud, and not where in the epoch it begins.
        torn = {one[:2] for one in lost if one[0] in self.copied}
        for origin in self._acked.keys() - counted.keys():
            if origin in self._thrown_away:
                continue
            places = self._gone.get(origin, set())
            if not any(place[:2] in torn or _within(place, aloud) for place in places):
                raise BrokenPromise(
                    f"the punch of {self._acked[origin]} is gone in silence; let go of at {places}"
                )

    def _every_chain_holds(
        self, store: Any, lost: list[tuple[str, str, int, int]], kiosks: Sequence[Kiosk]
    ) -> None:
        held = {
            (kiosk.name, journal.life.epoch): kiosk.me
            for kiosk in kiosks
            for journal in kiosk.card.journals
        }
        for place, (through, head) in store.lines().items():
            entries = store.linked(place)
            if place not in held:
                continue
            at, hash_ = 0, _genesis(held[place], place)
            while at < through:
                at += 1
                if at in entries:
                    body, said = entries[at]
                    hash_ = chain.link(hash_, body) if hash_ is not None else said
                    if hash_ != said:
                        raise BrokenPromise(f"{place}: entry {at} does not follow")
                elif any(_within((*place, at), [one]) for one in lost):
                    hash_ = None  # nobody has it; its successor says what it was
                else:
                    raise BrokenPromise(f"{place}: entry {at} of {through} is not there")
            if hash_ is not None and hash_ != head:
                raise BrokenPromise(f"{place}: the head is not the last entry's")

    def _times_are_honest(self, store: Any, kiosks: Sequence[Kiosk]) -> None:
        if self.central_lied:
            return
        for kiosk in kiosks:
            # Two machines under one name, or one that went back, have no one order of boots.
            if kiosk.name not in self.copied:
                self._times_of(kiosk, store)

    def _times_of(self, kiosk: Kiosk, store: Any) -> None:
        boots, stamps, seen = Boots(), [], dict[str, str]()
        for place in store.in_order(kiosk.name):
            for _, (body, _) in sorted(store.linked(place).items()):
                said = _entry(body)
                if said is not None:
                    boots.take(said)
                    seen.setdefault(said.at.boot, place[1])
                    stamps.append(said.at)
        timeline = Timeline(by_epoch((seen[one.boot], one) for one in boots.boots()))
        for at in stamps:
            moment, truth = timeline.moment(at), kiosk.machine.boots[at.boot] + at.up
            early = moment.earliest is not None and truth < moment.earliest - 2
            late = moment.latest is not None and truth > moment.latest + 2
            if (early or late) and not moment.doubted:
                raise BrokenPromise(f"{kiosk.name}: {at} was at {truth}, not in {moment}")
            self.seen.add(f"a moment is {moment.how}{', doubted' if moment.doubted else ''}")

    def _alarms_have_causes(self, alarms: set[tuple[str, str, str]], lost: bool) -> None:
        kinds = {kind for kind, _, _ in alarms}
        causes = {
            Alarm.FORK: bool(self.copied),
            # A hello from before, late, may also make a restored central give up what is held.
            Alarm.ROLLBACK: bool(self.copied) or (self.destroyed and self.set_back),
            Alarm.GAP: False,
            Alarm.LOST: lost,
            Alarm.GENESIS: False,
            Alarm.UNREADABLE: self.unreadable,
            Alarm.UNVERIFIED: self.rubbish,
            Alarm.INCONSISTENT: self.rubbish,
            Alarm.REJECTED: False,
        }
        for kind in kinds:
            if not causes[Alarm(kind)]:
                raise BrokenPromise(f"an alarm without a cause: {sorted(alarms)}")
        if lost and Alarm.LOST.value not in kinds:
            raise BrokenPromise("entries are lost, and there is no alarm")


def _genesis(me: Self, place: tuple[str, str]) -> bytes | None:
    return chain.genesis(*place, me.key.public.der)


def _closed_aloud(kiosk: Kiosk) -> Iterator[tuple[str, str, int, int]]:
    """Yield what was let go of, or destroyed, of an epoch that was contradicted: gap entries tell.

    As (kiosk, epoch, first, last).
    """
    for journal in kiosk.card.journals:
        for _, body, _ in journal.bodies():
            try:
                said = entry.decode(body or b"")
            except Malformed:
                continue
            if isinstance(said, entry.Gap) and said.what == entry.HISTORY:
                epoch, seq = said.since.split()
                if said.until:
                    yield kiosk.name, epoch, int(seq), int(seq)
                else:
                    yield kiosk.name, epoch, 1, int(seq) - 1


def _within(place: tuple[str, str, int], lost: Sequence[tuple[str, str, int, int]]) -> bool:
    kiosk, epoch, seq = place
    return any(one[:2] == (kiosk, epoch) and one[2] <= seq <= one[3] for one in lost)


def _entry(body: bytes) -> entry.Entry | None:
    try:
        return entry.decode(body)
    except Malformed:
        return None


def _origin(body: bytes | None) -> bytes | None:
    if body is None:
        return None
    try:
        said = entry.decode(body)
    except Malformed:
        return None
    return said.origin if isinstance(said, entry.Presence) else None
