"""Absences: somebody was away, and why. First what it would do, then the decision."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central.city import City
from sync.central.proposals import MOST_REASON
from sync.central.roles import DECIDING, Visitor
from sync.central.store import Transaction
from sync.central.store.proposals import Kind
from sync.central.web.dates import day_of, day_words, today
from sync.central.web.deciding import Preview, day, decided, text, words
from sync.central.web.scope import sees_day
from sync.central.web.site import Missing, Site, Sorry
from sync.central.wishes import AbsenceBody
from sync.worktime.rules import Absence, Reason

MOST_DAYS: Final = 1830
"""Longest absence that is entered here, days: a study of five years."""


class Held(Struct, frozen=True, kw_only=True):
    """An absence that is there; `key` is how the form names it."""

    key: str
    words: str
    overlaps: bool


class Said(Struct, frozen=True, kw_only=True):
    """What the form's fields say, to be shown in them again."""

    person: str = ""
    since: str = ""
    until: str = ""
    word: str = ""
    reference: str = ""
    key: str = ""
    gone: bool = False
    reason: str = ""


class AbsencePages:
    """The form of one absence."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where it is."""
        page, act = self._site.page(self._form, roles=DECIDING), self._site.act(self._decide)
        return [
            Route("/absences/new", page, methods=["GET"]),
            Route("/absences/new", act, methods=["POST"]),
        ]

    def _form(self, request: Request, visitor: Visitor) -> Response:
        """GET /absences/new?person=&day=: the form; with `row`, of one that is there."""
        asked = request.query_params
        person, key = asked.get("person", ""), asked.get("row", "")
        now = today(self._site.clock(), self._site.web.zone)
        when = day_of(asked["day"]) if asked.get("day") else now
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            if person:
                _may_see(city, visitor, person, when, when)
            before = _row(city, person, key) if key else None
            if before is not None:
                _may_see(city, visitor, person, *_days(before))
        said = Said(person=person, since=str(when), until=str(when))
        if before is not None:
            since, until = _days(before)
            said = Said(
                person=person,
                since=str(since),
                until=str(until),
                word=before.reason.value,
                reference=before.reference,
                key=key,
            )
        return self._show(request, visitor, city, said, None)

    def _decide(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /absences/new: `step` is look (what it would do) or do."""
        said = Said(
            **{
                name: words(form, name, MOST_REASON)
                for name in Said.__struct_fields__
                if name != "gone"
            },
            gone=text(form, "gone") == "yes",
        )
        if text(form, "step") == "do":
            made = decided(
                self._site,
                visitor,
                said.reason,
                lambda tx, city: self._body(tx, city, visitor, form, said),
            )
            return RedirectResponse(f"/proposals/{made.id}", 303)
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            body = self._body(tx, city, visitor, form, said)
            preview = Preview(self._site, tx, city, visitor, body, Kind.ABSENCE)
        return self._show(request, visitor, city, said, preview)

    def _body(
        self, _: Transaction, city: City, visitor: Visitor, form: FormData, said: Said
    ) -> AbsenceBody:
        before = _row(city, said.person, said.key) if said.key else None
        if before is not None:
            _may_see(city, visitor, said.person, *_days(before))
            if not visitor.sees_all and (before.since is None or before.until is None):
                raise Sorry("Ketidakhadiran tanpa tanggal akhir hanya diubah oleh petugas kota.")
        if said.gone:
            if before is None:
                raise Sorry("Tidak ada ketidakhadiran yang dihapus.")
            return AbsenceBody(before=before)
        if said.word not in list(Reason):
            raise Sorry("Pilih keterangan dari daftarnya.")
        since, until = day(form, "since", "Tanggal awal"), day(form, "until", "Tanggal akhir")
        if not since <= until <= since + timedelta(days=MOST_DAYS):
            raise Sorry(
                f"Tanggal akhir harus pada atau setelah tanggal awal, paling jauh {MOST_DAYS} hari."
            )
        _may_see(city, visitor, said.person, since, until)
        after = Absence(
            person=said.person,
            reason=Reason(said.word),
            reference=words(form, "reference"),
            since=since,
            until=until,
        )
        return AbsenceBody(before=before, after=after)

    def _show(
        self,
        request: Request,
        visitor: Visitor,
        city: City,
        said: Said,
        preview: Preview | None,
    ) -> Response:
        context = {
            "said": said,
            "name": city.name(said.person),
            "words": [one.value for one in Reason],
            "held": _held(city, visitor, said) if said.person in city.people else [],
            "preview": preview,
            "closed": preview.closed if preview else [],
            "outcomes": preview.outcomes if preview else [],
        }
        return self._site.render(request, visitor, "absence.html", context)


def _may_see(city: City, visitor: Visitor, person: str, since: date, until: date) -> None:
    """Raises Missing: no such person for this one, on each of these days."""
    days = range((until - since).days + 1)
    if person in city.people and (
        visitor.sees_all
        or all(sees_day(city, visitor, person, since + timedelta(days=n)) for n in days)
    ):
        return
    raise Missing("Tidak ada pegawai dengan NIP itu pada unit Anda di hari-hari itu.")


def _days(row: Absence) -> tuple[date, date]:
    """Return the first and the last day; of one without an end (from a workbook) the first."""
    since = row.since or row.until or date(2000, 1, 1)
    return since, row.until or since


def _key(row: Absence) -> str:
    return f"{row.since or ''}|{row.reason.value}"


def _row(city: City, person: str, key: str) -> Absence:
    """Raises Missing."""
    for row in city.rulings.absences.get(person, ()):
        if _key(row) == key:
            return row
    raise Missing("Ketidakhadiran itu tidak ada lagi.")


def _held(city: City, visitor: Visitor, said: Said) -> Sequence[Held]:
    """Return the absences that one sees of the person, the latest first; which of them overlap."""
    try:
        since, until = day_of(said.since), day_of(said.until)
    except Sorry:
        since = until = date(2000, 1, 1)
    rows = sorted(
        (
            row
            for row in city.rulings.absences.get(said.person, ())
            if any(sees_day(city, visitor, said.person, day) for day in _days(row))
        ),
        key=lambda row: (row.since or date.min, row.reason.value),
        reverse=True,
    )
    return [
        Held(
            key=_key(row),
            words=f"{row.reason.value}, {_span(row)}"
            + (f" ({row.reference})" if row.reference else ""),
            overlaps=_meets(row, since, until) and _key(row) != said.key,
        )
        for row in rows[:_MOST_HELD]
    ]


_MOST_HELD: Final = 20


def _meets(row: Absence, since: date, until: date) -> bool:
    return (row.since or date.min) <= until and since <= (row.until or date.max)


def _span(row: Absence) -> str:
    since = day_words(row.since) if row.since else "sejak dulu"
    if row.since == row.until:
        return since
    return f"{since} sampai {day_words(row.until) if row.until else 'seterusnya'}"
