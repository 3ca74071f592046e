"""The line has no thread of its own: what several threads say, and what TLS keeps back, arrives."""

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.line import Broker, Message, Subscription, Tls, Woken
from sync.mqtt import Connection
from sync.protocol.certificate import End, Issuer
from sync.protocol.identity import PrivateKey

pytestmark = pytest.mark.slow

WITHIN_S = 20.0


def everything(line: Connection, count: int) -> list[bytes]:
    """Receive and confirm so many messages."""
    got: list[bytes] = []
    until = time.monotonic() + WITHIN_S
    while len(got) < count:
        assert time.monotonic() < until, f"{len(got)} of {count}"
        event = line.receive(0.5)
        if isinstance(event, Message):
            line.confirm(event)
            got.append(event.payload)
    return got


def test_many_threads_send_while_one_receives(broker: Any) -> None:
    where = Broker(host="127.0.0.1", port=broker.port)
    line = Connection(where, "all", [Subscription("a")])
    line.open()

    def say(who: int) -> None:
        for n in range(50):
            line.send("a", b"%d %d " % (who, n) + bytes(n * 100))

    threads = [threading.Thread(target=say, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    got = everything(line, 200)
    for thread in threads:
        thread.join()
    for who in range(4):
        mine = [int(one.split()[1]) for one in got if one.startswith(b"%d " % who)]
        assert mine == list(range(50))
    line.close()


def test_one_event_serves_all_who_woke_meanwhile_and_none_is_missed(broker: Any) -> None:
    line = Connection(Broker(host="127.0.0.1", port=broker.port), "here", [])
    line.wake()
    line.open()
    assert isinstance(line.receive(5.0), Woken)  # also what came before the line was open
    for _ in range(3):
        line.wake()
    assert isinstance(line.receive(5.0), Woken)
    assert line.receive(0.0) is None
    line.wake()
    assert isinstance(line.receive(5.0), Woken)
    line.close()
    line.wake()


def test_a_closed_line_has_said_everything(broker: Any) -> None:
    where = Broker(host="127.0.0.1", port=broker.port)
    there, here = Connection(where, "there", [Subscription("a")]), Connection(where, "here", [])
    there.open()
    here.open()
    for n in range(10):
        here.send("a", b"%d" % n + bytes(1000))
    here.close()
    assert [one[:1] for one in everything(there, 10)] == [b"%d" % n for n in range(10)]
    there.close()


def certificates(home: Path) -> tuple[Tls, Tls]:
    """Make an authority in `home`, and the files of a broker and of a client."""
    now, day = datetime.now(UTC), timedelta(days=1)
    issuer = Issuer.begin(PrivateKey.generate(), "authority", now, day)
    (home / "ca.pem").write_bytes(issuer.certificate.pem)

    def made(name: str, end: End, hosts: Sequence[str] = ()) -> Tls:
        key = PrivateKey.generate()
        (home / f"{name}.key").write_bytes(key.pem)
        issued = issuer.issue(key.public, name, end, now, day, hosts)
        (home / f"{name}.crt").write_bytes(issued.pem)
        return Tls(
            ca=str(home / "ca.pem"),
            certificate=str(home / f"{name}.crt"),
            key=str(home / f"{name}.key"),
        )

    return made("broker", End.SERVER, ["127.0.0.1"]), made("client", End.CLIENT)


def test_what_tls_has_decrypted_does_not_wait_for_more(make_broker: Any, tmp_path: Path) -> None:
    its, tls = certificates(tmp_path)
    files = f"cafile {its.ca}\ncertfile {its.certificate}\nkeyfile {its.key}\n"
    broker = make_broker("mosquitto", more=f"{files}require_certificate true")
    where = Broker(host="127.0.0.1", port=broker.port, tls=tls)
    there, here = Connection(where, "there", [Subscription("a")]), Connection(where, "here", [])
    there.open()
    here.open()
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            here.receive(0.1)

    server = threading.Thread(target=serve)
    server.start()
    began = time.monotonic()
    for n in range(20):
        for k in range(5):  # several in one record, and one over many records
            here.send("a", b"%d" % k)
        here.send("a", bytes(200_000))
        assert [len(one) for one in everything(there, 6)] == [1] * 5 + [200_000], n
    assert time.monotonic() - began < 10.0
    ended.set()
    server.join()
    there.close()
    here.close()
