"""`kiosk doctor`: every part of the kiosk, how it is, and what to do.

What the daemon says of itself comes in the sentences of `kiosk status`; beside it stands what can
be found without it, and what takes a while to find out.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from drivers.camera import weights
from drivers.errors import SourceError
from drivers.faces import Calibration
from drivers.options import Camera, SerialLine
from drivers.ports import listed
from drivers.serialport import holder_of
from kiosk.cameras import CALIBRATE_S
from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import answer, carried_out
from kiosk.doctor import board, card, clockwork, install, network, serialports
from kiosk.doctor.machine import Machine
from kiosk.facts import STATES, Fact, State, worst
from kiosk.health import Status
from kiosk.screen.technician.facts import facts
from kiosk.settings import Place, has_secrets, load
from sync.settingsfile import SettingsError

HELP = "look at every part of the kiosk, and say what to do"
EXAMPLES = """examples:
  kiosk doctor
  kiosk doctor --config kiosk.toml --json

What the daemon says of itself comes first, then cameras, then the machine: settings, disk, memory,
heat, power, what keeps the clock, the way to the broker, serial ports. Only looks: the one thing
that is sent anywhere is a TLS greeting to the broker.

Exit codes: 0 all is well, 1 something is to be done, 3 the settings cannot be read. For each camera
the gallery is measured (`kiosk camera calibrate`): has it outgrown the threshold in force?"""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")
_SYMBOLS: Final = {State.GOOD: "ok  ", State.LOOK: "LOOK", State.BAD: "BAD "}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace) -> int:
    """Look at everything and say it."""
    try:
        place = load(arguments.config)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    found = [*_running(place), *_cameras(place), *_machine(place)]
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.write("".join(_lines(one) for one in found))
        sys.stdout.write(f"{STATES[worst(found)]}\n")
    return Exit.OK if worst(found) is State.GOOD else Exit.FAILED


def _running(place: Place) -> Sequence[Fact]:
    """Return what the daemon says of itself, or that it says nothing."""
    try:
        status = msgspec.json.decode(answer(place.file, "status"), type=Status)
    except Refused as refusal:
        return [Fact(title="Daemon", state=State.BAD, said="tidak ada", advice=[str(refusal)])]
    return facts(status, place.settings.sources[0].timezone)


def _machine(place: Place) -> Iterator[Fact]:
    """Yield what the machine itself shows."""
    machine, settings = Machine(), place.settings
    yield from install.findings(place.file, has_secrets(settings))
    yield from card.findings(machine, place.data)
    yield from board.findings(machine)
    yield from clockwork.findings(machine)
    yield from network.findings(machine, place.line)
    lines = [one for one in settings.sources if isinstance(one, SerialLine)]
    yield from serialports.findings(machine, lines, listed(holder_of))


def _cameras(place: Place) -> Iterator[Fact]:
    """Yield how the cameras' weights are, and whether their galleries have outgrown them."""
    for camera in place.settings.sources:
        if isinstance(camera, Camera):
            yield _weights(camera, place.models)
            yield _gallery(camera, place)


def _weights(camera: Camera, directory: Path) -> Fact:
    names = [camera.engine.value, *([camera.passive] if camera.passive else [])]
    try:
        wrong = [
            f"{one.file} is {state.value} in {directory}: kiosk models install {name}"
            for name in names
            for one in weights.wanted(name)
            if (state := weights.state(one, directory)) is not weights.State.OK
        ]
    except SourceError as error:
        wrong = [str(error)]
    except OSError as error:
        wrong = [f"{error.filename}: {error.strerror}; run it as root, or as the kiosk's user"]
    return Fact(
        title=f"Kamera {camera.name}: model",
        state=State.BAD if wrong else State.GOOD,
        said=", ".join(names),
        advice=wrong,
    )


def _gallery(camera: Camera, place: Place) -> Fact:
    title = f"Kamera {camera.name}: wajah"
    try:
        told = carried_out(place.file, "calibrate", {"source": camera.name}, CALIBRATE_S + 5)
    except Refused as refusal:
        return Fact(title=title, state=State.LOOK, said="tidak diukur", advice=[str(refusal)])
    measured = msgspec.json.decode(told, type=Calibration)
    advice = [measured.outgrown] if measured.outgrown else []
    if not measured.people:
        advice = ["nobody's face is known here: kiosk enrol face PERSON"]
    return Fact(
        title=title,
        state=State.LOOK if advice else State.GOOD,
        said=f"{measured.people} orang",
        rows=[("Ambang", f"{measured.threshold:.3f}, jarak {measured.margin:.3f}")],
        advice=advice,
    )


def _lines(fact: Fact) -> str:
    lines = [f"{_SYMBOLS[fact.state]}  {fact.title}: {fact.said}"]
    lines += [f"        {what}: {value}" for what, value in fact.rows]
    lines += [f"      > {words}" for words in fact.advice]
    return "\n".join(lines) + "\n"
