"""The board: what was judged of each unit last, and when, for all who look at it.

Nothing is judged while nobody looks. Whoever looks is shown what hangs there, and what is out of
date is judged anew meanwhile, once for all of them, in turn (`turns.py`). Out of date is

    what the unit's kiosks have told anything since: a presence, or how far a terminal is read
    what the city has changed since
    what is older than `age_s`: time alone makes something of a duty that is not over

A presence at a kiosk of another unit, or one that came before what it follows, is seen when what
hangs there is too old. In memory, and of no more spans than `MOST`.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import wait
from datetime import date
from itertools import chain
from typing import Final, Generic, NamedTuple, TypeVar

from msgspec import Struct

from sync.central.authority import Clock
from sync.central.city import Cities, City, meets
from sync.central.store import Store, Transaction
from sync.central.turns import Turn, Turns
from sync.worktime.faults import BadRules

MOST: Final = 256
"""So many hang there, at most; or twice as many as there are units, if that is more."""

AGE_S: Final = 30.0
"""What is older is judged anew when somebody looks."""

Value = TypeVar("Value")


class Key(NamedTuple):
    """A unit's days, from `first` to `last`, both included."""

    unit: str
    first: date
    last: date


class Kept(Struct, Generic[Value], frozen=True):
    """What hangs there.

    Attributes:
        value: None where `trouble` says why there is none.
        at: when it was judged, central's clock, ms UTC.
        since_s: the same by the clock that never jumps.
        stamp, heard: of the city, and of each of the unit's kiosks, that were known then.
    """

    value: Value | None
    at: int
    since_s: float
    stamp: int
    heard: Sequence[int]
    trouble: str = ""


class Glance(Struct, Generic[Value], frozen=True):
    """What hangs there now, None where nothing does; `pending`: some of it is out of date."""

    kept: Mapping[Key, Kept[Value] | None]
    pending: bool


Compute = Callable[[Transaction, City, Key, int], Value]
"""Returns what a unit's days come to at a moment, ms UTC. May raise BadRules, StoreError."""


class Board(Generic[Value]):
    """Safe for several threads."""

    def __init__(
        self,
        store: Store,
        cities: Cities,
        clock: Clock,
        monotonic: Callable[[], float],
        turns: Turns,
        compute: Compute[Value],
        *,
        age_s: float = AGE_S,
        heeds_kiosks: bool = True,
        most: int | None = None,
    ) -> None:
        """`heeds_kiosks`: whether what a kiosk tells makes out of date what is not too old.

        `most`: so many hang there; None for as many as a city looks at together.
        """
        self._store = store
        self._cities = cities
        self._clock = clock
        self._monotonic = monotonic
        self._turns = turns
        self._compute = compute
        self._age_s = age_s
        self._heeds_kiosks = heeds_kiosks
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Kept[Value]] = OrderedDict()

    # Whoever waits holds no connection: there may be fewer than who wait, and the judge needs one.

    def get(self, key: Key) -> Kept[Value]:
        """Return what is up to date, after waiting for its turn if need be. Raises StoreError."""
        with self._store.reading() as tx:
            kept = self._fresh(tx, [key])[key]
        return kept or self._ask(key, urgent=True).result()

    def glance(
        self,
        keys: Sequence[Key],
        patience_s: float = 0.0,
        *,
        urgent: bool = False,
        calm_s: float = 0.0,
    ) -> Glance[Value]:
        """Return what hangs there, and have judged what is out of date.

        For `patience_s` it is waited for, and no longer. `urgent` where it is all that somebody
        looks at; what hangs there for less than `calm_s` need not heed what kiosks told since.
        Raises StoreError.
        """
        with self._store.reading() as tx:
            fresh = self._fresh(tx, keys, calm_s)
        turns = [self._ask(key, urgent=urgent) for key, kept in fresh.items() if kept is None]
        done, waiting = wait(turns, timeout=patience_s)
        for turn in done:
            turn.result()
        with self._lock:
            return Glance({key: self._kept.get(key) for key in keys}, bool(waiting))

    def _fresh(
        self, tx: Transaction, keys: Sequence[Key], calm_s: float = 0.0
    ) -> dict[Key, Kept[Value] | None]:
        """Return what hangs there and is up to date, None where nothing is."""
        city = self._cities.current(tx)
        heard = self._heard(tx, city, keys)
        found, now_s = {}, self._monotonic()
        with self._lock:
            for key in keys:
                kept = self._kept.get(key)
                is_fresh = (
                    kept is not None
                    and kept.stamp == city.stamp
                    and now_s - kept.since_s < self._age_s
                    and (kept.heard == heard[key] or now_s - kept.since_s < calm_s)
                )
                found[key] = kept if is_fresh else None
                if is_fresh:
                    self._kept.move_to_end(key)
        return found

    def _heard(self, tx: Transaction, city: City, keys: Sequence[Key]) -> dict[Key, Sequence[int]]:
        if not self._heeds_kiosks:
            return dict.fromkeys(keys, ())
        of = {key: kiosks_of(city, key) for key in keys}
        heard = tx.days.heard(set(chain.from_iterable(of.values())))
        return {key: [heard.get(one, 0) for one in kiosks] for key, kiosks in of.items()}

    def _ask(self, key: Key, *, urgent: bool) -> Turn:
        return self._turns.ask((self, key), lambda: self._judge(key), urgent=urgent)

    def _judge(self, key: Key) -> Kept[Value]:
        with self._store.reading() as tx:
            kept = self._fresh(tx, [key])[key]
            if kept is not None:  # by the turn before this one
                return kept
            city, since_s, now = self._cities.current(tx), self._monotonic(), self._clock()
            heard = self._heard(tx, city, [key])[key]
            value, trouble = None, ""
            try:
                value = self._compute(tx, city, key, now)
            except BadRules as error:
                trouble = str(error)
        kept = Kept(value, now, since_s, city.stamp, heard, trouble)
        with self._lock:
            self._kept[key] = kept
            self._kept.move_to_end(key)
            most = self._most or max(MOST, 2 * len(city.units))
            while len(self._kept) > most:
                self._kept.popitem(last=False)
        return kept


def kiosks_of(city: City, key: Key) -> list[str]:
    """Return the kiosks that serve a unit on any of the days."""
    posts = city.posts_at.get(key.unit, ())
    return sorted({one.kiosk for one in posts if meets(one, key.first, key.last)})
