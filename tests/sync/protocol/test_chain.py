"""The chain: what can never be changed later, held fast by vectors worked out by hand."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from sync.protocol import chain


def test_genesis_is_the_digest_of_its_four_parts() -> None:
    expected = sha256(b"presensi/v1\x00kiosk-1\x0000112233aabbccdd\x00PUBLIC KEY").digest()
    assert chain.genesis("kiosk-1", "00112233aabbccdd", b"PUBLIC KEY") == expected


def test_link_hashes_the_body_first_so_that_a_digest_can_stand_for_it() -> None:
    previous = bytes(32)
    assert chain.link(previous, b"body") == sha256(bytes(32) + sha256(b"body").digest()).digest()
    assert chain.join(previous, chain.digest(b"body")) == chain.link(previous, b"body")


@given(st.lists(st.binary(max_size=40), min_size=1), st.data())
def test_any_change_changes_every_hash_from_there_on(
    bodies: list[bytes], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(bodies) - 1))
    other = data.draw(st.binary(max_size=40).filter(lambda body: body != bodies[at]))
    true = list(chain.walk(bytes(32), bodies))
    changed = list(chain.walk(bytes(32), [*bodies[:at], other, *bodies[at + 1 :]]))
    assert true[:at] == changed[:at]
    assert all(a != b for a, b in zip(true[at:], changed[at:], strict=True))
