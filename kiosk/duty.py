"""Masuk or pulang: what this kiosk may say of a punch at once, for its screen.

It is decided from the roster in force and what was punched here. It is no judgement: other kiosks,
absences and what is proved are central's matter. While our clock is not trusted, or of a punch that
was not just made, nothing is said.
"""

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from drivers.base import Witness
from kiosk.clock import Belief
from sync.edge.roster import Adopted
from sync.protocol.entry import Presence
from sync.protocol.roster import Allowed
from sync.worktime.book import Book
from sync.worktime.decide import decide
from sync.worktime.evidence import Punch
from sync.worktime.faults import BadRules
from sync.worktime.rules import Demand, PinGrant, Post, RuleBook, merge
from sync.worktime.slots import Side

JUST_NOW_MS: Final = 2 * 60_000
"""A punch that is older is not talked about: whoever made it has gone, and a terminal that comes
back with what it kept meanwhile shows nobody to those who stand there now."""

UNMEASURED_MS: Final = 10 * 60_000
"""The same where nobody knows how far the terminal's clock is off."""

REMEMBERED: Final = 16
"""So many punches of a person are remembered: those of some days."""

log: Final = logging.getLogger(__name__)


class Told(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to show beside the name.

    Attributes:
        side: `masuk` or `pulang`; "" where it is neither.
        minutes, code: late or early, and the class of that (TL1.., PSW1..); 0 and "" for neither.
        before: when the person punched for the same before, milliseconds UTC; 0 for not at all.
        stands: whether that earlier one counts, and not this one.
        duty: the shift's code, or the plan's name.
        needs: what it does not count without, a word of `Demand`; "" where it counts.
        sources: where the second factor that it needs is to be given.
        completes: whether a punch before it counts with this one.
    """

    side: str = ""
    minutes: int = 0
    code: str = ""
    before: int = 0
    stands: bool = False
    duty: str = ""
    needs: str = ""
    sources: tuple[str, ...] = ()
    completes: bool = False


class Heard(NamedTuple):
    """What this kiosk makes of a presence.

    Attributes:
        made: when it was by our clock, milliseconds UTC; 0 where it says no time that there is.
        is_fresh: whether somebody may still be standing there.
        told: what may be said of it; None for nothing.
    """

    made: int
    is_fresh: bool
    told: Told | None


class Duties:
    """What may be said of punches, by the roster in force. Safe for several threads."""

    def __init__(self, kiosk: str, roster: Adopted, belief: Callable[[], Belief]) -> None:
        self._kiosk = kiosk
        self._belief = belief
        self._ready = _Ready(roster)
        self._punched: defaultdict[str, deque[Punch]] = defaultdict(
            lambda: deque(maxlen=REMEMBERED)
        )

    def get_ready(self, adopted: Adopted) -> None:
        """Make a roster's rules ready to be asked: once for each, a second for a large one."""
        self._ready = _Ready(adopted)

    def hear(self, presence: Presence) -> Heard:
        """Return what to show of a presence that was just recorded.

        It is remembered for what comes after it.
        """
        at, person, belief = moment(presence), presence.person, self._belief()
        if at is None:  # only a log has rows from which nobody can tell when they were made
            return Heard(0, presence.witness == Witness.LIVE, None)
        is_fresh = abs(belief.at.wall - at) <= (
            UNMEASURED_MS if presence.drift is None else JUST_NOW_MS
        )
        if person is None:
            return Heard(at, is_fresh, None)
        punch = self._punch(presence, at)
        earlier = list(self._punched[person])
        self._punched[person].append(punch)
        if not (is_fresh and belief.may_show_lateness):
            return Heard(at, is_fresh, None)
        return Heard(at, is_fresh, self._told(person, punch, earlier))

    def recall(self, presences: Iterable[Presence]) -> None:
        """Remember what was recorded before this daemon was started, the oldest first.

        Else whoever came in time and punches again after a restart would be called late.
        """
        for presence in presences:
            at, person = moment(presence), presence.person
            if at is not None and person is not None:
                self._punched[person].append(self._punch(presence, at))

    def side(self, presence: Presence) -> str:
        """Return `masuk` or `pulang` of any presence; "" for neither, or not known."""
        at, person = moment(presence), presence.person
        if at is None or person is None:
            return ""
        return self._told(person, self._punch(presence, at), ()).side

    def _punch(self, presence: Presence, at: int) -> Punch:
        return Punch(
            at=at,
            error_ms=0,
            kiosk=self._kiosk,
            source=presence.source,
            method=presence.method,
            ref="",
        )

    def _told(self, person: str, punch: Punch, earlier: Sequence[Punch]) -> Told:
        ready = self._ready
        posts, grants = ready.posts.get(person, ()), ready.grants.get(person, ())
        found = decide(ready.book, person, posts, punch, earlier, grants)
        if found.duty is None:
            return Told()
        needs, sources = "", tuple[str, ...]()
        if found.lacks is not Demand.NOTHING:
            needs = found.lacks.value
        if found.lacks is Demand.SECOND:
            paired = ready.book.paired((punch.kiosk, punch.source), found.duty.day)
            sources = tuple(source for _, source in paired) or (punch.source,)
        if found.side not in (Side.ARRIVAL, Side.DEPARTURE):
            return Told(needs=needs, sources=sources, completes=found.completes)
        return Told(
            side=found.side.value,
            minutes=found.minutes,
            code=found.code,
            before=found.before or 0,
            stands=found.stands,
            duty=found.duty.code,
            needs=needs,
            sources=sources,
            completes=found.completes,
        )


class _Ready:
    """A roster's rules, where its people belong, and who may say a PIN."""

    def __init__(self, roster: Adopted) -> None:
        self.book = _book(roster)
        self.posts = _posts(roster)
        self.grants = _grants(roster)


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


def _grants(adopted: Adopted) -> dict[str, list[PinGrant]]:
    grants: defaultdict[str, list[PinGrant]] = defaultdict(list)
    for one in adopted.grants:
        if one.allows == Allowed.PIN:
            grants[one.person].append(PinGrant(person=one.person, since=one.since, until=one.until))
    return dict(grants)


def moment(presence: Presence) -> int | None:
    """Return when it was by our clock, milliseconds UTC; None where its time is none."""
    try:
        naive = datetime.fromisoformat(presence.time)
        there = naive.replace(tzinfo=ZoneInfo(presence.zone))
    except (ValueError, LookupError, OSError):
        return None
    return int(there.timestamp() * 1000) - (presence.drift or 0)
