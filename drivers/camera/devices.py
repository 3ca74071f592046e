"""The cameras: USB (V4L2), the Pi's own (picamera2), and those of the network (RTSP, HTTP)."""

import re
import socket
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np

from drivers.base import Identity
from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2
from drivers.errors import Misconfigured, Refused, SourceError, TimedOut, Unreachable

OPENS_WITHIN_S: Final = 5.0
SILENT_S: Final = 5.0
_PORTS: Final = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
_SHOWS: Final = "`v4l2-ctl --list-devices` shows what there is"


class V4l2:
    """A camera at a device file; best by its name in /dev/v4l/by-path, which a port keeps."""

    def __init__(
        self, path: Path, width: int, height: int, rate: float, root: Path = Path("/")
    ) -> None:
        """`root` is where dev/ and sys/ are."""
        self.where = f"camera {path}"
        self._path = path
        self._asked = {
            # Uncompressed, a USB 2 camera has 5 frames a second at 1280x720; MJPG has 30.
            cv2.CAP_PROP_FOURCC: float(cv2.VideoWriter.fourcc(*"MJPG")),
            cv2.CAP_PROP_FRAME_WIDTH: float(width),
            cv2.CAP_PROP_FRAME_HEIGHT: float(height),
            cv2.CAP_PROP_FPS: rate,
        }
        self._root = root
        self._opened = cv2.VideoCapture()

    def open(self) -> Identity:
        """Open it. Raises Unreachable, Misconfigured."""
        try:
            device = self._path.resolve(strict=True)
        except OSError as error:
            raise Unreachable(f"{self.where}: {error.strerror}", hint=_SHOWS) from None
        number = re.fullmatch(r"video(\d+)", device.name)
        if number is None or not device.is_char_device():
            raise Misconfigured(f"{self.where} is {device}, which is no video device", hint=_SHOWS)
        if not self._opened.open(int(number[1]), cv2.CAP_V4L2):
            raise Unreachable(
                f"{self.where} does not open",
                hint="Look whether another program has it, whether the kiosk's user is in group "
                "`video`, and whether this is its picture: one camera has several device files",
            )
        for what, value in self._asked.items():
            self._opened.set(what, value)
        return Identity(serial=serial_of(device, self._root), model=self._model(device.name))

    def read(self) -> Frame:
        """Raises TimedOut."""
        ok, frame = self._opened.read()
        if not ok:
            raise TimedOut(f"{self.where} gives no picture", hint="Look at its cable")
        return np.asarray(frame, np.uint8)

    def release(self) -> None:
        """Close it."""
        self._opened.release()

    def _model(self, name: str) -> str:
        try:
            return (self._root / "sys/class/video4linux" / name / "name").read_text().strip()
        except OSError:
            return ""


def serial_of(device: Path, root: Path) -> str:
    """Return the name that udev gave the device by its id, else by its port, else its own."""
    for names in ("by-id", "by-path"):
        for link in sorted((root / "dev/v4l" / names).glob("*")):
            if link.resolve() == device:
                return link.name
    return device.name


class PiCamera:
    """A camera at the ribbon of a Raspberry Pi, by libcamera."""

    def __init__(
        self, number: str, width: int, height: int, rate: float, library: Any = None
    ) -> None:
        """`library` is the class Picamera2; None to import it when it is opened."""
        self.where = f"Pi camera {number}"
        self._number = number
        self._size = (width, height)
        self._rate = rate
        self._library = library
        self._opened: Any = None

    def open(self) -> Identity:
        """Start it. Raises Misconfigured, Unreachable."""
        library = self._library or self._imported()
        known = {str(one["Num"]): one for one in library.global_camera_info()}
        if self._number not in known:
            there = ", ".join(known) or "none"
            raise Unreachable(
                f"{self.where} is not there; there are: {there}",
                hint="Look at its ribbon; `rpicam-hello --list-cameras` shows them",
            )
        try:
            self._opened = library(int(self._number))
            # Its "RGB888" is blue-green-red in memory.
            main = {"size": self._size, "format": "RGB888"}
            self._opened.configure(
                self._opened.create_video_configuration(
                    main=main, controls={"FrameRate": self._rate}
                )
            )
            self._opened.start()
        except (RuntimeError, OSError) as error:
            raise Unreachable(
                f"{self.where}: {error}", hint="Look whether another program has it"
            ) from None
        one = known[self._number]
        return Identity(serial=one["Id"], model=one.get("Model", ""))

    def read(self) -> Frame:
        """Raises TimedOut."""
        try:
            return np.asarray(self._opened.capture_array("main"), np.uint8)
        except (RuntimeError, OSError) as error:
            raise TimedOut(f"{self.where}: {error}", hint="Look at its ribbon") from None

    def release(self) -> None:
        """Stop it."""
        self._opened.stop()
        self._opened.close()

    def _imported(self) -> Any:
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise Misconfigured(
                f"{self.where}: {error}",
                hint="Run: apt-get install python3-picamera2, and make the kiosk's environment "
                "with --system-site-packages (docs/CAMERA.md)",
            ) from None
        return Picamera2


class Stream:
    """A camera of the network. Its address may hold a password, which nobody gets to read."""

    def __init__(
        self, url: str, within_s: float = OPENS_WITHIN_S, silent_s: float = SILENT_S
    ) -> None:
        """`within_s` is how long an answer is waited for, `silent_s` a picture."""
        self._url = url
        self._within_s = within_s
        self._silent_s = silent_s
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self._host = parts.hostname or ""
        try:
            self._port = parts.port or _PORTS[parts.scheme]
        except ValueError:
            self._port = 0
        self._serial = f"{self._host}:{self._port}{parts.path}"
        self.where = f"camera {self._scheme}://{self._serial}"
        self._opened = cv2.VideoCapture()

    def open(self) -> Identity:
        """Connect. Raises Misconfigured, Unreachable, Refused, TimedOut."""
        if not self._host or not self._port:
            raise Misconfigured(
                f"{self.where} is no address", hint="Write rtsp://NAME:PASSWORD@HOST:554/PATH"
            )
        try:  # OpenCV does not say why it cannot
            socket.create_connection((self._host, self._port), self._within_s).close()
        except OSError as error:
            raise Unreachable(
                f"{self.where}: {error}", hint="Look at its power, the network and the address"
            ) from None
        began = time.monotonic()
        timeouts = [
            *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, int(self._within_s * 1000)),
            *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, int(self._silent_s * 1000)),
        ]
        if not self._opened.open(self._url, cv2.CAP_FFMPEG, timeouts):
            raise self._no_stream(time.monotonic() - began)
        return Identity(serial=self._serial)

    def read(self) -> Frame:
        """Raises TimedOut."""
        ok, frame = self._opened.read()
        if not ok:
            raise TimedOut(
                f"{self.where} has ended its stream or fallen silent",
                hint="Look at its power and its cable",
            )
        return np.asarray(frame, np.uint8)

    def release(self) -> None:
        """Hang up."""
        self._opened.release()

    def _no_stream(self, took_s: float) -> SourceError:
        if took_s >= self._within_s:
            return TimedOut(
                f"{self.where} takes the call and says nothing for {self._within_s:g} s",
                hint="Look whether that port is the camera's stream",
            )
        return Refused(
            f"{self.where} answers, and gives no stream",
            hint="Look at the path, the name and the password in the settings",
        )
