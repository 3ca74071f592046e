"""Uncertain times: presences of the last month whose moment nobody knows well, and a word on it."""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct, structs
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central.city import City
from sync.central.derive import zone_named
from sync.central.present import terminal_time
from sync.central.proposals import MOST_REASON
from sync.central.resolve import Resolved, Why, sane_day
from sync.central.roles import DECIDING, Visitor
from sync.central.sightings import resolve_all
from sync.central.spans import Span, spans
from sync.central.store import Transaction
from sync.central.store.city import Place
from sync.central.store.punches import Seen
from sync.central.times import ReadAt
from sync.central.touched import whose_at
from sync.central.web.dates import day_words, local, today
from sync.central.web.deciding import clock, day, decided, text, words
from sync.central.web.scope import sees_day
from sync.central.web.site import Missing, Site, Sorry
from sync.central.wishes import Pointed, TimeBody

DAYS: Final = 31
"""So many days back a presence came that is shown."""

UNSURE_MS: Final = 60_000
"""A moment that is known to a minute is not asked for."""

MOST_READ: Final = 3000
MOST_SHOWN: Final = 60
"""Presences looked through, the newest; and shown."""

_LONG_MS: Final = 300 * 86_400_000
"""An interval that is longer has only an end."""

_MINUTE_MS: Final = 60_000


class Uncertain(NamedTuple):
    """A presence, whose it is, and when it can have been."""

    seen: Seen
    resolved: Resolved
    spans: Sequence[Span]


class Line(Struct, frozen=True, kw_only=True):
    """An uncertain presence in words; `key` is how the form names it."""

    key: str
    whom: str
    person: str
    said: str
    known: Sequence[str]
    before: str
    after: str
    where: str
    day: str
    clock: str
    settled: str


class TimePages:
    """The list, and the word on one of it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        return [
            Route("/times", self._site.page(self._look, roles=DECIDING), methods=["GET"]),
            Route("/times", self._site.act(self._settle), methods=["POST"]),
        ]

    def _look(self, request: Request, visitor: Visitor) -> Response:
        """GET /times: what is not certain, the newest first."""
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            found = self.uncertain(tx, city, visitor)
            lives = tx.city.lives()
            lines = [self._line(tx, city, lives, one) for one in found[:MOST_SHOWN]]
        open_ = [one for one in lines if not one.settled]
        context = {
            "lines": open_,
            "settled": [one for one in lines if one.settled],
            "more": max(0, len(found) - len(lines)),
            "days": DAYS,
        }
        return self._site.render(request, visitor, "times.html", context)

    def uncertain(self, tx: Transaction, city: City, visitor: Visitor) -> list[Uncertain]:
        """Return the presences whose time is uncertain or was settled, that the visitor may see."""
        kiosks = [
            kiosk
            for kiosk, posts in city.posts.items()
            if visitor.sees(*(post.unit for post in posts))
        ]
        first = today(self._site.clock(), self._site.web.zone) - timedelta(days=DAYS)
        begin = int(datetime.combine(first, time(), UTC).timestamp()) * 1000
        lives = tx.city.lives()
        seen = tx.punches.odd(kiosks, begin, MOST_READ, lives) if kiosks else []
        return self._among(tx, city, visitor, seen)

    def _among(
        self, tx: Transaction, city: City, visitor: Visitor, seen: Sequence[Seen]
    ) -> list[Uncertain]:
        lives = tx.city.lives()

        def readings(kiosk: str, terminals: Collection[str]) -> dict[str, list[ReadAt]]:
            return tx.times.readings(kiosk, terminals, lives)

        told = spans(seen, tx.times.history, readings)
        wide = [
            (one, found)
            for one, found in zip(seen, told, strict=True)
            if len(found) > 1 or found[0].latest - found[0].earliest > UNSURE_MS
        ]
        sighted = [structs.replace(one.sighted, day=found[0].day) for one, found in wide]
        whose = resolve_all(tx, city, sighted)
        return [
            Uncertain(one, resolved, found)
            for (one, found), resolved in zip(wide, whose, strict=True)
            if resolved.why is not Why.COPY and _may_see(city, visitor, one, resolved, found)
        ]

    def _line(
        self, tx: Transaction, city: City, lives: dict[tuple[str, str], int], one: Uncertain
    ) -> Line:
        seen, zone = one.seen, zone_named(one.seen.zone) or self._site.web.zone
        before, after = (_neighbour(city, other, zone) for other in tx.punches.beside(seen, lives))
        said, name, on = terminal_time(seen.sighted.time, seen.zone)
        person = one.resolved.person or ""
        settled = city.settled.get(seen.sighted.place)
        likely = local(settled or one.spans[0].latest, zone)
        return Line(
            key=_key(seen.sighted.place),
            whom=city.name(person) or person or "tidak dikenal",
            person=person,
            said=" ".join(filter(None, (said, name, on))),
            known=[_known(span, zone) for span in one.spans],
            before=before,
            after=after,
            where=f"{seen.sighted.source} {seen.sighted.terminal} · {seen.sighted.place.kiosk}",
            day=str(likely.date()),
            clock=f"{likely:%H:%M}",
            settled=_moment(settled, zone) if settled is not None else "",
        )

    def _settle(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /times: a presence was at that moment."""
        place = _place(text(form, "presence", 1000))
        when, minute = day(form, "day", "Tanggal"), clock(form, "clock")
        if minute is None:
            raise Sorry("Jam wajib diisi.")
        reason = words(form, "reason", MOST_REASON)
        made = decided(
            self._site,
            visitor,
            reason,
            lambda tx, city: self._body(tx, city, visitor, place, when, minute),
        )
        return RedirectResponse(f"/proposals/{made.id}", 303)

    def _body(
        self,
        tx: Transaction,
        city: City,
        visitor: Visitor,
        place: Place,
        when: date,
        minute: int,
    ) -> TimeBody:
        found = [
            one for one in self.uncertain(tx, city, visitor) if one.seen.sighted.place == place
        ]
        if not found:
            raise Missing("Kehadiran itu tidak ada, atau jamnya sudah pasti.")
        [one] = found
        zone = zone_named(one.seen.zone) or self._site.web.zone
        naive = datetime.combine(when, time()) + timedelta(minutes=minute)
        utc = int(naive.replace(tzinfo=zone).timestamp()) * 1000
        if utc > one.seen.punched.received_at:
            raise Sorry("Kehadiran tidak mungkin lebih lambat dari saat pusat menerimanya.")
        person = whose_at(tx, city, place, utc)
        there = local(utc, zone).date()
        if person and not (visitor.sees_all or sees_day(city, visitor, person, there)):
            raise Missing("Pada hari itu kehadiran ini bukan milik pegawai unit Anda.")
        said = f"{one.seen.sighted.credential} {one.seen.sighted.user}, {one.seen.sighted.time}"
        pointed = Pointed(
            kiosk=place.kiosk,
            epoch=place.epoch,
            seq=place.seq,
            hash=place.hash.hex(),
            day=one.spans[0].day or one.spans[-1].day,
            said=f"{said}, {one.seen.sighted.terminal}",
        )
        return TimeBody(
            presence=pointed,
            person=person,
            utc=utc,
            was=city.settled.get(place),
            earliest=min(span.earliest for span in one.spans),
            latest=max(span.latest for span in one.spans),
            # A minute is what people say: within it, it is not outside.
            outside=not any(span.earliest - _MINUTE_MS < utc <= span.latest for span in one.spans),
        )


def _may_see(
    city: City, visitor: Visitor, seen: Seen, resolved: Resolved, found: Sequence[Span]
) -> bool:
    if visitor.sees_all:
        return True
    # Of a span of days nobody knows which: then, as for the judge, the one that the terminal said.
    said = sane_day(seen.sighted.time)
    days = {day for span in found if (day := span.day or said) is not None}
    if resolved.person is not None:
        return any(sees_day(city, visitor, resolved.person, one) for one in days)
    served = [unit for one in days for unit in city.served(seen.sighted.place.kiosk, one) or ()]
    return visitor.sees(*served)


def _known(span: Span, zone: ZoneInfo) -> str:
    if span.latest - span.earliest > _LONG_MS:
        return f"sebelum {_moment(span.latest, zone)}"
    low, high = local(span.earliest, zone), local(span.latest, zone)
    if low.date() == high.date():
        if high - low <= timedelta(minutes=1):
            return f"sekitar {high:%H.%M}, {day_words(high.date())}"
        return f"antara {low:%H.%M} dan {high:%H.%M}, {day_words(low.date())}"
    return f"antara {_moment(span.earliest, zone)} dan {_moment(span.latest, zone)}"


def _moment(utc: int, zone: ZoneInfo) -> str:
    at = local(utc, zone)
    return f"{at:%H.%M}, {day_words(at.date())}"


def _neighbour(city: City, one: Seen | None, zone: ZoneInfo) -> str:
    if one is None or one.punched.utc is None:
        return ""
    return _moment(one.punched.utc - (one.punched.drift or 0), zone)


def _key(place: Place) -> str:
    return f"{place.seq} {place.hash.hex()} {place.epoch} {place.kiosk}"


def _place(said: str) -> Place:
    """Raises Sorry."""
    try:
        seq, digest, epoch, kiosk = said.split(" ", 3)
        return Place(kiosk, epoch, int(seq[:18]), bytes.fromhex(digest))
    except ValueError as error:
        raise Sorry("Kehadiran itu tidak ada.") from error
