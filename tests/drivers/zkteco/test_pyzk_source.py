"""What is made of pyzk's answers, told by a program in its place; pyzk itself: test_backends."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.base import Reading
from drivers.options import Backend, ZkTerminal
from drivers.zkteco import pyzk_source
from drivers.zkteco.pyzk_source import PyzkSource

CHILD = """
import json, sys
sys.stdin.readline()
print(json.dumps(dict(serial="P1", model="F19", firmware="", platform="")), flush=True)
for line in sys.stdin:
    print(json.dumps(dict(clock="2026-11-24T07:30:00", before={before}, after={before},
                          rows={rows})), flush=True)
"""
ROW = ["1001", "2026-11-24T07:28:00", 1, 0]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that reads the log of a terminal with these sizes and rows."""

    def read(before: list[int], rows: list[object]) -> Reading:
        child = tmp_path / "child.py"
        child.write_text(CHILD.format(before=before, rows=rows))
        monkeypatch.setattr(pyzk_source, "CHILD", child)
        options = ZkTerminal(name="lobi", host="127.0.0.1", backend=Backend.PYZK)
        source = PyzkSource(options, lambda: datetime(2026, 11, 24, 0, 30, tzinfo=UTC))
        try:
            source.open(None, lambda: None)
            reading = source.read(0)
        finally:
            source.close()
        assert reading is not None
        return reading

    return read


def test_a_log_whose_count_agrees_is_covered(log) -> None:
    reading = log([5, 1, 1000], [ROW])
    assert [(one.user, one.time) for one in reading.punches] == [("1001", ROW[1])]
    assert reading.coverage is not None
    assert (reading.coverage.records, reading.coverage.through) == (1, "2026-11-24T07:30:00")


def test_where_nothing_is_counted_nothing_is_covered(log) -> None:
    """Pyzk asks for no log then, and some firmware always says 0: everybody would be absent."""
    reading = log([5, 0, 1000], [])
    assert (len(reading.punches), reading.coverage) == (0, None)
