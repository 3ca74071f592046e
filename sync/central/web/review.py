"""What needs a person: how much of each kind there is, and where it is looked at."""

from collections.abc import Sequence

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sync.central.proposals import visible
from sync.central.roles import DECIDING, Visitor
from sync.central.store.proposals import Stage
from sync.central.web.dates import Month, today
from sync.central.web.scope import units_of
from sync.central.web.site import Site
from sync.central.web.strangers import DAYS, StrangerPages


class Matter(Struct, frozen=True):
    """Something to be looked at; `count` is None where counting would take too long."""

    link: str
    word: str
    count: int | None
    said: str


class ReviewPage:
    """The counts and the links."""

    def __init__(self, site: Site, strangers: StrangerPages) -> None:
        self._site = site
        self._strangers = strangers

    def routes(self) -> list[BaseRoute]:
        """Return where it is."""
        return [Route("/review", self._site.page(self._look, roles=DECIDING))]

    def _look(self, request: Request, visitor: Visitor) -> Response:
        """GET /review."""
        month = Month.of(today(self._site.clock(), self._site.web.zone)).before
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            waiting = visible(tx, visitor, [Stage.WAITING])
            strange = self._strangers.unknown(tx, city, visitor, DAYS)
            closed = {one.unit for one in tx.closings.latest(str(month))}
        mine = [one for one in waiting if visitor.may_approve and one.author != visitor.account]
        unclosed = [unit for unit in units_of(city, visitor) if unit not in closed]
        matters: Sequence[Matter] = [
            Matter(
                "/proposals",
                "Usulan menunggu",
                len(waiting),
                f"{len(mine)} menunggu persetujuan Anda" if mine else "menunggu akun kedua",
            ),
            Matter(
                "/strangers",
                "Tidak dikenal",
                sum(bool(one.strangers) for one in strange),
                f"kredensial tanpa pemilik, {DAYS} hari terakhir",
            ),
            Matter("/times", "Jam belum pasti", None, "kehadiran yang jamnya diragukan"),
            Matter("/pairs", "Selalu bersamaan", None, "dua orang yang selalu berselang detik"),
            Matter(
                f"/closings?month={month}",
                "Bulan belum ditutup",
                len(unclosed),
                f"unit, {month.words}",
            ),
        ]
        return self._site.render(request, visitor, "review.html", {"matters": matters})
