"""Where frames come from, each against the nearest thing to it that this machine has."""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.base import Identity
from drivers.camera.capture import Watched, capture_of
from drivers.camera.devices import PiCamera, Stream, V4l2, serial_of
from drivers.camera.engine import Frame
from drivers.camera.live import Live
from drivers.camera.opencv import cv2
from drivers.camera.recorded import PAUSE_S, Folder, Video
from drivers.errors import Garbled, Misconfigured, Refused, TimedOut, Unreachable
from drivers.options import Camera

RATE = 10.0


def plain(shade: int) -> Frame:
    return np.full((48, 64, 3), shade, np.uint8)


def shade(frame: Frame | None) -> int | None:
    """Return the shade of a frame that was `plain`; compression changes it a little."""
    return None if frame is None else round(float(frame.mean()) / 10) * 10


def all_of(more: Callable[[], Frame | None], shades: list[int] | None = None) -> None:
    """Read until something is raised, and keep the shades of what came."""
    while True:
        seen = shade(more())
        if shades is not None and seen is not None:
            shades.append(seen)


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, for_s: float) -> None:
        self.now_s += for_s


# --- a thread, and what it reads


class Device:
    """Gives frames when it is told to, and then its error."""

    where = "camera of a test"

    def __init__(self) -> None:
        self.given = threading.Semaphore(0)
        self.read_again = threading.Semaphore(0)
        self.frames: list[Frame] = []
        self.released = threading.Event()

    def open(self) -> Identity:
        return Identity(serial="of a test")

    def read(self) -> Frame:
        self.read_again.release()
        self.given.acquire()
        if not self.frames:
            raise TimedOut("unplugged")
        return self.frames.pop(0)

    def release(self) -> None:
        self.released.set()

    def give(self, *frames: Frame) -> None:
        """Return once all of them have been taken."""
        self.read_again.acquire()
        self.frames += frames
        for _ in frames:
            self.given.release()
            self.read_again.acquire()
        self.read_again.release()

    def end(self) -> None:
        self.given.release()


def test_the_newest_frame_is_handed_out_and_only_once() -> None:
    device = Device()
    live = Live(device)
    live.open()
    assert live.next(0) is None
    device.give(plain(10), plain(20), plain(30))
    assert shade(live.next(1)) == 30
    assert live.next(0) is None
    device.end()
    with pytest.raises(TimedOut, match="unplugged"):
        live.next(1)
    with pytest.raises(TimedOut, match="unplugged"):
        live.next(1)
    assert device.released.wait(1)
    live.close()


def test_the_last_frame_comes_before_the_error() -> None:
    device = Device()
    live = Live(device)
    live.open()
    device.give(plain(10))
    device.end()
    assert device.released.wait(1)
    assert shade(live.next(1)) == 10
    with pytest.raises(TimedOut):
        live.next(1)


def test_closing_lets_go_of_the_device() -> None:
    device = Device()
    live = Live(device)
    live.open()
    closing = threading.Thread(target=live.close)
    closing.start()
    device.frames.append(plain(10))
    device.given.release()
    closing.join()
    assert device.released.is_set()


class Shown:
    """A capture that shows what it is given, each for a second of the clock."""

    def __init__(self, frames: Sequence[Frame | None], clock: Clock) -> None:
        self._frames = iter(frames)
        self._clock = clock

    def open(self) -> Identity:
        return Identity(serial="shown")

    def next(self, wait_s: float) -> Frame | None:
        self._clock.wait(1)
        return next(self._frames)

    def close(self) -> None:
        """Nothing is held."""


def test_a_watched_camera_that_freezes_raises() -> None:
    clock = Clock()
    watched = Watched(Shown([plain(90)] * 30, clock), "camera x", clock)
    watched.open()
    with pytest.raises(TimedOut, match="camera x: the same picture"):
        all_of(lambda: watched.next(1))


# --- V4L2


def v4l2(path: Path) -> V4l2:
    return V4l2(path, 640, 480, RATE)


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match=r"video99: No such file or directory. `v4l2-ctl"):
        v4l2(tmp_path / "video99").open()


@pytest.mark.parametrize("path", ["/etc/hostname", "/dev/null", "/dev"])
def test_what_is_no_camera(path: str) -> None:
    with pytest.raises(Misconfigured, match="which is no video device"):
        v4l2(Path(path)).open()


def test_a_camera_is_known_by_its_id_then_by_its_port(tmp_path: Path) -> None:
    device = tmp_path / "dev" / "video2"
    device.parent.mkdir()
    device.touch()
    assert serial_of(device, tmp_path) == "video2"
    for names, name in (("by-path", "pci-usb-0:1.2"), ("by-id", "usb-046d_C920_1A2B-index0")):
        folder = tmp_path / "dev" / "v4l" / names
        folder.mkdir(parents=True)
        (folder / name).symlink_to("../../video2")
        assert serial_of(device, tmp_path) == name


# --- picamera2, of which the part that is used is imitated


class Pi:
    """The class Picamera2, with one camera."""

    frames: Iterator[Frame]
    failing = False

    def __init__(self, number: int) -> None:
        if self.failing:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.number = number
        self.log: list[Any] = []

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [{"Num": 0, "Id": "/base/soc/i2c0mux/i2c@1/imx708@1a", "Model": "imx708"}]

    def create_video_configuration(self, **how: Any) -> dict[str, Any]:
        return how

    def configure(self, how: dict[str, Any]) -> None:
        assert how["main"] == {"size": (640, 480), "format": "RGB888"}
        assert how["controls"] == {"FrameRate": RATE}

    def start(self) -> None:
        """Nothing moves here."""

    def capture_array(self, name: str) -> Frame:
        assert name == "main"
        return plain(50)

    def stop(self) -> None:
        """Nothing moves here."""

    def close(self) -> None:
        """Nothing is held."""


def test_the_pi_camera_is_read() -> None:
    camera = PiCamera("0", 640, 480, RATE, Pi)
    assert camera.open() == Identity(serial="/base/soc/i2c0mux/i2c@1/imx708@1a", model="imx708")
    assert shade(camera.read()) == 50
    camera.release()


def test_a_pi_camera_that_is_not_there_says_which_are() -> None:
    with pytest.raises(Unreachable, match=r"there are: 0. Look at its ribbon"):
        PiCamera("1", 640, 480, RATE, Pi).open()


def test_a_pi_camera_that_another_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pi, "failing", True)
    with pytest.raises(Unreachable, match="another program"):
        PiCamera("0", 640, 480, RATE, Pi).open()


@pytest.mark.skipif("picamera2" in sys.modules, reason="this machine has picamera2")
def test_without_picamera2_the_hint_says_how_to_get_it() -> None:
    with pytest.raises(Misconfigured, match="apt-get install python3-picamera2"):
        PiCamera("0", 640, 480, RATE).open()


# --- cameras of the network

PASSWORD = "s3cret"


@pytest.fixture
def told(capfd: pytest.CaptureFixture[str]) -> Iterator[list[str]]:
    """Collect what was said, and see that no library said the password either."""
    said: list[str] = []
    yield said
    output = capfd.readouterr()
    assert PASSWORD not in output.out + output.err + "".join(said)


@pytest.fixture
def listen() -> Iterator[Callable[[bytes | None], int]]:
    """Return a function that starts a server which answers so, or with None not at all."""
    servers: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answer: bytes | None) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            held = []
            while True:
                try:
                    caller, _ = server.accept()
                except OSError:
                    break
                held.append(caller)
                if answer is not None and caller.recv(4096):
                    caller.sendall(answer)
            for caller in held:
                caller.close()

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        port: int = server.getsockname()[1]
        return port

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
    for thread in threads:
        thread.join()


def address(port: int, path: str = "/live?key=" + PASSWORD) -> str:
    return f"rtsp://admin:{PASSWORD}@127.0.0.1:{port}{path}"


def test_a_port_where_nobody_listens(told: list[str]) -> None:
    with pytest.raises(Unreachable, match="Connection refused") as refused:
        Stream(address(1)).open()
    told.append(str(refused.value))


def test_a_camera_that_says_nothing_is_given_up(
    listen: Callable[[bytes | None], int], told: list[str]
) -> None:
    began = time.monotonic()
    with pytest.raises(TimedOut, match="takes the call and says nothing for 1 s") as refused:
        Stream(address(listen(None)), within_s=1).open()
    assert time.monotonic() - began < 10
    told.append(str(refused.value))


def test_a_wrong_password(listen: Callable[[bytes | None], int], told: list[str]) -> None:
    port = listen(b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n")
    with pytest.raises(Refused, match="the name and the password") as refused:
        Stream(address(port)).open()
    told.append(str(refused.value))


@pytest.mark.parametrize("url", ["rtsp:nothing", "rtsp://", "rtsp://host:99999/"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(Misconfigured, match="is no address"):
        Stream(url).open()


class Motion(BaseHTTPRequestHandler):
    """Motion JPEG over HTTP, as the cheapest cameras have it: ten frames, each brighter."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for number in range(1, 11):
            picture = cv2.imencode(".jpg", plain(number * 20))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            self.wfile.write(head.encode() + picture + b"\r\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def motion() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Motion) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://admin:{PASSWORD}@127.0.0.1:{server.server_address[1]}/video"
        server.shutdown()
        thread.join()


def test_a_stream_is_read_to_its_end(motion: str, told: list[str]) -> None:
    stream = Stream(motion)
    identity = stream.open()
    told.append(str(identity))
    assert identity.serial.startswith("127.0.0.1:")
    assert identity.serial.endswith("/video")
    shades: list[int] = []
    with pytest.raises(TimedOut, match="has ended its stream") as refused:
        all_of(stream.read, shades)
    assert shades == [number * 20 for number in range(1, 11)]
    told.append(str(refused.value))
    stream.release()


def test_a_stream_is_watched_and_its_newest_frame_is_the_one(motion: str) -> None:
    watched = Watched(Live(Stream(motion)), "camera x")
    watched.open()
    seen: list[int] = []
    with pytest.raises(TimedOut):
        all_of(lambda: watched.next(5), seen)
    assert seen == sorted(seen)
    assert seen[-1] == 200
    watched.close()


# --- a video and a folder


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Two seconds of eight frames, each brighter than the last."""
    path = tmp_path / "people.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 4.0, (64, 48))
    for number in range(1, 9):
        writer.write(plain(number * 20))
    writer.release()
    return path


def test_a_video_plays_at_its_own_rate_and_begins_anew(video: Path) -> None:
    clock = Clock()
    capture = Video(video, 30.0, clock, clock.wait)
    assert capture.open() == Identity(serial="people.avi", model="video")
    began = clock.now_s
    times = []
    for number in range(1, 9):
        assert shade(capture.next(1)) == number * 20
        times.append(clock.now_s - began)
    assert times == pytest.approx([0.25 * number for number in range(8)])
    while (frame := capture.next(0.5)) is None:
        assert clock.now_s - began < 2 + PAUSE_S + 1
    assert clock.now_s - began == pytest.approx(2 + PAUSE_S)
    assert shade(frame) == 20
    capture.close()


def test_who_is_slower_than_the_video_misses_frames_and_no_time(video: Path) -> None:
    clock = Clock()
    capture = Video(video, 30.0, clock, clock.wait)
    capture.open()
    seen = []
    for _ in range(3):
        seen.append(shade(capture.next(1)))
        clock.wait(0.6)
    assert seen == [20, 60, 100]


def test_waiting_for_a_frame_ends(video: Path) -> None:
    clock = Clock()
    capture = Video(video, 30.0, clock, clock.wait)
    capture.open()
    assert capture.next(0.1) is not None
    assert capture.next(0.1) is None
    assert capture.next(0.1) is None
    assert capture.next(0.1) is not None


def test_a_video_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="there is no video"):
        Video(tmp_path / "x.mp4", RATE).open()
    (tmp_path / "x.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(Garbled, match="is no video that opens"):
        Video(tmp_path / "x.mp4", RATE).open()


def put(folder: Path, name: str, shade: int) -> None:
    assert cv2.imwrite(str(folder / name), plain(shade))


def test_a_folder_is_shown_in_the_order_of_names_and_what_is_put_there_is_seen(
    tmp_path: Path,
) -> None:
    clock = Clock()
    put(tmp_path, "b.png", 20)
    put(tmp_path, "a.png", 10)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "a-half-copied.png").write_bytes(b"\x89PNG")
    capture = Folder(tmp_path, RATE, clock, clock.wait)
    assert capture.open() == Identity(serial=tmp_path.name, model="folder")
    assert shade(capture.next(1)) == 10
    put(tmp_path, "c.png", 30)
    assert [shade(capture.next(1)), shade(capture.next(1))] == [20, 30]
    began = clock.now_s
    assert capture.next(1) is None
    while (frame := capture.next(0.5)) is None:
        assert clock.now_s - began < PAUSE_S + 1
    assert shade(frame) == 10


def test_an_empty_folder_waits_for_pictures(tmp_path: Path) -> None:
    clock = Clock()
    capture = Folder(tmp_path, RATE, clock, clock.wait)
    capture.open()
    assert capture.next(1) is None
    put(tmp_path, "a.png", 10)
    clock.wait(PAUSE_S)
    assert shade(capture.next(1)) == 10


def test_a_folder_that_is_not_there_and_one_that_goes(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="there is no folder"):
        Folder(tmp_path / "x", RATE).open()
    (tmp_path / "y").mkdir()
    capture = Folder(tmp_path / "y", RATE)
    capture.open()
    (tmp_path / "y").rmdir()
    with pytest.raises(Misconfigured, match="No such file"):
        capture.next(1)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("v4l2:/dev/video0", Watched),
        ("picamera2:0", Watched),
        ("rtsp://host/live", Watched),
        ("video:people.mp4", Video),
        ("folder:people", Folder),
    ],
)
def test_the_settings_say_which(tmp_path: Path, said: str, kind: type[object]) -> None:
    assert type(capture_of(Camera(name="pintu", capture=said), tmp_path)) is kind


def test_paths_are_relative_to_the_settings(tmp_path: Path) -> None:
    (tmp_path / "people").mkdir()
    identity = capture_of(Camera(name="pintu", capture="folder:people"), tmp_path).open()
    assert identity.serial == "people"
