"""The demonstration's camera: when it is there to enrol somebody, and what is told of it."""

from pathlib import Path

import pytest
from msgspec import structs

from kiosk.cli import demo_camera
from kiosk.cli.demo_setup import Bench, Part
from kiosk.health import SourceStatus
from kiosk.local import Local
from tests.kiosk.served import serving
from tests.kiosk.test_local import STATUS


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    (tmp_path / "kiosk").mkdir()
    return Bench(
        data=tmp_path,
        people=1,
        rate=1,
        broker_port=1,
        web_port=2,
        terminal_port=3,
        capture="http://127.0.0.1:4/",
        camera_port=4,
    )


def camera(*, connected: bool) -> SourceStatus:
    return SourceStatus(
        name=demo_camera.SOURCE,
        connected=connected,
        phase="waiting",
        failures=0,
        error="",
        serial="",
        model="",
        bound_to="",
        drift_ms=None,
        recorded=0,
        covered="",
        records=0,
    )


@pytest.mark.parametrize("connected", [True, False])
def test_nobody_is_enrolled_before_the_kiosk_sees(bench: Bench, connected: bool) -> None:
    assert not demo_camera.looks(bench)  # no daemon yet
    local = Local(bench.socket)
    local.status = lambda: structs.replace(STATUS, sources=[camera(connected=connected)])
    with serving(local):
        assert demo_camera.looks(bench) is connected


def test_the_camera_shows_something_before_the_kiosk_looks(bench: Bench) -> None:
    assert bench.parts.index(Part.CAMERA) < bench.parts.index(Part.KIOSK)


def test_the_command_to_enrol_by_hand_is_whole(bench: Bench) -> None:
    told = demo_camera.by_hand(bench)
    assert f"enrol face {demo_camera.WHO} --source {demo_camera.SOURCE}" in told
    assert told.endswith(f"--config {bench.kiosk_toml}")
