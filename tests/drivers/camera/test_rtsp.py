"""A camera of the network that speaks RTSP: a small one, over loopback, with a password.

It sends motion JPEG by RTP (RFC 2435) between its answers, as cameras do over TCP.
"""

import base64
import socketserver
import struct
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from drivers.camera.devices import Stream
from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2
from drivers.errors import Refused, TimedOut

PASSWORD = "s3cret"
WIDTH, HEIGHT = 64, 48
QUALITY = 80
JPEG = 26
CLOCK_HZ = 90_000
SDP = """v=0
o=- 1 1 IN IP4 127.0.0.1
s=a door
c=IN IP4 127.0.0.1
t=0 0
m=video 0 RTP/AVP 26
a=control:video
"""


def packet(shade: int, number: int) -> bytes:
    """Return a picture of one shade as RTP between answers."""
    how = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    picture = cv2.imencode(".jpg", np.full((HEIGHT, WIDTH, 3), shade, np.uint8), how)[1].tobytes()
    begins = picture.index(b"\xff\xda")
    (head,) = struct.unpack(">H", picture[begins + 2 : begins + 4])
    scan = picture[begins + 2 + head : -2]  # the tables are those of the standard: left out
    jpeg = struct.pack(">IBBBB", 0, 1, QUALITY, WIDTH // 8, HEIGHT // 8)
    stamp = number * CLOCK_HZ // 10
    rtp = struct.pack(">BBHII", 0x80, 0x80 | JPEG, number, stamp, 7) + jpeg + scan
    return struct.pack(">cBH", b"$", 0, len(rtp)) + rtp


class Camera(socketserver.StreamRequestHandler):
    """Answers until it is told to play, plays `frames`, and hangs up unless it `hangs`."""

    def handle(self) -> None:
        assert isinstance(self.server, Door)
        while True:
            lines = []
            while line := self.rfile.readline().strip():
                lines.append(line.decode())
            if not lines:
                return
            verb = lines[0].split(" ", 1)[0]
            headers = dict(one.split(": ", 1) for one in lines[1:])
            self._answer(verb, headers)
            if verb == "PLAY":
                for number in range(1, self.server.frames + 1):
                    self.wfile.write(packet(number * 20, number))
                if self.server.hangs:
                    self.server.ended.wait()
                return

    def _answer(self, verb: str, headers: dict[str, str]) -> None:
        wanted = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        more, body = "", ""
        status = "200 OK"
        if verb == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        elif headers.get("Authorization") != f"Basic {wanted}":
            status, more = "401 Unauthorized", 'WWW-Authenticate: Basic realm="door"\r\n'
        elif verb == "DESCRIBE":
            body = SDP.replace("\n", "\r\n")
            more = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
        elif verb == "SETUP":
            more = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
        elif verb == "PLAY":
            more = "Session: 1\r\n"
        text = f"RTSP/1.0 {status}\r\nCSeq: {headers['CSeq']}\r\n{more}\r\n{body}"
        self.wfile.write(text.encode())


class Door(socketserver.ThreadingTCPServer):
    """Where the camera listens."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Camera)
        self.frames = 10
        self.hangs = False
        self.ended = threading.Event()

    def url(self, password: str = PASSWORD) -> str:
        return f"rtsp://admin:{password}@127.0.0.1:{self.server_address[1]}/live?key={PASSWORD}"


@pytest.fixture
def door(capfd: pytest.CaptureFixture[str]) -> Iterator[Door]:
    with Door() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()
    output = capfd.readouterr()
    assert PASSWORD not in output.out + output.err, "a library said the password"


def shade(frame: Frame) -> int:
    return round(float(frame.mean()) / 10) * 10


def test_a_camera_behind_a_password_is_read_to_its_end(door: Door) -> None:
    stream = Stream(door.url())
    assert stream.open().serial == f"127.0.0.1:{door.server_address[1]}/live"
    assert [shade(stream.read()) for _ in range(9)] == [number * 20 for number in range(1, 10)]
    with pytest.raises(TimedOut, match="has ended its stream") as ended:
        until_it_ends(stream)
    assert PASSWORD not in str(ended.value)
    stream.release()


def until_it_ends(stream: Stream) -> None:
    for _ in range(3):
        stream.read()


def test_a_wrong_password_is_refused(door: Door) -> None:
    with pytest.raises(Refused, match="the name and the password") as refused:
        Stream(door.url("wr0ng-one")).open()
    assert "wr0ng-one" not in str(refused.value)


@pytest.mark.slow
def test_a_camera_that_falls_silent_is_given_up(door: Door) -> None:
    door.hangs = True
    stream = Stream(door.url(), silent_s=1)
    stream.open()
    with pytest.raises(TimedOut, match="has ended its stream"):
        for_ever(stream)
    stream.release()


def for_ever(stream: Stream) -> None:
    while True:
        stream.read()
