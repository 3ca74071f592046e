"""Closing a month: the recap as it is then, frozen; later what became different, said and signed.

    freeze        what is judged now           -> Frozen, number 0, never changed
    difference    frozen and told since, now   -> what changed, by person and day
    standing      the signed messages          -> verified, in a row, and what they come to

What is judged from (the city's stamp, the rules, how far each kiosk had delivered, our version)
stands in each of them. Pure, but for `ground` and `judge`, which read.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct, structs

from sync.central import recap
from sync.central.city import City
from sync.central.judging import Record, judged
from sync.central.recap import Day
from sync.central.store import Transaction
from sync.central.store.closings import Closed
from sync.protocol import closing
from sync.protocol.closing import Closing
from sync.protocol.errors import Inconsistent, Malformed
from sync.protocol.identity import KeyRing
from sync.protocol.nighthead import End
from sync.worktime.verdicts import OPEN, Judged, Verdict

Row = Mapping[str, str | int]
"""A duty: `recap.COLUMNS`, `arrival_is` and `departure_is` (the verdict on each half), and for each
share of its minutes that is not 0 `share_NAME`: all that the sums are made of, so that whatever
changes them is a difference.
"""

At = tuple[str, str]
"""A person and a day, `2026-11-24`."""

_OPEN: Final = frozenset(one.value for one in OPEN)


class Ground(Struct, frozen=True, kw_only=True):
    """What was judged from.

    Attributes:
        now: the moment as of which it was judged, ms UTC.
        stamp: of the city in central's database.
        rules: SHA-256 of the rule book in JSON, its keys in order.
        software: the version that judged.
        kiosks: how far each epoch of each kiosk had been delivered.
    """

    now: int
    stamp: int
    rules: str
    software: str
    kiosks: Sequence[End]


class Sum(Struct, frozen=True, kw_only=True):
    """One person's month: counts of duties, and minutes of them.

    Attributes:
        here: duties attended; words: what the others are called.
        late, early: how often, and `_min` how long in all.
        classes: how often each class (TL1.., PSW1..) was given.
        shares: every minute of duty, by what it came to.
    """

    person: str
    name: str
    duties: int
    here: int
    late: int
    late_min: int
    early: int
    early_min: int
    words: Mapping[str, int]
    classes: Mapping[str, int]
    shares: Mapping[str, int]


class Unclear(Struct, frozen=True, order=True):
    """A duty of which nothing adverse could be said yet."""

    person: str
    day: str
    word: str


class Frozen(Struct, frozen=True, kw_only=True, tag="frozen"):
    """The content of number 0.

    Attributes:
        unclear: what is still open, and closed all the same because of `despite`.
        waiting: proposals that waited then.
    """

    unit: str
    month: str
    actor: str
    reason: str
    ground: Ground
    rows: Sequence[Row]
    people: Sequence[Sum]
    days: Sequence[Day]
    unclear: Sequence[Unclear]
    despite: str = ""
    waiting: Sequence[int] = ()


class Changed(Struct, frozen=True):
    """A person's day that is called differently now; no rows where there was no duty."""

    person: str
    name: str
    day: str
    before: Sequence[Row]
    after: Sequence[Row]


class Difference(Struct, frozen=True, kw_only=True, tag="difference"):
    """The content of a later number: what became different since the one before it."""

    unit: str
    month: str
    actor: str
    reason: str
    ground: Ground
    changes: Sequence[Changed]


Content = Frozen | Difference
_decoder: Final[msgspec.json.Decoder[Content]] = msgspec.json.Decoder(Content)


def written(content: Content) -> bytes:
    """Return the content as it is signed."""
    return msgspec.json.encode(content, order="deterministic")


# What is judged.


def judge(
    tx: Transaction, city: City, unit: str, first: date, last: date, now: int
) -> list[Record]:
    """Return the records of a unit's month, of its own duties only. Raises BadRules."""
    return [
        structs.replace(one, duties=[duty for duty in one.duties if duty.duty.unit == unit])
        for one in judged(tx, city, first, last, now, unit)
    ]


def ground(tx: Transaction, city: City, now: int) -> Ground:
    """Return what is judged from."""
    ends = [End(one.kiosk, one.epoch, one.through, one.head.hex()) for one in tx.evidence.epochs()]
    return Ground(
        now=now,
        stamp=city.stamp,
        rules=sha256(msgspec.json.encode(city.rules, order="deterministic")).hexdigest(),
        software=version("presensi-kiosk"),
        kiosks=sorted(ends),
    )


def freeze(
    records: Sequence[Record],
    city: City,
    unit: str,
    first: date,
    last: date,
    grounds: Ground,
    *,
    actor: str,
    reason: str,
    despite: str = "",
    waiting: Sequence[int] = (),
) -> Frozen:
    """Return the month as it is judged now."""
    rows = list(rows_of(records, city))
    return Frozen(
        unit=unit,
        month=first.isoformat()[:7],
        actor=actor,
        reason=reason,
        ground=grounds,
        rows=rows,
        people=[_sum(one, city) for one in records if one.duties],
        days=recap.of_days(records, city, first, last, unit),
        unclear=unclear(rows),
        despite=despite,
        waiting=waiting,
    )


def rows_of(records: Sequence[Record], city: City) -> Iterator[Row]:
    """Yield every duty as a row."""
    duties = (one for record in records for one in record.duties)
    for row, one in zip(recap.rows(records, city), duties, strict=True):
        shares = structs.asdict(one.shares).items()
        yield {
            **row,
            "arrival_is": one.arrival.verdict.value,
            "departure_is": one.departure.verdict.value,
            **{f"share_{name}": minutes for name, minutes in shares if minutes},
        }


def unclear(rows: Iterable[Row]) -> list[Unclear]:
    """Return what is still open."""
    return [
        Unclear(str(row["person"]), str(row["day"]), str(row["word"]))
        for row in rows
        if row["word"] in _OPEN
    ]


def _sum(record: Record, city: City) -> Sum:
    duties = record.duties
    late = [one.arrival.minutes for one in duties if one.arrival.verdict is Verdict.LATE]
    early = [one.departure.minutes for one in duties if one.departure.verdict is Verdict.EARLY]
    codes = [half.code for one in duties for half in (one.arrival, one.departure) if half.code]
    return Sum(
        person=record.person,
        name=city.name(record.person),
        duties=len(duties),
        here=sum(one.was_here for one in duties),
        late=len(late),
        late_min=sum(late),
        early=len(early),
        early_min=sum(early),
        words=dict(Counter(one.word for one in duties if not one.was_here)),
        classes=dict(Counter(codes)),
        shares=_shares(duties),
    )


def _shares(duties: Sequence[Judged]) -> dict[str, int]:
    minutes: Counter[str] = Counter()
    for one in duties:
        minutes.update(structs.asdict(one.shares))
    return {name: total for name, total in minutes.items() if total}


# What became different.


def difference(before: Sequence[Row], now: Sequence[Row]) -> list[Changed]:
    """Return what is called differently, by person and day; a name corrected is nothing."""
    old, new = _by_day(before), _by_day(now)
    found = []
    for at in sorted(old.keys() | new.keys()):
        was, is_now = old.get(at, []), new.get(at, [])
        if list(map(_meaning, was)) != list(map(_meaning, is_now)):
            named = (is_now or was)[0]
            found.append(Changed(at[0], str(named["name"]), at[1], was, is_now))
    return found


def applied(rows: Sequence[Row], changes: Iterable[Changed]) -> list[Row]:
    """Return the rows after changes, in the order of persons and days."""
    by_day = _by_day(rows)
    for one in changes:
        by_day[one.person, one.day] = list(one.after)
    return [row for at in sorted(by_day) for row in by_day[at]]


def _by_day(rows: Iterable[Row]) -> dict[At, list[Row]]:
    found: dict[At, list[Row]] = {}
    for row in rows:
        found.setdefault((str(row["person"]), str(row["day"])), []).append(row)
    return found


def _meaning(row: Row) -> dict[str, str | int]:
    return {name: value for name, value in row.items() if name != "name"}


# The signed messages.


class Said(NamedTuple):
    """A message that was verified, and what it says."""

    closing: Closing
    content: Content


class Standing(NamedTuple):
    """A closed month: its messages in a row, and the rows that they come to."""

    said: Sequence[Said]
    rows: Sequence[Row]

    @property
    def frozen(self) -> Frozen:
        """Return number 0."""
        content = self.said[0].content
        if not isinstance(content, Frozen):
            raise Malformed("closing: number 0 is no frozen recap")
        return content


def standing(messages: Iterable[bytes], keys: KeyRing) -> Standing:
    """Return what the messages of one month come to; `keys` are central's.

    Raises:
        Unverified: one is not central's.
        Inconsistent: one is missing, of another month, or not what was signed.
        Malformed: one is none.
    """
    said: list[Said] = []
    rows: list[Row] = []
    for number, message in enumerate(messages):
        one = closing.decode(message)
        head = one.head
        one.signed.verify(keys.named(head.key))
        previous = said[-1].closing if said else None
        if head.number != number or head.previous != (previous.digest if previous else ""):
            raise Inconsistent(
                f"closing {head.unit} {head.month} {head.number}: it does not follow number "
                f"{number - 1}; one before it is missing"
            )
        content = _read(one)
        first = said[0].closing.head if said else head
        if (content.unit, content.month) != (head.unit, head.month) or (
            (head.unit, head.month) != (first.unit, first.month)
        ):
            raise Inconsistent(f"closing {head.unit} {head.month}: it is of another month")
        if isinstance(content, Frozen) != (number == 0):
            raise Inconsistent(f"closing {head.unit} {head.month} {number}: out of its place")
        if isinstance(content, Frozen):
            rows = list(content.rows)
        else:
            _check_before(content, rows)
            rows = applied(rows, content.changes)
        said.append(Said(one, content))
    if not said:
        raise Inconsistent("closing: there is no message")
    return Standing(said, rows)


def _read(one: Closing) -> Content:
    try:
        return _decoder.decode(one.content)
    except msgspec.DecodeError as error:
        raise Malformed(f"closing {one.head.unit} {one.head.month}: {error}") from error


def _check_before(content: Difference, rows: Sequence[Row]) -> None:
    """Raises Inconsistent: what it says was before is not what the ones before it come to."""
    held = _by_day(rows)
    for one in content.changes:
        if list(map(_meaning, held.get((one.person, one.day), []))) != list(
            map(_meaning, one.before)
        ):
            raise Inconsistent(
                f"closing {content.unit} {content.month}: {one.person} {one.day} was not so before"
            )


def messages(closed: Iterable[Closed]) -> list[bytes]:
    """Return the messages of what the store has of one month."""
    return [one.message for one in closed]
