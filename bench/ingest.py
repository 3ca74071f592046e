"""How fast central takes in batches, against a bare insert of the same rows on the same server.

    python bench/ingest.py [--quick]

Signed batches of 500 punches, four to a transaction, through central's own desk: verified, stored,
derived, committed. Prints one JSON line, medians of several rounds, the rounds interleaved:

    events_per_s            on PostgreSQL with its defaults, fsync on
    raw_events_per_s        psycopg, for each 500 of the rows that central wrote one INSERT from
                            unnest into each table, and a COMMIT
    ratio_raw               the first by the second
    sqlite_events_per_s     the first on SQLite
    replay_events_per_s     batches that it holds already, PostgreSQL
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg
from stand.postgres import Server
from stand.punches import draft

from sync.central.desk import Desk
from sync.central.inbox import Answer, Inbox
from sync.central.ingest import Ingest
from sync.central.store import Store
from sync.central.store.registry import KioskKey, Status
from sync.protocol import batch, chain, entry, hello, topics
from sync.protocol.identity import PrivateKey
from sync.protocol.receipt import Receipt

NAME, EPOCH = "bench", "e1"
SIZE = batch.MAX_ENTRIES
TOGETHER = 4  # batches in a transaction: what an edge has under way
TABLES = ("entry", "origin", "presence")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter")
    given = parser.parse_args()
    rounds, batches = (1, 8) if given.quick else (5, 40)
    key = PrivateKey.generate()
    said, batched = messages(key, batches)
    found: dict[str, list[float]] = {}
    server = Server()
    try:
        server.start()
        for number in range(rounds):
            url = server.make(f"round{number}")
            with tempfile.TemporaryDirectory() as directory:
                lite = taken_in(Path(directory) / "central.db", key, said, batched)
            fresh = taken_in(url, key, said, batched)
            again = taken_in(url, key, said, batched)
            raw = inserted_raw(server, f"round{number}")
            for name, seconds in (
                ("events_per_s", fresh),
                ("raw_events_per_s", raw),
                ("sqlite_events_per_s", lite),
                ("replay_events_per_s", again),
            ):
                found.setdefault(name, []).append(batches * SIZE / seconds)
    finally:
        server.remove()
    figures = {name: round(statistics.median(values)) for name, values in found.items()}
    ratios = [
        ours / raw
        for ours, raw in zip(found["events_per_s"], found["raw_events_per_s"], strict=True)
    ]
    print(json.dumps(figures | {"ratio_raw": round(statistics.median(ratios), 2)}))


def messages(key: PrivateKey, batches: int) -> tuple[bytes, list[bytes]]:
    """Return a hello and the batches after it, as they leave a kiosk."""
    genesis = chain.genesis(NAME, EPOCH, key.public.der)
    fingerprint = key.public.fingerprint
    said = hello.Hello(
        kiosk=NAME,
        epoch=EPOCH,
        number=1,
        first=1,
        anchor=genesis.hex(),
        last=0,
        head=genesis.hex(),
        nonce="n",
        key=fingerprint,
        software="bench",
        clock=entry.Stamp(wall=1, up=1, boot="0" * 32, synced=True),
    )
    head, made = genesis, []
    for first in range(0, batches * SIZE, SIZE):
        bodies = [draft(n).body for n in range(first, first + SIZE)]
        *_, last = chain.walk(head, bodies)
        header = batch.BatchHeader(
            kiosk=NAME,
            epoch=EPOCH,
            first=first + 1,
            last=first + SIZE,
            prev=head.hex(),
            head=last.hex(),
            nonce="n",
            key=fingerprint,
        )
        made.append(batch.pack(batch.encode(header, bodies, key))[0])
        head = last
    return hello.encode(said, key), made


def taken_in(database: Path | str, key: PrivateKey, said: bytes, batched: Sequence[bytes]) -> float:
    """Return the seconds from the first batch to the last COMMIT."""
    store = Store(database)
    store.open()
    inbox = Inbox(Ingest("central", now_ms), now_ms)
    with store.writing() as tx:
        public = key.public
        tx.registry.admit(
            KioskKey(
                fingerprint=public.fingerprint,
                kiosk=NAME,
                der=public.der,
                status=Status.ADMITTED,
                admitted_at=1,
                admitted_by="bench",
            )
        )
        inbox.receive(tx, topics.up(NAME, topics.Up.HELLO), said, "")
    topic = topics.up(NAME, topics.Up.BATCH)
    desk = Desk(store, inbox)
    answer: Answer = None
    began = time.perf_counter()
    for start in range(0, len(batched), TOGETHER):
        together = batched[start : start + TOGETHER]
        *_, answer = desk.take_in([desk.read(topic, one, batch.Encoding.ZLIB) for one in together])
    seconds = time.perf_counter() - began
    store.close()
    assert isinstance(answer, Receipt)
    assert answer.through == len(batched) * SIZE
    return seconds


def inserted_raw(server: Server, name: str) -> float:
    """Return the seconds that the rows of central's tables take a bare insert."""
    with psycopg.connect(server.url(name)) as db:
        work = []
        for table in TABLES:
            cursor = db.execute(f"SELECT * FROM {table} LIMIT 0")
            assert cursor.description is not None
            columns = [(one.name, one.type_display) for one in cursor.description]
            listed = ", ".join(f'"{name}"' for name, _ in columns)
            arrays = ", ".join(f"%b::{kind}[]" for _, kind in columns)
            statement = f"INSERT INTO {table} ({listed}) SELECT * FROM unnest({arrays})"
            rows = db.execute(f"SELECT * FROM {table}").fetchall()
            work.append((f"{statement} ON CONFLICT DO NOTHING", rows))
        db.execute("TRUNCATE entry, origin, presence")
        db.commit()
        began = time.perf_counter()
        for pages in zip(*(paged(statement, rows) for statement, rows in work), strict=True):
            for statement, columns_of_page in pages:
                db.execute(statement, columns_of_page)
            db.commit()
        return time.perf_counter() - began


def paged(statement: str, rows: list[tuple[object, ...]]) -> Iterator[tuple[str, list[object]]]:
    """Yield the statement and the rows' columns, 500 rows at a time."""
    for start in range(0, len(rows), SIZE):
        part = rows[start : start + SIZE]
        yield statement, [list(column) for column in zip(*part, strict=True)]


def now_ms() -> int:
    """Return the time, milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
