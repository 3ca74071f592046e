"""The state file: what survives, what is dropped, what is refused."""

from datetime import datetime
from pathlib import Path

import pytest

from drivers.sim.flash import DamagedState, Flash
from drivers.sim.zkrecords import Record

ONE, TWO, THREE = (
    Record(user, datetime(2026, 11, 24, 7, minute), 1, 255, uid)  # noqa: DTZ001 - naive
    for user, minute, uid in (("1001", 28, 1), ("1002", 29, 2), ("A77", 30, 3))
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state file with two punches."""
    path = tmp_path / "sim.jsonl"
    flash = Flash(path)
    assert flash.load("SIM0001") == []
    flash.append(ONE)
    flash.append(TWO)
    flash.close()
    return path


def test_the_log_survives(path: Path) -> None:
    assert Flash(path).load("SIM0001") == [ONE, TWO]


def test_the_log_survives_although_nobody_closed(tmp_path: Path) -> None:
    flash = Flash(tmp_path / "sim.jsonl")
    flash.load("SIM0001")
    flash.append(ONE)
    assert Flash(tmp_path / "sim.jsonl").load("SIM0001") == [ONE]
    flash.close()


def test_wherever_the_last_line_is_torn_the_rest_survives(path: Path) -> None:
    whole = path.read_bytes()
    start_of_last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start_of_last, len(whole)):
        path.write_bytes(whole[:end])
        flash = Flash(path)
        assert flash.load("SIM0001") == [ONE]
        flash.append(THREE)
        flash.close()
        assert Flash(path).load("SIM0001") == [ONE, THREE]


def test_a_cleared_log_stays_cleared(path: Path) -> None:
    flash = Flash(path)
    flash.load("SIM0001")
    flash.rewrite("SIM0001", [])
    flash.append(THREE)
    flash.close()
    assert Flash(path).load("SIM0001") == [THREE]


def test_another_terminals_file_is_refused(path: Path) -> None:
    with pytest.raises(DamagedState, match="of terminal SIM0001, not of SIM0002"):
        Flash(path).load("SIM0002")


@pytest.mark.parametrize("content", [b"", b"hello\n", b'{"serial":"SIM0001"}\nnonsense\n{}\n'])
def test_other_damage_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(DamagedState, match=r"sim\.jsonl"):
        Flash(path).load("SIM0001")
