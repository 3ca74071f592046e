"""What is asked for: the address as it came, and what no page is asked at all.

The access log keeps an address whole, as it was sent: percent-encoded, without the host, which
whoever asks may make up. So a longer one is not answered, or its end would be looked at unseen.
"""

from typing import Final
from urllib.parse import quote

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_ADDRESS: Final = 2000
"""Longest address, characters."""


def address(scope: Scope) -> str:
    """Return the path and query of a request, as they came."""
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    query = scope.get("query_string", b"")
    asked: bytes = path + b"?" + query if query else path
    return asked.decode("latin-1")


class Asked:
    """ASGI middleware that answers what cannot be asked: nothing else sees it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        app = self._app
        if scope["type"] == "http":
            asked = address(scope)
            if len(asked) > MAX_ADDRESS:
                app = PlainTextResponse("Alamat ini terlalu panjang. / Too long an address.\n", 414)
            elif "\0" in asked or "%00" in asked:  # no database has such a text
                app = PlainTextResponse("Alamat ini tidak mungkin. / Not an address.\n", 400)
        await app(scope, receive, send)


def is_text(said: str) -> bool:
    """Return whether a database can have this text: no NUL in it, and no half of a character."""
    return "\0" not in said and not any("\ud800" <= one <= "\udfff" for one in said)
