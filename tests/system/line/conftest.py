"""The line's real parts, one set for every test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from line_ends import AT, QUICK, Edge, Office
from line_post import Post
from line_proxy import Proxy

from sync.edge.delivery import Timing
from sync.line import Broker
from sync.protocol.entry import Stamp
from sync.protocol.identity import PrivateKey


@pytest.fixture
def post(tmp_path: Path, make_broker: Callable[..., Any]) -> Iterator[Post]:
    """Return central's authority and a broker's files; the test starts the broker."""
    made = Post(tmp_path, make_broker)
    yield made
    made.close()


class Town:
    """One kiosk and central at one broker, the kiosk's way there through a proxy.

    Under TLS with the real config/ by `secure`, else plain. Central goes to the broker directly.
    """

    def __init__(self, post: Post, make_broker: Callable[..., Any], stack: ExitStack) -> None:
        self.post = post
        self._make_broker = make_broker
        self._stack = stack
        self.broker: Any = None
        self.proxy = Proxy(0)
        stack.callback(self.proxy.close)
        self.key = post.house.authority._key
        self.kiosk_key = PrivateKey.generate()
        self.edge: Edge
        self.office: Office

    def secure(self, changed: dict[str, str] | None = None, **more: Any) -> None:
        """Build it with the real files in config/, of which `changed` are replaced."""
        post = self.post
        self.broker = post.start(changed)
        kiosk = post.kiosk("k1")
        self.kiosk_key = kiosk.key
        self.proxy.target = self.broker.port
        there = post.where(kiosk.tls(post.ca), self.proxy.port)
        self._build(there, post.where(post.central().tls(post.ca)), **more)

    def plain(self, kind: str = "mosquitto", settings: str = "", **more: Any) -> None:
        """Build it with a plain broker of that kind."""
        self.broker = self._make_broker(kind, more=settings)
        self.proxy.target = self.broker.port
        where = [
            Broker(host="127.0.0.1", port=port, connect_timeout_s=2, keepalive_s=5)
            for port in (self.proxy.port, self.broker.port)
        ]
        self._build(*where, **more)

    def replace_broker(self, kind: str) -> None:
        """Put another broker of that kind in the place of this one: empty, elsewhere."""
        self.broker = self._make_broker(kind)
        self.proxy.target = self.broker.port
        self.office.broker = Broker(host="127.0.0.1", port=self.broker.port, keepalive_s=5)

    def _build(
        self, there: Broker, here: Broker, stamp: Stamp = AT, timing: Timing = QUICK
    ) -> None:
        home = self.post.home
        self.edge = Edge(home, there, self.kiosk_key, self.key.public, stamp=stamp, timing=timing)
        self.office = Office(home / "office.db", here, self.key)
        self.office.admit("k1", self.kiosk_key.public)
        self._stack.callback(self.office.close)
        self._stack.callback(self.edge.close)

    def start(self) -> None:
        self.office.start()
        self.edge.worker.start()


@pytest.fixture
def town(post: Post, make_broker: Callable[..., Any]) -> Iterator[Town]:
    with ExitStack() as stack:
        yield Town(post, make_broker, stack)
