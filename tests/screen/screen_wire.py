"""A browser without a network: it hands each request to an application and waits for its answer."""

import asyncio

import httpx
from starlette.types import ASGIApp


class Wire(httpx.BaseTransport):
    """The way to `app`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport) as browser:
                answer = await browser.request(
                    request.method, request.url, headers=request.headers, content=request.read()
                )
                return httpx.Response(
                    answer.status_code, headers=answer.headers, content=answer.content
                )

        return asyncio.run(ask())
