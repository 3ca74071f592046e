"""OPERLOG: what an auditor asks about, and nothing about people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.base import Event
from drivers.zkteco.push.operations import ACTIONS, UNREADABLE, operations

PEOPLE = (
    b"USER PIN=1\tName=Adi\tPri=14\tPasswd=739146\tCard=[1234]\n"
    b"FP PIN=1\tFID=6\tSize=8\tValid=1\tTMP=TUZT\n"
    b"BIOPHOTO PIN=1\tContent=AAAA\n"
)


def test_what_was_done_to_the_terminal() -> None:
    body = PEOPLE + (
        b"OPLOG 23\t1\t2026-11-26 07:28:00\t0\t0\t0\t0\r\n"
        b"OPLOG 9\t0\t2026-11-26 07:29:00\t1001\t0\t5\t0\n"
        b"OPLOG 6\t1\t2026-11-26 07:30:00\t1001\t6\t0\t0\n"  # a finger enrolled
    )
    assert operations(body) == [
        Event(action="terminal log cleared", time="2026-11-26T07:28:00", by="1"),
        Event(
            action="terminal user deleted",
            time="2026-11-26T07:29:00",
            detail={"object 1": "1001", "object 3": "5"},
        ),
    ]


@pytest.mark.parametrize(("code", "action"), list(ACTIONS.items()))
def test_every_code_that_is_asked_about(code: int, action: str) -> None:
    [event] = operations(b"OPLOG %d\t1\t2026-11-26 07:28:00\t0\t0\t0\t0" % code)
    assert event.action == action


@pytest.mark.parametrize("line", [b"OPLOG ", b"OPLOG 23", b"OPLOG x\t1\t2026-11-26 07:28:00"])
def test_an_operation_that_cannot_be_read_is_told(line: bytes) -> None:
    [event] = operations(line)
    assert event == Event(action=UNREADABLE, time="", detail={"raw": line.hex()})


def test_an_operation_keeps_no_secret() -> None:
    [event] = operations(b"OPLOG 23\tPasswd=739146\t2026-11-26 07:28:00\tTMP=739146")
    assert "739146" not in repr(event)


@given(
    st.lists(st.sampled_from([b"OPLOG ", b"23", b"\t", b"\n", b"\0", b"1"]) | st.binary(max_size=9))
)
def test_any_body(parts: list[bytes]) -> None:
    for event in operations(b"".join(parts)):
        assert all(len(text) <= 400 for text in event.detail.values())
        assert all(text.isprintable() for text in (event.by, *event.detail.values()))
