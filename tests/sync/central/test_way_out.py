"""The one way out: PostgreSQL's own replication into CloudEvents, whichever end dies."""

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stand.postgres import NoServer, Server

from sync.central.store import Store
from sync.central.store.city import Place
from tests.sync.central.conftest import FakeCentral, FakeKiosk

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("followed")]

OUT = Path(__file__).parents[3] / "config" / "out"
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def here() -> Iterator[Server]:
    """Return central's server, ready to be followed."""
    made = Server("wal_level = logical\nwal_sender_timeout = 5s")
    made.start()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def there() -> Iterator[Server]:
    """Return the server of whoever receives."""
    made = Server("wal_retrieve_retry_interval = 200ms")
    made.start()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def followed(here: Server, there: Server) -> Iterator[tuple[FakeCentral, FakeKiosk]]:
    """Return a central with five presences that is followed, and their kiosk."""
    central = FakeCentral(here.make("presensi"))
    kiosk = FakeKiosk()
    central.admit(kiosk)
    kiosk.punches(5)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    here.sql("presensi", (OUT / "publication.sql").read_text())
    there.make("siap")
    there.sql("siap", (OUT / "subscriber.sql").read_text())
    there.sql(
        "siap",
        "CREATE SUBSCRIPTION presensi_in CONNECTION "
        f"'host={here.home} dbname=presensi user=presensi' PUBLICATION presensi_out",
    )
    until("what was there is copied", lambda: len(events(there)) == 5)
    yield central, kiosk
    central.store.close()


def until(what: str, holds: Callable[[], bool]) -> None:
    by = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < by, what
        time.sleep(0.1)


def events(there: Server) -> list[dict[str, object]]:
    said = there.sql("siap", "SELECT to_jsonb(c) FROM cloudevents c ORDER BY sequence")
    return [json.loads(line) for line in said.splitlines()]


def test_presences_arrive_as_cloud_events_whatever_dies(
    here: Server, there: Server, followed: tuple[FakeCentral, FakeKiosk]
) -> None:
    central, kiosk = followed

    def deliver(number: int) -> None:
        first = len(kiosk.bodies) + 1
        kiosk.punches(number, start=first)
        central.batch(kiosk, first)

    deliver(3)
    until("it follows", lambda: len(events(there)) == 8)
    there.stop(signal.SIGQUIT)  # a crash
    deliver(4)
    there.start()
    until("what came meanwhile is there", lambda: len(events(there)) == 12)

    here.stop(signal.SIGQUIT)
    here.start()
    central.store.close()
    central.store = Store(central.database)
    central.store.open()
    deliver(2)
    until("it follows again", lambda: len(events(there)) == 14)
    found = events(there)
    assert len({(one["source"], one["id"]) for one in found}) == 14
    assert [one["data"]["user"] for one in found[:5]] == ["0", "1", "2", "3", "4"]

    # A punch that another kiosk reports too is one event; what a person decides changes it.
    other = FakeKiosk("aula")
    central.admit(other)
    other.punches(5)
    central.hello(other)
    central.batch(other, 1)
    place = Place("lobi", "e1", 1, kiosk.hashes[0])
    with central.store.writing() as tx:
        tx.city.identify(place, "198503152010011007", "siti", central.now)
    until("the decision", lambda: events(there)[0]["subject"] == "198503152010011007")
    assert len(events(there)) == 14


def test_an_event_has_what_the_specification_demands(there: Server) -> None:
    """CloudEvents 1.0.2: id, source, specversion and type; a time is RFC 3339."""
    found = events(there)
    assert found
    for one in found:
        assert one["specversion"] == "1.0"
        assert one["datacontenttype"] == "application/json"
        for name in ("id", "source", "type"):
            assert isinstance(one[name], str)
            assert one[name]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(one["time"]))
        assert all(re.fullmatch(r"[a-z0-9]{1,20}", name) for name in one)


def test_no_more_goes_out_than_is_named(here: Server) -> None:
    said = here.sql(
        "presensi",
        "SELECT DISTINCT tablename FROM pg_publication_tables WHERE pubname = 'presensi_out'",
    )
    assert set(said.splitlines()) == {"presence", "identified", "settled"}
    columns = here.sql(
        "presensi",
        "SELECT unnest(attnames) FROM pg_publication_tables WHERE tablename = 'presence'",
    )
    assert "witness" not in columns.split()
    assert "boot" not in columns.split()


def test_who_fetches_it_may_read_these_columns_only(here: Server) -> None:
    said = (OUT / "publication.sql").read_text()
    grants = re.findall(r"GRANT [^;]*;", said.replace("--", ""))
    here.sql("presensi", "CREATE ROLE siap LOGIN; " + " ".join(grants))
    columns = re.search(r"FOR TABLE\s+presence (\([^)]*\))", said)
    assert columns
    here.sql("presensi", f"SET ROLE siap; COPY presence {columns[1]} TO STDOUT")
    here.sql("presensi", "SET ROLE siap; COPY identified TO STDOUT; COPY settled TO STDOUT")
    for others in ("witness FROM presence", "* FROM account"):
        with pytest.raises(NoServer, match="permission denied"):
            here.sql("presensi", f"SET ROLE siap; SELECT {others}")
