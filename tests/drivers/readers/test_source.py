"""The source of readers, over a pseudo-terminal that plays the reader."""

import os
import time
import tty
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from drivers.base import Credential, LeftAtOnce, Method, Punch, Reading, Source
from drivers.errors import SourceError
from drivers.options import CodeReader, LineReader, PinPad, Reader, TagReader, Terminator
from drivers.possession import Genuine, NotGenuine, ReaderParts
from drivers.prompt import Prompt
from drivers.readers.source import REFUSALS_A_MINUTE, STRANGERS_A_MINUTE, ReaderSource
from drivers.readers.troubles import OVER_S
from drivers.registry import Around, build

NOON = datetime(2026, 11, 27, 5, 0, 0, tzinfo=UTC)  # 12.00 in Jakarta
RDM = b"\x020C00A1B2C3DC\x03"
CARD = "0010597059"
ID12 = b"\x0262E3086CED08\r\n\x03"
GONE_S = 30.0  # longer than any machine takes over a test
PIN, CODE, EXPIRED = "24681357", "GENUINE-CODE-OF-BUDI", "EXPIRED-CODE-OF-BUDI"


class Judge:
    """Knows one code and one PIN; the code counts once."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def code(self, text: str) -> Genuine | NotGenuine:
        self.codes.append(text)
        if text == EXPIRED:
            return NotGenuine("expired", "budi")
        if text != CODE or self.codes.count(CODE) > 1:
            return NotGenuine("not central's")
        return Genuine("budi", b"static 7")

    def knows(self, user: str) -> bool:
        return user in ("17", "18")

    def pin(self, user: str, pin: str) -> bool:
        return (user, pin) == ("17", PIN)


class Bench:
    """A reader on a pseudo-terminal behind a name that stays, and its source."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "reader"
        self.later_s = 0.0
        self.judge = Judge()
        self.told: list[tuple[str, Prompt]] = []
        self._ends: tuple[int, int] | None = None
        self.plug()

    def plug(self) -> None:
        self.unplug()
        self._ends = _, near = os.openpty()
        tty.setraw(near)
        self.port.symlink_to(os.ttyname(near))

    def unplug(self) -> None:
        if self._ends:
            self.port.unlink()
            for end in self._ends:
                os.close(end)
        self._ends = None

    def say(self, octets: bytes) -> None:
        assert self._ends
        os.write(self._ends[0], octets)

    def source(self, kind: type[Reader], **more: object) -> ReaderSource:
        if kind is not PinPad:
            more = {"gone_s": GONE_S} | more
        options = kind(name="pintu", port=str(self.port), **more)  # type: ignore[arg-type]
        parts = ReaderParts("k1", self.judge, lambda *said: self.told.append(said))
        return ReaderSource(options, lambda: NOON, parts, self._now_s)

    def _now_s(self) -> float:
        return time.monotonic() + self.later_s


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.unplug()


def opened(source: ReaderSource) -> ReaderSource:
    source.open(None, lambda: None)
    first = source.read(0)
    assert first is not None
    assert first.tail is None, "silence proves nothing"
    assert first.position is not None
    assert first.lasting
    source.confirm(first)
    return source


def all_of(source: ReaderSource, wait_s: float = 0.25) -> list[Reading]:
    """Return what it says until it says nothing more."""
    said = []
    while (reading := source.read(wait_s)) is not None:
        source.confirm(reading)
        said.append(reading)
    return said


def punches(said: list[Reading]) -> list[Punch]:
    return [one for reading in said for one in reading.punches]


def events(said: list[Reading]) -> list[tuple[str, dict[str, str]]]:
    return [(one.action, dict(one.detail)) for reading in said for one in reading.events]


def warnings(said: list[Reading]) -> list[str]:
    told = [reading.warnings for reading in said if reading.warnings is not None]
    return list(told[-1]) if told else []


def test_it_is_a_source_that_may_be_left(bench: Bench) -> None:
    source: Source = bench.source(TagReader)
    assert isinstance(source, LeftAtOnce)
    identity = source.open(None, lambda: None)
    assert identity.serial.startswith("tag@k1/")
    assert not identity.has_clock
    source.close()
    source.close()


def test_a_tag_is_one_presence_while_it_is_near(bench: Bench) -> None:
    source = opened(bench.source(TagReader))
    bench.say(RDM * 3)
    (punch,) = punches(all_of(source))
    assert (punch.credential, punch.user, punch.method) == (Credential.CARD, CARD, Method.CARD)
    assert (punch.time, punch.raw) == ("2026-11-27T12:00:00", b"0C00A1B2C3DC")
    bench.say((RDM + ID12) * 3)
    assert len(punches(all_of(source))) == 1, "the other one"
    bench.later_s += GONE_S
    bench.say(RDM)
    assert [one.user for one in punches(all_of(source))] == [CARD]
    source.close()


def test_what_is_not_confirmed_is_said_again_also_after_a_replug(bench: Bench) -> None:
    source = opened(bench.source(TagReader))
    bench.say(RDM)
    first = source.read(1)
    assert first is not None
    assert first.punches
    assert source.read(1) == first
    bench.unplug()
    source.close()
    with pytest.raises(SourceError):
        source.open(None, lambda: None)
    bench.plug()
    source.open(None, lambda: None)
    assert source.read(1) == first
    source.confirm(first)
    bench.say(RDM)
    assert punches(all_of(source)) == [], "it was held there all the time"
    source.close()


@pytest.mark.parametrize("cut", range(len(RDM)))
def test_pulled_out_at_any_byte(bench: Bench, cut: int) -> None:
    source = opened(bench.source(TagReader))
    bench.say(RDM[:cut])
    assert punches(all_of(source, 0.05)) == []
    bench.unplug()
    with pytest.raises(SourceError):
        source.read(5)
    source.close()
    bench.plug()
    source.open(None, lambda: None)
    bench.say(RDM[cut:] * (cut > 0) + ID12)
    assert [one.user for one in punches(all_of(source))] == ["3808980205"]
    source.close()


def test_bytes_that_are_no_frame_are_a_warning_and_nobody(bench: Bench) -> None:
    source = opened(bench.source(TagReader))
    bench.say(RDM[:-3] + b"00\x03")
    said = all_of(source)
    assert punches(said) == []
    (warning,) = warnings(said)
    assert "checksum" in warning
    bench.later_s += OVER_S
    assert [one.warnings for one in all_of(source) if one.warnings is not None] == [()]
    source.close()


def test_lines_name_cards(bench: Bench) -> None:
    pattern = r"(?P<facility>\d+),(?P<number>\d+)"
    source = opened(bench.source(LineReader, pattern=pattern, terminator=Terminator.CRLF))
    bench.say(b"147,19613\r\n147,19613\r\n147,19614\r\n")
    said = punches(all_of(source))
    assert [one.user for one in said] == ["0009653405", "0009653406"]
    assert said[0].raw == b"147,19613"
    source.close()


def test_a_line_that_only_silence_ends(bench: Bench) -> None:
    source = opened(bench.source(LineReader, terminator=Terminator.IDLE))
    bench.say(b"CARD-7")
    assert [one.user for one in punches(all_of(source, 1.0))] == ["CARD-7"]
    source.close()


@pytest.mark.parametrize("line", [b"two words", b"\xff\xfe\x00", b"x" * 5000, b"\xc3"])
def test_a_line_that_names_nobody_is_a_stranger(bench: Bench, line: bytes) -> None:
    source = opened(bench.source(LineReader))
    bench.say(line[:2000])
    got = [source.read(0.1)]
    bench.say(line[2000:] + b"\r\n" + b"CARD-7\r\n")
    stranger, card = punches([one for one in got if one] + all_of(source, 0.5))
    assert stranger.user.startswith("?")
    assert len(stranger.user) == 9
    assert (stranger.credential, stranger.method) == (Credential.CARD, Method.CARD)
    assert stranger.raw == line[:4096]
    assert card.user == "CARD-7"
    source.close()


def test_strangers_fill_no_journal(bench: Bench) -> None:
    source = opened(bench.source(LineReader))
    bench.say(b"".join(b"no card %d\r" % n for n in range(50)))
    said = all_of(source)
    assert len(punches(said)) == STRANGERS_A_MINUTE
    assert len({one.user for one in punches(said)}) == STRANGERS_A_MINUTE, "each its own"
    bench.later_s += 60
    assert any("44 times" in one for one in warnings([*said, *all_of(source)]))
    source.close()


def test_codes_are_judged_once_while_they_are_held_there(bench: Bench) -> None:
    source = opened(bench.source(CodeReader))
    bench.say(f"{CODE}\r\n".encode() * 3)
    (punch,) = punches(all_of(source))
    assert (punch.credential, punch.user, punch.method) == (Credential.QR, "budi", Method.QR)
    assert punch.raw == b"static 7"
    assert bench.judge.codes == [CODE]
    assert bench.told == []
    source.close()


def test_a_code_that_counts_for_nobody(bench: Bench) -> None:
    source = opened(bench.source(CodeReader))
    bench.say(b"http://example.org\r" + EXPIRED.encode() + b"\r\xff\xfe\r")
    said = all_of(source)
    assert punches(said) == []
    assert events(said) == [
        ("code refused", {"why": "not central's"}),
        ("code refused", {"why": "expired", "person": "budi"}),
    ]
    assert bench.told == [
        ("pintu", Prompt.FAILED), ("pintu", Prompt.FAILED), ("pintu", Prompt.AGAIN),
    ]  # fmt: skip
    for text in ("example.org", EXPIRED):
        assert text not in repr(said)
    source.close()


def test_refusals_fill_no_journal(bench: Bench) -> None:
    source = opened(bench.source(CodeReader))
    bench.say(b"".join(b"invented-%d\r" % n for n in range(50)))
    said = all_of(source)
    assert len(events(said)) == REFUSALS_A_MINUTE
    bench.later_s += 60
    assert any("44 times" in one for one in warnings([*said, *all_of(source)]))
    source.close()


def test_a_pin(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    source = opened(bench.source(PinPad))
    bench.say(f"17*{PIN}#".encode())
    (reading,) = all_of(source)
    (punch,) = reading.punches
    assert (punch.credential, punch.user) == (Credential.TERMINAL_USER, "17")
    assert (punch.method, punch.raw) == (Method.PASSWORD, b"")
    bench.say(f"17*{PIN}#17*{PIN}#".encode())
    assert len(punches(all_of(source))) == 2, "who types it again has come again"
    bench.say(f"18*{PIN}#{PIN}##".encode())
    said = all_of(source)
    assert events(said) == [("pin refused", {"user": "18"})]
    bench.say(f"{PIN}*17#".encode())  # the wrong way round
    assert events(all_of(source)) == [("pin refused", {})]
    assert bench.told[0] == ("pintu", Prompt.FAILED)
    for shown in (
        repr(reading),
        repr(said),
        caplog.text,
        repr(vars(source)),
        repr(vars(source._ear)),
    ):
        assert PIN not in shown
    source.close()


def test_it_beats_while_nothing_comes_and_stops_where_that_raises(bench: Bench) -> None:
    class Stop(Exception):
        pass

    beats = []

    def beat() -> None:
        beats.append(1)
        if len(beats) > 3:
            raise Stop

    source = bench.source(TagReader)
    source.open(None, beat)
    first = source.read(0)
    assert first is not None
    with pytest.raises(Stop):
        source.read(3600)
    source.close()


@pytest.mark.parametrize("kind", [TagReader, LineReader, CodeReader, PinPad])
def test_the_registry_builds_each_kind(bench: Bench, kind: type[Reader]) -> None:
    options = kind(name="pintu", port=str(bench.port))
    with pytest.raises(ValueError, match="source pintu: nobody judges what readers read"):
        build(options, lambda: NOON)
    parts = ReaderParts("k1", bench.judge, lambda *_: None)
    source = build(options, lambda: NOON, around=Around(readers=parts))
    assert isinstance(source, ReaderSource)
    assert source.open(None, lambda: None).serial.partition("@")[0] in (
        "tag",
        "line",
        "code",
        "pinpad",
    )
    source.close()


def test_its_name_is_the_devices_and_not_the_ports(bench: Bench) -> None:
    """What is plugged in elsewhere is another terminal, unless its own number says who it is."""
    make: Callable[..., ReaderSource] = bench.source
    over_net = structs.replace(TagReader(name="a", port="/dev/x"), port="socket://127.0.0.1:9")
    source = make(TagReader)
    assert source.open(None, lambda: None).serial == f"tag@k1/{bench.port.resolve().name}"
    assert over_net.port.startswith("socket")
    source.close()


def test_two_kiosks_with_one_kind_of_port_have_two_readers(bench: Bench) -> None:
    """Number 17 is two people's at two units: in one second they are two origins at central."""
    serials = set()
    for kiosk in ("puskesmas-a", "puskesmas-b"):
        options = PinPad(name="tombol", port=str(bench.port))
        parts = ReaderParts(kiosk, bench.judge, lambda *_: None)
        source = ReaderSource(options, lambda: NOON, parts)
        serials.add(source.open(None, lambda: None).serial)
        source.close()
    assert len(serials) == 2
