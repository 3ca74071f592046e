"""Simulated readers: their bytes against vectors that others have published, and their port."""

import os
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.pty import Pty
from drivers.sim.reader import (
    SimulatedReader,
    id20la,
    line,
    rdm6300,
    wiegand26,
)


@contextmanager
def opened(reader: SimulatedReader) -> Iterator[int]:
    descriptor = os.open(reader.port.link, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor)
    try:
        assert reader.wait_for_client()
        yield descriptor
    finally:
        os.close(descriptor)


def read(descriptor: int, size: int) -> bytes:
    got = b""
    while len(got) < size:
        got += os.read(descriptor, size - len(got))
    return got


def test_a_tag_as_it_is_written_in_the_formats_notes() -> None:
    # Version 62, tag E3086CED: 62 ^ E3 ^ 08 ^ 6C ^ ED is 08.
    assert rdm6300(str(0xE3086CED), version=0x62) == b"\x0262E3086CED08\x03"
    assert id20la(str(0xE3086CED), version=0x62) == b"\x0262E3086CED08\r\n\x03"


@given(st.integers(0, 0xFFFFFFFF), st.integers(0, 0xFF))
def test_all_octets_of_a_tag_and_its_checksum_cancel_out(number: int, version: int) -> None:
    frame = rdm6300(str(number), version)
    assert len(frame) == 14
    xor = 0
    for octet in bytes.fromhex(frame[1:13].decode()):
        xor ^= octet
    assert xor == 0
    assert int(frame[3:11], 16) == number


@pytest.mark.parametrize("number", ["", "-1", "4294967296", "ABC"])
def test_what_is_no_number_of_a_tag(number: str) -> None:
    with pytest.raises(ValueError, match="no number of a tag"):
        rdm6300(number)


def test_lines() -> None:
    assert line("PR1.abc") == b"PR1.abc\r"
    assert line("PR1.abc", "crlf") == b"PR1.abc\r\n"
    assert line("PR1.abc", "none") == b"PR1.abc"
    assert wiegand26(12, 345) == b"26:012,00345\r\n"
    with pytest.raises(ValueError, match="26 bits"):
        wiegand26(256, 0)


def test_a_tag_is_said_again_until_it_goes(tmp_path: Path) -> None:
    frame = rdm6300("4821377")
    with SimulatedReader(Pty(tmp_path / "tags"), repeat_s=0.01) as reader, opened(reader) as port:
        with reader.near(frame):
            assert read(port, 3 * len(frame)) == 3 * frame
        reader.say(b"gone")
        said = read(port, 4)
        while not said.endswith(b"gone"):
            said += read(port, 1)
        assert said.removesuffix(b"gone") in (b"", frame, 2 * frame)


def test_keys_halves_and_noise_come_as_they_are(tmp_path: Path) -> None:
    with SimulatedReader(Pty(tmp_path / "pad")) as reader, opened(reader) as port:
        reader.keys("12*3456#")
        reader.say(rdm6300("1")[:5])
        reader.say(b"\x00\xff\xfe")
        assert read(port, 16) == b"12*3456#" + b"\x020000" + b"\x00\xff\xfe"


def test_what_nobody_listens_to_is_lost(tmp_path: Path) -> None:
    with SimulatedReader(Pty(tmp_path / "qr")) as reader:
        reader.say(line("before"))
        with opened(reader) as port:
            reader.say(line("after"))
            assert read(port, 6) == b"after\r"


def test_after_a_replug_the_same_link_leads_to_another_port(tmp_path: Path) -> None:
    link = tmp_path / "qr"
    with SimulatedReader(Pty(link)) as reader:
        names = [link.readlink()]
        for _ in range(3):
            with opened(reader) as port:
                reader.unplug()
                assert not link.is_symlink()
                with pytest.raises(OSError, match="Input/output"):
                    os.write(port, b"x")
                reader.replug()
                names.append(link.readlink())
                assert names[-1] != names[-2]
    assert not link.is_symlink()


@pytest.mark.parametrize("what", ["file", "link"])
def test_nobody_elses_name_is_taken(tmp_path: Path, what: str) -> None:
    path, kept = tmp_path / "port", tmp_path / "kept"
    kept.write_text("kept")
    path.symlink_to(kept) if what == "link" else path.write_text("kept")
    with pytest.raises(FileExistsError):
        SimulatedReader(Pty(path)).start()
    assert path.read_text() == "kept"
