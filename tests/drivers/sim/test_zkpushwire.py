"""The simulated push terminal's own codec: lines as real terminals wrote them."""

from datetime import datetime

import pytest

from drivers.sim.zkpushwire import (
    PUSH_PROFILES,
    Record,
    Template,
    attlog_line,
    commands,
    oplog_line,
    option_list,
    request,
    rtlog_line,
    template_line,
    user_line,
)

RECORD = Record(140, "2", datetime(2026, 2, 23, 14, 13, 48), 15, 255)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("profile", "line"),
    [
        ("old", "2\t2026-02-23 14:13:48\t255\t15\t"),
        ("2.2", "2\t2026-02-23 14:13:48\t255\t15\t\t0\t0"),
        ("2.4", "2\t2026-02-23 14:13:48\t255\t15\t\t0\t0\t0\t0\t0"),
    ],
)
def test_attlog_lines(profile: str, line: str) -> None:
    assert attlog_line(RECORD, PUSH_PROFILES[profile].fields) == line


def test_an_rtlog_line() -> None:
    assert rtlog_line(RECORD).startswith(
        "time=2026-02-23 14:13:48\tpin=2\tcardno=0\teventaddr=1\tevent=3\tinoutstatus=0"
        "\tverifytype=15\tindex=140\t"
    )


def test_lines_about_people_and_operations() -> None:
    assert user_line("1", "Adi", "7391").split("\t")[3] == "Passwd=7391"
    assert template_line(Template.FP, "1", "AAAA").endswith("Size=4\tValid=1\tTMP=AAAA")
    assert template_line(Template.BIODATA, "1", "AAAA").endswith("\tTmp=AAAA")
    assert oplog_line(23, "1", RECORD.time) == "OPLOG 23\t1\t2026-02-23 14:13:48\t0\t0\t0\t0"


def test_requests() -> None:
    head, body = request("POST", "/iclock/cdata", {"SN": "S1", "INFO": "Ver 8,1"}, b"hello")
    assert head.startswith(b"POST /iclock/cdata?SN=S1&INFO=Ver 8,1 HTTP/1.1\r\n")  # as some do
    assert head.endswith(b"Content-Length: 5\r\n\r\n")
    assert body == b"hello"
    head, body = request("POST", "/p", {}, b"hello", chunked=True, keep_alive=False)
    assert b"Transfer-Encoding: chunked" in head
    assert b"Connection: close" in head
    assert body == b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"


def test_answers() -> None:
    assert option_list("GET OPTION FROM: S1\r\nStamp=9999\nTransFlag=a=b\tc\n") == {
        "Stamp": "9999",
        "TransFlag": "a=b\tc",
    }
    assert commands("OK") == []
    assert commands("C:5:INFO\r\n\r\nC:6:DATA QUERY a=1:2\tb\n") == [
        (5, "INFO"),
        (6, "DATA QUERY a=1:2\tb"),
    ]
