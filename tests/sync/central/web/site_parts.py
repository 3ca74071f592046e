"""Central's pages over a fake central, and a browser: what tests of pages share."""

import asyncio
from collections.abc import Callable

import httpx

from sync import passwords
from sync.central.intake import LineState
from sync.central.roles import Role
from sync.central.settings import Web
from sync.central.store.people import Account
from sync.central.web.app import app
from sync.central.web.site import Site as WebSite

ORIGIN = {"origin": "http://testserver"}
PASSWORD = "rahasia-sekali"


class Wire(httpx.BaseTransport):
    """Hands a request to the application and waits for its whole answer."""

    def __init__(self, app) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app)) as browser:
                answer = await browser.request(
                    request.method, request.url, headers=request.headers, content=request.read()
                )
                return httpx.Response(
                    answer.status_code, headers=answer.headers, content=answer.content
                )

        return asyncio.run(ask())


class Site:
    """The page over a fake central, and a browser."""

    def __init__(self, central) -> None:
        self.central = central
        self.seconds = 0.0
        secret = passwords.new_secret(PASSWORD, cost=2**4)
        with central.store.writing() as tx:
            tx.people.add_account(Account(name="admin", secret=secret), central.now)
        self.site = WebSite(
            central.store,
            central.bell,
            Web(),
            central.clock,
            lambda: LineState.UP,
            central.decisions,
            central.authority,
            lambda: self.seconds,
        )
        self.app = app(self.site)
        self.browser = httpx.Client(transport=Wire(self.app), base_url="http://testserver")

    def log_in(self, password: str = PASSWORD, name: str = "admin", headers=ORIGIN):
        form = {"name": name, "password": password}
        return self.browser.post("/login", data=form, headers=headers)

    def add_account(self, name: str, role: Role, *units: str) -> None:
        secret = passwords.new_secret(PASSWORD, cost=2**4)
        with self.central.store.writing() as tx:
            account = Account(name=name, secret=secret, role=role, units=units)
            assert tx.people.add_account(account, self.central.now)

    def looks(self) -> list[str]:
        with self.central.store.reading() as tx:
            return [f"{one.account} {one.viewed}" for one in tx.people.looks(100)][::-1]

    def stream(self, path: str, enough: Callable[[str], bool], headers=None) -> str:
        """Open a stream, read until `enough`, and hang up; return what came."""
        query = path.partition("?")[2]
        cookie = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        said = {"cookie": cookie, "host": "testserver", **(headers or {})}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path.partition("?")[0],
            "raw_path": b"",
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in said.items()],
            "client": ("127.0.0.1", 1),
            "server": ("testserver", 80),
        }
        came: list[str] = []

        async def run() -> None:
            done = asyncio.Event()
            asked = False

            async def receive():
                nonlocal asked
                if not asked:
                    asked = True
                    return {"type": "http.request", "body": b"", "more_body": False}
                await done.wait()
                return {"type": "http.disconnect"}

            async def send(message) -> None:
                came.append(message.get("body", b"").decode())
                if enough("".join(came)):
                    done.set()

            await asyncio.wait_for(self.app(scope, receive, send), 20)

        asyncio.run(run())
        return "".join(came)
