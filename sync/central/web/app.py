"""All of central's pages, put together."""

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sync.central.errors import StoreError
from sync.central.web.absences import AbsencePages
from sync.central.web.closings import ClosingPages
from sync.central.web.papers import PaperPages
from sync.central.web.presences import Presences
from sync.central.web.proposals import ProposalPages
from sync.central.web.site import HERE, Site
from sync.central.web.strangers import StrangerPages
from sync.shield import Shield


def app(site: Site) -> Starlette:
    """Return the application."""
    door = site.door
    pages = (
        Presences(site),
        ProposalPages(site),
        AbsencePages(site),
        PaperPages(site),
        StrangerPages(site),
        ClosingPages(site),
    )
    return Starlette(
        routes=[
            *(route for page in pages for route in page.routes()),
            Route("/login", door.form, methods=["GET"]),
            Route("/login", door.enter, methods=["POST"]),
            Route("/logout", door.leave, methods=["POST"]),
            Mount("/static", StaticFiles(directory=HERE / "static")),
        ],
        middleware=[Middleware(Shield)],
        exception_handlers={StoreError: _unavailable},
    )


def _unavailable(_: Request, __: Exception) -> Response:
    words = "Basis data sedang tidak tersedia. / The database is not available right now.\n"
    return PlainTextResponse(words, 503)
