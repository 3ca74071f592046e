"""`kiosk technicians` against the real daemon, and on its second medium."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.technicians import FILE
from sync.protocol.identity import PrivateKey

pytestmark = pytest.mark.slow

KIOSK = Path(sys.executable).with_name("kiosk")

WITHIN_S = 20.0

SETTINGS = """
kiosk = "k1"
data = "data"
mirror = "usb"
central = ["central.pem"]
[line]
host = "127.0.0.1"
port = 1
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
port = 1
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "kiosk.toml").write_text(SETTINGS)
    (tmp_path / "central.pem").write_bytes(PrivateKey.generate().public.pem)
    (tmp_path / "usb").mkdir()
    return tmp_path / "kiosk.toml"


@contextmanager
def daemon(config: Path) -> Iterator[None]:
    """Run one until its socket answers, and end it."""
    running = subprocess.Popen([KIOSK, "run", "--config", config], stderr=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + WITHIN_S
        while technicians(config, "list").returncode:
            assert running.poll() is None, "it ended"
            assert time.monotonic() < until_s, "it does not answer"
            time.sleep(0.1)
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(WITHIN_S)


def technicians(config: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KIOSK, "technicians", *words, "--config", config],
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_they_are_known_on_both_media_and_after_a_new_card(config: Path, tmp_path: Path) -> None:
    files = [tmp_path / "data" / FILE, tmp_path / "usb" / FILE]
    with daemon(config):
        made = technicians(config, "add", "rudi", "--by", "admin")
        assert made.stdout.startswith("rudi can log in\npassword ")
        given = technicians(
            config, "add", "siti", "--by", "admin", "--password-stdin", said="rahasia-sekali\n"
        )
        assert given.stdout == "siti can log in\n"
        technicians(config, "end", "rudi", "--by", "admin")
        again = technicians(config, "end", "rudi", "--by", "admin")
        assert (again.returncode != 0, "no technician 'rudi'" in again.stderr) == (True, True)
    assert files[0].read_bytes() == files[1].read_bytes()
    files[0].unlink()
    with daemon(config):
        assert files[0].read_bytes() == files[1].read_bytes()
        lines = technicians(config, "list").stdout.splitlines()
        assert {line.split()[0]: "until" in line for line in lines} == {"rudi": True, "siti": False}
