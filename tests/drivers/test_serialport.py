"""The serial port over pseudo-terminals and sockets: whatever becomes of it leaves as ours."""

import fcntl
import os
import socket
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import suppress
from errno import EBUSY
from functools import partial
from pathlib import Path
from shutil import which
from struct import unpack

import pytest

from drivers.errors import Misconfigured, Refused, SourceError, Unreachable
from drivers.serialport import SerialPort, holder_of
from drivers.sim.pty import Pty

WHERE = "source pintu (fp0)"
TIOCGEXCL = 0x80045440  # Linux: whether a tty is taken for one


class Line:
    """A pseudo-terminal: our end, and the other."""

    def __init__(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        os.close(slave)

    def say(self, octets: bytes) -> None:
        os.write(self.master, octets)

    def hear(self, most: int = 64) -> bytes:
        return os.read(self.master, most)

    def cut(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.cut()


@pytest.fixture
def port(line: Line) -> Iterator[SerialPort]:
    made = SerialPort(line.name, 57_600, WHERE)
    made.open()
    yield made
    made.close()


def test_what_comes_is_returned_at_once(line: Line, port: SerialPort) -> None:
    line.say(b"\xef\x01")
    began_s = time.monotonic()
    assert port.read(64, 5.0) == b"\xef\x01"
    assert time.monotonic() - began_s < 1.0
    line.say(b"abcdef")
    assert port.read(1, 1.0) == b"a"
    assert port.read(3, 1.0) == b"bcd"
    assert port.read(64, 1.0) == b"ef"


def test_nothing_comes_within_the_deadline(port: SerialPort) -> None:
    began_s = time.monotonic()
    assert port.read(64, 0.1) == b""
    assert 0.09 <= time.monotonic() - began_s < 0.5
    assert port.read(64, -1.0) == b""


def test_bytes_go_out_as_they_are(line: Line, port: SerialPort) -> None:
    every = bytes(range(256))
    port.write(every)
    assert line.hear(512) == every
    line.say(every)
    heard = b""
    while len(heard) < 256:
        heard += port.read(256, 1.0)
    assert heard == every


def test_what_was_not_read_is_dropped(line: Line, port: SerialPort) -> None:
    line.say(b"stale")
    port.discard()
    line.say(b"new")
    assert port.read(64, 1.0) == b"new"


def test_a_pty_keeps_what_nobody_read_and_opening_drops_it(line: Line) -> None:
    keeper = os.open(line.name, os.O_RDWR | os.O_NOCTTY)
    line.say(b"stale")
    port = SerialPort(line.name, 57_600, WHERE)
    port.open()
    assert port.read(64, 0.05) == b""
    port.close()
    os.close(keeper)


def test_the_speed_may_change_while_it_is_open(line: Line, port: SerialPort) -> None:
    assert port.baud == 57_600
    port.baud = 9_600
    assert port.baud == 9_600
    [speed] = {termios.tcgetattr(line.master)[4]}
    assert speed == termios.B9600
    closed = SerialPort(line.name, 57_600, WHERE)
    closed.baud = 19_200
    assert closed.baud == 19_200


# Alone, and quiet.


def test_it_is_ours_alone_and_a_hang_up_resets_no_board(line: Line, port: SerialPort) -> None:
    descriptor = os.open(line.name, os.O_RDWR | os.O_NOCTTY)  # root may, whatever is set
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert unpack("i", fcntl.ioctl(descriptor, TIOCGEXCL, bytes(4))) == (1,)
        assert not termios.tcgetattr(descriptor)[2] & termios.HUPCL
    finally:
        os.close(descriptor)


def test_rts_and_dtr_stay_low(monkeypatch: pytest.MonkeyPatch) -> None:
    """`loop://` is pyserial's own port without hardware: it joins RTS to CTS and DTR to DSR."""
    port = SerialPort("loop://", 57_600, WHERE)
    port.open()
    raised = port._opened
    assert (raised.rts, raised.dtr, raised.cts, raised.dsr) == (False, False, False, False)
    port.close()


def test_another_program_that_has_it_is_named(line: Line) -> None:
    holding = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, os, sys; one = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); "
            "fcntl.flock(one, fcntl.LOCK_EX); print('ready', flush=True); sys.stdin.read()",
            line.name,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holding.stdout is not None
    assert holding.stdin is not None
    try:
        assert holding.stdout.readline() == b"ready\n"
        port = SerialPort(line.name, 57_600, WHERE)
        with pytest.raises(Refused, match=rf"another program has the port .*{holding.pid}\)"):
            port.open()
        assert str(holding.pid) in holder_of(line.name)
    finally:
        holding.stdin.close()
        holding.stdout.close()
        holding.wait()
    port.open()
    port.close()


@pytest.mark.skipif(os.getuid() != 0 or which("setpriv") is None, reason="wants another user")
def test_another_user_cannot_open_it_without_asking_for_the_lock(
    line: Line, port: SerialPort
) -> None:
    """TIOCEXCL says EBUSY to all but root; a lock only holds those who ask for it."""
    os.chmod(line.name, 0o666)  # noqa: PTH101 - a device, and no file of ours
    opening = ["sh", "-c", ': <>"$1"', "sh", line.name]
    command = ["setpriv", "--reuid=65534", "--clear-groups", *opening]

    def tried() -> str:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=20
        ).stderr

    assert "busy" in tried()
    port.close()
    assert tried() == ""


def test_a_port_that_is_taken_in_such_a_way_says_by_whom(
    monkeypatch: pytest.MonkeyPatch, line: Line
) -> None:
    opens = os.open

    def open_(path: str, flags: int, *more: int) -> int:
        if path == line.name:
            raise OSError(EBUSY, "Device or resource busy")
        return opens(path, flags, *more)

    monkeypatch.setattr(os, "open", open_)  # tests run as root, who is never told so
    with pytest.raises(Refused, match="another program has the port"):
        SerialPort(line.name, 57_600, WHERE).open()


def test_two_names_of_one_port_are_told_from_another_program(line: Line, tmp_path: Path) -> None:
    first = SerialPort(line.name, 57_600, WHERE)
    first.open()
    (tmp_path / "by-path").symlink_to(line.name)
    second = SerialPort(str(tmp_path / "by-path"), 57_600, WHERE)
    with pytest.raises(Refused, match=r"another source of this kiosk.*out of kiosk\.toml"):
        second.open()
    first.close()
    second.open()
    second.close()


def test_nobody_holds_what_is_not_there(tmp_path: Path) -> None:
    assert holder_of(str(tmp_path / "fp0")) == ""


# Gone.


def test_a_link_is_followed_anew_at_each_open(tmp_path: Path) -> None:
    pty = Pty(tmp_path / "fp0")
    port = SerialPort(str(tmp_path / "fp0"), 57_600, WHERE)
    names = set()
    for _ in range(3):
        pty.plug()
        names.add((tmp_path / "fp0").readlink())
        port.open()
        pty.write(b"here")
        assert port.read(64, 1.0) == b"here"
        pty.unplug()
        with pytest.raises(Unreachable, match="is gone"):
            port.read(64, 1.0)
        with pytest.raises(Unreachable, match="no such port"):
            port.open()
    assert len(names) > 1


def test_a_thousand_plugs_leave_nothing_behind(tmp_path: Path) -> None:
    def left() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    pty = Pty(tmp_path / "fp0")
    port = SerialPort(str(tmp_path / "fp0"), 57_600, WHERE)
    before = left()
    for n in range(1_000):
        pty.plug()
        port.open()
        does = (partial(port.read, 64, 1.0), partial(port.write, b"x"), port.discard, port.close)
        pty.unplug()
        with suppress(Unreachable):
            does[n % 4]()
        if n % 8 == 0:
            with pytest.raises(Unreachable):
                port.open()
    assert left() == before


@pytest.mark.parametrize("what", ["read", "read one", "write", "discard", "speed"])
def test_however_it_shows_that_it_is_gone(line: Line, port: SerialPort, what: str) -> None:
    """As SerialException, as OSError, as termios.error, which is neither."""
    does = {
        "read": lambda: port.read(64, 1.0),
        "read one": lambda: port.read(1, 1.0),
        "write": lambda: port.write(b"x"),
        "discard": port.discard,
        "speed": lambda: setattr(port, "baud", 9_600),
    }
    line.cut()
    with pytest.raises(SourceError) as gone:
        does[what]()
    assert type(gone.value) is Unreachable
    assert str(gone.value).startswith(f"{WHERE}: the port ")
    with pytest.raises(Unreachable, match="not open"):
        port.read(1, 0.0)
    port.close()


def test_a_read_that_waits_wakes_when_it_is_unplugged(line: Line, port: SerialPort) -> None:
    began_s = time.monotonic()
    cut = threading.Timer(0.1, line.cut)
    cut.start()
    with pytest.raises(Unreachable):
        port.read(64, 10.0)
    assert time.monotonic() - began_s < 2.0
    cut.join()


def test_a_port_that_was_never_opened_or_is_closed_says_so(line: Line) -> None:
    port = SerialPort(line.name, 57_600, WHERE)
    for _ in range(2):
        with pytest.raises(Unreachable, match="not open"):
            port.write(b"x")
        port.open()
        port.close()
        port.close()


def test_what_is_no_port_at_all(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name, error, says in (
        (str(tmp_path / "nothing"), Unreachable, "no such port.*kiosk devices ports"),
        (str(tmp_path / "file"), Unreachable, "cannot be opened"),
        ("carrier-pigeon://roof", Misconfigured, "kiosk devices ports"),
    ):
        with pytest.raises(error, match=says):
            SerialPort(name, 57_600, WHERE).open()


def test_a_port_that_we_may_not_open(monkeypatch: pytest.MonkeyPatch, line: Line) -> None:
    refused = os.open

    def open_(path: str, flags: int, *more: int) -> int:
        if path == line.name:
            raise PermissionError(13, "Permission denied")
        return refused(path, flags, *more)

    monkeypatch.setattr(os, "open", open_)  # tests run as root, who may everything
    with pytest.raises(Refused, match=r"we may not open the port.*dialout"):
        SerialPort(line.name, 57_600, WHERE).open()


# Over TCP, for the simulator.


def test_over_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"socket://127.0.0.1:{listener.getsockname()[1]}"
        port = SerialPort(url, 57_600, WHERE)
        port.open()
        port.baud = 9_600  # means nothing there, and does no harm
        client, _ = listener.accept()
        with client:
            port.write(b"hello")
            assert client.recv(64) == b"hello"
            client.sendall(b"answer")
            heard = b""
            while len(heard) < 6:
                heard += port.read(64, 1.0)
            assert heard == b"answer"
            assert port.read(64, 0.05) == b""
            client.sendall(b"stale")
            time_out = time.monotonic() + 1.0
            while not port._opened.in_waiting:
                assert time.monotonic() < time_out
            port.discard()
            assert port.read(64, 0.05) == b""
        with pytest.raises(Unreachable, match="is gone"):
            port.read(64, 1.0)
        port.close()


def test_nobody_listens_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    with pytest.raises(Unreachable, match="cannot be opened"):
        SerialPort(f"socket://127.0.0.1:{number}", 57_600, WHERE).open()
