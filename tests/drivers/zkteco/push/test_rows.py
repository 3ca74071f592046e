"""ATTLOG, rtlog and transactions: what real terminals sent, and that nothing is ever lost of it."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Credential, Method, Punch, State, Witness
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.lines import LINES_MOST, items, lines
from drivers.zkteco.push.rows import USER_MOST, attlog, rtlog
from drivers.zkteco.push.withheld import WITHHELD, withhold
from drivers.zkteco.records import user_text

WHEN = "2026-11-26T07:28:00"
NOTHING = (Method.UNKNOWN, State.UNDEFINED)


def said(punch: Punch) -> tuple[str, str, Method, State]:
    return punch.user, punch.time, punch.method, punch.state


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            b"20156107\t2020-02-22 23:10:05\t255\t1\t\t0\t0\t2",
            ("20156107", "2020-02-22T23:10:05", Method.FINGERPRINT, State.UNDEFINED),
        ),
        (
            b"2\t2026-07-20 16:33:44\t255\t15\t0\t0\t0\t0\t0\t0",
            ("2", "2026-07-20T16:33:44", Method.FACE, State.UNDEFINED),
        ),
        (
            b"2\t2022-07-12 16:00:20\t1\t15\t\t0\t0\t\t\t43",
            ("2", "2022-07-12T16:00:20", Method.FACE, State.OUT),
        ),
        (b"7\t2026-11-26 07:28:00\t0\t2\t", ("7", "2026-11-26T07:28:00", Method.CARD, State.IN)),
        (b"7 2026-11-26 07:28:00 4 25 0", ("7", WHEN, Method.PALM, State.OVERTIME_IN)),
        (b"7\t2026-1-5 7:28:00", ("7", "2026-01-05T07:28:00", *NOTHING)),
        (b"7\t2026-02-31 07:28:00\t\t", ("7", "2026-02-31T07:28:00", *NOTHING)),
        (b"A-7 b\t2026-11-26T07:28:00\t9\t999", ("A-7 b", WHEN, *NOTHING)),
        ("Ñ7\t2026-11-26 07:28:00".encode(), ("Ñ7", WHEN, *NOTHING)),
        (
            "7\t2026-11-26 07:28:00\t0\t1\t张".encode("gbk"),
            ("7", WHEN, Method.FINGERPRINT, State.IN),
        ),
    ],
)
def test_an_attlog_line(line: bytes, expected: tuple[str, str, Method, State]) -> None:
    [punch] = attlog(line, "S1")
    assert said(punch) == expected
    assert (punch.terminal, punch.ordinal, punch.raw) == ("S1", 1, line)
    assert punch.credential is Credential.TERMINAL_USER


@pytest.mark.parametrize(
    "line",
    [
        b"1001\t2026-11-26 07:2",  # cut
        b"1001\t2026-11-26 07:28:0",  # cut: 07:28:0 is no second
        b"1001",
        b"\t2026-11-26 07:28:00\t0\t1",
        b"garbage\tnot-a-date",
        b"1001\t1795653000\t0\t1",  # Unix seconds: nobody says of which zone
        b"a\0b\t2026-11-26 07:28:00",
        b"1" * (USER_MOST + 1) + b"\t2026-11-26 07:28:00",
    ],
)
def test_a_line_that_cannot_be_read_is_kept_as_it_came(line: bytes) -> None:
    good = b"7\t2026-11-26 07:28:00\t0\t1"
    punches = attlog(b"\n".join([good, line, good]), "S1")
    assert [punch.user for punch in punches] == ["7", "", "7"]
    assert (punches[1].time, punches[1].raw) == ("", line)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\0", b"\0\n", b"\r\n\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_lines_end_in_any_way(end: bytes, last: bool) -> None:
    body = end.join([b"7\t2026-11-26 07:28:00\t0\t1"] * 3) + (end if last else b"")
    assert [said(one) for one in attlog(body, "S1")] == [
        ("7", "2026-11-26T07:28:00", Method.FINGERPRINT, State.IN)
    ] * 3


def test_a_heading_that_bridges_write_is_no_punch() -> None:
    body = b"TABLE=ATTLOG\n7\t2026-11-26 07:28:00\t0\t2\t0\t0"
    assert [one.method for one in attlog(body, "S1")] == [Method.CARD]


RTLOG = (
    b"time=2026-02-23 14:13:48\tpin=2\tcardno=0\teventaddr=1\tevent=3\tinoutstatus=0"
    b"\tverifytype=15\tindex=140"
)


def test_an_rtlog_line() -> None:
    [punch] = rtlog(RTLOG, "S1")
    assert said(punch) == ("2", "2026-02-23T14:13:48", Method.FACE, State.UNDEFINED)
    assert (punch.witness, punch.raw) == (Witness.LIVE, RTLOG)


@pytest.mark.parametrize(
    ("line", "user", "credential"),
    [
        (b"time=2026-02-23 14:13:48\tpin=0\tcardno=11223344", "11223344", Credential.CARD),
        (b"TIME=2026-02-23 14:13:48\tPin=5\tCardNo=11223344", "5", Credential.TERMINAL_USER),
    ],
)
def test_a_card_that_nobody_has_is_a_stranger(
    line: bytes, user: str, credential: Credential
) -> None:
    [punch] = rtlog(line + b"\n", "S1")
    assert (punch.user, punch.credential) == (user, credential)


@pytest.mark.parametrize("length", range(1, 40))
def test_an_attlog_line_that_was_cut_never_names_another(length: int) -> None:
    whole = b"1234\t2026-11-26 07:28:00\t255\t15\t\t0\t0\t0\t0\t0"
    for punch in attlog(whole + b"\n" + whole[:length], "S1"):
        assert (punch.user, punch.time) in (("", ""), ("1234", WHEN))


@pytest.mark.parametrize("length", range(1, len(RTLOG)))
def test_a_line_that_was_cut_never_names_another(length: int) -> None:
    whole = RTLOG.replace(b"pin=2", b"pin=1234")
    for punch in rtlog(whole + b"\n" + whole[:length], "S1"):
        assert punch.user in ("", "1234")
        assert punch.time in ("", "2026-02-23T14:13:48")


def test_a_user_that_is_no_utf8_is_the_same_as_over_4370() -> None:
    user = "张".encode("gbk")
    [punch] = attlog(user + b"\t2026-11-26 07:28:00", "S1")
    assert punch.user == user_text(user + b"\0") == r"\xd5\xc5"


def test_a_line_that_does_not_say_that_it_was_nobody_is_kept() -> None:
    line = b"time=2026-02-23 14:13:48\teventaddr=1\tevent=3"  # cut before its pin
    [punch] = rtlog(line, "S1")
    assert (punch.user, punch.time, punch.raw) == ("", "", line)


def test_a_line_that_names_nobody_is_no_punch() -> None:
    assert rtlog(b"time=2026-02-23 14:13:48\tpin=0\tcardno=0\tevent=202\r\n", "S1") == []


def test_a_transaction_has_packed_time() -> None:
    # ((2026 - 2000) * 12 + 1) * 31 + 22 days, and 14:13:48
    ticks = ((26 * 12 + 1) * 31 + 22) * 86_400 + 14 * 3600 + 13 * 60 + 48
    line = b"transaction cardno=0\tpin=2\tverified=1\tdoorid=1\ttime_second=%d\tindex=9" % ticks
    [punch] = rtlog(line, "S1", Witness.LOG)
    assert said(punch) == ("2", "2026-02-23T14:13:48", Method.FINGERPRINT, State.UNDEFINED)
    assert punch.witness is Witness.LOG


@pytest.mark.parametrize(
    "line",
    [b"x", b"pin=2", b"time=2026-02-23\tpin=2", b"time=99999999999\tpin=2", b"time=\xff\tpin=2"],
)
def test_an_rtlog_line_that_cannot_be_read_is_kept(line: bytes) -> None:
    [punch] = rtlog(line, "S1")
    assert (punch.user, punch.time, punch.raw) == ("", "", line)


def test_no_more_lines_than_a_body_may_have() -> None:
    assert len(attlog(b"7\n" * (LINES_MOST - 1), "S1")) == LINES_MOST - 1
    with pytest.raises(Declined) as declined:
        attlog(b"7\n" * LINES_MOST, "S1")
    assert declined.value.status == 413


def test_registration_values_hold_commas() -> None:
    told = items(b"~DeviceName=SenseFace 3A,CompanyName=Dinas, Kota Denpasar,~Platform=ZAM\0")
    assert told == {
        "devicename": "SenseFace 3A",
        "companyname": "Dinas, Kota Denpasar",
        "platform": "ZAM",
    }


SECRETS = ["Passwd", "PASSWORD", "pwd", "TMP", "Tmp", "Content", "templatev10", "pushcommkey"]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("before", ["", "USER PIN=1\t", "7\t2026-11-26 07:28:00\t0\t1\t"])
def test_a_secret_is_taken_out_whatever_it_stands_in(name: str, before: str) -> None:
    line = f"{before}{name}=739146 x\tGrp=1".encode()
    for punch in (*attlog(line, "S1"), *rtlog(line, "S1")):
        assert b"739146" not in punch.raw
        assert WITHHELD in punch.raw
        assert punch.raw.endswith(b"\tGrp=1")
    assert b"739146" not in withhold(line)


@given(st.binary(max_size=2000))
def test_no_line_is_lost(body: bytes) -> None:
    kept = list(lines(body))
    punches = [punch.raw for punch in attlog(body, "S1")]
    assert punches == [one for one in kept if not re.fullmatch(rb"(?i)TABLE=\w+\s*", one)]
    for punch in rtlog(body, "S1"):
        assert punch.raw in kept


_FIELD = st.sampled_from(
    [b"7", b"", b"2026-11-26 07:28:00", b"Passwd=SECRET", b"TMP = SECRET", b"pin=1", b"time=1"]
) | st.binary(max_size=8)


@given(st.lists(st.lists(_FIELD, max_size=6).map(b"\t".join), max_size=6).map(b"\n".join))
def test_mangled_lines(body: bytes) -> None:
    for punch in (*attlog(body, "S1"), *rtlog(body, "S1")):
        assert b"SECRET" not in punch.raw
        assert "SECRET" not in punch.user
        assert (punch.user == "") == (punch.time == "")


@pytest.mark.parametrize("word", [b"template", b"a", b"commkey", b"=", b",a=", b"~", b" \0", b"\t"])
def test_long_lines_take_no_longer_than_they_are_long(word: bytes) -> None:
    body = word * (1_000_000 // len(word))
    began = datetime.now(UTC)
    assert len(attlog(body, "S1")) <= 1
    assert len(rtlog(body, "S1")) <= 1
    items(body)
    assert (datetime.now(UTC) - began).total_seconds() < 10
