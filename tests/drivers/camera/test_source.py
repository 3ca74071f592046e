"""The camera's source against a recognizer that plays a part, in a process as the real one is."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from drivers.base import Credential, Method, Reading, Source, Witness
from drivers.camera.source import CameraSource, Parts
from drivers.camera.visits import Ask, Evidence, Verdict
from drivers.errors import Garbled, Misconfigured, Refused, SourceError, TimedOut, Unreachable
from drivers.faces import UNREADABLE, Known, KnowsFaces
from drivers.options import Camera
from drivers.ordinals import TURN
from drivers.prompt import Prompt
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from sync.edge.roster import Rosters
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol import entry

CHILD = Path(__file__).with_name("camera_child.py")
NOON = datetime(2026, 11, 27, 5, 0, 0, 500_000, tzinfo=UTC)  # 12.00 in Jakarta
WITHIN_S = 10.0


class People:
    """A gallery whose people are set."""

    def __init__(self, *people: str) -> None:
        self.version = 1
        self.people = people

    def known(self, model: str) -> Known:
        assert model == "fake:0123456789ab"
        rows = tuple((person, b"\0" * 512) for person in self.people)
        return Known(version=self.version, rows=rows)


class Clock:
    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at


class Stepping(TrustedClock):
    """The kiosk's clock is set, an hour on, whenever it is looked at."""

    steps = 0

    def stamp(self) -> entry.Stamp:
        self.steps += 1
        at = super().stamp()
        return structs.replace(at, wall=at.wall + self.steps * 3_600_000)


Make = Callable[..., CameraSource]


@pytest.fixture
def told() -> list[tuple[str, Ask]]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    Journal.make(tmp_path / "j.db", Life("k1", "e1", 1, b"key"))
    one = Journal(tmp_path / "j.db")
    one.open()
    yield one
    one.close()


@pytest.fixture
def make(told: list[tuple[str, Ask]], clock: Clock, tmp_path: Path) -> Iterator[Make]:
    made: list[CameraSource] = []

    def of(part: str, gallery: People | None = None, silent_s: float = 10.0) -> CameraSource:
        source = CameraSource(
            Camera(name="pintu", capture="folder:pictures"),
            clock,
            Parts(
                gallery=gallery or People(),
                weights=tmp_path,
                base=tmp_path,
                tell=lambda name, ask: told.append((name, ask)),
            ),
            (sys.executable, str(CHILD), part),
            silent_s,
        )
        made.append(source)
        return source

    yield of
    for source in made:
        source.close()


def opened(source: CameraSource, position: bytes | None = None) -> CameraSource:
    assert source.open(position, lambda: None).serial == "CAM1"
    return source


def punches(source: CameraSource, count: int) -> list[Reading]:
    found: list[Reading] = []
    until_s = time.monotonic() + WITHIN_S
    while len(found) < count:
        assert time.monotonic() < until_s, f"{len(found)} of {count} punches came"
        reading = source.read(0.2)
        if reading is not None and reading.punches:
            found.append(reading)
            source.confirm(reading)
    return found


def until_somebody_came(source: CameraSource) -> Reading:
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        reading = source.read(0.2)
        if reading is not None and reading.punches:
            return reading
    raise AssertionError("nobody came")


def covered(source: CameraSource) -> Reading:
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        reading = source.read(0.2)
        if reading is not None:
            source.confirm(reading)
            if reading.tail is not None:
                return reading
    raise AssertionError("nothing was covered")


def read_until_it_fails(source: CameraSource) -> SourceError:
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        try:
            reading = source.read(0.2)
        except SourceError as failure:
            return failure
        if reading is not None:
            source.confirm(reading)
    raise AssertionError("it did not fail")


def test_it_is_a_source_that_knows_faces(make: Make) -> None:
    source: Source = make("sees")
    assert isinstance(source, KnowsFaces)


def test_whoever_is_known_becomes_a_punch_with_its_evidence(
    make: Make, told: list[tuple[str, Ask]]
) -> None:
    source = opened(make("sees", People("p1")))
    known, stranger = (one.punches[0] for one in punches(source, 2))
    assert (known.terminal, known.credential, known.user) == ("CAM1", Credential.FACE, "p1")
    assert (known.time, known.ordinal) == ("2026-11-27T12:00:00", 1)
    assert (known.method, known.witness) == (Method.FACE, Witness.LIVE)
    assert msgspec.json.decode(known.raw, type=Evidence).verdict is Verdict.KNOWN
    assert stranger.user == "?0000000b"
    assert msgspec.json.decode(stranger.raw, type=Evidence).verdict is Verdict.STRANGER
    assert told == [("pintu", Ask(what=Prompt.COME_CLOSER))]


def test_the_gallery_is_told_again_when_it_changes(make: Make) -> None:
    people = People("p1")
    source = opened(make("sees", people))
    punches(source, 2)
    people.people, people.version = ("p2",), 2
    assert punches(source, 1)[0].punches[0].user == "p2"


def test_a_visit_is_told_until_it_is_on_disk(make: Make, clock: Clock) -> None:
    """The journal refused it: whoever has left since will not stand there once more."""
    source = opened(make("sees", People("p1")))
    refused = until_somebody_came(source)
    source.close()
    clock.at += timedelta(minutes=5)
    opened(source)
    assert until_somebody_came(source) == refused
    kept, again = (reading.punches[0] for reading in punches(source, 2))
    assert kept == refused.punches[0]
    assert kept.time == "2026-11-27T12:00:00"
    assert again != kept


def test_a_punch_is_of_when_somebody_was_seen(make: Make) -> None:
    """A slow card, an enrolment: it may be heard of long afterwards."""
    source = opened(make("saw", People("p1")))
    [punch] = punches(source, 1)[0].punches
    assert punch.time == "2026-11-27T11:58:30"


def test_its_clock_is_the_kiosks(make: Make, journal: Journal) -> None:
    """Without a drift central could not say when a punch was, nor what is covered."""
    source = make("sees", People("p1"))
    collector = Collector(
        source, "Asia/Jakarta", journal, Stepping(), Rosters(), lambda *_: None, timedelta(0)
    )
    stop_s = time.monotonic() + WITHIN_S

    def said() -> list[entry.Entry]:
        bodies = [row.body for row in journal.reader.rows(1)]
        return [entry.decode(body) for body in bodies if body is not None]

    def enough() -> bool:
        assert time.monotonic() < stop_s
        return {entry.Presence, entry.Coverage} <= set(map(type, said()))

    collector.run(enough, lambda: None)
    dated = [one for one in said() if isinstance(one, entry.Presence | entry.Coverage)]
    assert {one.drift for one in dated} == {0}
    assert not any(isinstance(one, entry.Audit) for one in said()), "nobody set a terminal's clock"
    assert collector.seen.drift_ms == 0


def test_a_camera_that_is_slow_to_open_keeps_nobody_from_stopping(
    make: Make, journal: Journal
) -> None:
    source = make("is slow")
    collector = Collector(
        source, "Asia/Jakarta", journal, TrustedClock(), Rosters(), lambda *_: None, timedelta(0)
    )
    began_s = time.monotonic()
    collector.run(lambda: time.monotonic() - began_s > 0.2, lambda: None)
    assert time.monotonic() - began_s < 2.0
    with pytest.raises(TimedOut, match="not open"):
        assert source.pid


def test_while_nobody_can_be_known_nobody_looks(make: Make) -> None:
    """Everybody would be a stranger, and the silence of everybody would be covered."""
    people = People("p1")
    source = opened(make("idle", people))
    covered(source)
    people.version = UNREADABLE
    assert "nobody can be known" in str(read_until_it_fails(source))
    with pytest.raises(Unreachable, match="kiosk status"):
        make("idle", people).open(None, lambda: None)


def test_a_terminals_memory_is_no_cameras(make: Make) -> None:
    """The source was another kind of terminal before, under the same name."""
    for position in (b'[{"serial": "T1"}]', b"", b"\xff", msgspec.msgpack.encode(("today", 0))):
        source = opened(make("sees", People("p1")), position)
        assert punches(source, 1)[0].punches[0].ordinal == 1
        source.close()


def test_a_password_of_the_cameras_is_in_no_error(clock: Clock, tmp_path: Path) -> None:
    parts = Parts(gallery=People(), weights=tmp_path, base=tmp_path, tell=lambda *_: None)
    for address in ("rtsp://admin:s3cret@10.0.0.5:554/live", "http://10.0.0.5/live?pwd=s3cret"):
        source = CameraSource(
            Camera(name="pintu", capture=address), clock, parts, (str(tmp_path / "none"),)
        )
        with pytest.raises(Misconfigured, match=r"10\.0\.0\.5.*/live") as failure:
            source.open(None, lambda: None)
        assert "s3cret" not in str(failure.value)


def test_while_it_looks_silence_is_covered(make: Make, clock: Clock) -> None:
    source = opened(make("sees", People("p1")))
    punches(source, 2)
    clock.at += timedelta(minutes=1)
    reading = covered(source)
    assert reading.tail is not None
    assert (reading.tail.through, reading.tail.records) == ("2026-11-27T12:01:00", 2)
    assert reading.coverage is None, "nothing says what was before it was opened"


def test_the_same_second_again_is_another_punch(make: Make, clock: Clock) -> None:
    """The clock was ahead, a punch was made, the clock was set right, and the time came again."""
    first = opened(make("sees", People("p1")))
    assert punches(first, 1)[0].punches[0].ordinal == 1
    position = covered(first).position
    first.close()
    again = opened(make("sees", People("p1")), position)
    assert punches(again, 1)[0].punches[0].ordinal == 1 + TURN
    position = covered(again).position
    again.close()
    third = opened(make("sees", People("p1")), position)
    assert punches(third, 1)[0].punches[0].ordinal == 1 + 2 * TURN
    third.close()
    clock.at += timedelta(hours=1)
    later = opened(make("sees", People("p1")), position)
    assert punches(later, 1)[0].punches[0].ordinal == 1


@pytest.mark.parametrize(
    ("part", "kind", "says"),
    [
        ("crashes", Unreachable, "SIGSEGV"),
        ("eats", Unreachable, "ended with code 1"),
        ("babbles", Garbled, "what nobody knows"),
        ("speaks no UTF-8", Garbled, "what nobody knows"),
        ("never ends", TimedOut, "a message of 134217728 bytes"),
        ("fails strangely", Garbled, "what is this"),
    ],
)
def test_what_becomes_of_it_is_said(
    make: Make, part: str, kind: type[SourceError], says: str
) -> None:
    failure = read_until_it_fails(opened(make(part)))
    assert type(failure) is kind
    assert says in str(failure)
    assert "source pintu" in str(failure)


def test_one_that_hangs_is_ended(make: Make) -> None:
    source = opened(make("hangs", silent_s=0.5))
    pid = source.pid
    failure = read_until_it_fails(source)
    assert isinstance(failure, TimedOut)
    assert "has said nothing for 0.5 s" in str(failure)
    source.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_is_stopped_is_ended(make: Make) -> None:
    source = opened(make("sees", silent_s=0.5))
    os.kill(source.pid, signal.SIGSTOP)
    assert isinstance(read_until_it_fails(source), TimedOut)


def test_one_that_was_killed_is_said_to_be(make: Make) -> None:
    source = opened(make("sees"))
    os.kill(source.pid, signal.SIGKILL)
    failure = read_until_it_fails(source)
    assert "SIGKILL" in str(failure)
    assert "memory" in str(failure)


def test_no_camera_is_said_as_the_recognizer_says_it(make: Make) -> None:
    with pytest.raises(Unreachable, match=r"source pintu: no camera there\. Plug it in"):
        make("no camera").open(None, lambda: None)


def test_without_its_program_the_settings_are_wrong(tmp_path: Path, clock: Clock) -> None:
    parts = Parts(gallery=People(), weights=tmp_path, base=tmp_path, tell=lambda *_: None)
    source = CameraSource(
        Camera(name="pintu", capture="folder:x"), clock, parts, (str(tmp_path / "none"),)
    )
    with pytest.raises(Misconfigured, match="No such file"):
        source.open(None, lambda: None)


def test_libraries_that_do_not_load_are_said_with_what_to_install(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a machine without a desktop: the real recognizer, and an OpenCV that misses libGL."""
    (tmp_path / "cv2.py").write_text('raise ImportError("libGL.so.1: cannot open shared object")')
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    parts = Parts(gallery=People(), weights=tmp_path, base=tmp_path, tell=lambda *_: None)
    source = CameraSource(Camera(name="pintu", capture="folder:x"), clock, parts)
    try:
        with pytest.raises(Misconfigured, match=r"libGL.*apt-get install libgl1"):
            source.open(None, lambda: None)
    finally:
        source.close()


def test_enrolment_passes_the_prompts_on_to_who_asked(
    make: Make, told: list[tuple[str, Ask]]
) -> None:
    source = opened(make("idle"))
    asked: list[tuple[Prompt, int, int]] = []
    enrolled = source.enrol(lambda *step: asked.append(step), 5.0, keep=True)
    assert (enrolled.model, len(enrolled.shots)) == ("fake:0123456789ab", 3)
    assert enrolled.shots[0].picture.octets == b"kept"
    assert asked == [(Prompt.TURN_LEFT, 2, 3)]
    assert told == []


def test_whoever_does_not_come_to_be_enrolled_costs_no_session(make: Make) -> None:
    source = opened(make("refuses"))
    with pytest.raises(Refused, match="nobody came"):
        source.enrol(lambda *_: None, 5.0, keep=False)
    covered(source)


def test_calibration_is_of_the_gallery_in_force(make: Make) -> None:
    source = opened(make("idle", People("p1", "p2")))
    measured = source.calibrate(300)
    assert (measured.people, measured.visits) == (2, 300)


def test_it_sees_nothing_of_the_daemons_environment(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/presensi-kiosk.service")
    source = opened(make("idle"))
    environment = Path(f"/proc/{source.pid}/environ").read_bytes()
    assert b"CREDENTIALS_DIRECTORY" not in environment
