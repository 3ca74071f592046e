"""What the demonstration is made of: its parts, their settings, their commands."""

import csv
import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

from msgspec import Struct

from drivers.sim.zkteco import simulated_staff
from kiosk.cli.exits import Exit, Refused
from kiosk.local import NoDaemon, ask


class Part(Enum):
    """The processes, in the order in which they are started."""

    BROKER = "broker"
    CENTRAL = "central"
    CAMERA = "camera"
    FINGER = "finger"
    KIOSK = "kiosk"
    TERMINAL = "terminal"
    SCREEN = "screen"


class Bench(Struct, frozen=True, kw_only=True):
    """Where the parts keep their files and on which ports they listen, all on 127.0.0.1.

    Without a `screen_port` there is no screen. `capture` is where a camera's frames come from, ""
    for no camera; with a `camera_port` it is a simulated one, before which `photograph` comes. A
    `finger_port` is a simulated finger module's.
    """

    data: Path
    people: int
    rate: float
    broker_port: int
    web_port: int
    terminal_port: int
    screen_port: int | None = None
    limit: int | None = None
    capture: str = ""
    camera_port: int | None = None
    finger_port: int | None = None
    database: str = ""  # central's, as in config/central.toml
    name: str = "kiosk-demo"
    serial: str = "DEMO0001"

    @property
    def kiosk_toml(self) -> Path:
        """Return the kiosk's settings file."""
        return self.data / "kiosk.toml"

    @property
    def city(self) -> Path:
        """Return the sheets that central takes in."""
        return self.data / "city"

    @property
    def has_roster(self) -> bool:
        """Return whether the kiosk has adopted a roster from central."""
        return (self.data / "kiosk" / "roster" / "manifest").exists()

    @property
    def socket(self) -> Path:
        """Return the daemon's local socket."""
        return self.data / "kiosk" / "kiosk.sock"

    @property
    def ports(self) -> dict[Part, int]:
        """Return where the parts listen."""
        ports = {
            Part.BROKER: self.broker_port,
            Part.CENTRAL: self.web_port,
            Part.TERMINAL: self.terminal_port,
        }
        if self.screen_port is not None:
            ports[Part.SCREEN] = self.screen_port
        if self.camera_port is not None:
            ports[Part.CAMERA] = self.camera_port
        if self.finger_port is not None:
            ports[Part.FINGER] = self.finger_port
        return ports

    @property
    def technician_port(self) -> int:
        """Return where the technician's page listens, beside the screen; 0 for nowhere."""
        return 0 if self.screen_port is None else self.screen_port + 1

    @property
    def parts(self) -> list[Part]:
        """Return what is run, in the order in which it is started."""
        return [one for one in Part if one is Part.KIOSK or one in self.ports]

    @property
    def photograph(self) -> Path:
        """Return the picture of who comes before the simulated camera."""
        return self.data / "astronaut.png"

    def log(self, part: Part) -> Path:
        """Return the file that takes what a part prints."""
        return self.data / f"{part.value}.log"

    def command(self, part: Part) -> list[str]:
        """Return the command that starts a part."""
        if part is Part.BROKER:
            return [sys.executable, "-m", "iotcore", "--config", str(self.data / "broker.toml")]
        if part is Part.CENTRAL:
            return [program("presensi-central"), "--config", str(self.data / "central.toml"), "run"]
        if part is Part.KIOSK:
            return [program("kiosk"), "run", "--config", str(self.kiosk_toml)]
        if part is Part.SCREEN:
            return [program("kiosk"), "screen", "--config", str(self.kiosk_toml)]
        if part is Part.CAMERA:
            return [
                program("kiosk"), "sim", "camera", "--port", str(self.camera_port),
                "--picture", str(self.photograph), "--head", ASTRONAUT,
                "--obey", str(self.socket),
            ]  # fmt: skip
        if part is Part.FINGER:
            return [
                program("kiosk"), "sim", "fingerprint", "--tcp", str(self.finger_port),
                "--obey", str(self.socket), "--finger", FINGER, "--every", "20",
            ]  # fmt: skip
        limit = [] if self.limit is None else ["--limit", str(self.limit)]
        return [
            program("kiosk"), "sim", "zkteco", "--port", str(self.terminal_port),
            "--timezone", "Asia/Jakarta", "--serial", self.serial, "--people", str(self.people),
            "--rate", f"{self.rate:g}", "--state", str(self.data / "terminal.jsonl"), *limit,
        ]  # fmt: skip

    def listens(self, part: Part) -> bool:
        """Return whether a part can be spoken to."""
        if part is Part.KIOSK:
            try:
                return any(True for _ in ask(self.socket, "status"))
            except NoDaemon:
                return False
        with socket.socket() as probe:
            probe.settimeout(1.0)
            return probe.connect_ex(("127.0.0.1", self.ports[part])) == 0

    def kiosk(self, *words: object, stdin: str = "") -> str:
        """Run `kiosk WORDS` and return what it prints. Raises Refused."""
        config = ["--config", str(self.kiosk_toml)]
        return _output([program("kiosk"), *map(str, words), *config], stdin)

    def central(self, *words: object, stdin: str = "") -> str:
        """Run `presensi-central WORDS` and return what it prints. Raises Refused."""
        config = ["--config", str(self.data / "central.toml")]
        return _output([program("presensi-central"), *config, *map(str, words)], stdin)


def person(number: str) -> str:
    """Return the id, at central, of whoever has a terminal user id."""
    return f"19800101{number}"


def program(name: str) -> str:
    """Return one of our programs as it was installed beside this interpreter."""
    return str(Path(sys.executable).with_name(name))


def _output(command: list[str], stdin: str = "") -> str:
    done = subprocess.run(  # noqa: S603 - our own programs
        command, input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Refused(f"`{' '.join(command)}` failed: {said[-1] if said else done.returncode}")
    return done.stdout


def refuse_occupied(part: Part, port: int) -> None:
    """Raises Refused if something listens on `port` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            option = "web" if part is Part.CENTRAL else part.value
            raise Refused(
                f"port {port}, meant for the {part.value}, is occupied; "
                f"end what listens there or choose another with --{option}-port",
                Exit.UNAVAILABLE,
            ) from error


def write_settings(bench: Bench) -> str:
    """Write every part's settings and the city's sheets; return a new password for the page."""
    try:
        bench.data.mkdir(parents=True, exist_ok=True)
        (bench.data / "broker.toml").write_text(BROKER_TOML.format(port=bench.broker_port))
        (bench.data / "central.toml").write_text(
            _CENTRAL.format(broker=bench.broker_port, web=bench.web_port, database=bench.database)
        )
        bench.kiosk_toml.write_text(
            _KIOSK.format(name=bench.name, broker=bench.broker_port, terminal=bench.terminal_port)
            + (
                _CAMERA.format(
                    capture=bench.capture,
                    # A photograph that is warped does not turn as a head does.
                    liveness="challenge" if bench.camera_port is None else "record",
                )
                if bench.capture
                else ""
            )
            + ("" if bench.finger_port is None else _FINGER.format(port=bench.finger_port))
            + (
                ""
                if bench.screen_port is None
                else _SCREEN.format(port=bench.screen_port, technician=bench.technician_port)
            )
        )
        _write_city(bench)
    except OSError as error:
        raise Refused(
            f"{bench.data}: {error.strerror}; choose another place with --data", Exit.STORAGE
        ) from error
    return secrets.token_urlsafe(9)


def _write_city(bench: Bench) -> None:
    """Write one unit with its staff, their hours and the classes of being late, as sheets."""
    staff = simulated_staff(bench.people)
    ids = {one.user_id: person(one.user_id) for one in staff}
    sheets: dict[str, tuple[str, list[Sequence[str]]]] = {
        "units": ("unit,name,zone", [(_UNIT, "Dinas Contoh", "Asia/Jakarta")]),
        "posts": ("kiosk,unit", [(bench.name, _UNIT)]),
        "people": ("person,name", [(ids[one.user_id], one.name) for one in staff]),
        "members": ("person,unit", [(id_, _UNIT) for id_ in ids.values()]),
        "credentials": (
            "person,unit,credential,user",
            [(id_, _UNIT, "terminal_user", user) for user, id_ in ids.items()],
        ),
        "weeks": ("plan,hours", [("kantor", _HOURS)]),
        "assignments": ("plan,unit", [("kantor", _UNIT)]),
        "regulations": ("name,late,early,no_arrival,no_departure", [_CLASSES]),
    }
    bench.city.mkdir(exist_ok=True)
    for name, (header, rows) in sheets.items():
        with (bench.city / f"{name}.csv").open("w", newline="") as file:
            file.write(header + "\n")
            csv.writer(file).writerows(rows)


_UNIT = "dinas-contoh"
_HOURS = "1-4 07:30-16:00 break 60 before 60 after 420; 5 07:30-16:30 break 90 before 60 after 420"
_CLASSES = (
    "contoh",
    "1 TL1, 31 TL2, 61 TL3, 91 TL4",
    "1 PSW1, 31 PSW2, 61 PSW3, 91 PSW4",
    "TL4",
    "PSW4",
)


BROKER_TOML = """\
id = 0

[router]
id = 0
max_connections = 64
max_outgoing_packet_count = 200
max_segment_size = 10485760
max_segment_count = 10

[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 524288
max_inflight_count = 100
dynamic_filters = true
"""

_CENTRAL = """\
data = "central"
database = "{database}"

[broker]
host = "127.0.0.1"
port = {broker}

[web]
host = "127.0.0.1"
port = {web}
"""

_CAMERA = """
[[sources]]
kind = "camera"
name = "kamera"
capture = "{capture}"
liveness = "{liveness}"
"""

_FINGER = """
[[sources]]
kind = "fingerprint"
name = "jari"
port = "socket://127.0.0.1:{port}"
"""

FINGER = "siti"
"""The finger of whoever comes to the simulated module."""

ASTRONAUT = "224,101,41.6"
"""Where the head is in the photograph, for `kiosk sim camera --head`."""

_SCREEN = """
[screen]
port = {port}
office = "Dinas Contoh"
technician.port = {technician}
"""

_KIOSK = """\
kiosk = "{name}"
data = "kiosk"
central = ["central/central.pem"]

[line]
host = "127.0.0.1"
port = {broker}

[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
port = {terminal}
check_s = 10.0
"""
