"""`kiosk demo`: the whole system on this machine, as real processes; what `make run` runs.

A broker, central on SQLite, a simulated ZK terminal at which simulated staff punch, the kiosk
daemon reading it over TCP as it would read a real one, and the employee's screen. Any part may be
killed and started again from another console; what is printed then is the point of the
demonstration.
"""

import argparse
import contextlib
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import structs

from kiosk.cli import demo_camera
from kiosk.cli.demo_setup import Bench, Part, person, refuse_occupied, write_settings
from kiosk.cli.exits import Exit, Refused
from kiosk.local import Alive, Happening, NoDaemon, Receipted, Recorded, ask

HELP = "run a broker, central, a simulated terminal, a kiosk and its screen on this machine"
EXAMPLES = """examples:
  kiosk demo                            what `make run` does
  kiosk demo --people 200 --rate 300    a busy morning
  kiosk demo --camera                   what `make run CAMERA=1` does
  kiosk demo --finger                   what `make run FINGER=1` does
  kiosk demo --data /tmp/demo           its files elsewhere than in demo-data/"""

TECHNICIAN = "rudi"
"""Who may log in at the technician's page of the demonstration."""

FINGERS_OWNER = person("1002")
"""The second of the simulated staff comes to the finger module."""

READY_WITHIN_S = 30.0
"""How long a part may take until it listens."""

END_WITHIN_S = 2.0
"""How long the parts together may take to end by themselves before what is left is killed."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--data", type=Path, default=Path("demo-data"), metavar="DIR",
                        help="its files (%(default)s)")  # fmt: skip
    parser.add_argument("--people", type=int, default=55, help="simulated staff (%(default)s)")
    parser.add_argument("--rate", type=float, default=30, help="punches a minute (%(default)s)")
    parser.add_argument("--broker-port", type=int, default=18830, metavar="PORT",
                        help="of the broker (%(default)s)")  # fmt: skip
    parser.add_argument("--web-port", type=int, default=18080, metavar="PORT",
                        help="of central's pages (%(default)s)")  # fmt: skip
    parser.add_argument("--terminal-port", type=int, default=14370, metavar="PORT",
                        help="of the simulated terminal (%(default)s)")  # fmt: skip
    parser.add_argument("--screen-port", type=int, default=18090, metavar="PORT",
                        help="of the employee's screen (%(default)s)")  # fmt: skip
    parser.add_argument("--camera", action="store_true", help="and a camera: one of this machine, "
                        "else a simulated one")  # fmt: skip
    parser.add_argument("--camera-port", type=int, default=18554, metavar="PORT",
                        help="of the simulated camera (%(default)s)")  # fmt: skip
    parser.add_argument("--finger", action="store_true", help="and a simulated finger module")
    parser.add_argument("--finger-port", type=int, default=18576, metavar="PORT",
                        help="of the simulated finger module (%(default)s)")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Start everything, print what is receipted, end everything."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupt)
    bench = Bench(
        data=arguments.data.absolute(),
        people=arguments.people,
        rate=arguments.rate,
        broker_port=arguments.broker_port,
        web_port=arguments.web_port,
        terminal_port=arguments.terminal_port,
        screen_port=arguments.screen_port,
        finger_port=arguments.finger_port if arguments.finger else None,
    )
    if arguments.camera:
        bench = _with_camera(bench, arguments.camera_port)
        _say(
            "kamera    weights and a picture come first, about 100 MB, where they are not here yet"
        )
    demo = Demo(bench)
    try:
        password = demo.prepare()
        demo.start()
        if bench.technician_port:
            bench.kiosk("technicians", "add", TECHNICIAN, "--by", "demo", "--password-stdin",
                        stdin=password)  # fmt: skip
        _introduce(demo, password)
        if bench.capture:
            _enrol(demo)
        if bench.finger_port:
            _enrol_finger(demo)
        _watch(demo)
    except KeyboardInterrupt:
        _say("ending")
    finally:
        demo.end()
    return Exit.OK


def _with_camera(bench: Bench, port: int) -> Bench:
    capture = demo_camera.found()
    if capture:
        return structs.replace(bench, capture=capture)
    return structs.replace(bench, capture=f"http://127.0.0.1:{port}/", camera_port=port)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class Demo:
    """The parts as processes. Also what the system tests start and kill."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._running: dict[Part, subprocess.Popen[bytes]] = {}

    def prepare(self) -> str:
        """Write settings, make keys, introduce kiosk and central; return the page's password.

        Raises Refused when a port is occupied or a command fails.
        """
        for part, port in self.bench.ports.items():
            refuse_occupied(part, port)
        password = write_settings(self.bench)
        self.bench.central("init")
        self.bench.central("roster", "import", self.bench.city)
        self.bench.central("account", "set", "admin", "--password-stdin", stdin=password)
        self.admit()
        if self.bench.capture:
            demo_camera.prepare(self.bench)
        return password

    def admit(self) -> None:
        """Let central know the kiosk's key, made now if there is none."""
        pem = self.bench.data / "kiosk.pem"
        pem.write_text(self.bench.kiosk("identity"))
        self.bench.central("kiosks", "admit", self.bench.name, pem)

    def start(self) -> None:
        """Start every part, each once the one it needs is listening."""
        for part in self.bench.parts:
            self.begin(part)
            if part is Part.KIOSK:  # whoever punches before it knows them is a stranger there
                self._await(lambda: self.bench.has_roster, part, "has no roster from central")

    def begin(self, part: Part) -> None:
        """Start one part, in a session of its own, and wait until it listens."""
        with self.bench.log(part).open("ab") as log:
            self._running[part] = subprocess.Popen(  # noqa: S603 - our own programs
                self.bench.command(part),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._await_listening(part)

    def kill(self, part: Part) -> None:
        """Kill -9 one part and wait for its end."""
        self._running[part].kill()
        self._running[part].wait()

    def pid(self, part: Part) -> int:
        """Return the part's process id."""
        return self._running[part].pid

    def ended(self) -> dict[Part, int]:
        """Return the parts that have ended, with their exit codes."""
        return {
            part: code
            for part, process in self._running.items()
            if (code := process.poll()) is not None
        }

    def end(self) -> None:
        """End every part that runs, the kiosk before what it talks to."""
        until_s = time.monotonic() + END_WITHIN_S
        for part in reversed(Part):
            process = self._running.get(part)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until_s - time.monotonic()))
            if process.poll() is None:
                process.kill()
                process.wait()

    def await_camera(self) -> None:
        """Wait until the kiosk sees by its camera: models take a while to load. Raises Refused."""
        self._await(lambda: demo_camera.looks(self.bench), Part.KIOSK, "does not see by its camera")

    def _await_listening(self, part: Part) -> None:
        self._await(lambda: self.bench.listens(part), part, "does not listen")

    def _await(self, is_so: Callable[[], bool], part: Part, wrong: str) -> None:
        until_s = time.monotonic() + READY_WITHIN_S
        while not is_so():
            if self._running[part].poll() is not None or time.monotonic() > until_s:
                last = self.bench.log(part).read_text(errors="replace").strip().splitlines()
                raise Refused(
                    f"{part.value} {wrong}: {last[-1] if last else 'it said nothing'} "
                    f"(all of it: {self.bench.log(part)})",
                    Exit.UNAVAILABLE,
                )
            time.sleep(0.05)


def _introduce(demo: Demo, password: str) -> None:
    bench = demo.bench
    for part in bench.parts:
        _say(f"{part.value:<9} pid {demo.pid(part):<7} {shlex.join(bench.command(part))}")
    _say(f"page      http://127.0.0.1:{bench.web_port}/   account admin, password {password}")
    if bench.screen_port is not None:
        _say(f"screen    http://127.0.0.1:{bench.screen_port}/   what employees see; F11")
        _say(f"          http://127.0.0.1:{bench.technician_port}/   for technicians: "
             f"{TECHNICIAN}, the same password")  # fmt: skip
    _say(f"status    kiosk status --config {bench.kiosk_toml}")
    _say(f"logs      {bench.data}/*.log")
    _say(
        "real terminal: put its address into [[sources]] of that kiosk.toml, then "
        f"kiosk run --config {bench.kiosk_toml}"
    )
    _say("Ctrl-C ends everything. Each line below is a presence that central has receipted.")


def _enrol(demo: Demo) -> None:
    """Make whoever is simulated known; before a real camera that is left to who stands there."""
    if demo.bench.camera_port is None:
        _say(f"kamera    to be known by it: {demo_camera.by_hand(demo.bench)}")
        return
    _say("kamera    whoever comes before it is enrolled; this takes half a minute")
    try:
        demo.await_camera()
        demo_camera.enrol(demo.bench)
    except Refused as refusal:
        _say(f"kamera    {refusal}")
        _say(f"kamera    to try again: {demo_camera.by_hand(demo.bench)}")
    else:
        _say("kamera    enrolled; from now on a visit is a punch of theirs, by face")


def _enrol_finger(demo: Demo) -> None:
    """Make whoever comes to the simulated module known, as it would be done with anybody."""
    _say("jari      somebody is enrolled at the finger module; this takes ten seconds")
    with contextlib.suppress(Refused):  # of an earlier run: a simulated module begins empty
        demo.bench.kiosk("fingers", "remove", FINGERS_OWNER, "--by", "demo")
    try:
        said = demo.bench.kiosk("enrol", "finger", FINGERS_OWNER, "--by", "demo",
                                "--notice", "demo-1", "--basis", "public-task")  # fmt: skip
    except Refused as refusal:
        _say(f"jari      {refusal}")
    else:
        _say(f"jari      {said.strip()}; from now on they come every 20 seconds")


def _watch(demo: Demo) -> None:
    """Print every presence as central's receipt for it comes, and every part that ends."""
    waiting: dict[str, dict[int, Recorded]] = {}
    reported: set[Part] = set()
    printed = 0
    while True:
        for event in _happenings(demo.bench):
            if isinstance(event, Recorded):
                waiting.setdefault(event.epoch, {})[event.seq] = event
            elif isinstance(event, Receipted):
                here = waiting.get(event.epoch, {})
                for seq in sorted(seq for seq in here if seq <= event.through):
                    printed += 1
                    _say(_line(here.pop(seq), printed))
            _report_ended(demo, reported)
        _report_ended(demo, reported)
        time.sleep(0.2)


def _report_ended(demo: Demo, reported: set[Part]) -> None:
    for part, code in demo.ended().items():
        if part not in reported:
            reported.add(part)
            again = shlex.join(demo.bench.command(part))
            _say(f"{part.value} ended ({code}); to start it again: {again}")


def _happenings(bench: Bench) -> Iterator[Happening | Alive]:
    """Yield what the daemon tells until it is away."""
    with contextlib.suppress(NoDaemon):
        for line in ask(bench.socket, "watch"):
            yield msgspec.json.decode(line, type=Happening | Alive)


def _line(event: Recorded, number: int) -> str:
    one = event.presence
    who = event.name or f"tidak dikenal ({one.user})"
    when = one.time.partition("T")[2].replace(":", ".")
    return f"{number:>6}  {when}  {who:<28} {one.method:<12} {one.mark.value:<8} entry {event.seq}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
