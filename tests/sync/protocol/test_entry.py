"""Entries: the exact bytes, what a reader tolerates, what makes an origin."""

import json

import pytest

from sync.protocol import entry
from sync.protocol.errors import Malformed

AT = entry.Stamp(wall=1795497600000, up=61_000, boot="0" * 32, synced=True, error=12)


def presence(**changes: object) -> entry.Presence:
    fields: dict[str, object] = {
        "at": AT,
        "source": "lobi",
        "terminal": "OGT1",
        "credential": "terminal_user",
        "user": "1001",
        "time": "2026-11-24T07:28:41",
        "zone": "Asia/Jakarta",
        "mark": entry.Mark.KNOWN,
    }
    return entry.Presence(**(fields | changes))  # type: ignore[arg-type]


def test_the_body_is_this() -> None:
    assert entry.encode(presence(person="19800101", raw="0d00")) == (
        b'{"kind":"presence","at":{"wall":1795497600000,"up":61000,'
        b'"boot":"00000000000000000000000000000000","synced":true,"error":12},'
        b'"source":"lobi","terminal":"OGT1","credential":"terminal_user","user":"1001",'
        b'"time":"2026-11-24T07:28:41","zone":"Asia/Jakarta","mark":"known",'
        b'"person":"19800101","raw":"0d00"}'
    )


def test_what_a_newer_kiosk_adds_is_ignored_and_open_words_are_kept() -> None:
    said = json.loads(entry.encode(presence())) | {"method": "iris", "mood": "good"}
    read = entry.decode(json.dumps(said).encode())
    assert isinstance(read, entry.Presence)
    assert read.method == "iris"


@pytest.mark.parametrize(
    "body", [b"", b"null", b"{}", b'{"kind":"rumour"}', b'{"kind":"gap"}', b"\xff", b"[" * 9000]
)
def test_anything_else_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        entry.decode(body)


def test_a_body_never_contains_a_line_break_and_is_bounded() -> None:
    assert b"\n" not in entry.encode(presence(user="a\nb"))
    with pytest.raises(Malformed, match="at most 8192"):
        entry.encode(presence(user="x" * 9000))


def test_origin_is_terminal_user_time_ordinal_and_nothing_else() -> None:
    one = presence().origin
    assert len(one) == entry.ORIGIN_BYTES
    same = presence(method="face", state="out", witness="log", person="x", drift=5, raw="00")
    assert same.origin == one
    for other in (
        {"terminal": "OGT2"},
        {"user": "1002"},
        {"time": "2026-11-24T07:28:42"},
        {"ordinal": 2},
    ):
        assert presence(**other).origin != one


def test_the_origin_of_a_fixed_punch_never_changes() -> None:
    # Central holds these keys for years: a change of form would count every punch twice.
    assert entry.origin_key("OGT1", "1001", "2026-11-24T07:28:41", 1).hex() == ORIGIN_VECTOR


ORIGIN_VECTOR = "9053496994a9c9c693f5792a7c81096b"


def test_unreadable_rows_are_told_apart_by_their_bytes() -> None:
    blank = {"user": "", "time": "", "mark": entry.Mark.UNREADABLE}
    assert presence(**blank, raw="01").origin != presence(**blank, raw="02").origin


def test_long_raw_bytes_are_cut_and_their_digest_kept() -> None:
    short, none = entry.keep_raw(b"\x01\x02")
    assert (short, none) == ("0102", "")
    cut, digest = entry.keep_raw(b"a" * 5000)
    assert len(cut) == 2 * entry.MAX_RAW_BYTES
    assert len(digest) == 64
    # The origin is the same whether raw was cut or not.
    blank = {"user": "", "time": "", "mark": entry.Mark.UNREADABLE}
    assert entry.unread(cut, digest) == f"raw:{digest}"
    assert presence(**blank, raw=cut, raw_sha256=digest).origin
