"""One root over all journals: each line can be proved, and none exchanged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.protocol import merkle, nighthead
from sync.protocol.errors import Inconsistent, Malformed, Unverified
from sync.protocol.identity import PrivateKey
from sync.protocol.nighthead import End

KEY = PrivateKey.generate()
ENDS = [End(f"k{n}", f"e{n}", n, f"{n:064x}") for n in range(7)]

lines = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=40)


@given(lines=lines, data=st.data())
def test_every_line_climbs_to_the_root_and_no_other_does(
    lines: list[bytes], data: st.DataObject
) -> None:
    root, at = merkle.root(lines), data.draw(st.integers(0, len(lines) - 1))
    beside = merkle.path(lines, at)
    assert merkle.climb(lines[at], at, len(lines), beside) == root
    assert merkle.climb(lines[at] + b"x", at, len(lines), beside) != root
    with pytest.raises(ValueError, match="beside the way"):
        merkle.climb(lines[at], at, len(lines), [*beside, root])
    for other in range(len(lines)):
        if lines[other] != lines[at]:
            try:
                assert merkle.climb(lines[at], other, len(lines), beside) != root
            except ValueError:
                continue  # another place has a longer or shorter way


def test_the_roots_of_rfc_6962() -> None:
    """Its own test vectors, as its reference implementation has them."""
    inputs = [
        b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43",
        bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70)),
    ]  # fmt: skip
    assert merkle.root([]).hex().startswith("e3b0c44298fc1c14")
    for number, expected in (
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ):
        assert merkle.root(inputs[:number]).hex() == expected


def test_a_night_is_signed_in_order_and_chained() -> None:
    message = nighthead.encode(ENDS[::-1], "2026-11-26", 7, "ab", KEY)
    night = nighthead.decode(message)
    night.signed.verify(KEY.public)
    assert list(night.ends) == ENDS
    assert (night.head.count, night.head.previous) == (7, "ab")
    assert (
        night.digest != nighthead.decode(nighthead.encode(ENDS, "2026-11-26", 8, "ab", KEY)).digest
    )
    with pytest.raises(Unverified):
        night.signed.verify(PrivateKey.generate().public)


def test_a_list_that_was_changed() -> None:
    message = nighthead.encode(ENDS, "2026-11-26", 7, "", KEY)
    for wrong in (message.replace(b"k3 e3 3", b"k3 e3 4"), message[:-70]):
        with pytest.raises(Inconsistent):
            nighthead.decode(wrong)
    with pytest.raises(Malformed):
        nighthead.decode(b"{}\n\n")
    assert nighthead.decode(nighthead.encode([], "2026-11-26", 7, "", KEY)).ends == []
