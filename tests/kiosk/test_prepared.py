"""Each process that decodes in several threads prepares its types before it starts one."""

import argparse
import sys
import threading
from pathlib import Path
from typing import cast

import pytest

from kiosk.app import Kiosk
from kiosk.cli import enrol, screen
from kiosk.settings import Place
from sync import firstuse
from sync.central import run as central
from sync.central.house import House
from tests.kiosk.test_config_command import SETTINGS


class PreparedError(Exception):
    """Raised in place of the preparing: nothing else may have come before it."""


@pytest.fixture(autouse=True)
def stopped_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop() -> int:
        raise PreparedError

    def start(_: threading.Thread) -> None:
        raise AssertionError("a thread before the types were prepared")

    monkeypatch.setattr(firstuse, "prepare", stop)
    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(sys, "setswitchinterval", lambda _: None)


def test_the_daemon_prepares_first() -> None:
    with pytest.raises(PreparedError):
        Kiosk(cast(Place, None)).run()


def test_central_prepares_first() -> None:
    with pytest.raises(PreparedError):
        central.run(cast(House, None))


def test_enrolling_prepares_before_it_shows_prompts(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    file.write_text(SETTINGS)
    with pytest.raises(PreparedError):
        enrol._at_source(argparse.Namespace(config=file), "enrol", {}, 1.0)


def test_the_screen_prepares_before_it_serves(tmp_path: Path) -> None:
    file = tmp_path / "kiosk.toml"
    file.write_text(SETTINGS)
    with pytest.raises(PreparedError):
        screen.run(argparse.Namespace(config=file, port=0))
