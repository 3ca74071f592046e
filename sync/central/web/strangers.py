"""Strangers: presences that are nobody's, by kiosk and credential, and "this is ...".

A unit's account sees the kiosks that serve its units on that day, and names its own people.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central.city import City
from sync.central.proposals import MOST_REASON
from sync.central.roles import DECIDING, Visitor
from sync.central.store import Transaction
from sync.central.strangers import Unknown, recent
from sync.central.touched import closed_by
from sync.central.web import cards
from sync.central.web.dates import today
from sync.central.web.deciding import closed_words, decided, text, words
from sync.central.web.scope import sees_day
from sync.central.web.site import Missing, Site, Sorry
from sync.central.web.visits import visits
from sync.central.wishes import NameBody

DAYS: Final = 7
MOST_DAYS: Final = 31
"""Days back that are looked at: as given, and at most."""

MOST_NAMED: Final = 200
"""Presences that are named at once."""

NOBODY: Final = "-"
"""In the form, for nobody of ours."""


class StrangerPages:
    """The list, one of it, and the word on it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        page, act = self._site.page(self._look, roles=DECIDING), self._site.act(self._name)
        return [
            Route("/strangers", page, methods=["GET"]),
            Route("/strangers", act, methods=["POST"]),
        ]

    @property
    def _today(self) -> date:
        return today(self._site.clock(), self._site.web.zone)

    def _look(self, request: Request, visitor: Visitor) -> Response:
        """GET /strangers?days=: the cards; with kiosk, credential and user, that one."""
        asked = request.query_params
        days = _days(asked.get("days", ""))
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            found = self.unknown(tx, city, visitor, days)
            if "kiosk" not in asked:
                return self._list(request, visitor, city, found, days)
            key = tuple(asked.get(name, "") for name in ("kiosk", "credential", "user"))
            one = next((one for one in found if one.key == key), None)
            if one is None:
                raise Missing("Kehadiran itu tidak ada, atau sudah lebih lama.")
            every = [*one.strangers, *one.named]
            said = visits(tx, every)
            shown: dict[str, object] = {
                "seen": [cards.seen(city, visitor, each, said) for each in every],
                "likely": cards.likely(city, visitor, every, said),
            }
            return self._one(request, visitor, city, one, days, asked.get("q", ""), shown)

    def unknown(self, tx: Transaction, city: City, visitor: Visitor, days: int) -> list[Unknown]:
        """Return who was nobody in the last days, as far as the visitor may see."""
        zone = self._site.web.zone
        first = self._today - timedelta(days=days - 1)
        begin = int(datetime.combine(first, time(), zone).timestamp()) * 1000
        kiosks = cards.kiosks_of(tx, city, visitor)
        found = []
        for one in recent(tx, city, begin, kiosks) if kiosks else []:
            strange = [seen for seen in one.strangers if cards.is_visible(city, visitor, seen)]
            named = [seen for seen in one.named if cards.is_visible(city, visitor, seen)]
            if strange or named:
                found.append(
                    Unknown(
                        kiosk=one.kiosk,
                        credential=one.credential,
                        user=one.user,
                        strangers=strange,
                        named=named,
                    )
                )
        return found

    def _list(
        self, request: Request, visitor: Visitor, city: City, found: Sequence[Unknown], days: int
    ) -> Response:
        shown = [cards.card(city, visitor, one, days) for one in found if one.strangers]
        context = {"cards": shown, "days": days, "most": MOST_DAYS, "nobody": NOBODY}
        return self._site.render(request, visitor, "strangers.html", context)

    def _one(
        self,
        request: Request,
        visitor: Visitor,
        city: City,
        one: Unknown,
        days: int,
        query: str,
        asked: dict[str, object],
    ) -> Response:
        context = {
            "card": cards.card(city, visitor, one, days),
            "days": days,
            "seen": [cards.seen(city, visitor, each) for each in (*one.strangers, *one.named)],
            "new": cards.newcomers(city, visitor, one),
            "query": query,
            "likely": [],
            "found": cards.search(city, visitor, one, query, self._today) if query else [],
            "nobody": NOBODY,
            "warnings": [],
            "reason": "",
            "chosen": "",
            "marked": {cards.key_of(each) for each in one.strangers},
            **asked,
        }
        return self._site.render(request, visitor, "stranger.html", context)

    def _name(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /strangers: these presences are that person's, or nobody's of ours."""
        key = tuple(text(form, name) for name in ("kiosk", "credential", "user"))
        days, reason = _days(text(form, "days")), words(form, "reason", MOST_REASON)
        said = text(form, "person")
        if not said:
            raise Sorry("Pilih siapa orangnya, atau: bukan pegawai kami.")
        person = "" if said == NOBODY else said
        marked = {str(value) for value in form.getlist("presence")}
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            one, body = self._wanted(tx, city, visitor, key, days, person, marked)
            warnings = cards.warnings(tx, city, visitor, one, person)
            closed = closed_words(city, closed_by(tx, city, body))
        if (warnings or closed) and text(form, "sure") != "yes":
            asked: dict[str, object] = {
                "warnings": [*warnings, *(f"bulan sudah ditutup: {words}" for words in closed)],
                "reason": reason,
                "chosen": said,
                "marked": {cards.pointed_key(each) for each in body.presences},
            }
            return self._one(request, visitor, city, one, days, "", asked)
        made = decided(
            self._site,
            visitor,
            reason,
            lambda tx, city: self._wanted(tx, city, visitor, key, days, person, marked)[1],
        )
        if text(form, "back") == "list" and made.state == "approved":
            return RedirectResponse("/strangers?" + urlencode({"days": days}), 303)
        return RedirectResponse(f"/proposals/{made.id}", 303)

    def _wanted(
        self,
        tx: Transaction,
        city: City,
        visitor: Visitor,
        key: tuple[str, ...],
        days: int,
        person: str,
        marked: Collection[str],
    ) -> tuple[Unknown, NameBody]:
        """Return the group and what is wanted of it; without marks, of all that are nobody's."""
        found = self.unknown(tx, city, visitor, days)
        one = next((one for one in found if one.key == key), None)
        if one is None:
            raise Missing("Kehadiran itu tidak ada, atau sudah dinamai orang lain.")
        every = [*one.strangers, *one.named]
        chosen = (
            [each for each in every if cards.key_of(each) in marked] if marked else one.strangers
        )
        if not chosen or (marked and len(chosen) < len(marked)):
            raise Sorry("Sementara itu ada yang berubah; pilih kehadirannya sekali lagi.")
        if len(chosen) > MOST_NAMED:
            raise Sorry(f"Paling banyak {MOST_NAMED} kehadiran sekaligus; pilih sebagian.")
        if any(cards.is_others(city, visitor, each) for each in chosen):
            raise Sorry(
                "Sebagian sudah dinamai sebagai pegawai unit lain; hanya petugas kota yang dapat "
                "mengubahnya."
            )
        if person:
            for each in chosen:
                day = cards.seen_day(each)
                if person not in city.people or not (
                    visitor.sees_all or (day and sees_day(city, visitor, person, day))
                ):
                    raise Missing("Tidak ada pegawai dengan NIP itu pada unit Anda di hari itu.")
        return one, NameBody(
            person=person, presences=[cards.pointed(city, each) for each in chosen]
        )


def _days(said: str) -> int:
    if not said:
        return DAYS
    if not said.isascii() or not said.isdecimal() or not 1 <= int(said[:4]) <= MOST_DAYS:
        raise Sorry(f"{said[:20]!r}: pilih 1 sampai {MOST_DAYS} hari.")
    return int(said[:4])
