"""sd_notify, against a socket such as systemd makes."""

import socket
from pathlib import Path

import pytest

from kiosk.notify import Notifier
from kiosk.supervisor import Outcome, Supervisor


@pytest.mark.parametrize("abstract", [False, True])
def test_what_systemd_hears(tmp_path: Path, abstract: bool) -> None:
    address = "@presensi-test" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(5)
        systemd.bind("\0presensi-test" if abstract else address)
        notifier = Notifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "30000000"})
        assert notifier.watchdog_s == 30.0
        supervisor = Supervisor([], notifier, lambda: True, lambda: False)
        supervisor.interrupt()
        assert supervisor.run() is Outcome.STOPPED
        heard = [systemd.recv(100) for _ in range(3)]
    assert heard == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_stopped_heart_does_not_feed_the_watchdog(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(5)
        systemd.bind(str(tmp_path / "notify"))
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "1000"})
        supervisor = Supervisor([], notifier, lambda: False, lambda: False)
        supervisor.interrupt()
        supervisor.run()
        assert [systemd.recv(100) for _ in range(2)] == [b"READY=1", b"STOPPING=1"]


def test_without_systemd_nothing_is_sent() -> None:
    Notifier({}).ready()
