"""Enrolling and forgetting against the real daemon: killed, without its key, a terminal away."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from kiosk.faces.tombstones import kept_on
from kiosk.health import FacesStatus, Status
from kiosk.local import Done, NoDaemon, Refusal, ask
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster
from tests.kiosk.face_parts import enrolled, template
from tests.system.test_technicians import SETTINGS

pytestmark = pytest.mark.slow

KIOSK = Path(sys.executable).with_name("kiosk")
WITHIN_S = 20.0


@pytest.fixture
def home(tmp_path: Path, adopt: Callable[[Path, Roster], None]) -> Path:
    (tmp_path / "kiosk.toml").write_text(SETTINGS)
    (tmp_path / "central.pem").write_bytes(PrivateKey.generate().public.pem)
    (tmp_path / "usb").mkdir()
    people = [Person(id="siti", name="Siti Aminah"), Person(id="budi", name="Budi")]
    known = [Known(person="siti", credential="terminal_user", user="17")]
    (tmp_path / "data").mkdir()
    adopt(tmp_path / "data", Roster(version=1, people=people, known=known))
    return tmp_path


@contextmanager
def daemon(home: Path, end: signal.Signals = signal.SIGTERM) -> Iterator[None]:
    """Run one until its vault is open or in trouble, and end it."""
    log = (home / "log").open("ab")
    running = subprocess.Popen([KIOSK, "run", "--config", home / "kiosk.toml"], stderr=log)
    try:
        until_s = time.monotonic() + WITHIN_S
        while "not opened yet" in faces(home).trouble:
            assert running.poll() is None, "it ended"
            assert time.monotonic() < until_s, "its vault does not open"
            time.sleep(0.05)
        yield
    finally:
        running.send_signal(end)
        running.wait(WITHIN_S)
        log.close()


def faces(home: Path) -> FacesStatus:
    try:
        [line] = ask(home / "data" / "kiosk.sock", "status")
    except NoDaemon:
        return FacesStatus(trouble="not opened yet")
    status = msgspec.json.decode(line, type=Status).faces
    assert status is not None
    return status


def enrol(home: Path, person: str) -> Done | Refusal:
    said = {
        "person": person, "by": "rudi", "notice": "1", "basis": "public-task",
        "enrolled": msgspec.json.encode(enrolled(person)).decode(),
    }  # fmt: skip
    [line] = ask(home / "data" / "kiosk.sock", "enrol face", 30.0, said)
    return msgspec.json.decode(line, type=Done | Refusal)


def kiosk(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [KIOSK, *words, "--config", home / "kiosk.toml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_a_life_with_faces(home: Path) -> None:
    with daemon(home, signal.SIGKILL):
        for person in ("siti", "budi"):
            assert isinstance(enrol(home, person), Done)
    with daemon(home):
        listed = kiosk(home, "enrol", "list").stdout
        assert "siti" in listed
        assert "2 people" in listed
        tail = kiosk(home, "journal", "tail", "-n", "50").stdout
        assert tail.count("face enrolled") == 2

        made = subprocess.run(
            [KIOSK, "vault", "unit-key", "make", "--by", "rudi", "--out", home], check=False
        )
        assert made.returncode == 0
        sealed = kiosk(home, "vault", "seal", "--unit-key", f"{home}/unit.pem", "--by", "rudi")
        assert sealed.returncode == 0, sealed.stderr
        saved = kiosk(home, "vault", "export", f"{home}/backup", "--by", "rudi")
        assert saved.returncode == 0, saved.stderr

    # Its key is lost: it goes on, says so, makes none, and can still forget.
    (home / "data" / "vault.key").rename(home / "vault.key")
    with daemon(home):
        assert "is lost" in faces(home).trouble
        assert "is lost" in kiosk(home, "status").stdout
        assert isinstance(enrol(home, "budi"), Refusal)
        assert not (home / "data" / "vault.key").exists()
        forgotten = kiosk(home, "forget", "siti", "--by", "rudi", "--reason", "left")
        assert forgotten.returncode == 1
        assert "STILL OPEN  lobi: " in forgotten.stdout
        assert " at lobi; kiosk forget --open" in kiosk(home, "status").stdout
        assert "siti at lobi: " in kiosk(home, "forget", "--open").stdout
    assert kept_on(home / "usb", "k1") == {"siti": 1}

    # Vault and key are lost, and so is the second medium; the journal knows who was forgotten.
    for name in ("vault.sqlite", "vault.sealed"):
        (home / "data" / name).unlink()
    (home / "usb" / "tombstones.json").unlink()
    shares = [f"--share={home}/unit-share-{one}.json" for one in "ab"]
    restored = kiosk(home, "vault", "restore", f"{home}/backup", *shares, "--by", "ani")
    assert restored.returncode == 0, restored.stderr
    assert "1 people of 2" in restored.stdout
    assert (home / "data" / "vault.key").read_bytes() == (home / "vault.key").read_bytes()
    with daemon(home):
        assert faces(home).people == 1
        until_s = time.monotonic() + WITHIN_S
        while kept_on(home / "usb", "k1") != {"siti": 1}:  # the next turn brings it there
            assert time.monotonic() < until_s, "the second medium does not get the tombstone"
            time.sleep(0.05)
        assert isinstance(enrol(home, "siti"), Done)
        assert faces(home).people == 2
        tail = kiosk(home, "journal", "tail", "-n", "1", "--json").stdout
        assert '"generation":"2"' in tail.replace(" ", "")
    there = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for shot in range(3):
        assert template("siti", shot)[:16] not in there
