"""Masuk or pulang: what this kiosk may say of a punch at once, for its screen.

It is decided from the roster in force and what was punched here. It is no judgement: other kiosks,
absences and what is proved are central's matter. While our clock is not trusted, or of a punch that
was not just made, nothing is said.
"""

import logging
from collections import defaultdict, deque
from collections.abc import Callable
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from kiosk.clock import Belief
from sync.edge.roster import Adopted
from sync.protocol.entry import Presence
from sync.worktime.book import Book
from sync.worktime.decide import decide
from sync.worktime.faults import BadRules
from sync.worktime.rules import Post, RuleBook, merge
from sync.worktime.slots import Side

JUST_NOW_MS: Final = 10 * 60_000
"""A punch that is older is not talked about: whoever made it has gone."""

REMEMBERED: Final = 16
"""So many punches of a person are remembered: those of some days."""

log: Final = logging.getLogger(__name__)


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to show beside the name.

    Attributes:
        side: `masuk` or `pulang`; "" where it is neither.
        minutes, code: late or early, and the class of that (TL1.., PSW1..); 0 and "" for neither.
        again: whether the person punched for the same before.
        duty: the shift's code, or the plan's name.
    """

    side: str = ""
    minutes: int = 0
    code: str = ""
    again: bool = False
    duty: str = ""


class Duties:
    """What may be said of punches, by the roster in force. Safe for several threads."""

    def __init__(self, roster: Adopted, belief: Callable[[], Belief]) -> None:
        self._belief = belief
        self._ready = _Ready(roster)
        self._punched: defaultdict[str, deque[int]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def get_ready(self, adopted: Adopted) -> None:
        """Make a roster's rules ready to be asked: once for each, a second for a large one."""
        self._ready = _Ready(adopted)

    def told(self, presence: Presence) -> Told | None:
        """Return what to show of a presence that was just recorded; None for nothing.

        It is remembered for what comes after it.
        """
        at, person = _moment(presence), presence.person
        if at is None or person is None:
            return None
        earlier = list(self._punched[person])
        self._punched[person].append(at)
        belief = self._belief()
        if not belief.may_show_lateness or abs(belief.at.wall - at) > JUST_NOW_MS:
            return None
        ready = self._ready
        found = decide(ready.book, person, ready.posts.get(person, ()), at, earlier)
        if found.side not in (Side.ARRIVAL, Side.DEPARTURE) or found.duty is None:
            return Told()
        return Told(
            side=found.side.value,
            minutes=found.minutes,
            code=found.code,
            again=found.is_repeat,
            duty=found.duty.code,
        )


class _Ready:
    """A roster's rules, and where its people belong."""

    def __init__(self, roster: Adopted) -> None:
        self.book = _book(roster)
        self.posts = _posts(roster)


def _book(adopted: Adopted) -> Book:
    """Return the rule book; the empty one where this version cannot read it."""
    try:
        return Book(merge(msgspec.json.decode(part, type=RuleBook) for part in adopted.rules))
    except (msgspec.DecodeError, BadRules) as error:
        log.error("the rules of roster %d cannot be used, nobody is called late: %s",
                  adopted.version, error)  # fmt: skip
        return Book(RuleBook())


def _posts(adopted: Adopted) -> dict[str, list[Post]]:
    zones = {unit.id: unit.zone for unit in adopted.units}
    posts: defaultdict[str, list[Post]] = defaultdict(list)
    for one in adopted.members:
        if one.unit in zones:
            post = Post(unit=one.unit, zone=zones[one.unit], since=one.since, until=one.until)
            posts[one.person].append(post)
    return dict(posts)


def _moment(presence: Presence) -> int | None:
    """Return when it was by our clock, milliseconds UTC; None where its time is none."""
    try:
        naive = datetime.fromisoformat(presence.time)
        there = naive.replace(tzinfo=ZoneInfo(presence.zone))
    except (ValueError, LookupError, OSError):
        return None
    return int(there.timestamp() * 1000) - (presence.drift or 0)
