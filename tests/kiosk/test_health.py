"""What central is told of a status."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from kiosk.health import (
    ClockStatus,
    DiskStatus,
    JournalStatus,
    LineStatus,
    RosterStatus,
    SourceStatus,
    Status,
    told,
)
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.protocol import entry
from sync.protocol.health import MAX_SOURCES, SourceHealth
from sync.protocol.identity import PrivateKey

GATE = SourceStatus(
    name="gate",
    connected=True,
    phase="working",
    failures=2,
    error="",
    serial="CEXA1",
    bound_to="CEXA1",
    model="F19",
    drift_ms=-1500,
    recorded=3,
    covered="2026-11-24T07:28:00",
    records=0,
    warnings=("one", "two", "three"),
)

STATUS = Status(
    kiosk="k1",
    software="test",
    clock=ClockStatus(
        state="trusted",
        utc=5,
        error_ms=40,
        anchor="ntp",
        may_show_lateness=True,
        trouble="",
        fixes=[],
    ),
    roster=RosterStatus(version=0, people=0),
    journal=JournalStatus(epoch="e", number=1, first=1, last=9, receipted=2, head=""),
    disk=DiskStatus(
        level="normal", used_percent=12.5, free_bytes=1, ballast=True, trouble="", proved=0
    ),
    line=LineStatus(state="up", error="", waiting=7, receipt_utc=0, certificate_until=99),
    sources=[GATE],
)


@pytest.fixture
def epochs(tmp_path: Path) -> Iterator[Epochs]:
    one = Epochs(tmp_path / "journal", "k1", PrivateKey.generate().public.der)
    one.open()
    yield one
    one.close()


def record(epochs: Epochs, *walls: int) -> None:
    for wall in walls:
        at = entry.Stamp(wall=wall, up=2, boot="b", synced=False)
        audit = entry.Audit(at=at, actor="kiosk", action="x")
        epochs.live.append([Draft(entry.encode(audit))])


def test_central_is_told_what_the_status_says(epochs: Epochs) -> None:
    said = told(STATUS, epochs, 1000)
    assert (said.at, said.waiting, said.until, said.disk) == (1000, 7, 99, 12.5)
    assert (said.trusted, said.error) == (True, 40)
    assert said.sources == [
        SourceHealth(
            name="gate",
            connected=True,
            covered="2026-11-24T07:28:00",
            drift=-1500,
            failures=2,
            warnings=3,
        )
    ]


def test_the_oldest_is_the_first_without_a_receipt(epochs: Epochs) -> None:
    assert told(STATUS, epochs, 1000).oldest == 0
    record(epochs, 100, 200, 300)
    assert told(STATUS, epochs, 1000).oldest == 100
    epochs.live.receipted(2, 1)
    assert told(STATUS, epochs, 1000).oldest == 300
    epochs.live.receipted(3, 1)
    assert told(STATUS, epochs, 1000).oldest == 0


def test_what_a_state_cannot_hold_is_left_out(epochs: Epochs) -> None:
    many = structs.replace(STATUS, sources=[GATE] * (MAX_SOURCES + 1))
    said = told(many, epochs, -5)
    assert len(said.sources) == MAX_SOURCES
    assert said.at == 0
