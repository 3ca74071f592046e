"""The Unix socket: one question, one answer, or all that happens."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from drivers.prompt import Prompt
from kiosk.health import ClockStatus, DiskStatus, JournalStatus, LineStatus, RosterStatus, Status
from kiosk.local import (
    QUEUE_MOST,
    CannotDo,
    Done,
    Happening,
    HasGone,
    Local,
    NoDaemon,
    Receipted,
    Refusal,
    ask,
    short_path,
)
from kiosk.mine import Mine
from kiosk.prompts import Prompted

ALIVE = b'{"event":"alive"}\n'

STATUS = Status(
    kiosk="k1",
    software="test",
    clock=ClockStatus(
        state="synced",
        utc=1,
        error_ms=1,
        anchor="ntp",
        may_show_lateness=True,
        trouble="",
        fixes=[],
    ),
    roster=RosterStatus(version=0, people=0),
    journal=JournalStatus(epoch="e", number=1, first=1, last=0, receipted=0, head=""),
    disk=DiskStatus(
        level="fine", used_percent=1.0, free_bytes=1, ballast=True, trouble="", proved=0
    ),
    line=LineStatus(state="up", error="", waiting=0, receipt_utc=0),
    sources=[],
)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[tuple[Local, Path]]:
    # Longer than a socket's address may be.
    path = tmp_path / ("x" * 100) / "kiosk.sock"
    path.parent.mkdir()
    one = Local(path)
    one.status = lambda: STATUS
    stop, up = threading.Event(), threading.Event()
    thread = threading.Thread(target=one.run, args=(stop.is_set, up.set))
    thread.start()
    assert up.wait(5)
    yield one, path
    stop.set()
    thread.join(5)
    assert not path.exists()


def test_status(local: tuple[Local, Path]) -> None:
    [line] = ask(local[1], "status")
    assert msgspec.json.decode(line, type=Status) == STATUS
    assert local[1].stat().st_mode & 0o777 == 0o660


def test_watching(local: tuple[Local, Path]) -> None:
    one, path = local
    lines = ask(path, "watch")
    assert next(lines) == ALIVE
    one.tell(Receipted("e", 5))
    told = next(line for line in lines if line != ALIVE)
    assert msgspec.json.decode(told, type=Receipted) == Receipted("e", 5)


def test_nonsense_is_refused(local: tuple[Local, Path]) -> None:
    [line] = ask(local[1], "the moon")
    assert b"ask for status or watch" in line


def test_a_watcher_that_falls_behind_is_let_go_and_nobody_waits(
    local: tuple[Local, Path],
) -> None:
    one, path = local
    lines = ask(path, "watch")
    next(lines)
    for n in range(QUEUE_MOST * 4):
        one.tell(Receipted("e", n))
    assert sum(1 for _ in lines) < QUEUE_MOST * 4  # and the stream ends


def test_no_daemon_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon, match="is it running"):
        list(ask(tmp_path / "none.sock", "status"))


def test_what_is_to_be_carried_out_is_answered_once(local: tuple[Local, Path]) -> None:
    one, path = local

    def double(said: Mapping[str, str]) -> str:
        if not said["text"]:
            raise CannotDo("there is nothing to double")
        return said["text"] * 2

    one.carry_out = {"double": double}
    long = "x" * 100_000
    [line] = ask(path, "double", said={"text": long})
    assert msgspec.json.decode(line, type=Done) == Done(long * 2)
    [line] = ask(path, "double", said={"text": ""})
    assert msgspec.json.decode(line, type=Refusal).reason == "there is nothing to double"


def test_what_is_attended_learns_that_the_client_has_gone(local: tuple[Local, Path]) -> None:
    one, path = local
    begun, ended = threading.Event(), threading.Event()

    def wait(said: Mapping[str, str], has_gone: HasGone) -> str:
        assert not has_gone()
        begun.set()
        while not has_gone():
            time.sleep(0.005)
        ended.set()
        return ""

    one.attended = {"wait": wait}
    with socket.socket(socket.AF_UNIX) as client, short_path(path) as address:
        client.connect(address)
        client.sendall(b'{"ask": "wait"}\n')
        assert begun.wait(5)
        assert not ended.wait(0.1)
    assert ended.wait(5)


def test_a_prompt_is_told_to_who_watches(local: tuple[Local, Path]) -> None:
    one, path = local
    lines = ask(path, "watch")
    assert next(lines) == ALIVE
    prompted = Prompted("jari", Prompt.LIFT_FINGER, 1, 3, "Siti")
    one.tell(prompted)
    told = next(line for line in lines if line != ALIVE)
    assert msgspec.json.decode(told, type=Happening) == prompted


def test_ones_own_presences_are_answered_for_a_person(local: tuple[Local, Path]) -> None:
    one, path = local
    one.mine = lambda person: Mine(person, "Siti", [])
    [line] = ask(path, "mine", said={"person": "siti"})
    assert msgspec.json.decode(line, type=Mine) == Mine("siti", "Siti", [])
    [line] = ask(path, "mine")
    assert "say whose" in msgspec.json.decode(line, type=Refusal).reason


def test_the_group_may_pass_to_the_socket_and_see_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "standby"
    home.mkdir(0o700)
    stop, up = threading.Event(), threading.Event()
    serving = threading.Thread(target=Local(home / "kiosk.sock").run, args=(stop.is_set, up.set))
    serving.start()
    assert up.wait(5)
    try:
        assert home.stat().st_mode & 0o777 == 0o710
        assert (home / "kiosk.sock").stat().st_mode & 0o777 == 0o660
    finally:
        stop.set()
        serving.join(5)
