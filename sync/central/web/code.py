"""An employee's own page: a one-time code for the scanner at the door, renewed by itself.

A code holds for a minute and the next one is shown after half of it, so that there is always one
with time left. After some minutes the page shows none any more until somebody touches it: a phone
that lies about shows nobody's code.
"""

import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sync.central import qr
from sync.central.roles import OF_ONESELF, Visitor
from sync.central.web.site import Missing, Site, Sorry
from sync.protocol.employeecode import ONCE_HOLDS_S, once
from sync.protocol.errors import Malformed

RENEW_S: Final = ONCE_HOLDS_S // 2
"""So often another code is shown."""

SHOWN_MOST: Final = 10
"""So many codes are shown one after the other."""


class CodePage:
    """The code of whoever is logged in."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where it is."""
        return [Route("/code", self._site.page(self._show, roles=OF_ONESELF), methods=["GET"])]

    def _show(self, request: Request, visitor: Visitor) -> Response:
        """GET /code: `n` is how many were shown before."""
        site, person = self._site, self._site.city().people.get(visitor.account)
        if person is None:
            raise Missing("Anda tidak ada lagi di daftar pegawai; hubungi bagian kepegawaian.")
        said = request.query_params.get("n", "0")
        number = int(said) if said.isdecimal() and len(said) < 4 else 0
        context = {
            "person": person,
            "symbol": self._made(person.id) if number < SHOWN_MOST else None,
            "next": f"/code?n={number + 1}",
            "renew_s": RENEW_S,
            "holds_s": ONCE_HOLDS_S,
        }
        answer = site.render(request, visitor, "code.html", context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _made(self, person: str) -> qr.Symbol:
        """Return a new code's symbol. Raises Sorry."""
        code = once(person, self._site.clock() // 1000, secrets.randbits(64))
        try:
            return qr.symbol(self._site.authority.sign_code(code))
        except Malformed:
            raise Sorry("Nomor pegawai Anda terlalu panjang untuk sebuah kode.") from None
