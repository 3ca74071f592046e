"""The source against a simulated reader, whose encoders are not ours: tags, lines, keys, plugs."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drivers.base import Punch, Reading
from drivers.errors import SourceError
from drivers.options import CodeReader, LineReader, PinPad, Reader, TagReader, Terminator
from drivers.possession import Genuine, NotGenuine, ReaderParts
from drivers.readers.source import ReaderSource
from drivers.sim.pty import Pty
from drivers.sim.reader import SimulatedReader, id20la, line, rdm6300, wiegand26
from drivers.sim.tcpport import TcpPort

NOON = datetime(2026, 11, 27, 5, 0, 0, tzinfo=UTC)
WITHIN_S = 10.0


class Judge:
    def code(self, text: str) -> Genuine | NotGenuine:
        return Genuine("budi", b"{}") if text == "GOOD" else NotGenuine("not central's")

    def knows(self, user: str) -> bool:
        return user == "17"

    def pin(self, user: str, pin: str) -> bool:
        return (user, pin) == ("17", "483920")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[SimulatedReader]:
    with SimulatedReader(Pty(tmp_path / "reader")) as one:
        yield one


def opened(reader: SimulatedReader, kind: Callable[..., Reader], **more: object) -> ReaderSource:
    options = kind(name="pintu", port=str(reader.port.link), **more)
    source = ReaderSource(options, lambda: NOON, ReaderParts("k1", Judge(), lambda *_: None))
    reopened(source)
    return source


def reopened(source: ReaderSource) -> None:
    source.open(None, lambda: None)
    first = source.read(0)
    assert first is not None
    source.confirm(first)


def awaited(source: ReaderSource, enough: int = 1) -> list[Punch]:
    """Return the next punches; fails where they do not come."""
    found: list[Punch] = []
    until_s = time.monotonic() + WITHIN_S
    while len(found) < enough:
        assert time.monotonic() < until_s, f"{found} and no more"
        found += _punches(source, source.read(0.1))
    return found


def silent(source: ReaderSource, for_s: float) -> list[Punch]:
    """Return whatever comes within a time."""
    found: list[Punch] = []
    until_s = time.monotonic() + for_s
    while time.monotonic() < until_s:
        found += _punches(source, source.read(0.1))
    return found


def _punches(source: ReaderSource, reading: Reading | None) -> list[Punch]:
    if reading is None:
        return []
    source.confirm(reading)
    return list(reading.punches)


@pytest.mark.parametrize("frame", [rdm6300, id20la])
def test_a_held_tag_is_one_presence_by_its_printed_number(
    reader: SimulatedReader, frame: Callable[..., bytes]
) -> None:
    source = opened(reader, TagReader, gone_s=0.6)
    with reader.near(frame("0004821377", 12)):
        (punch,) = awaited(source)
        assert punch.user == "0004821377"
        assert silent(source, 0.8) == [], "longer than what makes it gone, and it is still there"
        reader.say(frame("0009653405"))
        assert [one.user for one in awaited(source)] == ["0009653405"]
        assert silent(source, 0.2) == []
    assert silent(source, 0.8) == []
    reader.say(frame("0004821377", 12))
    assert [one.user for one in awaited(source)] == ["0004821377"]
    source.close()


def test_the_same_card_by_a_tag_and_by_26_bits(reader: SimulatedReader) -> None:
    source = opened(reader, TagReader)
    reader.say_bytewise(rdm6300("0009653405"))
    (by_tag,) = awaited(source)
    source.close()
    pattern = r"(?P<bits>26):(?P<facility>\d{3}),(?P<number>\d{5})"
    source = opened(reader, LineReader, pattern=pattern)
    reader.say(wiegand26(147, 19613))
    (by_bits,) = awaited(source)
    assert by_tag.user == by_bits.user == "0009653405"
    assert by_bits.raw == b"26:147,19613"
    source.close()


@pytest.mark.parametrize("terminator", ["cr", "lf", "crlf", "none"])
def test_lines_however_they_end(reader: SimulatedReader, terminator: str) -> None:
    how = Terminator.IDLE if terminator == "none" else Terminator(terminator)
    source = opened(reader, LineReader, terminator=how, idle_ms=50)
    reader.say(line("MEMBER-17", terminator))
    assert [one.user for one in awaited(source)] == ["MEMBER-17"]
    source.close()


def test_codes_and_keys(reader: SimulatedReader) -> None:
    source = opened(reader, CodeReader)
    reader.say(line("BAD") + line("GOOD", "crlf"))
    assert [one.user for one in awaited(source)] == ["budi"]
    source.close()
    source = opened(reader, PinPad)
    reader.keys("17*483921#17*483920#")
    assert [one.user for one in awaited(source)] == ["17"]
    source.close()


@pytest.mark.parametrize("cut", [0, 1, 7, 13])
def test_pulled_out_and_back_under_another_name(reader: SimulatedReader, cut: int) -> None:
    source = opened(reader, TagReader)
    reader.say(rdm6300("0004821377")[:cut])
    assert silent(source, 0.1) == []
    before = reader.port.link.resolve()
    reader.unplug()
    with pytest.raises(SourceError):
        source.read(WITHIN_S)
    source.close()
    with pytest.raises(SourceError):
        source.open(None, lambda: None)
    reader.replug()
    assert reader.port.link.resolve() != before
    reopened(source)
    reader.say(rdm6300("0004821377"))
    assert [one.user for one in awaited(source)] == ["0004821377"]
    source.close()


def test_a_reader_behind_a_serial_server() -> None:
    """`socket://`: what the simulator of a network has, and some offices too."""
    port = TcpPort()
    port.plug()
    address = f"socket://127.0.0.1:{port.port}"
    options = TagReader(name="pintu", port=address)
    source = ReaderSource(options, lambda: NOON, ReaderParts("k1", Judge(), lambda *_: None))
    reopened(source)
    port.read()  # lets it in
    port.write(rdm6300("0004821377"))
    (punch,) = awaited(source)
    assert (punch.user, punch.terminal) == ("0004821377", f"tag@k1/127.0.0.1:{port.port}")
    port.unplug()
    with pytest.raises(SourceError):
        silent(source, WITHIN_S)
    source.close()
