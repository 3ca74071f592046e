import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Garbled
from drivers.zkteco import packets
from drivers.zkteco.packets import Code, EventCode, Packet, TcpFramer, UdpFramer

FRAMES = Path(__file__).parent / "frames"
F19 = json.loads((FRAMES / "f19_frames.json").read_text())
FIELD = json.loads((FRAMES / "field_records.json").read_text())
REAL = [dump["hex"] for dump in F19["dumps"] if dump.get("decoded", {}).get("complete")]
REAL += [hex_ for origin in FIELD for hex_ in origin.get("frames", []) if hex_[:4] == "5050"]

any_packet = st.builds(
    Packet,
    st.integers(0, 0xFFFF).map(Code),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.binary(max_size=60),
)


def popped(framer: packets.Framer) -> list[Packet]:
    found = []
    while (packet := framer.pop()) is not None:
        found.append(packet)
    return found


def test_there_are_real_frames_to_test_with() -> None:
    assert len(REAL) >= 20


@pytest.mark.parametrize("hex_", REAL)
def test_a_real_frame_is_read_and_written_byte_for_byte(hex_: str) -> None:
    octets = bytes.fromhex(hex_)
    framer = TcpFramer()
    framer.push(octets)
    (packet,) = popped(framer)
    assert framer.wrap(packet) == octets


@pytest.mark.parametrize("vector", F19["checksum_vectors"])
def test_checksum_vectors(vector: dict[str, str]) -> None:
    octets = bytes.fromhex(vector["payload_without_tcp_prefix"])
    assert packets.checksum(octets[:2] + b"\0\0" + octets[4:]) == int(vector["checksum"], 16)
    assert packets.encode(packets.decode(octets)) == octets


@given(st.binary(min_size=8, max_size=100))
def test_checksum_is_the_inverted_ones_complement_sum(octets: bytes) -> None:
    padded = octets + b"\0" * (len(octets) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "little") for at in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    assert packets.checksum(octets) == total ^ 0xFFFF


@pytest.mark.parametrize(
    ("comm_key", "session", "proof"),
    [
        (45, 0x45CF, "61c9323c"),  # recorded, accepted
        (12, 0x45CF, "614d323c"),  # recorded, refused: the wrong key
        (1234, 0x1F2E, "41363266"),
        (1234, 0x1F99, "41363266"),  # the session's low byte is thrown away
    ],
)
def test_comm_key_vectors(comm_key: int, session: int, proof: str) -> None:
    assert packets.comm_key_proof(comm_key, session).hex() == proof


def test_an_unknown_code_has_a_name_and_keeps_its_number() -> None:
    assert Code(31337).name == "UNKNOWN_31337"
    assert Code(31337) == 31337
    assert EventCode(7).name == "UNKNOWN_7"
    with pytest.raises(ValueError, match="70000"):
        Code(70_000)


def test_a_packet_cannot_be_built_wrong() -> None:
    with pytest.raises(ValueError, match="u16"):
        Packet(Code.DATA, 70_000, 0)


@given(st.lists(any_packet, max_size=6), st.lists(st.integers(0, 400), max_size=12))
def test_any_cut_of_a_stream_gives_the_same_packets(sent: list[Packet], cuts: list[int]) -> None:
    framer = TcpFramer()
    stream = b"".join(map(framer.wrap, sent))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found = []
    for start, end in itertools.pairwise(edges):
        framer.push(stream[start:end])
        found += popped(framer)
    assert found == sent


@given(any_packet)
def test_a_datagram_is_a_packet(packet: Packet) -> None:
    framer = UdpFramer()
    framer.push(framer.wrap(packet))
    assert popped(framer) == [packet]


@given(st.binary(max_size=200))
def test_random_bytes_are_garbled_or_nothing(octets: bytes) -> None:
    for framer in (TcpFramer(), UdpFramer()):
        framer.push(octets)
        try:
            popped(framer)
        except Garbled:
            continue


@pytest.mark.parametrize(
    ("octets", "hint"),
    [
        (bytes.fromhex(FIELD[-1]["frames"][0]), "C3"),
        (b"HTTP/1.1 400 Bad Request\r\n", "web server"),
        (bytes.fromhex("5050837c08000000"), "PUSH"),
        (b"SSH-2.0-OpenSSH", "another device"),
    ],
)
def test_another_protocol_is_named(octets: bytes, hint: str) -> None:
    framer = TcpFramer()
    framer.push(octets)
    with pytest.raises(Garbled, match="expected the prefix 5050827d") as caught:
        framer.pop()
    assert hint in caught.value.hint
    assert octets[:8].hex() in str(caught.value)


def test_the_first_wrong_byte_is_enough() -> None:
    framer = TcpFramer()
    framer.push(b"\xaa")
    with pytest.raises(Garbled):
        framer.pop()


def test_a_wrong_checksum_is_garbled() -> None:
    octets = bytearray.fromhex(REAL[0])
    octets[-2] ^= 1
    framer = TcpFramer()
    framer.push(bytes(octets))
    with pytest.raises(Garbled, match="checksum"):
        framer.pop()


@pytest.mark.parametrize("length", [0, 7, packets.MAX_PACKET_BYTES + 1, 0xFFFFFFFF])
def test_a_frame_length_is_bounded(length: int) -> None:
    framer = TcpFramer()
    framer.push(packets.TCP_PREFIX + length.to_bytes(4, "little"))
    with pytest.raises(Garbled, match=str(length)):
        framer.pop()


@pytest.mark.parametrize("framer", [TcpFramer(), UdpFramer()])
def test_what_waits_unread_is_bounded(framer: packets.Framer) -> None:
    for _ in range(packets.MAX_UNREAD_BYTES // 65_536):
        framer.push(bytes(65_536))
    with pytest.raises(Garbled, match="more than"):
        framer.push(b"x")
