"""Judging: people's duties out of what is in the database, by the judge of `sync/worktime`.

    presences   whose (resolve) and when (times)      -> punches of a person
    readings    in true time (proof)                  -> what was read completely, and what was out
    the city    members, posts, rules, absences       -> duties, and where one could have punched

Nothing is kept: what is judged today is judged again tomorrow, from all that is known then.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct, structs

from sync.central.city import City, meets
from sync.central.concern import concern
from sync.central.derive import zone_named
from sync.central.proof import Unseen, prove
from sync.central.resolve import Resolved, Why
from sync.central.rulings import punches as on_paper
from sync.central.sightings import resolve_all
from sync.central.spans import Span, spans
from sync.central.store import Transaction
from sync.central.store.punches import Concern, Seen
from sync.central.times import ReadAt
from sync.protocol.roster import EVERYWHERE, Allowed, Dated, Known
from sync.worktime.book import Place
from sync.worktime.duties import REACH_DAYS
from sync.worktime.evidence import Case, Punch, Reach, Watch
from sync.worktime.judge import judge
from sync.worktime.rules import PinGrant, Post
from sync.worktime.verdicts import Judged

DAY_MS: Final = 86_400_000

SIGN_MS: Final = 60_000
"""A punch whose time is known no better shows nothing of when its terminal was alive."""

BROUGHT_ALONG: Final = frozenset({Why.COPY, Why.UNBOUND})
"""Rows that a terminal may have from another one: what it did not record itself."""

_AROUND: Final = REACH_DAYS + 1  # a day more, for the zones
_OFF_MS: Final = DAY_MS // 2  # a terminal's clock that is off by more is odd (`tables.ODD`)


class Record(Struct, frozen=True):
    """What a person's duties of some days come to, in order."""

    person: str
    duties: Sequence[Judged]


def judged(
    tx: Transaction,
    city: City,
    first: date,
    last: date,
    now: int,
    unit: str = "",
    person: str = "",
) -> list[Record]:
    """Return the record of everybody who belongs to `unit` (any, for "") on any of these days.

    With `person`, of nobody else. In the order of ids, the days from `first` to `last`, both
    included, judged at `now` (ms UTC); of few people few presences are read.
    Raises BadRules: the rule book says something impossible.
    """
    book = city.book
    people = _people(city, first, last, unit, person)
    of = concern(city, people) if unit or person else None
    begin, until = _utc(first) - _AROUND * DAY_MS, _utc(last) + (_AROUND + 1) * DAY_MS
    evidence = _Evidence(tx, city, begin, until)
    punches = evidence.punches(of)
    kiosks = None if of is None else of.kiosks
    runs, holes = tx.proofs.runs(kiosks), tx.proofs.holes(kiosks)
    proof = prove(runs, holes, tx.times.history, evidence.signs)
    losses = tx.punches.kiosks_with_losses()
    # Where entries are lost, it may be that they told of a source before the first that are not.
    begun = {place: day for place, day in proof.begun.items() if place[0] not in losses}
    sources = _Sources(city, tx.punches.sources(), begun)
    outages = [*proof.outages, *city.rulings.outages(sources.of)]
    watch = Watch(proof.coverage, outages)
    spare = timedelta(days=_AROUND)
    records = []
    for one in people:
        case = Case(
            person=one,
            posts=_posts(city, one),
            punches=[*punches.get(one, ()), *_papers(city, one, first - spare, last + spare)],
            reach=sources.reach(one, first - spare, last + spare),
            absences=city.rulings.absences.get(one, ()),
            pin_grants=_pins(city, one),
        )
        records.append(Record(one, judge(book, case, watch, first, last, now)))
    return records


def _people(city: City, first: date, last: date, unit: str, person: str) -> list[str]:
    """Return who is to be judged."""
    members = [city.members_of.get(unit, [])] if unit else city.members_of.values()
    if person and not unit:
        members = [city.memberships.get(person, [])]
    return sorted(
        {
            one.person
            for of in members
            for one in of
            if meets(one, first, last) and person in ("", one.person)
        }
    )


def _utc(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY_MS


def _posts(city: City, person: str) -> list[Post]:
    return [
        Post(unit=one.unit, zone=city.units[one.unit].zone, since=one.since, until=one.until)
        for one in city.memberships.get(person, ())
        if one.unit in city.units and zone_named(city.units[one.unit].zone) is not None
    ]


def _pins(city: City, person: str) -> list[PinGrant]:
    return [
        PinGrant(person=person, reference=one.reference, since=one.since, until=one.until)
        for one in city.grants_of.get(person, ())
        if one.allows == Allowed.PIN
    ]


# Punches.


def _papers(city: City, person: str, first: date, last: date) -> list[Punch]:
    """Return what a person signed on paper: evidence that they were there, and of nothing else."""
    lines = [one for one in city.rulings.papers.get(person, ()) if first <= one.day <= last]
    zones = {one.unit: city.units[one.unit].zone for one in lines if one.unit in city.units}
    return on_paper(lines, {unit: zone for unit, zone in zones.items() if zone_named(zone)})


class _Evidence:
    """Presences from `begin` to `until`, as far as is known when they were, and whose."""

    def __init__(self, tx: Transaction, city: City, begin: int, until: int) -> None:
        self._tx = tx
        self._city = city
        self._begin, self._until = begin, until
        self._lives = tx.city.lives()

    def punches(self, of: Concern | None) -> dict[str, list[Punch]]:
        """Return what each person punched; what may concern nobody of `of` may be missing."""
        seen = self._tx.punches.between(self._begin, self._until, self._lives, of)
        found: defaultdict[str, list[Punch]] = defaultdict(list)
        for one, span, resolved in self._resolved(seen, self._begin, self._until):
            if resolved.person is not None:
                found[resolved.person].append(_punch(one, span, doubted=span.doubted))
            for person in resolved.perhaps:
                found[person].append(_punch(one, span, doubted=True))
        return found

    def signs(self, unseen: Unseen) -> Iterable[int]:
        """Return when a terminal was alive, for it recorded a punch of anybody."""
        begin, until = max(unseen.begin, self._begin), min(unseen.until, self._until)
        if begin > until:
            return ()
        kiosk, terminal = unseen.kiosk, unseen.terminal
        seen = self._tx.punches.of_terminal(
            kiosk, terminal, begin - _OFF_MS, until + _OFF_MS, self._lives
        )
        return [
            (span.earliest + span.latest) // 2
            for _, span, resolved in self._resolved(seen, begin, until)
            if _is_sign(span) and resolved.why not in BROUGHT_ALONG
        ]

    def _resolved(
        self, seen: Sequence[Seen], begin: int, until: int
    ) -> Iterator[tuple[Seen, Span, Resolved]]:
        """Yield each presence with when, from `begin` to `until`, and whose it can have been."""
        found = spans(seen, self._tx.times.history, self._readings, self._city.settled)
        placed = [
            (one, span)
            for one, of in zip(seen, found, strict=True)
            for span in of
            if span.latest >= begin and span.earliest <= until
        ]
        sighted = [structs.replace(one.sighted, day=span.day) for one, span in placed]
        whose = resolve_all(self._tx, self._city, sighted)
        for (one, span), resolved in zip(placed, whose, strict=True):
            yield one, span, resolved

    def _readings(self, kiosk: str, terminals: Collection[str]) -> Mapping[str, Sequence[ReadAt]]:
        return self._tx.times.readings(kiosk, terminals, self._lives)


def _is_sign(span: Span) -> bool:
    """Return whether it is known, to a minute, when a terminal recorded a punch."""
    return span.latest - span.earliest <= SIGN_MS and span.is_only


def _punch(one: Seen, span: Span, *, doubted: bool) -> Punch:
    place = one.sighted.place
    return Punch(
        at=(span.earliest + span.latest) // 2,
        error_ms=(span.latest - span.earliest + 1) // 2,
        kiosk=place.kiosk,
        source=one.sighted.source,
        method=one.method,
        ref=f"{place.kiosk} {place.epoch} {place.seq}",
        doubted=doubted,
        likely=_likely(one, span),
    )


def _likely(one: Seen, span: Span) -> int | None:
    """Return what the kiosk's screen showed, where it can have been so: not a minute beside it."""
    punched = one.punched
    if punched.utc is None or punched.drift is None:
        return None
    at = punched.utc - punched.drift
    return at if span.earliest <= at <= span.latest else None


# Where one could have punched.


class _Sources:
    """The sources that there are, and on which days who could punch at which."""

    def __init__(self, city: City, seen: Iterable[Place], begun: Mapping[Place, date]) -> None:
        """Ask for the sources that were seen; for those of `begun` not on days before that."""
        self._city = city
        self.of: defaultdict[str, set[str]] = defaultdict(set)
        for kiosk, source in (*seen, *city.rulings.named):
            self.of[kiosk].add(source)
        self._at: defaultdict[str, list[Reach]] = defaultdict(list)  # by unit
        self._posts: defaultdict[str, list[Dated]] = defaultdict(list)  # by unit
        for kiosk, posts in city.posts.items():
            # Of a kiosk from which nothing ever came, nobody can tell who punched there.
            sources = sorted(self.of.get(kiosk, ())) or [""]
            for post in posts:
                self._posts[post.unit].append(post)
                for source in sources:
                    dates = _both(post, Dated(since=begun.get((kiosk, source))))
                    if dates is not None:
                        used = city.rulings.used(kiosk, source, dates.since, dates.until)
                        self._at[post.unit] += used

    def reach(self, person: str, first: date, last: date) -> list[Reach]:
        """Return where a person could have punched: wherever they have a credential."""
        found = list(self._unknown(person, first, last))
        for known in self._known(person):
            if not meets(known, first, last):
                continue
            # A card is good everywhere; where it is expected is at its owner's own units.
            everywhere = known.unit == EVERYWHERE
            for unit in self._units(person, first, last) if everywhere else [known.unit]:
                found += [
                    structs.replace(one, since=both.since, until=both.until)
                    for one in self._at.get(unit, ())
                    if (both := _both(one, known))
                ]
        return found

    def _unknown(self, person: str, first: date, last: date) -> Iterator[Reach]:
        """Yield the days on which a person is not known at the terminals of a unit of theirs.

        Where a new finger id was not entered yet one punches as a stranger: of no source, so that
        it is never covered.
        """
        for one in self._city.memberships.get(person, ()):
            if not meets(one, first, last):
                continue
            since, until = max(one.since or first, first), min(one.until or last, last)
            rows = [row for row in self._known(person) if row.unit in (one.unit, EVERYWHERE)]
            if any(row.covers(since) and row.covers(until) for row in rows):
                continue
            for number in range((until - since).days + 1):
                day = since + timedelta(days=number)
                has_kiosk = any(post.covers(day) for post in self._posts.get(one.unit, ()))
                if has_kiosk and not any(row.covers(day) for row in rows):
                    yield Reach(kiosk="", source="", since=day, until=day)

    def _known(self, person: str) -> Sequence[Known]:
        return [*self._city.known_of.get(person, ()), *self._city.as_guest(person)]

    def _units(self, person: str, first: date, last: date) -> list[str]:
        """Return the units that a person belongs to on any of these days."""
        members = self._city.memberships.get(person, ())
        return sorted({one.unit for one in members if meets(one, first, last)})


def _both(one: Dated | Reach, other: Dated) -> Dated | None:
    """Return when both hold, None for never."""
    since = max(filter(None, (one.since, other.since)), default=None)
    until = min(filter(None, (one.until, other.until)), default=None)
    return None if since and until and until < since else Dated(since=since, until=until)
