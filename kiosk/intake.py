"""Intake: what a punch is called when it is recorded. Pure: no clock, no file, no thread.

Nothing is dropped and nothing is decided here. A stranger, a repeat and an unreadable row become
presences like any other, marked; whether the first or the last of two counts is a dated rule,
applied later by whoever judges.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta

from msgspec import Struct

from drivers.base import Punch, Witness
from sync.edge.roster import Adopted
from sync.protocol.entry import Mark, Presence, Stamp, keep_raw, origin_key, unread
from sync.protocol.roster import eve


class Where(Struct, frozen=True):
    """The source a punch came from, as configured and as measured.

    Attributes:
        zone: IANA zone of the terminal's clock.
        drift: terminal's clock minus ours in milliseconds; None if not measured.
        bound: whether the terminal is the one that the source is bound to: only its users are ours.
    """

    source: str
    zone: str
    drift: int | None = None
    bound: bool = True


class Recent:
    """Who punched last, and when by that terminal's clock: enough to call a punch a repeat."""

    def __init__(self, window: timedelta) -> None:
        self._window = window
        self._last: dict[str, datetime] = {}

    def copy(self) -> "Recent":
        """Return another that remembers the same."""
        made = Recent(self._window)
        made._last = dict(self._last)
        return made

    def repeats(self, who: str, when: datetime) -> bool:
        """Return whether `who` punched within the window before `when`; remember this one."""
        last = self._last.get(who)
        self._last[who] = when if last is None else max(last, when)
        return last is not None and timedelta(0) <= when - last <= self._window


def presence(
    punch: Punch, where: Where, at: Stamp, roster: Adopted, recent: Recent, holder: str = ""
) -> Presence:
    """Return what is recorded of `punch`, written at `at`.

    `holder` is whose the user of the terminal is known to be, fingers and all; "" for not known.
    Where the roster has given the number to another since, the punch is nobody's: most likely it is
    the holder's, but a person has to say so.
    """
    when = _real_time(punch.time)
    person, taken = None, False
    if when is not None and where.bound:
        days = _days(when, where.drift, is_live=punch.witness is Witness.LIVE)
        day, person = _whose(punch, days, roster)
        taken = (
            person is not None
            and holder not in ("", person)
            and roster.is_over(holder, punch.credential, punch.user, day)
        )
        person = None if taken else person
    if when is None:
        mark = Mark.UNREADABLE
    elif not where.bound:
        mark = Mark.UNBOUND
    elif taken:
        mark = Mark.TAKEN
    elif recent.repeats(person or f"{punch.terminal}/{punch.user}", when):
        mark = Mark.REPEAT
    else:
        mark = Mark.STRANGER if person is None else Mark.KNOWN
    raw, raw_sha256 = keep_raw(punch.raw)
    return Presence(
        at=at,
        source=where.source,
        terminal=punch.terminal,
        credential=punch.credential.value,
        user=punch.user,
        time=punch.time,
        zone=where.zone,
        mark=mark,
        ordinal=punch.ordinal,
        method=punch.method.value,
        state=punch.state.value,
        witness=punch.witness.value,
        drift=where.drift,
        person=person,
        roster=roster.version,
        raw=raw,
        raw_sha256=raw_sha256,
    )


def origin(punch: Punch) -> bytes:
    """Return the key of `punch`'s origin: that of its presence, without making one."""
    time = punch.time or unread(*keep_raw(punch.raw))
    return origin_key(punch.terminal, punch.user, time, punch.ordinal)


def _whose(punch: Punch, days: Sequence[date], roster: Adopted) -> tuple[date, str | None]:
    """Return whose a punch of one of `days` is, and of which; None for nobody's, or for many's.

    Where nobody has its credential any more it is whose it was the day before: a shift had begun.
    """
    found = [(day, roster.persons(punch.credential, punch.user, day)) for day in days]
    if not any(persons for _, persons in found):
        eves = map(eve, days)
        found = [(day, roster.persons(punch.credential, punch.user, day)) for day in eves]
    sole = ((day, persons.pop()) for day, persons in found if len(persons) == 1)
    return next(sole, (days[0], None))


def _days(when: datetime, drift: int | None, *, is_live: bool) -> list[date]:
    """Return on which dates a punch may have been, the likelier first, by a clock off by `drift`.

    A terminal that forgot the time says any; but what it says of an old row may have been right.
    """
    really = when
    with suppress(OverflowError):  # what it shows may be the first or the last day that there is
        really = when - timedelta(milliseconds=drift or 0)
    return [really.date()] if is_live else [when.date(), really.date()]


def _real_time(text: str) -> datetime | None:
    """Return the naive time that `text` says, or None if there is no such time."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo is None else None
