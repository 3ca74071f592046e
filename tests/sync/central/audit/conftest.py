"""A central that somebody with rights on the database has been at."""

from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from msgspec import convert
from sqlalchemy import text
from stand.authority import Authority, Keys

from sync.central.audit import Audit
from sync.central.audit.nightly import Nightly
from sync.central.audit.verdict import Verdict
from sync.central.settings import Audit as AuditSettings
from sync.central.settings import Place, Settings, Web
from sync.mqtt import Broker
from sync.protocol.batch import MAX_ENTRIES


@pytest.fixture
def deliver(central) -> Callable[..., None]:
    """Return a function that lets a kiosk deliver all it has."""

    def run(kiosk, size: int = MAX_ENTRIES) -> None:
        through = central.hello(kiosk).through
        for first in range(through + 1, len(kiosk.bodies) + 1, size):
            central.batch(kiosk, first, min(first + size - 1, len(kiosk.bodies)))

    return run


@pytest.fixture
def sql(central) -> Callable[..., int]:
    """Return a function that changes rows past all our code; it returns how many."""

    def run(statement: str, **values: object) -> int:
        with central.store.writing() as tx:
            return tx.ledger._connection.execute(text(statement), values).rowcount

    return run


@pytest.fixture
def verify(central) -> Callable[..., list[Verdict]]:
    """Return a function that audits kiosks, all of them without a name."""

    def run(*kiosks: str, **more: object) -> list[Verdict]:
        with central.store.reading() as tx:
            audit = Audit(tx, central.authority.keys)
            return list(audit.verify(kiosks or tx.evidence.kiosks(), **more))

    return run


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return a certificate authority of openssl's."""
    return Keys(tmp_path_factory.mktemp("authority") / "keys")


@pytest.fixture
def authority(keys: Keys) -> Iterator[Authority]:
    """Return a running timestamp authority."""
    made = Authority(keys)
    yield made
    made.close()


class Postbox:
    """Takes letters from aiosmtpd. `refusal`: what it says instead."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.refusal = ""

    async def handle_DATA(self, _server: object, _session: object, envelope: Envelope) -> str:
        if self.refusal:
            return self.refusal
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def mail_server(postbox: Postbox, free_ports) -> Iterator[Callable[..., int]]:
    """Return a function that starts a mail server and returns its port."""
    running: list[Controller] = []

    def start(**how: object) -> int:
        [port] = free_ports(1)
        server = Controller(postbox, hostname="127.0.0.1", port=port, **how)
        server.start()
        running.append(server)
        return port

    yield start
    for server in running:
        server.stop()


@pytest.fixture
def make_nightly(central, tmp_path) -> Callable[..., Nightly]:
    """Return a function that makes central's nightly worker with these [audit] settings."""

    def make(**audit: object) -> Nightly:
        settings = Settings(
            data="data",
            broker=Broker(host="x"),
            web=Web(timezone="Asia/Jakarta"),
            audit=convert(audit, AuditSettings),
        )
        place = Place(settings, tmp_path / "central.toml")
        return Nightly(place, central.store, central.authority, central.clock)

    return make


@pytest.fixture
def lite_only(central) -> None:
    """Skip what has nothing to do with the kind of database, on the second kind."""
    if isinstance(central.database, str):
        pytest.skip("the same on both")
