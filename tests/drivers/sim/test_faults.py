"""How answers are cut up: nothing is lost that no fault takes."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.faults import (
    After,
    Breakage,
    Datagrams,
    Faults,
    Segmentation,
    as_datagrams,
    as_segments,
    corrupt,
)
from drivers.sim.zkwire import BadPacket, Code, Packet, Table, decode, encode

frames = st.lists(st.binary(min_size=1, max_size=900), max_size=6)


@given(frames, st.sampled_from(Segmentation), st.integers(0, 99))
def test_every_segmentation_carries_the_same_bytes(
    sent: list[bytes], segmentation: Segmentation, seed: int
) -> None:
    faults = Faults(segmentation=segmentation)
    delivery = as_segments(sent, faults, Table.USERS, Random(seed))
    assert b"".join(delivery.segments) == b"".join(sent)
    assert all(delivery.segments)
    assert delivery.after is After.GO_ON


@given(frames, st.sampled_from(Segmentation), st.floats(0, 1))
def test_a_broken_answer_is_the_beginning_of_the_whole(
    sent: list[bytes], segmentation: Segmentation, share: float
) -> None:
    faults = Faults(segmentation=segmentation, bulk=Breakage.FIN, bulk_share=share)
    delivery = as_segments(sent, faults, Table.USERS, Random(1))
    stream = b"".join(sent)
    assert b"".join(delivery.segments) == stream[: int(len(stream) * share)]
    assert delivery.after is After.CLOSE


def test_the_shapes_of_the_segments() -> None:
    sent = [b"abc", b"de"]

    def segments(segmentation: Segmentation) -> list[bytes]:
        faults = Faults(segmentation=segmentation)
        return list(as_segments(sent, faults, None, Random(1)).segments)

    assert segments(Segmentation.FRAMES) == [b"abc", b"de"]
    assert segments(Segmentation.JOINED) == [b"abcde"]
    assert segments(Segmentation.BYTES) == [b"a", b"b", b"c", b"d", b"e"]


def test_the_same_seed_cuts_alike() -> None:
    sent = [bytes(5000)]
    faults = Faults(segmentation=Segmentation.CUT)
    one, other = (as_segments(sent, faults, None, Random(7)).segments for _ in range(2))
    assert [len(piece) for piece in one] == [len(piece) for piece in other]
    assert len(one) > 5


@pytest.mark.parametrize(
    ("spoilt", "asked", "after"),
    [
        (None, Table.USERS, After.BE_SILENT),
        (Table.ATTENDANCE, Table.ATTENDANCE, After.BE_SILENT),
        (Table.ATTENDANCE, Table.USERS, After.GO_ON),
        (None, None, After.GO_ON),
    ],
)
def test_only_the_named_table_is_spoilt(
    spoilt: Table | None, asked: Table | None, after: After
) -> None:
    faults = Faults(bulk=Breakage.SILENCE, bulk_table=spoilt)
    assert as_segments([b"ab"], faults, asked, Random(1)).after is after


def test_udp_loses_the_last_datagrams_and_falls_silent() -> None:
    faults = Faults(bulk=Breakage.FIN)
    delivery = as_datagrams([b"a", b"b", b"c", b"d"], faults, Table.USERS)
    assert list(delivery.segments) == [b"a", b"b"]
    assert delivery.after is After.BE_SILENT


@pytest.mark.parametrize(
    ("what", "arrives"),
    [
        (Datagrams.KEPT, b"pabcdo"),
        (Datagrams.LOST, b"pabdo"),
        (Datagrams.DOUBLED, b"ppaabbccddoo"),
        (Datagrams.REORDERED, b"pacbdo"),
    ],
)
def test_what_the_network_does_to_datagrams(what: Datagrams, arrives: bytes) -> None:
    sent = [bytes([octet]) for octet in b"pabcdo"]
    delivery = as_datagrams(sent, Faults(datagrams=what), Table.ATTENDANCE)
    assert b"".join(delivery.segments) == arrives
    assert delivery.after is After.GO_ON


@pytest.mark.parametrize("what", [Datagrams.LOST, Datagrams.REORDERED])
def test_only_a_table_in_several_datagrams_suffers(what: Datagrams) -> None:
    sent = [b"p", b"a", b"o"]
    for table in (None, Table.ATTENDANCE):
        assert list(as_datagrams(sent, Faults(datagrams=what), table).segments) == sent


@given(st.binary(max_size=40))
def test_a_corrupt_packet_differs_in_its_checksum_only(payload: bytes) -> None:
    whole = encode(Packet(Code.DATA, 1, 2, payload))
    spoilt = corrupt(whole)
    assert (spoilt[:2], spoilt[4:]) == (whole[:2], whole[4:])
    with pytest.raises(BadPacket, match="checksum"):
        decode(spoilt)
