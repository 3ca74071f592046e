"""Claim codes: what is typed wrong is noticed, and who has another code is found out."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.protocol.claim import SYMBOLS, ClaimCode, ClaimKey, is_id
from sync.protocol.errors import Malformed, Unverified

drawn = st.builds(lambda _: ClaimCode.draw(), st.integers())


@given(drawn)
def test_a_code_is_read_as_it_is_shown(code: ClaimCode) -> None:
    assert ClaimCode.read(code.text) == code
    assert is_id(code.id)


def test_nobody_needs_to_tell_letters_from_digits_or_to_type_hyphens() -> None:
    code = next(one for one in iter(ClaimCode.draw, None) if "0" in one.symbols and "1" in one.text)
    typed = code.symbols.replace("0", "o").replace("1", "l").lower()
    assert ClaimCode.read(f" {typed[:3]} {typed[3:]}\t") == code


def test_every_wrong_symbol_and_every_swap_is_noticed() -> None:
    symbols = ClaimCode.draw().symbols
    for at, right in enumerate(symbols):
        for wrong in SYMBOLS.replace(right, ""):
            with pytest.raises(Malformed, match="mistyped"):
                ClaimCode.read(symbols[:at] + wrong + symbols[at + 1 :])
    for one, other in combinations(range(len(symbols)), 2):
        swapped = list(symbols)
        swapped[one], swapped[other] = swapped[other], swapped[one]
        if "".join(swapped) != symbols:
            with pytest.raises(Malformed, match="changed places"):
                ClaimCode.read("".join(swapped))


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "16 symbols, not 0"),
        ("7K3P", "not 4"),
        ("7K3P-M2XQ-84VD-RT0U", "'U'"),
        ("é" * 16, "'É'"),
    ],
)
def test_what_is_no_code_is_said_to_be_none(typed: str, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        ClaimCode.read(typed)


def test_a_code_is_not_shown_by_accident() -> None:
    code = ClaimCode.draw()
    assert code.symbols[4:] not in repr(code) + f"{code}"


def test_both_ends_derive_one_key_and_another_code_is_found_out() -> None:
    code = ClaimCode.draw()
    key, same, other = code.key(), ClaimCode.read(code.text).key(), ClaimCode.draw().key()
    asked = key.of_request(b"request")
    same.verify_request(b"request", asked)
    same.verify_answer(asked, b"answer", key.of_answer(asked, b"answer"))
    for wrong in (lambda: other.verify_request(b"request", asked),
                  lambda: key.verify_request(b"requesT", asked),
                  lambda: key.verify_request(b"request", asked[:-1]),
                  lambda: key.verify_answer(asked, b"answer", key.of_answer("0", b"answer")),
                  lambda: key.verify_answer(asked, b"answer", asked),
                  lambda: key.verify_request(b"request", "\xe9" * 64)):  # fmt: skip
        with pytest.raises(Unverified):
            wrong()


def test_a_key_is_stretched_as_the_contract_says() -> None:
    """Python's own scrypt, once more by hand: another central derives the same."""
    from hashlib import scrypt

    code = ClaimCode.read("0000-0000-0000-0000")
    salt = b"presensi-claim-v1\x000000"
    assert code.key().octets == scrypt(b"00000000000", salt=salt, n=16384, r=8, p=1, dklen=32)
    with pytest.raises(Malformed):
        ClaimKey(b"short")
