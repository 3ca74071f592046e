"""Proposals: those that wait, what became of the others; approving, refusing, withdrawing."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central import proposals
from sync.central.city import City
from sync.central.present import moment
from sync.central.proposals import may_see, visible
from sync.central.roles import DECIDING, EVERY, Visitor
from sync.central.roster.forms import clock
from sync.central.rulings import Paper
from sync.central.store import Transaction
from sync.central.store.proposals import Proposed, Stage
from sync.central.touched import closed_by
from sync.central.web.dates import day_words, local
from sync.central.web.deciding import (
    KINDS,
    closed_words,
    foreseen,
    journal,
    text,
    unit_name,
    words,
)
from sync.central.web.site import Missing, Site, Sorry
from sync.central.wishes import AbsenceBody, Body, NameBody, PaperBody, TimeBody, body_of
from sync.worktime.rules import Absence

STAGES: Final = {
    Stage.WAITING: "menunggu persetujuan",
    Stage.APPROVED: "berlaku",
    Stage.REFUSED: "ditolak",
    Stage.WITHDRAWN: "ditarik kembali",
}
ICONS: Final = {
    Stage.WAITING: "repeat",
    Stage.APPROVED: "known",
    Stage.REFUSED: "unreadable",
    Stage.WITHDRAWN: "unbound",
}
"""Each stage's symbol in the sprite."""

RECENT: Final = 100
"""Decided proposals that are listed."""


class Line(Struct, frozen=True, kw_only=True):
    """A proposal in one line of a list; `mine` is whether the visitor may approve it."""

    id: int
    kind: str
    whom: str
    unit: str
    author: str
    reason: str
    made: str
    stage: str
    icon: str
    decided: str
    mine: bool


class Fact(Struct, frozen=True):
    """One thing that is to be done: what, before and after, in words; "" before for new."""

    what: str
    before: str
    after: str


class ProposalPages:
    """The list, one proposal, and the three answers to it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        page, act = self._site.page, self._site.act
        return [
            Route("/proposals", page(self._list, roles=EVERY)),
            Route("/proposals/{number:int}", page(self._one, roles=EVERY), methods=["GET"]),
            Route("/proposals/{number:int}", act(self._answer, roles=DECIDING), methods=["POST"]),
        ]

    def _list(self, request: Request, visitor: Visitor) -> Response:
        """GET /proposals: those that wait, the visitor's to approve first; then the decided."""
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            waiting = visible(tx, visitor, [Stage.WAITING])
            over = [stage for stage in Stage if stage is not Stage.WAITING]
            done = visible(tx, visitor, over, RECENT)
        waits = [self._line(city, visitor, one) for one in waiting]
        context = {
            "waiting": sorted(waits, key=lambda one: not one.mine),
            "done": [self._line(city, visitor, one) for one in done],
        }
        return self._site.render(request, visitor, "proposals.html", context)

    def _line(self, city: City, visitor: Visitor, one: Proposed) -> Line:
        zone = self._site.web.zone
        return Line(
            id=one.id,
            kind=KINDS[one.kind],
            whom=city.name(one.person) or one.person or _many(body_of(one)),
            unit=unit_name(city, one.unit),
            author=one.author,
            reason=one.reason,
            made=moment(one.made_at, zone),
            stage=STAGES[one.state],
            icon=ICONS[one.state],
            decided=f"{one.decided_by}, {moment(one.decided_at, zone)}" if one.decided_by else "",
            mine=one.state is Stage.WAITING
            and visitor.may_approve
            and one.author != visitor.account,
        )

    def _one(self, request: Request, visitor: Visitor) -> Response:
        """GET /proposals/{number}: what it would do, and the buttons."""
        with self._site.store.reading() as tx:
            one = self._asked(tx, request, visitor)
            city = self._site.cities.current(tx)
            body = body_of(one)
            waits = one.state is Stage.WAITING
            closed = closed_by(tx, city, body)
            context = {
                "one": self._line(city, visitor, one),
                "facts": self._facts(city, body),
                "said": one.decided_reason,
                "closed": closed_words(city, closed),
                "seen": _seen(closed),
                "outcomes": foreseen(self._site, tx, city, visitor, body) if waits else [],
                "waits": waits,
                "own": waits and one.author == visitor.account,
                "file": body.file if isinstance(body, PaperBody) else "",
                "digest": body.sha256 if isinstance(body, PaperBody) else "",
            }
        return self._site.render(request, visitor, "proposal.html", context)

    def _asked(self, tx: Transaction, request: Request, visitor: Visitor) -> Proposed:
        number = request.path_params["number"]
        one = tx.proposals.one(number) if number < 1 << 62 else None
        if one is None or not may_see(visitor, one):
            raise Missing("Tidak ada usulan dengan nomor itu.")
        return one

    def _answer(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /proposals/{number}: `answer` is approve, refuse or withdraw."""
        answer, reason = text(form, "answer"), words(form, "reason", proposals.MOST_REASON)
        now = self._site.clock()
        with self._site.store.writing() as tx:
            tx.city.lock()
            one = self._asked(tx, request, visitor)
            decide = journal(self._site, tx, visitor)
            match answer:
                case "approve":
                    city = self._site.cities.current(tx)
                    if _seen(closed_by(tx, city, body_of(one))) != text(form, "seen", 1 << 16):
                        raise Sorry("Sementara itu bulannya ditutup; buka usulan ini sekali lagi.")
                    proposals.approve(tx, city, one, visitor, reason, now, decide)
                case "refuse":
                    proposals.refuse(tx, one, visitor, reason, now, decide)
                case "withdraw":
                    proposals.withdraw(tx, one, visitor, reason, now, decide)
                case _:
                    raise Sorry("Pilih setujui, tolak atau tarik kembali.")
        return RedirectResponse(f"/proposals/{one.id}", 303)

    def _facts(self, city: City, body: Body) -> Sequence[Fact]:
        zone = self._site.web.zone
        match body:
            case AbsenceBody():
                before, after = (_absence(one) for one in (body.before, body.after))
                return [Fact(_who(city, body.rows[0].person), before, after)]
            case PaperBody():
                return [
                    Fact(
                        _paper_of(city, row.after or row.before),
                        _paper(row.before),
                        _paper(row.after),
                    )
                    for row in body.rows
                ]
            case NameBody():
                name = _who(city, body.person) if body.person else "bukan pegawai kami"
                return [
                    Fact(f"{one.kiosk}: {one.said}", _was(city, one.was), name)
                    for one in body.presences
                ]
            case TimeBody():
                at = local(body.utc, zone)
                after = f"{at:%H.%M.%S} {at.tzname()}, {day_words(at.date())}"
                low, high = (local(at, zone) for at in (body.earliest, body.latest))
                before = f"antara {low:%d/%m %H.%M} dan {high:%d/%m %H.%M}"
                said = f"{body.presence.kiosk}: {body.presence.said}"
                return [Fact(f"{_who(city, body.person)} {said}".strip(), before, after)]


def _seen(closed: Sequence[tuple[str, str]]) -> str:
    """Return which closed months whoever approves has before their eyes."""
    return "; ".join(f"{unit} {month}" for unit, month in closed)


def _many(body: Body) -> str:
    match body:
        case PaperBody():
            return f"{len(body.rows)} baris"
        case NameBody():
            return f"{len(body.presences)} kehadiran bukan pegawai kami"
        case _:
            return ""


def _who(city: City, person: str) -> str:
    name = city.name(person)
    return f"{name} ({person})" if name else person


def _was(city: City, was: str | None) -> str:
    if was is None:
        return ""
    return _who(city, was) if was else "bukan pegawai kami"


def _absence(row: Absence | None) -> str:
    if row is None:
        return ""
    since, until = (day_words(one) if one else "seterusnya" for one in (row.since, row.until))
    letter = f" ({row.reference})" if row.reference else ""
    days = since if row.since == row.until else f"{since} sampai {until}"
    return f"{row.reason.value}, {days}{letter}"


def _paper_of(city: City, row: Paper | None) -> str:
    if row is None:
        return ""
    number = f" nomor {row.number}" if row.number != 1 else ""
    return f"{_who(city, row.person)}, {day_words(row.day)}{number}"


def _paper(row: Paper | None) -> str:
    if row is None:
        return ""
    came = f"masuk {clock(row.arrival).replace(':', '.')}" if row.arrival is not None else ""
    left = f"pulang {clock(row.departure).replace(':', '.')}" if row.departure is not None else ""
    letter = f"({row.reference})" if row.reference else ""
    return " ".join(filter(None, (came, left, letter)))
