"""The head of the day: two lines of text that anybody who has the key can check for ever."""

import json

import pytest

from sync.protocol import dayhead
from sync.protocol.dayhead import DayHead
from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import Domain, PrivateKey

KEY = PrivateKey.generate()
HEAD = DayHead(
    kiosk="k1",
    epoch="91be07c55d3a4f21",
    seq=1204,
    head="ab" * 32,
    day="2026-11-26",
    utc=1_795_700_000_000,
    key=KEY.public.fingerprint,
)


def test_what_is_signed_is_read_back() -> None:
    message = dayhead.encode(HEAD, KEY)
    head, signed = dayhead.decode(message)
    assert head == HEAD
    signed.verify(KEY.public)


def test_it_is_two_lines_of_printable_text() -> None:
    lines = dayhead.encode(HEAD, KEY).decode("ascii").split("\n")
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)
    assert json.loads(lines[0])["day"] == "2026-11-26"


def test_whatever_is_changed_is_not_what_was_signed() -> None:
    line, signature = dayhead.encode(HEAD, KEY).split(b"\n")
    for changed in (b"2026-11-27", b"1203", b"ac", b"k2"):
        old = {b"2026-11-27": b"2026-11-26", b"1203": b"1204", b"ac": b"ab", b"k2": b"k1"}[changed]
        _, signed = dayhead.decode(line.replace(old, changed, 1) + b"\n" + signature)
        with pytest.raises(Unverified):
            signed.verify(KEY.public)
    with pytest.raises(Unverified):
        dayhead.decode(line + b"\n" + signature)[1].verify(PrivateKey.generate().public)


@pytest.mark.parametrize("domain", [one for one in Domain if one is not Domain.HEAD])
def test_what_was_signed_for_something_else_is_no_head(domain: Domain) -> None:
    line = dayhead.encode(HEAD, KEY).split(b"\n")[0]
    head, signed = dayhead.decode(dayhead.encode(HEAD, KEY))
    with pytest.raises(Unverified):
        KEY.public.verify(Domain.HEAD, line, KEY.sign(domain, line))
    with pytest.raises(Unverified):
        KEY.public.verify(domain, signed.header, signed.signature)
    assert head == HEAD


@pytest.mark.parametrize(
    "message", [b"", b"{}", b"{}\n", b"{}\nAAAA", b"not json\nAAAA", b'{"kiosk":1}\nAAAA', b"\n\n"]
)
def test_anything_else_is_malformed(message: bytes) -> None:
    with pytest.raises(Malformed):
        dayhead.decode(message)
