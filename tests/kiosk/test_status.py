"""What `kiosk status` says of a certificate, and when; of a terminal, and with what below it."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from drivers.base import Stranger
from kiosk.cli.status import certificate_lines, push_lines, source_lines
from kiosk.health import PushStatus, SourceStatus, UsersStatus


def test_unknown_terminals_are_shown_with_the_next_step() -> None:
    stranger = Stranger(serial="S1", address="10.0.0.5", first=1, last=1, calls=3, said="pushver 2")
    said = "\n".join(push_lines(PushStatus(port=8081, trouble="", strangers=[stranger])))
    assert "terminals call on port 8081" in said
    assert "S1 from 10.0.0.5: 3 calls" in said
    assert "kiosk approve S1 --name NAME --by YOU" in said
    said = "\n".join(push_lines(PushStatus(port=8081, trouble="port taken", strangers=[])))
    assert said == "push     port taken"


NOW = datetime(2026, 11, 24, 7, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=61), ""),
        (timedelta(days=59, hours=1), "runs out in 59 days"),
        (timedelta(hours=5), "runs out in 0 days"),
        (timedelta(seconds=-1), "has run out"),
    ],
)
def test_its_end_is_spoken_of_two_months_before(left: timedelta, words: str) -> None:
    until_ms = round((NOW + left).timestamp() * 1000)
    said = "".join(certificate_lines("k1", until_ms, NOW))
    assert words in said
    assert ("presensi-central certify k1" in said) is bool(words)


GATE = SourceStatus(
    name="gate",
    connected=True,
    phase="working",
    failures=0,
    error="",
    serial="CEXA1",
    bound_to="CEXA1",
    model="F19",
    drift_ms=None,
    recorded=3,
    covered="",
    records=0,
)


@pytest.mark.parametrize(
    ("counts", "trouble", "words"),
    [
        ({}, "", []),
        ({"missing": 2, "taken": 1}, "", ["users: 2 missing, 1 TAKEN, 2026-11-24"]),
        (
            {},
            "it is off",
            ["users: none differ, 2026-", "; it is off; kiosk devices"],
        ),
        ({"unknown": 1}, "it is off", ["users: 1 unknown, 2026-", "; it is off; kiosk devices"]),
    ],
)
def test_users_that_are_not_the_rosters_are_said(
    counts: dict[str, int], trouble: str, words: list[str]
) -> None:
    measured = round(NOW.timestamp() * 1000)
    users = UsersStatus(policy="report", measured=measured, counts=counts, trouble=trouble)
    said = source_lines(structs.replace(GATE, users=users))[1:]
    assert len(said) == bool(words)
    never = structs.replace(users, measured=0, counts={}, trouble="it is off")
    said_then = source_lines(structs.replace(GATE, users=never))[1]
    assert "users: not compared; it is off" in said_then
    assert all(one in said[0] for one in words)


def test_a_terminal_that_works_may_have_something_to_say() -> None:
    one = structs.replace(GATE, warnings=("its log is full (30 of 30 rows)",))
    line, warning = source_lines(one)
    assert "gate: connected, F19 CEXA1, 3 new, covered to never, drift ?" in line
    assert warning.strip() == "its log is full (30 of 30 rows)"


def test_another_one_at_a_port_is_not_an_address_given_twice() -> None:
    other = structs.replace(GATE, serial="CEXA2")
    assert "an address given twice" in "".join(source_lines(other))
    said = "".join(source_lines(structs.replace(other, has_clock=False)))
    assert "address" not in said
    assert "kiosk devices replace gate --by NAME. Else plug in again" in said
