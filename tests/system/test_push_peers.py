"""A foreign push terminal judges the listener: django-fingerprint-attendance's simulator.

It was written by others from their own knowledge of the protocol, and runs as a process.
"""

import importlib.util
import json
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from drivers.base import Punch, Reading
from drivers.options import PushListener, ZkPush
from drivers.zkteco.push.listener import Listener
from drivers.zkteco.push.source import PushSource

pytestmark = pytest.mark.slow

PEERS = Path(__file__).parent / "peers"
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def installed() -> ModuleType:
    """The peers, installed on the first use."""
    spec = importlib.util.spec_from_file_location("push_peers_install", PEERS / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.install()
    return module


def now() -> datetime:
    return datetime.now(UTC)


def listened_to(command: list[str]) -> tuple[dict[str, Any], list[Reading]]:
    """Run a peer against a listener; return what it says and what was read."""
    stop, up = threading.Event(), threading.Event()
    listener = Listener(PushListener(host="127.0.0.1", port=0), now, now)
    source = PushSource(ZkPush(name="lobi", serial="PEER1"), now, now, listener)
    readings: list[Reading] = []

    def read() -> None:
        while not stop.is_set():
            reading = source.read(0.05)
            if reading is not None:
                readings.append(reading)
                source.confirm(reading)

    threads = [
        threading.Thread(target=listener.run, args=(stop.is_set, up.set)),
        threading.Thread(target=read),
    ]
    source.open(None, lambda: None)
    for one in threads:
        one.start()
    try:
        assert up.wait(WITHIN_S)
        told = [str(listener.port) if word == "PORT" else word for word in command]
        done = subprocess.run(told, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout), readings
    finally:
        stop.set()
        for one in threads:
            one.join(WITHIN_S)
        source.close()


@pytest.mark.parametrize(
    ("firmware", "stamp"),
    [("legacy", "Stamp"), ("push2", "ATTLOGStamp"), ("biodata", "ATTLOGStamp")],
)
def test_a_foreign_terminal(installed: ModuleType, firmware: str, stamp: str) -> None:
    client = str(PEERS / "push_client.py")
    said, readings = listened_to([str(installed.PUSH_PYTHON), client, "PORT", "PEER1", firmware])
    punches: list[Punch] = [punch for one in readings for punch in one.punches]
    # 1203 were punched; the foreign terminal itself spoils one line on the way.
    assert said["uploaded"] == said["log"] == 1203
    assert set(said["statuses"]) == {200}
    assert said["ping"] == 200
    assert said["options"][stamp] == "1"  # it was handed back after the time away
    read = {(punch.user, punch.time) for punch in punches if punch.time}
    assert ("1001", "2026-11-26T07:00:00") in read
    assert ("1056", "2026-11-26T16:00:00") in read
    unreadable = [punch.raw for punch in punches if not punch.time]
    assert unreadable == [b"garbage\tnot-a-date"]
    if firmware == "legacy":
        assert len(read) == 1202
        assert said["executed"] == []
    else:
        # The last days are asked for again, and so even the spoilt line comes whole.
        assert said["executed"][0] == "INFO"
        assert said["executed"][1].startswith("DATA QUERY ATTLOG StartTime=")
        assert set(said["again"]) == {200}
        assert len(read) == 1203
    assert not [event for one in readings for event in one.events]
    kept = repr(readings)
    assert "Adi" not in kept
    assert "TMP" not in kept
