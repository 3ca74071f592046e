"""The floor of a drain: the least that brings a journal's bodies into PostgreSQL with a word back.

    python bench/stand/raw.py central PORT URL
    python bench/stand/raw.py edge PORT JOURNAL COUNT

No signature, no chain, nothing derived, one table: read rows of SQLite, zlib, paho with
TCP_NODELAY, INSERT from unnest with ON CONFLICT DO NOTHING, COMMIT, an acknowledgement. The edge
prints the seconds from the first acknowledgement to the last, and how many entries those were.
"""

import json
import queue
import socket
import sqlite3
import sys
import time
import zlib
from typing import Any

import paho.mqtt.client as paho
import psycopg
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

SIZE = 500
WINDOW = 4
UP, DOWN = "raw/up", "raw/down"

TABLE = """\
CREATE TABLE raw (
    kiosk text NOT NULL, epoch text NOT NULL, seq bigint NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (kiosk, epoch, seq)
)
"""

INSERT = """\
INSERT INTO raw SELECT 'bench', 'e1', * FROM unnest(%b::int8[], %b::bytea[])
ON CONFLICT DO NOTHING
"""


def main() -> None:
    """Be one of the two ends."""
    end, port = sys.argv[1], int(sys.argv[2])
    heard: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    line = _line(port, UP if end == "central" else DOWN, heard)
    if end == "central":
        _be_central(line, heard, sys.argv[3])
    else:
        _be_edge(line, heard, sys.argv[3], int(sys.argv[4]))


def _be_central(line: paho.Client, heard: "queue.SimpleQueue[bytes]", url: str) -> None:
    with psycopg.connect(url) as db:
        db.execute(TABLE)
        db.commit()
        print("listens", flush=True)
        while True:
            first, _, packed = heard.get().partition(b"\n")
            bodies = zlib.decompress(packed).split(b"\n")
            seqs = list(range(int(first), int(first) + len(bodies)))
            db.execute(INSERT, (seqs, bodies))
            db.commit()
            line.publish(DOWN, str(seqs[-1]), qos=1)


def _be_edge(
    line: paho.Client, heard: "queue.SimpleQueue[bytes]", journal: str, count: int
) -> None:
    db = sqlite3.connect(journal)
    began = at = 0.0
    sent = through = began_through = 0
    while through < count:
        while sent < count and sent - through < WINDOW * SIZE:
            rows = db.execute(
                "SELECT body FROM entry WHERE seq > ? ORDER BY seq LIMIT ?", (sent, SIZE)
            ).fetchall()
            packed = zlib.compress(b"\n".join(body for (body,) in rows), 6)
            line.publish(UP, b"%d\n%s" % (sent + 1, packed), qos=1)
            sent += len(rows)
        through = int(heard.get(timeout=60))
        at = time.perf_counter()
        if not began_through:
            began, began_through = at, through
    print(json.dumps([at - began, count - began_through]), flush=True)


def _line(port: int, topic: str, heard: "queue.SimpleQueue[bytes]") -> paho.Client:
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    ready: queue.SimpleQueue[None] = queue.SimpleQueue()

    def opened(_: paho.Client, __: Any, here: socket.socket) -> None:
        here.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connected(
        _: paho.Client, __: Any, ___: Any, reason: ReasonCode, ____: Properties | None
    ) -> None:
        assert not reason.is_failure, reason
        client.subscribe(topic, qos=1)

    client.on_socket_open = opened
    client.on_connect = connected
    client.on_subscribe = lambda *_: ready.put(None)
    client.on_message = lambda _, __, message: heard.put(message.payload)
    client.connect("127.0.0.1", port)
    client.loop_start()
    ready.get(timeout=20)
    return client


if __name__ == "__main__":
    main()
