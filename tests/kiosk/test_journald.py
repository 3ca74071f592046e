"""The log in systemd's journal, against a socket such as journald's."""

import array
import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import journald
from kiosk.journald import ToJournal


@pytest.fixture
def there(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(20)
        listening.bind(str(tmp_path / "journal"))
        yield listening


@pytest.fixture
def log(tmp_path: Path) -> Iterator[logging.Logger]:
    logger = logging.getLogger("kiosk.collect.of-this-test")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    handler = ToJournal("presensi-kiosk", tmp_path / "journal")
    if handler.formatter is None:  # as logging.basicConfig does
        handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    handler.close()


def fields(datagram: bytes) -> dict[str, bytes]:
    """Read a datagram as journald does: NAME=value, or NAME, a length, and as many bytes."""
    found = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        assert name.decode() not in found
        found[name.decode()] = value
        datagram = rest
    return found


def test_a_line_is_a_datagram_with_fields(there: socket.socket, log: logging.Logger) -> None:
    log.warning("%s: no answer from %s", "lobi", "192.168.1.201")
    said = fields(there.recv(1 << 16))
    assert said["MESSAGE"] == b"lobi: no answer from 192.168.1.201"
    assert said["PRIORITY"] == b"4"
    assert said["SYSLOG_IDENTIFIER"] == b"presensi-kiosk"
    assert said["LOGGER"] == b"kiosk.collect.of-this-test"
    assert said["PRESENSI_PART"] == b"MainThread"
    assert said["CODE_FUNC"] == b"test_a_line_is_a_datagram_with_fields"
    assert int(said["CODE_LINE"]) > 0


@pytest.mark.parametrize(
    ("level", "number"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2)]
)
def test_syslogs_number_says_how_grave(
    there: socket.socket, log: logging.Logger, level: str, number: int
) -> None:
    getattr(log, level)("said")
    assert int(fields(there.recv(1 << 16))["PRIORITY"]) == number


def test_lines_of_one_kind_share_a_code(there: socket.socket, log: logging.Logger) -> None:
    for kind, what in [("%s is away", "lobi"), ("%s is away", "gudang"), ("%s is back", "lobi")]:
        log.info(kind, what)
    codes = [fields(there.recv(1 << 16))["MESSAGE_ID"] for _ in range(3)]
    assert codes[0] == codes[1] != codes[2]
    assert {len(bytes.fromhex(code.decode())) for code in codes} == {16}


def test_no_line_of_a_message_passes_for_a_field(there: socket.socket, log: logging.Logger) -> None:
    log.error("it said\nPRIORITY=0\nMESSAGE=all is well")
    said = fields(there.recv(1 << 16))
    assert said["PRIORITY"] == b"3"
    assert said["MESSAGE"] == b"it said\nPRIORITY=0\nMESSAGE=all is well"


def test_a_traceback_is_part_of_its_line(there: socket.socket, log: logging.Logger) -> None:
    try:
        raise RuntimeError("unforeseen")
    except RuntimeError:
        log.exception("lobi: failed")
    assert b"RuntimeError: unforeseen" in fields(there.recv(1 << 16))["MESSAGE"]


def test_what_no_datagram_holds_comes_as_a_sealed_file(
    there: socket.socket, log: logging.Logger
) -> None:
    log.error("x" * 3_000_000)
    _, ancillary, _, _ = there.recvmsg(1 << 16, socket.CMSG_LEN(4))
    [(_, _, held)] = ancillary
    [file] = array.array("i", held)
    with os.fdopen(file, "rb") as content:
        content.seek(0)
        assert fields(content.read())["MESSAGE"] == b"x" * 3_000_000
        with pytest.raises(PermissionError):
            os.truncate(content.fileno(), 1)


def test_a_journald_that_is_away_loses_no_line(
    tmp_path: Path, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log.warning("nobody listens")
    assert capsys.readouterr().err == "<4>nobody listens\n"


def test_a_slip_in_a_format_ends_nothing(
    there: socket.socket, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = next(one for one in log.handlers if isinstance(one, ToJournal))
    handler.handle(logging.makeLogRecord({"msg": "%d entries", "args": ("many",)}))
    log.info("and on")
    assert fields(there.recv(1 << 16))["MESSAGE"] == b"and on"
    assert "many" in capsys.readouterr().err


def test_only_a_stderr_that_leads_to_the_journal_counts(tmp_path: Path) -> None:
    file = os.open(tmp_path / "log", os.O_CREAT | os.O_WRONLY)
    found = os.fstat(file)
    try:
        assert journald.is_ours({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}, file)
        assert not journald.is_ours({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"}, file)
        assert not journald.is_ours({}, file)
    finally:
        os.close(file)
    assert not journald.is_ours({"JOURNAL_STREAM": "1:2"}, file)


def test_a_journal_that_hangs_holds_nobody_up(there: socket.socket, log: logging.Logger) -> None:
    def talk() -> None:
        for number in range(2000):
            log.info("line %d", number)

    talking = threading.Thread(target=talk, daemon=True)
    talking.start()
    talking.join(20)
    is_held = talking.is_alive()
    there.setblocking(False)
    taken = 0
    while True:  # it works again
        try:
            there.recv(1 << 16)
            taken += 1
        except BlockingIOError:
            if not talking.is_alive():
                break
    assert not is_held
    assert 0 < taken < 2000
    log.info("after it")
    said = fields(there.recv(1 << 16))["MESSAGE"].decode()
    assert said == f"after it (before it, {2000 - taken} lines found no place in the journal)"
    log.info("and on")
    assert fields(there.recv(1 << 16))["MESSAGE"] == b"and on"
