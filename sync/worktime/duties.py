"""Duties: when somebody is on duty, as moments. Rules in, milliseconds since 1970-01-01 UTC out.

A duty's day is the local date on which the rules begin it. Nobody is on two duties at once: where
two overlap, the one that begins later begins where the other ends, or is none if nothing of it
remains.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.worktime.book import Book, Planned
from sync.worktime.faults import LONGEST_MIN
from sync.worktime.rules import DAY_MIN, Post, Regulation

MINUTE_MS: Final = 60_000

REACH_DAYS: Final = LONGEST_MIN // DAY_MIN + 1
"""A duty that began so many days ago, or will so soon, may share a window with one of today."""

ONE_DAY: Final = timedelta(days=1)


class Duty(Struct, frozen=True, kw_only=True):
    """One duty of somebody, with the moments that its windows would have without a neighbour.

    Attributes:
        unit: whose regulation holds.
        code: of the shift; for office hours the plan's name.
        start, end: its first millisecond and the one after its last.
        arrive_from, arrive_until, leave_from, leave_until: the windows, each end exclusive.
    """

    day: date
    unit: str
    zone: str
    code: str
    start: int
    end: int
    arrive_from: int
    arrive_until: int
    leave_from: int
    leave_until: int
    break_min: int
    flex_ms: int
    rule: Regulation

    @property
    def length_min(self) -> int:
        """How long it is, rest included."""
        return (self.end - self.start) // MINUTE_MS

    @property
    def last_day(self) -> date:
        """The local day on which it ends."""
        return datetime.fromtimestamp(self.end / 1000, ZoneInfo(self.zone)).date()


class _Whose(NamedTuple):
    """All of a duty but its moments."""

    day: date
    unit: str
    zone: str
    rule: Regulation
    planned: Planned


def duties(
    book: Book, person: str, posts: Sequence[Post], first_day: date, last_day: date
) -> list[Duty]:
    """Return the duties of `person` that begin on these days, both included, in order of time.

    `posts` say where the person belonged; a day without a post has no duty.
    """
    laid: list[tuple[_Whose, int, int]] = []
    day = first_day - REACH_DAYS * ONE_DAY
    while day <= last_day:
        if post := _post(posts, day):
            for planned in book.planned(person, post.unit, day):
                zone = book.plan(person, post.unit, day).zone or post.zone
                whose = _Whose(day, post.unit, zone, book.regulation(post.unit, day), planned)
                start, end = _moment(zone, day, planned.start), _moment(zone, day, planned.end)
                laid.append((whose, start, end))
        day += ONE_DAY
    return [duty for duty in _apart(laid) if first_day <= duty.day]


def are_joined(one: Duty, other: Duty) -> bool:
    """Return whether the hand-over from one duty to the next needs no punch."""
    gaps = (one.rule.join_gap_min, other.rule.join_gap_min)
    between_ms = other.start - one.end
    return all(gap is not None and between_ms <= gap * MINUTE_MS for gap in gaps)


def _laid(whose: _Whose, start: int, end: int) -> Duty:
    day, unit, zone, rule, planned = whose
    window = planned.window
    before, after = window.before_min * MINUTE_MS, (window.after_min + 1) * MINUTE_MS
    middle = start + (end - start) // 2
    arrive_until = leave_from = middle
    if window.leave_from_min is not None:
        arrive_until = leave_from = start + window.leave_from_min * MINUTE_MS
    if window.arrive_until_min is not None:
        arrive_until = start + (window.arrive_until_min + 1) * MINUTE_MS
        leave_from = arrive_until if window.leave_from_min is None else leave_from
    return Duty(
        day=day,
        unit=unit,
        zone=zone,
        code=planned.code,
        start=start,
        end=end,
        arrive_from=start - before,
        arrive_until=arrive_until,
        leave_from=max(arrive_until, leave_from),
        leave_until=end + after,
        break_min=planned.break_min,
        flex_ms=planned.flex_min * MINUTE_MS,
        rule=rule,
    )


def _apart(laid: list[tuple[_Whose, int, int]]) -> list[Duty]:
    """Return the duties in order, each beginning where the ones before it have ended."""
    apart: list[Duty] = []
    busy_until = 0
    for whose, start, end in sorted(laid, key=_order):
        if end > max(start, busy_until):
            apart.append(_laid(whose, max(start, busy_until), end))
        busy_until = max(busy_until, end)
    return apart


def _order(one: tuple[_Whose, int, int]) -> tuple[int, int, date, str]:
    whose, start, end = one
    return start, end, whose.day, whose.planned.code


def _post(posts: Sequence[Post], day: date) -> Post | None:
    held = [post for post in posts if post.covers(day)]
    if len(held) == 1:
        return held[0]
    return max(held, key=lambda post: (post.since or date.min, post.unit, post.zone), default=None)


@lru_cache(8192)
def _moment(zone: str, day: date, minute: int) -> int:
    """Return when it is `minute` of `day`, in milliseconds UTC."""
    naive = datetime.combine(day, time()) + timedelta(minutes=minute)
    return int(naive.replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000
