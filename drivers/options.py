"""What each kind of terminal may be told: declared here and nowhere else."""

import re
from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

SourceName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class Transport(StrEnum):
    """How a 4370 terminal is spoken to: units before about 2014 know UDP only."""

    TCP = "tcp"
    UDP = "udp"


class Backend(StrEnum):
    """Which client reads a 4370 terminal."""

    NATIVE = "native"
    PYZK = "pyzk"


class Users(StrEnum):
    """What is done about a terminal's users where they are not those of the roster."""

    OFF = "off"  # nothing; nobody looks
    REPORT = "report"  # the difference is told
    ADD = "add"  # and people are made known, under the name that they have
    MIRROR = "mirror"  # and those who have gone are removed, with their fingers


KeepDays = Annotated[int, Meta(ge=0, le=3650)]


class ZkTerminal(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="zkteco",
):
    """A ZKTeco terminal, read over its port 4370.

    Attributes:
        name: how this source is called in entries, logs and on screens.
        timezone: IANA zone of the terminal's naive clock.
        comm_key: the terminal's communication key; 0 where none is set.
        timeout_s: longest silence in the middle of an exchange.
        check_s: how often the terminal's record count is compared with what has been read.
        users: what is done about its users where they are not those of the roster.
        users_keep_days: with "mirror", whoever's time has ended stays so much longer.
        backend: our own client, or pyzk (docs/ZK.md shows what each can read).
        pyzk_python: the Python that has pyzk, if it is not the one that runs the kiosk.
    """

    name: SourceName
    host: str
    timezone: str = "Asia/Jakarta"
    port: Annotated[int, Meta(ge=1, le=65535)] = 4370
    transport: Transport = Transport.TCP
    comm_key: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] = 0
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    check_s: Annotated[float, Meta(gt=0, le=86400)] = 60.0
    users: Users = Users.REPORT
    users_keep_days: KeepDays = 31
    backend: Backend = Backend.NATIVE
    pyzk_python: str = ""


class ZkPush(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="zkpush",
):
    """A ZKTeco terminal that calls us (PUSH, ADMS, "cloud server"); `PushListener` is where.

    Attributes:
        name: how this source is called in entries, logs and on screens.
        serial: by which it is known; the terminal shows it under System Info.
        timezone: IANA zone of the terminal's naive clock.
        comm_key: what it must show when it starts, as its own settings have it; "" for nothing.
        silent_s: a terminal that does not call for so long is missing.
        users: what is done about its users where they are not those of the roster.
        users_keep_days: with "mirror", whoever's time has ended stays so much longer.
    """

    name: SourceName
    serial: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    timezone: str = "Asia/Jakarta"
    comm_key: Annotated[str, Meta(max_length=64)] = ""
    silent_s: Annotated[float, Meta(ge=1, le=86400)] = 300.0
    users: Users = Users.REPORT
    users_keep_days: KeepDays = 31

    def __post_init__(self) -> None:
        _check_zone(self.timezone)


class Engine(StrEnum):
    """What finds and matches faces."""

    SFACE = "sface"  # YuNet and SFace, by OpenCV
    DLIB = "dlib"


class Liveness(StrEnum):
    """What is done against a picture that is held up."""

    OFF = "off"
    RECORD = "record"  # the passive model's score stands with the punch; nobody is asked anything
    CHALLENGE = "challenge"  # and a turn of the head is asked for
    REFUSE = "refuse"  # and whoever the passive model takes for a picture is not named


CAMERA_NEEDS: Final = (
    "pip install 'presensi-kiosk[{}]'; where the error names a lib*.so, "
    "apt-get install libgl1 libglib2.0-0 (docs/CAMERA.md)"
)
"""What to do where a camera's libraries do not load; to be filled in with the extra."""


class Camera(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="camera",
):
    """A camera that knows people by their faces.

    Attributes:
        name: how this source is called in entries, logs and on screens.
        capture: where frames come from: "v4l2:/dev/video0", "picamera2:0", "rtsp://...", "http://..."
            (MJPEG), "video:FILE", "folder:DIRECTORY"; paths relative to the settings file.
        timezone: IANA zone of its punches' times.
        engine: what finds and matches faces.
        threshold, margin: what names somebody; None is the engine's own. `kiosk camera calibrate`
            recommends them for the people that are enrolled here.
        frames: how many frames must agree, at least.
        liveness: what is done against pictures.
        passive: the passive liveness model, by its name in models.toml; "" for none.
        width, height, rate: what is asked of the camera, in pixels and frames a second.
        eye_distance_px: faces with less between the eyes are too far away.
        memory_mib: what the recognizer's process may use before it is ended.
    """

    name: SourceName
    capture: Annotated[str, Meta(pattern=r"^(v4l2|picamera2|rtsps?|https?|video|folder):.+$")]
    timezone: str = "Asia/Jakarta"
    engine: Engine = Engine.SFACE
    threshold: Annotated[float, Meta(ge=0, le=1)] | None = None
    margin: Annotated[float, Meta(ge=0, le=1)] | None = None
    frames: Annotated[int, Meta(ge=2, le=10)] = 2
    liveness: Liveness = Liveness.CHALLENGE
    passive: str = ""
    width: Annotated[int, Meta(ge=320, le=3840)] = 640
    height: Annotated[int, Meta(ge=240, le=2160)] = 480
    rate: Annotated[float, Meta(ge=1, le=60)] = 10.0
    eye_distance_px: Annotated[float, Meta(ge=10, le=1000)] = 40.0
    memory_mib: Annotated[int, Meta(ge=256, le=8192)] = 1024

    def __post_init__(self) -> None:
        _check_zone(self.timezone)


def _check_zone(name: str) -> None:
    """Raise ValueError where there is no such time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name!r}; use an IANA name: Asia/Jakarta, Asia/Makassar or "
            "Asia/Jayapura"
        ) from None


KeepsUsers = ZkTerminal | ZkPush
"""Terminals that keep people of their own, who may not be those of the roster."""


class SerialLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What is at a serial port.

    Attributes:
        name: how this source is called in entries, logs and on screens.
        port: "/dev/serial/by-id/..." or by-path; on the header of a Pi "/dev/serial0". Names like
            ttyUSB0 change with the next plug. "socket://host:port" is for the simulator.
        timezone: IANA zone of its punches' times, which are by the kiosk's clock.
    """

    name: SourceName
    port: str
    timezone: str = "Asia/Jakarta"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"/.+|socket://[^/]+:\d+", self.port):
            raise ValueError(
                f"port: {self.port!r} is no port; write the name that `kiosk devices ports` shows, "
                "/dev/serial/by-id/... or by-path"
            )
        _check_zone(self.timezone)


Baud = Annotated[int, Meta(ge=1200, le=921_600)]


class FingerModule(SerialLine, frozen=True, kw_only=True, tag="fingerprint"):
    """A fingerprint module of the R30x family (ZFM, R307, R308, R503, R551, AS608).

    What it can do is asked of it and not told here.

    Attributes:
        baud: its speed; where it does not answer, the others that such modules know are tried.
        address: of the module; others stay silent.
        password: that it wants to see; 0 is the factory's. It does not prove which module it is.
        security: its own threshold, 1 (loose) to 5; None leaves what it has.
    """

    baud: Baud = 57_600
    address: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] = 0xFFFFFFFF
    password: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] = 0
    security: Annotated[int, Meta(ge=1, le=5)] | None = None


class TagReader(SerialLine, frozen=True, kw_only=True, tag="tag"):
    """A reader of 125 kHz tags that sends frames: RDM6300, EM4100, ID-12LA, ID-20LA.

    Attributes:
        gone_s: a tag that was not said for so long has gone; before that it is one presence.
    """

    baud: Baud = 9_600
    gone_s: Annotated[float, Meta(ge=0.1, le=60)] = 1.0


class Terminator(StrEnum):
    """What ends a line."""

    CR = "cr"
    LF = "lf"
    CRLF = "crlf"
    ANY = "any"  # CR, LF, or both
    IDLE = "idle"  # nothing does: it ends where nothing comes for `idle_ms`


class LineReader(SerialLine, frozen=True, kw_only=True, tag="line"):
    """A reader that sends lines of text: a Wiegand bridge, a plain barcode scanner.

    Attributes:
        terminator: what ends a line.
        idle_ms: an unfinished line is over when nothing came for so long.
        pattern: a regular expression that a whole line fits, with one of these groups: `card`, the
            text that names it; `decimal` or `hex`, its number; `facility` and `number`, the two
            halves of 26 bits. `bits`, beside any, is how many bits it had. Others are recorded.
        gone_s: as in `TagReader`.
    """

    baud: Baud = 9_600
    terminator: Terminator = Terminator.ANY
    idle_ms: Annotated[int, Meta(ge=10, le=5_000)] = 200
    pattern: Annotated[str, Meta(min_length=1, max_length=500)] = r"(?P<card>\S{1,64})"
    gone_s: Annotated[float, Meta(ge=0.1, le=60)] = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            groups = set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"pattern: no regular expression: {error}") from None
        if not (groups & {"card", "decimal", "hex"} or {"facility", "number"} <= groups):
            raise ValueError(
                "pattern: it needs a group (?P<card>...), (?P<decimal>...), (?P<hex>...), or both "
                "(?P<facility>...) and (?P<number>...)"
            )


class CodeReader(SerialLine, frozen=True, kw_only=True, tag="code"):
    """A scanner of signed QR codes, as a virtual serial port (GM65 class, USB-CDC).

    Attributes:
        terminator, idle_ms, gone_s: as in `LineReader`.
    """

    baud: Baud = 9_600
    terminator: Terminator = Terminator.ANY
    idle_ms: Annotated[int, Meta(ge=10, le=5_000)] = 200
    gone_s: Annotated[float, Meta(ge=0.1, le=60)] = 3.0


class PinPad(SerialLine, frozen=True, kw_only=True, tag="pinpad"):
    """A keypad that sends what is typed: a user number, `*`, a PIN, `#`.

    Attributes:
        within_s: an entry that is not finished so long after its last key is forgotten.
    """

    baud: Baud = 9_600
    within_s: Annotated[float, Meta(ge=2, le=60)] = 10.0


Reader = TagReader | LineReader | CodeReader | PinPad
"""What proves possession only."""

SourceOptions = KeepsUsers | Camera | FingerModule | Reader


PRIVATE: Final = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""The networks that no router passes on."""


class PushListener(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where terminals of kind `zkpush` call, in plain HTTP.

    Attributes:
        host: the address to listen on, best the one in the terminals' own network.
        networks: who may connect at all.
    """

    host: str = "0.0.0.0"  # noqa: S104 - `networks` says who may
    port: Annotated[int, Meta(ge=0, le=65535)] = 8081
    networks: Annotated[tuple[str, ...], Meta(min_length=1)] = PRIVATE

    def __post_init__(self) -> None:
        for one in self.networks:
            ip_network(one)
