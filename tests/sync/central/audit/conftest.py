"""A central that somebody with rights on the database has been at."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from sync.central.audit import Audit
from sync.central.audit.verdict import Verdict
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
            audit = Audit(tx, central.authority.public)
            return list(audit.verify(kiosks or tx.evidence.kiosks(), **more))

    return run
