"""Where devices enrol: `/enrol/v1/...`, for programs, without a log-in (docs/PROTOCOL.md, 9).

What is said here is authenticated in itself; a proxy that speaks TLS before it hides only who asks.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central.errors import CentralError
from sync.central.exits import Refused
from sync.central.registrar import Registrar
from sync.central.web.login import address_of
from sync.central.web.site import Site
from sync.protocol import enrolment
from sync.protocol.enrolment import ASK_PATH, CLAIM_PATH, MAX_REQUEST_BYTES, RENEWAL_PATH, NotYet
from sync.protocol.enrolment import Standing as Stands
from sync.protocol.errors import ProtocolError, Unverified

_BYTES: Final = "application/octet-stream"
_JSON: Final = "application/json"

Answering = Callable[[Request, bytes], Response]


class Enrol:
    """The three roads on which a device becomes a kiosk, or stays one."""

    def __init__(self, site: Site, registrar: Registrar) -> None:
        self._site = site
        self._registrar = registrar

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        return [
            Route(CLAIM_PATH, _answered(self._claim), methods=["POST"]),
            Route(ASK_PATH, _answered(self._ask), methods=["POST"]),
            Route(f"{ASK_PATH}/{{ticket}}", _answered(self._reveal), methods=["POST"]),
            Route(RENEWAL_PATH, _answered(self._renew), methods=["POST"]),
        ]

    def _claim(self, _: Request, message: bytes) -> Response:
        """POST /enrol/v1/claim."""
        return Response(self._registrar.claim(message), media_type=_BYTES)

    def _ask(self, request: Request, message: bytes) -> Response:
        """POST /enrol/v1/ask."""
        asked = self._registrar.ask(message, address_of(request))
        return Response(enrolment.encode(asked), media_type=_JSON)

    def _reveal(self, request: Request, message: bytes) -> Response:
        """POST /enrol/v1/ask/TICKET."""
        found = self._registrar.reveal(request.path_params["ticket"], message)
        if isinstance(found, Stands):
            return Response(enrolment.encode(NotYet(standing=found)), 202, media_type=_JSON)
        return Response(found, media_type=_BYTES)

    def _renew(self, _: Request, message: bytes) -> Response:
        """POST /enrol/v1/renewal."""
        return Response(self._registrar.renew_by_request(message), media_type=_BYTES)


def _answered(answer: Answering) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint: a short message in, an answer or a sentence that says why not."""

    async def endpoint(request: Request) -> Response:
        try:
            message = await _short(request)
        except ClientDisconnect:
            return PlainTextResponse("", 400)
        if message is None:
            return PlainTextResponse(f"at most {MAX_REQUEST_BYTES} bytes are read here\n", 413)
        return await run_in_threadpool(answered, request, message)

    def answered(request: Request, message: bytes) -> Response:
        try:
            return answer(request, message)
        except Unverified as error:
            return PlainTextResponse(f"{error}\n", 403)
        except ProtocolError as error:
            return PlainTextResponse(f"{error}\n", 400)
        except Refused as refused:
            return PlainTextResponse(f"{refused}\n", 409)
        except CentralError as error:
            return PlainTextResponse(f"central cannot do it now: {error}\n", 503)

    return endpoint


async def _short(request: Request) -> bytes | None:
    """Return the body, None if it is too long."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST_BYTES:
            return None
    return bytes(body)
