"""All of central's pages, put together."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sync.central.board import Board
from sync.central.errors import JournalTrouble, StoreError
from sync.central.hung import unit_day, unit_month
from sync.central.turns import Turns
from sync.central.web.absences import AbsencePages
from sync.central.web.accounts import Accounts
from sync.central.web.api import Api
from sync.central.web.asked import Asked
from sync.central.web.closings import DRAFTS, ClosingPages, draft
from sync.central.web.code import CodePage
from sync.central.web.enrol import Enrol
from sync.central.web.kiosks import Kiosks
from sync.central.web.pairs import PairPages
from sync.central.web.papers import PaperPages
from sync.central.web.people import People
from sync.central.web.presences import Presences
from sync.central.web.proposals import ProposalPages
from sync.central.web.recaps import AGE_S, Recaps
from sync.central.web.review import ReviewPage
from sync.central.web.site import HERE, Site
from sync.central.web.strangers import StrangerPages
from sync.central.web.times import TimePages
from sync.central.web.today import Today
from sync.shield import Shield


def app(site: Site) -> ASGIApp:
    """Return the application."""
    # Outermost: what answers a bug of ours is Starlette's own, outside of its middleware.
    return Shield(Asked(routed(site)))


def routed(site: Site) -> Starlette:
    """Return every page at its address."""
    door, turns = site.door, Turns()
    about = (site.store, site.cities, site.clock, site.monotonic, turns)
    days = Board(*about, unit_day)
    months = Board(*about, unit_month, age_s=AGE_S, heeds_kiosks=False)
    # A frozen month has a row for every duty: of a few months that are looked at now.
    drafts = Board(*about, draft, heeds_kiosks=False, most=DRAFTS)
    strangers = StrangerPages(site)
    pages = (
        Presences(site),
        Accounts(site),
        People(site),
        Recaps(site, months),
        Today(site, days),
        Api(site, days, months),
        ProposalPages(site),
        AbsencePages(site),
        PaperPages(site),
        strangers,
        TimePages(site),
        PairPages(site),
        ClosingPages(site, drafts),
        ReviewPage(site, strangers),
        CodePage(site),
    )
    enrolment: list[BaseRoute] = []
    if (registrar := site.registrar) is not None:
        enrolment += Enrol(site, registrar).routes()
        enrolment += Kiosks(site, registrar).routes()
    return Starlette(
        routes=[
            *(route for page in pages for route in page.routes()),
            *enrolment,
            Route("/login", door.form, methods=["GET"]),
            Route("/login", door.enter, methods=["POST"]),
            Route("/logout", door.leave, methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        exception_handlers={StoreError: _unavailable, JournalTrouble: _undecided},
    )


def _unavailable(_: Request, __: Exception) -> Response:
    words = "Basis data sedang tidak tersedia. / The database is not available right now.\n"
    return PlainTextResponse(words, 503)


def _undecided(_: Request, error: Exception) -> Response:
    words = f"Tidak ada yang diputuskan: jurnal keputusan tidak dapat ditulis. / {error}\n"
    return PlainTextResponse(words, 503)
