"""The screen of a kiosk that is not set up: six digits, until there are settings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from screen_browser import chromium, turn, until
from screen_stage import free_port

from kiosk.setup.digits import FILE, FRESH_S, tell, told
from kiosk.setup.disk import Disk

SETTINGS = """
kiosk = "k1"
data = "var"
central = ["central.pem"]
[line]
host = "127.0.0.1"
[screen]
port = {port}
[screen.technician]
port = 0
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
"""

PROGRAM = """
import sys
from pathlib import Path
from kiosk.cli import main
from kiosk.screen.unset import Unset
from kiosk.settings import Screen
home, port = Path(sys.argv[1]), int(sys.argv[2])
config = home / "kiosk.toml"
if Unset(config, home / "var", Screen(port=port)).run(lambda: print("ready", flush=True)):
    sys.exit(main(["screen", "--config", str(config)]))
"""


def test_digits_are_told_while_they_hold(tmp_path: Path) -> None:
    disk = Disk()
    assert told(tmp_path) == ""
    tell(disk, tmp_path, "042117")
    assert told(tmp_path) == "042117"
    written = (tmp_path / FILE).stat().st_mtime
    assert told(tmp_path, written + FRESH_S) == "", "a set-up that was cut short takes nothing back"
    os.utime(tmp_path / FILE, (1, 1))
    assert told(tmp_path) == ""
    tell(disk, tmp_path, "042117")
    assert told(tmp_path) == "042117", "said again they hold again"
    tell(disk, tmp_path, "")
    assert told(tmp_path) == ""


@pytest.mark.parametrize("said", [b"", b"04211", b"04211x", b"\xff" * 6, b"0421170"])
def test_what_is_no_number_is_not_shown(tmp_path: Path, said: bytes) -> None:
    (tmp_path / FILE).write_bytes(said)
    assert told(tmp_path) == ""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    made = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), str(port)], stdout=subprocess.PIPE
    )
    try:
        assert made.stdout is not None
        assert made.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}/"
    finally:
        made.terminate()
        made.wait(20)
        assert made.stdout is not None
        made.stdout.close()


@pytest.mark.slow
def test_page_shows_them_and_makes_room_for_the_screen(tmp_path: Path, address: str) -> None:
    (tmp_path / "var").mkdir()
    with chromium() as browser:
        page = browser.new_page()
        turn(page, "7-inch")
        page.goto(address)
        assert page.inner_text("h1") == "Kiosk belum disiapkan"
        tell(Disk(), tmp_path / "var", "042117")
        until(page, "document.getElementById('digits').textContent === '042 117'", 20)
        assert page.is_visible("#digits")
        assert not page.is_visible("#waiting")
        fits = "document.documentElement.scrollWidth <= innerWidth"
        assert page.evaluate(f"() => {fits}")
        if folder := os.environ.get("PRESENSI_PICTURES"):
            page.screenshot(path=str(Path(folder) / "unset-digits.png"))
        tell(Disk(), tmp_path / "var", "")
        until(page, "!document.getElementById('waiting').hidden", 20)
        if folder:
            page.screenshot(path=str(Path(folder) / "unset.png"))
        port = address.rstrip("/").rpartition(":")[2]
        (tmp_path / "kiosk.toml").write_text(SETTINGS.format(port=port))
        page.wait_for_selector("#rest", state="attached", timeout=60_000)  # another document
