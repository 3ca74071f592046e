"""Employees' codes: what they say, who signed them, when they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.protocol import employeecode
from sync.protocol.employeecode import CODE_MOST, ONCE_HOLDS_S, EmployeeCode, Holds, Kind
from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import Domain, PrivateKey

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
NIP = "198503152010011007"
CARD = EmployeeCode(
    person=NIP, kind=Kind.STATIC, since=1_795_000_000, until=1_900_000_000, number=7
)
TEXT = employeecode.encode(CARD, KEY)

codes = st.builds(
    EmployeeCode,
    person=st.text(min_size=1, max_size=16),
    kind=st.sampled_from(Kind),
    since=st.integers(0, 2**31),
    until=st.integers(2**31, 2**32 - 1),
    number=st.integers(0, 2**64 - 1),
)


@given(codes)
def test_what_is_written_is_read(code: EmployeeCode) -> None:
    text = employeecode.encode(code, KEY)
    assert employeecode.decode(text, [OTHER.public, KEY.public]) == code
    assert employeecode.decode(text.lower(), [KEY.public]) == code, "a scanner in the wrong case"


def test_it_fits_a_small_qr_and_any_scanner() -> None:
    for _ in range(20):  # a signature has 70 to 72 bytes
        text = employeecode.encode(CARD, KEY)
        assert len(text) <= 178, "alphanumeric, version 7, level M"
        assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567:P1")
        assert text.strip() == text


def test_only_centrals_key_makes_one() -> None:
    with pytest.raises(Unverified, match="not signed by this city's central"):
        employeecode.decode(TEXT, [OTHER.public])
    with pytest.raises(Unverified):
        employeecode.decode(TEXT, [])


def test_nothing_else_that_central_signs_is_one() -> None:
    """The same bytes, signed for another purpose."""

    class Receipts(PrivateKey):
        def sign(self, domain: Domain, message: bytes) -> bytes:
            assert domain is Domain.CODE
            return KEY.sign(Domain.RECEIPT, message)

    text = employeecode.encode(CARD, Receipts.from_pem(KEY.pem))
    with pytest.raises(Unverified):
        employeecode.decode(text, [KEY.public])


@given(st.integers(0, len(TEXT) - 1), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_no_letter_can_be_changed(at: int, letter: str) -> None:
    changed = TEXT[:at] + letter + TEXT[at + 1 :]
    try:
        code = employeecode.decode(changed, [KEY.public])
    except (Malformed, Unverified):
        return
    assert code == CARD, "unused bits of the last letter, or nothing was changed"


@given(st.one_of(st.text(max_size=300), st.text("ABCZ27=", max_size=300).map("P1:".__add__)))
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises((Malformed, Unverified)):
        employeecode.decode(text, [KEY.public])


@pytest.mark.parametrize("text", ["", "P1:", TEXT[:-8], TEXT[:20], TEXT + "A" * CODE_MOST])
def test_a_part_of_one_is_none(text: str) -> None:
    with pytest.raises((Malformed, Unverified)):
        employeecode.decode(text, [KEY.public])


@pytest.mark.parametrize(
    ("at_s", "slack_s", "holds"),
    [
        (99.9, 0, Holds.NOT_YET), (100, 0, Holds.NOW), (160, 0, Holds.NOW),
        (160.1, 0, Holds.NO_MORE), (70, 30, Holds.NOW), (69, 30, Holds.NOT_YET),
        (190, 30, Holds.NOW), (190.1, 30, Holds.NO_MORE),
    ],
)  # fmt: skip
def test_when_it_holds(at_s: float, slack_s: float, holds: Holds) -> None:
    code = employeecode.once(NIP, 100, 1)
    assert code.until - code.since == ONCE_HOLDS_S == 60
    assert code.holds(at_s, slack_s) is holds


@pytest.mark.parametrize(
    "more", [{"person": ""}, {"person": "x" * 65}, {"until": 2**32}, {"since": 10, "until": 9}]
)
def test_what_no_code_can_say(more: dict[str, object]) -> None:
    said = {"person": NIP, "kind": Kind.STATIC, "since": 1, "until": 2, "number": 1} | more
    with pytest.raises(Malformed):
        employeecode.encode(EmployeeCode(**said), KEY)  # type: ignore[arg-type]
