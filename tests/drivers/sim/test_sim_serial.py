"""`kiosk sim fingerprint` and `kiosk sim reader`, as processes, told by lines."""

import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
import serial

from drivers.options import LineReader, SerialLine, SourceOptions
from drivers.readers.patterns import Pattern
from drivers.sim.reader import rdm6300
from kiosk.cli.exits import Exit
from tests.drivers.fingerprint import frames as real

COMMAND = (sys.executable, "-c", "from kiosk.cli import main; raise SystemExit(main())", "sim")


@contextmanager
def simulator(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def port_of(process: subprocess.Popen[str]) -> str:
    """Return the port of the block that it prints for kiosk.toml, up to an empty line."""
    assert "kiosk.toml" in said(process)
    block = "".join(iter(lambda: said(process), "\n"))
    (source,) = msgspec.convert(tomllib.loads(block)["sources"], list[SourceOptions])
    assert isinstance(source, SerialLine)
    if isinstance(source, LineReader):
        assert Pattern(source.pattern).card_of("26:147,19613") == "0009653405"
    return source.port


def test_a_finger_is_laid_down_by_a_line(tmp_path: Path) -> None:
    where = tmp_path / "fp0"
    with simulator("fingerprint", "--profile", "r307", "--port", str(where), "--fast") as process:
        assert port_of(process) == str(where)
        told(process, "place siti")
        told(process, "show")  # answered when the finger lies there
        assert said(process) == "nobody\n"
        with serial.Serial(str(where), 57_600, timeout=5.0) as port:
            port.write(real.GEN_IMG)
            assert port.read(12) == real.VFY_PWD_ACK
        told(process, "place budi upside-down")
        assert "upside-down" in said(process)
        told(process, "jump")
        assert "not understood" in said(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=2.0) == Exit.OK
    assert not where.is_symlink()


def test_behind_tcp() -> None:
    with simulator("fingerprint", "--tcp", "0", "--fast") as process:
        _, _, where = port_of(process).partition("://")
        host, _, number = where.partition(":")
        with socket.create_connection((host, int(number)), timeout=5.0) as client:
            client.sendall(real.VFY_PWD)
            assert client.recv(64) == real.VFY_PWD_ACK
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=2.0) == Exit.OK


@pytest.mark.parametrize(
    ("kind", "line", "expected"),
    [
        ("rdm6300", "tag 0004821377", rdm6300("4821377")),
        ("qr", "code PR1.abc def", b"PR1.abc def\r"),
        ("wiegand", "card 12,345", b"26:012,00345\r"),
        ("pinpad", "keys 12*3456#", b"12*3456#"),
    ],
)
def test_a_reader_says_what_is_shown_to_it(
    tmp_path: Path, kind: str, line: str, expected: bytes
) -> None:
    where = tmp_path / "reader"
    with simulator("reader", "--format", kind, "--port", str(where)) as process:
        assert port_of(process) == str(where)
        with serial.Serial(str(where), 9_600, timeout=5.0) as port:
            told(process, line)
            assert port.read(len(expected)) == expected
        told(process, "jump")
        assert "not understood" in said(process)
        assert process.stdin is not None
        process.stdin.close()  # it goes on without a keyboard
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=2.0) == Exit.OK


def test_a_name_that_is_somebody_elses_is_refused(tmp_path: Path) -> None:
    where = tmp_path / "fp0"
    where.write_text("kept")
    done = subprocess.run(
        [*COMMAND, "fingerprint", "--port", str(where)], capture_output=True, text=True, check=False
    )
    assert done.returncode == Exit.UNAVAILABLE
    assert str(where) in done.stderr
    assert "Traceback" not in done.stderr
    assert where.read_text() == "kept"
