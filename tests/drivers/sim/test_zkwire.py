"""The simulator's codec against real terminals' bytes, and against itself."""

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim import zkwire
from drivers.sim.zkwire import BadPacket, Code, Packet, TcpStream

FRAMES = Path(__file__).parent / "frames"
F19: dict[str, Any] = json.loads((FRAMES / "f19_frames.json").read_text())
FIELD: list[dict[str, Any]] = json.loads((FRAMES / "field_records.json").read_text())


def complete_frames() -> list[bytes]:
    """Every frame of a real terminal (or its client) that was quoted whole."""
    known = [(dump["hex"], dump.get("decoded")) for dump in F19["dumps"]]
    for record in FIELD:
        known += zip(record.get("frames", []), record.get("decoded", []), strict=True)
    return [bytes.fromhex(text) for text, decoded in known if decoded and decoded["complete"]]


REAL = complete_frames()


def test_all_the_real_frames_are_there() -> None:
    assert len(REAL) == 25


@pytest.mark.parametrize("real", REAL, ids=lambda real: real[8:16].hex())
def test_a_real_frame_is_read_and_written_byte_for_byte(real: bytes) -> None:
    (packet,) = TcpStream().feed(real)
    assert zkwire.frame(zkwire.encode(packet)) == real


@pytest.mark.parametrize("vector", F19["checksum_vectors"])
def test_checksum_vectors(vector: dict[str, str]) -> None:
    real = bytes.fromhex(vector["payload_without_tcp_prefix"])
    assert zkwire.encode(zkwire.decode(real)) == real
    assert real[2:4] == int(vector["checksum"], 16).to_bytes(2, "little")


def test_a_wrong_checksum_is_refused() -> None:
    real = bytearray(REAL[0])
    real[10] ^= 1
    with pytest.raises(BadPacket, match="checksum"):
        TcpStream().feed(bytes(real))


@pytest.mark.parametrize(
    "other", [bytes.fromhex("aa01c90100f313d955"), b"GET / HTTP/1.1\r\n", b"PP\x83\x7c" + bytes(12)]
)
def test_another_protocol_is_refused(other: bytes) -> None:
    with pytest.raises(BadPacket, match="prefix"):
        TcpStream().feed(other)


def test_an_absurd_length_is_refused() -> None:
    with pytest.raises(BadPacket, match="announced"):
        TcpStream().feed(zkwire.TCP_PREFIX + b"\xff\xff\xff\x7f")


def test_a_short_datagram_is_refused() -> None:
    with pytest.raises(BadPacket, match="8 bytes"):
        zkwire.decode(b"\xe8\x03")


u16 = st.integers(0, 0xFFFF)
packets = st.builds(Packet, u16, u16, u16, st.binary(max_size=60))


@given(st.lists(packets, max_size=4), st.data())
def test_any_split_gives_the_same_packets(sent: list[Packet], data: st.DataObject) -> None:
    stream = b"".join(zkwire.frame(zkwire.encode(packet)) for packet in sent)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    points = [0, *sorted(cuts), len(stream)]
    reader = TcpStream()
    got = [packet for a, b in pairwise(points) for packet in reader.feed(stream[a:b])]
    assert got == sent


@pytest.mark.parametrize(
    ("key", "session", "scrambled"),
    [
        (45, 0x45CF, "61c9323c"),  # recorded, accepted
        (12, 0x45CF, "614d323c"),  # recorded, refused: another key was set
        (1234, 0x1F2E, "41363266"),
    ],
)
def test_comm_key_vectors(key: int, session: int, scrambled: str) -> None:
    assert zkwire.scramble(key, session, 50).hex() == scrambled


# The century is not sent: 2000 to 2099 is all there is.
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(  # noqa: DTZ001 - naive
    lambda moment: moment.replace(microsecond=0)
)


@given(moments)
def test_every_second_survives_the_clock_number(moment: datetime) -> None:
    assert zkwire.moment_of(zkwire.number_of(moment)) == moment


@given(moments, moments)
def test_later_is_a_larger_number(one: datetime, other: datetime) -> None:
    assert (one < other) == (zkwire.number_of(one) < zkwire.number_of(other))


def test_the_last_of_february_and_a_half() -> None:
    number = zkwire.clock_number(2026, 2, 31)
    with pytest.raises(ValueError, match="day is out of range"):
        zkwire.moment_of(number)


def test_every_code_fits_its_field() -> None:
    assert all(0 <= code <= 0xFFFF for code in Code)
