"""A closed month is checked by whoever has the messages and central's public key, by docs/AUDIT.md
alone: nothing of ours is used to check. And whatever happens later, differences tell all of it.
"""

import base64
import json
import zlib
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.central import closing
from sync.central.closing import Difference, Frozen, Ground, applied, difference, standing
from sync.central.recap import COLUMNS
from sync.protocol.closing import Closes, decode, encode
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import KeyRing, PrivateKey

GROUND = Ground(now=1, stamp=1, rules="", software="1", kiosks=[])
KEY = PrivateKey.generate()


def row(person: str, day: int, word: str, late: int, duty: str = "k") -> dict[str, str | int]:
    said: dict[str, str | int] = dict.fromkeys(COLUMNS, "")
    day_ = f"2026-10-{day:02}"
    return {
        **said, "person": person, "name": f"N{person}", "day": day_, "word": word, "late": late,
        "duty": duty,
    }  # fmt: skip


rows = st.lists(
    st.builds(
        row,
        st.sampled_from("123"),
        st.integers(1, 3),
        st.sampled_from(["hadir", "sakit", "tanpa keterangan", "belum lengkap"]),
        st.integers(0, 2),
        st.sampled_from("kn"),
    ),
    max_size=9,
).map(lambda found: sorted(found, key=lambda one: (one["person"], one["day"])))


def messages(months: list[list[dict[str, str | int]]]) -> list[bytes]:
    """Return a month that was first the first of these, then became each of the others."""
    first = Frozen(
        unit="RSUD", month="2026-10", actor="a", reason="SK 1", ground=GROUND, rows=months[0],
        people=[], days=[], unclear=[],
    )  # fmt: skip
    made = [_signed(0, "", first)]
    for now in months[1:]:
        changes = difference(standing(made, KeyRing([KEY.public])).rows, now)
        content = Difference(
            unit="RSUD", month="2026-10", actor="b", reason="surat", ground=GROUND, changes=changes
        )
        made.append(_signed(len(made), decode(made[-1]).digest, content))
    return made


def _signed(number: int, previous: str, content: closing.Content) -> bytes:
    what = Closes(unit="RSUD", month="2026-10", number=number, utc=number, previous=previous)
    return encode(what, closing.written(content), KEY)


def alone(found: list[bytes], pem: bytes) -> list[dict[str, str | int]]:
    """The stand-alone check: `cryptography`, `json`, `zlib`, and what docs/AUDIT.md says."""
    key = serialization.load_pem_public_key(pem)
    held: dict[tuple[str, str], list[dict[str, str | int]]] = {}
    previous = ""
    for number, message in enumerate(found):
        line, signature, packed = message.split(b"\n", 2)
        signed = b"presensi-closing-v1\0" + line
        key.verify(base64.b64decode(signature), signed, ec.ECDSA(hashes.SHA256()))
        head = json.loads(line)
        assert (head["number"], head["previous"]) == (number, previous)
        body = zlib.decompress(packed)
        assert (len(body), sha256(body).hexdigest()) == (head["size"], head["sha256"])
        said = json.loads(body)
        assert (said["unit"], said["month"]) == (head["unit"], head["month"])
        if number == 0:
            assert said["type"] == "frozen"
            for one in said["rows"]:
                held.setdefault((one["person"], one["day"]), []).append(one)
        else:
            assert said["type"] == "difference"
            for one in said["changes"]:
                at = (one["person"], one["day"])
                assert _meaning(held.get(at, [])) == _meaning(one["before"])
                held[at] = one["after"]
        previous = sha256(line).hexdigest()
    return [one for at in sorted(held) for one in held[at]]


def _meaning(found):
    return [{name: value for name, value in one.items() if name != "name"} for one in found]


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4))
def test_frozen_and_all_differences_come_to_what_is_now(months):
    found = messages(months)
    pem = KEY.public.pem
    assert _meaning(alone(found, pem)) == _meaning(standing(found, KeyRing([KEY.public])).rows)
    assert _meaning(alone(found, pem)) == _meaning(months[-1])
    assert decode(found[0]).content == closing.written(
        standing(found, KeyRing([KEY.public])).frozen
    )


@given(rows, rows)
def test_a_difference_is_empty_only_where_nothing_is_different(before, now):
    changes = difference(before, now)
    assert bool(changes) == (_meaning(before) != _meaning(now))
    assert _meaning(applied(before, changes)) == _meaning(now)
    assert difference(applied(before, changes), now) == []


def test_the_stand_alone_check_finds_what_ours_finds():
    found = messages([[row("1", 1, "hadir", 0)], [row("1", 1, "sakit", 0)], []])
    pem = KEY.public.pem
    assert alone(found, pem) == []
    for wrong in (found[1:], found[::2], [found[0], found[2], found[1]]):
        with pytest.raises(AssertionError):
            alone(wrong, pem)
    other = PrivateKey.generate().public.pem
    with pytest.raises(InvalidSignature):
        alone(found, other)


def test_nothing_hides_behind_a_message():
    [found] = messages([[row("1", 1, "hadir", 0)]])
    for wrong in (found + b"x", found[:-1], found + found):
        with pytest.raises(ProtocolError):
            standing([wrong], KeyRing([KEY.public]))
