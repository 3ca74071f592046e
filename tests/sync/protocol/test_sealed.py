"""What rests encrypted opens only as what it is, and says nothing of itself when it does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import PrivateKey
from sync.protocol.sealed import KEY_BYTES, RecordKey, bound

KEY = RecordKey(bytes(range(KEY_BYTES)))


@given(st.binary(), st.binary())
def test_it_opens_as_what_it_is_about(about: bytes, plain: bytes) -> None:
    sealed = KEY.seal(about, plain)
    assert KEY.open(about, sealed) == plain
    assert KEY.seal(about, plain) != sealed  # a fresh nonce each time
    with pytest.raises(Unverified):
        KEY.open(about + b"x", sealed)
    with pytest.raises(Unverified):
        RecordKey(bytes(KEY_BYTES)).open(about, sealed)


@given(st.data())
def test_no_changed_bit_passes(data: st.DataObject) -> None:
    sealed = bytearray(KEY.seal(b"about", b"a template"))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(Unverified) as refused:
        KEY.open(b"about", bytes(sealed))
    assert "template" not in str(refused.value)
    assert refused.value.__cause__ is None


@given(st.integers(0, 27))
def test_what_is_cut_short_does_not_open(length: int) -> None:
    with pytest.raises(Unverified):
        KEY.open(b"", KEY.seal(b"", b"")[:length])


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_words_are_different_bytes(one: list[str], other: list[str]) -> None:
    assert (bound(*one) == bound(*other)) == (one == other)


def test_a_key_shows_its_fingerprint_and_never_itself() -> None:
    assert repr(KEY) == f"RecordKey({KEY.fingerprint[:16]})"
    assert KEY.octets.hex() not in KEY.fingerprint
    assert RecordKey.generate().fingerprint != RecordKey.generate().fingerprint
    with pytest.raises(Malformed, match="a key of 32 bytes"):
        RecordKey(bytes(31))


def test_a_private_key_comes_back_from_its_scalar() -> None:
    key = PrivateKey.generate()
    assert PrivateKey.from_scalar(key.scalar).public.fingerprint == key.public.fingerprint
    for none in (bytes(32), b"\xff" * 32):
        with pytest.raises(Malformed):
            PrivateKey.from_scalar(none)
