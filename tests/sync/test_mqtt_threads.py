"""The line has no thread of its own: what several threads say, and what TLS keeps back, arrives."""

import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sync.line import Broker, Message, Subscription, Tls, Woken
from sync.mqtt import Connection

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


def certificates(home: Path) -> Tls:
    """Make a certificate that is its own authority, for both ends, in `home`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    certificate, private = home / "both.pem", home / "both.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Tls(ca=str(certificate), certificate=str(certificate), key=str(private))


def test_what_tls_has_decrypted_does_not_wait_for_more(make_broker: Any, tmp_path: Path) -> None:
    tls = certificates(tmp_path)
    files = f"cafile {tls.ca}\ncertfile {tls.certificate}\nkeyfile {tls.key}\n"
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
