"""An office that never gets a line: real processes, and a directory for the stick."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.sim.zkteco import SimulatedTerminal, simulated_staff
from kiosk.cli.demo_setup import program

pytestmark = pytest.mark.slow

WITHIN_S = 30.0
STAFF = simulated_staff(5)


class Place:
    """A kiosk without a line, a central, and the stick that is carried between them."""

    def __init__(self, home: Path, terminal: SimulatedTerminal) -> None:
        self.stick = home / "usb"
        self.stick.mkdir()
        self._kiosk = home / "kiosk.toml"
        self._central = home / "central.toml"
        self._log = home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._central.write_text('data = "central"\n[broker]\nhost = "127.0.0.1"\nport = 1\n')
        self._kiosk.write_text(
            'kiosk = "kiosk-pulau"\ndata = "kiosk"\ncentral = ["central/central.pem"]\n'
            '[line]\nhost = "127.0.0.1"\nport = 1\n'
            f'[[sources]]\nkind = "zkteco"\nname = "lobi"\nhost = "{terminal.host}"\n'
            f'port = {terminal.port}\ntimezone = "UTC"\ncheck_s = 1.0\n'
        )
        (home / "kiosk").mkdir()
        self.central("init")
        (home / "kiosk.pem").write_text(self.kiosk("identity"))
        self.central("kiosks", "admit", "kiosk-pulau", str(home / "kiosk.pem"))

    def kiosk(self, *words: str) -> str:
        return _run(program("kiosk"), *words, "--config", str(self._kiosk))

    def central(self, *words: str) -> str:
        return _run(program("presensi-central"), "--config", str(self._central), *words)

    def start(self) -> None:
        with self._log.open("ab") as log:
            command = [program("kiosk"), "run", "--config", str(self._kiosk)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def status(self) -> dict[str, Any]:
        done = subprocess.run(
            [program("kiosk"), "status", "--json", "--config", str(self._kiosk)],
            capture_output=True,
            text=True,
        )
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + WITHIN_S
        while not ((status := self.status()) and condition(status)):
            assert time.monotonic() < deadline, f"{status}\n{self._log.read_text()}"
            time.sleep(0.1)
        return status

    def counted(self) -> int:
        found: int = json.loads(self.central("stats", "--json"))["counted"]
        return found


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def terminal() -> Iterator[SimulatedTerminal]:
    with SimulatedTerminal(STAFF) as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, terminal: SimulatedTerminal) -> Iterator[Place]:
    made = Place(tmp_path, terminal)
    yield made
    made.stop()


@pytest.mark.parametrize("running", [True, False], ids=["daemon runs", "daemon stopped"])
def test_there_and_back(place: Place, terminal: SimulatedTerminal, running: bool) -> None:
    for one in STAFF:
        terminal.punch(one.user_id)
    place.start()
    place.until(lambda said: said["sources"][0]["recorded"] == 5)
    if not running:
        place.stop()
    said = place.kiosk("journal", "export", str(place.stick))
    [stick] = place.stick.glob("kiosk-pulau-*.stick")
    assert f"presensi-central import {stick.name}" in said
    assert "is stored" in place.central("import", str(stick))
    assert place.counted() == 5
    assert "is stored" in place.central("import", str(stick))  # once more is harmless
    answer = stick.with_suffix(".answer")
    assert "take in stick kiosk-pulau" in place.central("decisions")
    assert "HOLDS" in place.central("verify", "--all")
    said = place.kiosk("import", str(answer))
    assert "central has everything up to entry" in said
    assert "nothing new" in place.kiosk("import", str(answer))
    if not running:
        place.start()
    place.until(lambda said: said["journal"]["receipted"] >= 6)
    terminal.punch(STAFF[0].user_id)
    place.until(lambda said: said["sources"][0]["recorded"] + 5 * (not running) == 6)
    place.kiosk("journal", "export", str(place.stick / "second.stick"))
    place.central("import", str(place.stick / "second.stick"), "--answer", str(place.stick / "a"))
    place.kiosk("import", str(place.stick / "a"))
    assert place.counted() == 6
    assert place.status()["line"]["waiting"] <= 1  # a clock entry may have come meanwhile


def test_what_a_technician_may_do_wrong(place: Place, tmp_path: Path) -> None:
    def fails(code: int, *words: str) -> str:
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == code, done.stderr + done.stdout
        assert done.stderr.count("\n") == 1
        return done.stderr

    kiosk, central = program("kiosk"), program("presensi-central")
    at_kiosk = ("--config", str(tmp_path / "kiosk.toml"))
    at_central = ("--config", str(tmp_path / "central.toml"))
    place.start()
    place.until(lambda said: bool(said["journal"]))
    said = fails(4, kiosk, "journal", "export", str(tmp_path / "none" / "x.stick"), *at_kiosk)
    assert "plugged in" in said
    assert "where to" in fails(2, kiosk, "journal", "export", *at_kiosk)
    assert "none" in fails(4, kiosk, "import", str(tmp_path / "none"), *at_kiosk)
    (tmp_path / "junk").write_bytes(b"PK\x03\x04 not what it says")
    assert "copy it again" in fails(1, kiosk, "import", str(tmp_path / "junk"), *at_kiosk)
    assert "copy it again" in fails(1, central, *at_central, "import", str(tmp_path / "junk"))
    assert "No such file" in fails(1, central, *at_central, "import", str(tmp_path / "none"))
