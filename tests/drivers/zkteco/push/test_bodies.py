"""Bodies on their way in: what is kept, and that templates are not held for a moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zkteco.push.asked import understood
from drivers.zkteco.push.bodies import (
    KEPT_MOST_BYTES,
    PASSED_MOST_BYTES,
    Kept,
    Passed,
    Sieved,
    body_for,
)
from drivers.zkteco.push.declined import Declined

_LINE = st.sampled_from(
    [
        *(b"OPLOG 4\t1", b"OPLOG", b"", b"FP PIN=1\tTMP=OPLOG 4", b"\0OPLOG 9", b"OP"),
        *(b"USER PIN=1\tName=A", b"USERPIC PIN=1\tContent=AAAA", b"US", b"\0USER PIN=2"),
    ]
)


@pytest.mark.parametrize("words", [(b"OPLOG ",), (b"OPLOG ", b"USER ")])
@given(st.lists(_LINE), st.lists(st.integers(1, 12)))
def test_a_sieve_does_not_mind_how_a_body_is_cut(
    words: tuple[bytes, ...], parts: list[bytes], sizes: list[int]
) -> None:
    body, sieve, at, held = b"\n".join(parts), Sieved(*words), 0, 0
    for size in sizes:
        held += sieve.feed(body[at : at + size])
        at += size
    held += sieve.feed(body[at:])
    wanted = [one.lstrip(b"\0") for one in parts if one.lstrip(b"\0").startswith(words)]
    assert [line for line in sieve.content().split(b"\n") if line] == wanted
    assert held == len(sieve.content())


def test_what_is_about_people_goes_past() -> None:
    sieve = Sieved(b"OPLOG ")
    for _ in range(100):
        assert sieve.feed(b"FP PIN=1\tTMP=" + b"A" * 50_000 + b"\n") == 0
    assert sieve.feed(b"OPLOG 4\n") == len(b"OPLOG 4\n")


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("cdata?SN=1&table=ATTLOG", Kept),
        ("cdata?SN=1&table=rtlog", Kept),
        ("cdata?SN=1&table=options", Kept),
        ("cdata?SN=1&table=OPERLOG", Sieved),
        ("cdata?SN=1&table=BIODATA", Passed),
        ("cdata?SN=1&table=ATTPHOTO", Passed),
        ("cdata?SN=1&table=FUTURE", Passed),
        ("cdata?SN=1", Passed),
        ("cdata?SN=1&table=tabledata&tablename=user", Passed),
        ("cdata?SN=1&table=tabledata&tablename=transaction", Kept),
        ("querydata?SN=1&type=tabledata&tablename=biophoto", Passed),
        ("querydata?SN=1&type=tabledata&tablename=transaction", Kept),
        ("fdata?SN=1", Passed),
        ("devicecmd?SN=1", Kept),
        ("registry?SN=1", Kept),
    ],
)
def test_which_bodies_are_kept(target: str, kind: type) -> None:
    assert type(body_for(understood("POST", f"/iclock/{target}"))) is kind


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("cdata?SN=1&table=OPERLOG", Sieved),
        ("cdata?SN=1&table=USERINFO", Sieved),
        ("querydata?SN=1&type=tabledata&tablename=user", Kept),
        ("querydata?SN=1&type=tabledata&tablename=biodata", Passed),
        ("cdata?SN=1&table=BIODATA", Passed),
        ("cdata?SN=1&table=ATTPHOTO", Passed),
    ],
)
def test_users_are_kept_while_somebody_asks_for_them(target: str, kind: type) -> None:
    asked = understood("POST", f"/iclock/{target}")
    body = body_for(asked, users=True)
    assert type(body) is kind
    for line in (b"FP PIN=1\tTMP=AAAA\n", b"BIODATA Pin=1\tTmp=AAAA\n"):
        assert kind is Kept or body.feed(line) == 0


@pytest.mark.parametrize(
    ("body", "most"), [(Kept(), KEPT_MOST_BYTES), (Passed(), PASSED_MOST_BYTES)]
)
def test_no_body_is_endless(body: Kept | Passed, most: int) -> None:
    body.feed(bytes(most))
    with pytest.raises(Declined) as declined:
        body.feed(b"1")
    assert declined.value.status == 413


def test_nor_is_one_of_short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.zkteco.push.bodies.PASSED_MOST_BYTES", 100)
    sieve = Sieved(b"OPLOG ")
    sieve.feed(b"\nU" * 50)
    with pytest.raises(Declined) as declined:
        sieve.feed(b"\n")
    assert declined.value.status == 413
