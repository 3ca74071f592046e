"""How fast central's pages are, with 2,404 people and a year behind them, on both databases.

    python bench/pages.py [--quick] [--database FILE]

The pages are served by uvicorn on loopback and asked by a client that is logged in, one after the
other, at noon of the last day. Prints one JSON line for each kind of database:

    database, days, presences
    worst_ms, worst        the slowest page when it is asked for again, medians of rounds
    first_ms, first        the slowest page when it is asked for the first time
    slow                   every page beyond 300 ms, with both figures
    pages                  every page: [first, again]

Filling a year takes minutes; `--quick` fills two months. `--database FILE` is a SQLite database
that is filled if it is not there yet, and kept.
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import uvicorn
from stand import year
from stand.postgres import Server

from sync.central import accounts
from sync.central.authority import Authority
from sync.central.bell import Bell
from sync.central.decisions import Decisions
from sync.central.intake import LineState
from sync.central.notary import open_notary
from sync.central.registrar import Registrar
from sync.central.run import SWITCH_S
from sync.central.settings import Web
from sync.central.store import Store
from sync.central.web.app import app
from sync.central.web.site import Site
from sync.protocol.enrolment import Broker
from sync.protocol.entry import Stamp
from sync.protocol.identity import PrivateKey

LAST = date(2026, 11, 26)
FIRST = {False: date(2025, 11, 27), True: date(2026, 10, 1)}
NOON = int(datetime(2026, 11, 26, 12, tzinfo=year._ZONE).timestamp()) * 1000
GOAL_MS = 300
ROUNDS = 5
MONTH = "2026-10"
PERSON = year.who(5)

PAGES = (
    "/",
    "/units/unit-05",
    "/units/unit-00",
    "/units/unit-05?day=2026-10-14",
    "/people?q=siti",
    f"/people/{PERSON}?month={MONTH}",
    f"/people/{PERSON}?month=2026-11",
    f"/units/unit-05/recap?month={MONTH}",
    "/units/unit-05/recap?month=2026-11",
    f"/units/unit-00/recap?month={MONTH}",
    f"/units/unit-05/recap.csv?month={MONTH}",
    f"/recap?month={MONTH}",
    "/review",
    "/strangers",
    "/strangers?days=31",
    "/times",
    f"/pairs?month={MONTH}",
    "/proposals",
    "/absences/new",
    "/papers/new",
    "/papers",
    f"/closings?month={MONTH}",
    f"/closings/unit-05/{MONTH}",
    "/presences",
    f"/presences?person={PERSON}",
    "/alarms",
    "/accounts",
    "/looks",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two months of data")
    parser.add_argument("--database", type=Path, help="a SQLite database to fill, or filled before")
    parser.add_argument("--only", choices=("sqlite", "postgres"), help="one kind of database")
    given = parser.parse_args()
    first = FIRST[given.quick]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        if given.only != "postgres":
            database = given.database or home / "central.db"
            if not database.exists():
                year.fill(database, first, LAST)
            report("sqlite", database, home / "lite", first)
        if given.only != "sqlite":
            server = Server()
            try:
                server.start()
                url = server.make("year")
                year.fill(url, first, LAST)
                report("postgres", url, home / "pg", first)
            finally:
                server.remove()


def report(kind: str, database: Path | str, home: Path, first: date) -> None:
    """Measure one database and print its line."""
    store = Store(database)
    store.open()
    try:
        with served(store, home) as browser:
            found = {path: measured(browser, path) for path in PAGES}
        with store.reading() as tx:
            presences = tx.pages.latest_id()
    finally:
        store.close()
    worst = max(found, key=lambda path: found[path][1])
    coldest = max(found, key=lambda path: found[path][0])
    figures = {
        "database": kind,
        "days": (LAST - first).days + 1,
        "presences": presences,
        "worst_ms": found[worst][1],
        "worst": worst,
        "first_ms": found[coldest][0],
        "first": coldest,
        "slow": {path: took for path, took in found.items() if max(took) > GOAL_MS},
        "pages": found,
    }
    print(json.dumps(figures))


def measured(browser: httpx.Client, path: str) -> tuple[int, int]:
    """Return the milliseconds of the first answer, and the median of those after it."""
    # What the page before had judged is not this one's.
    while any(thread.name == "turns" for thread in threading.enumerate()):
        time.sleep(0.05)
    took = []
    for _ in range(1 + ROUNDS):
        began = time.perf_counter()
        answer = browser.get(path)
        took.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:400])
    return round(took[0]), round(statistics.median(took[1:]))


@contextmanager
def served(store: Store, home: Path) -> Iterator[httpx.Client]:
    """Serve the pages, and yield a browser that is logged in as an admin."""
    sys.setswitchinterval(SWITCH_S)
    authority = Authority(PrivateKey.generate())
    stamp = Stamp(wall=NOON, up=1, boot="0" * 32, synced=True)
    own = Decisions(home, "central", authority.public, lambda: stamp, is_alone=True)
    registrar = Registrar(
        store,
        authority,
        own,
        lambda: open_notary(home, lambda: datetime.fromtimestamp(NOON / 1000, UTC)),
        Broker(host="mqtt.example.go.id", port=8883),
        lambda: NOON,
    )
    site = Site(
        store,
        Bell(),
        Web(),
        lambda: NOON,
        lambda: LineState.UP,
        own,
        authority,
        registrar=registrar,
    )
    with store.writing() as tx:
        password = accounts.set_account(
            tx, lambda *_, **__: None, "bench", None, NOON, replace=True
        )
    server = uvicorn.Server(uvicorn.Config(app(site), port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        with httpx.Client(base_url=address, timeout=60) as browser:
            form = {"name": "bench", "password": password}
            assert browser.post("/login", data=form, headers={"origin": address}).is_redirect
            yield browser
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    main()
