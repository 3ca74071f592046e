"""Signed messages: they arrive as they were said, and everything else has a name."""

import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.mqtt import LEAST_PACKET_BYTES
from sync.protocol import batch, chain, command, hello, receipt, topics
from sync.protocol.entry import MAX_BODY_BYTES, Stamp
from sync.protocol.errors import Inconsistent, Malformed, ProtocolError, Unverified
from sync.protocol.identity import Domain, PrivateKey, PublicKey

KEY = PrivateKey.generate()
OTHER = PrivateKey.generate()
GENESIS = chain.genesis("k1", "e1", KEY.public.der)
BODIES = [b'{"a":1}', b'{"b":2}', b'{"c":3}']


def header(**changes: object) -> batch.BatchHeader:
    *_, head = chain.walk(GENESIS, BODIES)
    fields: dict[str, object] = {
        "kiosk": "k1",
        "epoch": "e1",
        "first": 1,
        "last": 3,
        "prev": GENESIS.hex(),
        "head": head.hex(),
        "nonce": "n",
        "key": KEY.public.fingerprint,
    }
    return batch.BatchHeader(**(fields | changes))  # type: ignore[arg-type]


def test_a_batch_arrives_whole() -> None:
    message = batch.encode(header(), BODIES, KEY)
    packed, encoding = batch.pack(message)
    read = batch.decode(batch.unpack(packed, encoding))
    read.signed.verify(KEY.public)
    assert read.header == header()
    assert list(read.bodies) == BODIES
    assert list(read.hashes) == list(chain.walk(GENESIS, BODIES))
    with pytest.raises(Unverified):
        read.signed.verify(OTHER.public)


@pytest.mark.parametrize(
    ("bodies", "changes", "error"),
    [
        (BODIES[:2], {}, Inconsistent),
        ([*BODIES, b"{}"], {}, Inconsistent),
        ([BODIES[1], BODIES[0], BODIES[2]], {}, Inconsistent),
        (BODIES, {"head": "00" * 32}, Inconsistent),
        (BODIES, {"head": "00"}, Malformed),
        (BODIES, {"prev": "zz"}, Malformed),
        (BODIES, {"first": 0, "last": 2}, Malformed),
        (BODIES, {"first": 3, "last": 1}, Malformed),
        (BODIES, {"last": 600}, Malformed),
        ([b"", b"x", b"y"], {}, Malformed),
        ([b"x" * 9000, b"x", b"y"], {}, Malformed),
    ],
)
def test_a_batch_that_contradicts_itself_is_refused(
    bodies: list[bytes], changes: dict[str, object], error: type[ProtocolError]
) -> None:
    with pytest.raises(error):
        batch.decode(batch.encode(header(**changes), bodies, KEY))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_batch_or_a_named_error(noise: bytes) -> None:
    for wire in (noise, b"{}\n" + noise, noise + b"\nAAAA\n"):
        with pytest.raises(ProtocolError):
            batch.decode(wire)


@given(st.integers(0, 2000), st.integers(1, 255))
def test_no_byte_of_a_batch_can_be_changed(at: int, flip: int) -> None:
    message = bytearray(batch.encode(header(), BODIES, KEY))
    message[at % len(message)] ^= flip
    with pytest.raises(ProtocolError):
        batch.decode(bytes(message)).signed.verify(KEY.public)


def test_unpacking_is_bounded_and_total() -> None:
    bomb = zlib.compress(bytes(batch.MAX_UNPACKED_BYTES + 1))
    for payload, encoding in (
        (bomb, "zlib"),
        (bytes(batch.MAX_UNPACKED_BYTES + 1), "plain"),
        (b"not zlib", "zlib"),
        (zlib.compress(b"cut short" * 100)[:-4], "zlib"),
        (b"", "lzma"),
    ):
        with pytest.raises(Malformed):
            batch.unpack(payload, encoding)
    assert batch.unpack(zlib.compress(b"a" * 1000), "zlib") == b"a" * 1000


def test_hello_receipt_and_command_arrive_and_are_not_exchangeable() -> None:
    at = Stamp(wall=1, up=2, boot="b", synced=False)
    said = hello.Hello(
        kiosk="k1", epoch="e1", number=1, first=1, anchor=GENESIS.hex(), last=0,
        head=GENESIS.hex(), nonce="n", key=KEY.public.fingerprint, software="t", clock=at,
    )  # fmt: skip
    greeting = hello.encode(said, KEY)
    read, signed = hello.decode(greeting)
    signed.verify(KEY.public)
    assert read == said
    given_back = receipt.Receipt(
        kiosk="k1", epoch="e1", through=3, head=GENESIS.hex(), nonce="n", utc=5,
        key=KEY.public.fingerprint,
    )  # fmt: skip
    read_back, signed = receipt.decode(receipt.encode(given_back, KEY))
    signed.verify(KEY.public)
    assert read_back == given_back
    asked = command.Command(kiosk="k1", central="c", verb="hello", key=KEY.public.fingerprint)
    wanted, signed = command.decode(command.encode(asked, KEY))
    signed.verify(KEY.public)
    assert wanted == asked
    # A signature made for one purpose proves nothing for another.
    with pytest.raises(Unverified):
        KEY.public.verify(Domain.RECEIPT, hello.decode(greeting)[1].header, signed.signature)


def test_keys_come_back_from_their_files() -> None:
    assert PrivateKey.from_pem(KEY.pem).public.fingerprint == KEY.public.fingerprint
    assert PublicKey.from_pem(KEY.public.pem).der == KEY.public.der
    for wrong in (b"", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(Malformed):
            PublicKey.from_pem(wrong)
        with pytest.raises(Malformed):
            PrivateKey.from_pem(wrong)


def test_topics_name_the_kiosk_and_nothing_else_passes() -> None:
    assert topics.read_up(topics.up("k1", topics.Up.BATCH)) == ("k1", topics.Up.BATCH)
    assert topics.read_down(topics.down("k1", topics.Down.RECEIPT)) == ("k1", topics.Down.RECEIPT)
    for wrong in (
        "presensi/v1/k1/up",
        "presensi/v2/k1/up/batch",
        "presensi/v1/k1/down/batch",
        "presensi/v1/k 1/up/batch",
        "presensi/v1//up/batch",
        "presensi/v1/k1/up/gossip",
        "a/presensi/v1/k1/up/batch",
    ):
        with pytest.raises(Malformed):
            topics.read_up(wrong)


@given(st.integers(16 * 1024 - 512, 400_000), st.randoms(use_true_random=False))
def test_entries_that_are_said_to_fit_do_fit(room: int, random: Random) -> None:
    """Whatever they are: random bytes are what zlib makes longer."""
    left, bodies = min(batch.entries_in(room), batch.MAX_SENT_BYTES), []
    while left > 0 and len(bodies) < batch.MAX_ENTRIES:
        size = min(left, random.choice([1, 40, 400, MAX_BODY_BYTES]))
        bodies.append(random.randbytes(size).replace(b"\n", b"x"))
        left -= size
    longest = header(kiosk="k" * 64, epoch="e" * 64, nonce="n" * 128, first=10**15, last=10**15)
    payload, _ = batch.pack(batch.encode(longest, bodies, KEY))
    assert len(payload) <= room


def test_the_longest_entry_fits_into_the_smallest_packet() -> None:
    assert batch.entries_in(LEAST_PACKET_BYTES - 512) >= MAX_BODY_BYTES
