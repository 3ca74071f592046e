"""`kiosk doctor`: every part of the kiosk, how it is, and what to do.

What the daemon says of itself comes in the sentences of `kiosk status`; beside it stands what can
be found without it, and what takes a while to find out.
"""

import argparse
import logging
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
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
from kiosk.cli.vault import write_out
from kiosk.doctor import (
    acceptance,
    board,
    bundle,
    card,
    clockwork,
    install,
    journal,
    network,
    releases,
    serialports,
)
from kiosk.doctor.breach import report as breach_report
from kiosk.doctor.machine import Machine
from kiosk.doctor.scrub import Scrubber
from kiosk.faces.vaultfile import VaultError
from kiosk.facts import STATES, Fact, State, worst
from kiosk.health import Status
from kiosk.journald import handler
from kiosk.logs import since
from kiosk.release.house import Releases
from kiosk.rostered import roster_on
from kiosk.screen.technician.facts import facts
from kiosk.settings import Place, has_secrets, load
from sync.breach import text
from sync.journal.errors import JournalError
from sync.keyfile import KeyFileError, load_or_make, load_public
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import PublicKey
from sync.settingsfile import SettingsError

HELP = "look at every part of the kiosk, and say what to do"
EXAMPLES = """examples:
  kiosk doctor
  kiosk doctor --config kiosk.toml --json
  kiosk doctor --bundle /media/usb/kiosk.tar.gz       for whoever helps: no names, no numbers
  kiosk doctor --log                                   a line of the log for each finding
  kiosk doctor --accept /media/usb/accepted.txt --by rudi
  kiosk doctor --breach --known today > /media/usb/breach.txt    it names people: guard it
  kiosk doctor --verify accepted.txt [--key kiosk.pem]

What the daemon says of itself comes first, then cameras, then the machine: settings, disk, memory,
heat, power, what keeps the clock, the way to the broker, serial ports. Only looks: the one thing
that is sent anywhere is a TLS greeting to the broker.

--accept signs what was found with the device key, if nothing is BAD; what is LOOK stands in it, and
--by says who has looked. --verify checks such a report: with this kiosk's key, or that of another.
--breach is for a card or second medium that was lost or stolen: whose templates, how protected, and
until when they are to be told (Pasal 46 UU 27/2022); run it here, or where the last backup went.

Exit codes: 0 all is well, 1 something is to be done, 3 the settings cannot be read. For each camera
the gallery is measured (`kiosk camera calibrate`): has it outgrown the threshold in force?"""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")
_SYMBOLS: Final = {State.GOOD: "ok  ", State.LOOK: "LOOK", State.BAD: "BAD "}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--running", action="store_true", help="only what the daemon says of itself"
    )
    parser.add_argument("--log", action="store_true", help="a line of the log for each finding, "
                        "without personal data; for presensi-doctor.timer")  # fmt: skip
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write it without personal "
                        "data, a tar.gz for whoever helps")  # fmt: skip
    parser.add_argument("--breach", action="store_true", help="say instead whose data is on this "
                        "medium: for one like it that was lost")  # fmt: skip
    parser.add_argument("--known", default="", metavar="TIME", help="since when the loss is known "
                        "(default: now)")  # fmt: skip
    parser.add_argument("--accept", type=Path, metavar="FILE", help="sign that all is well")
    parser.add_argument("--by", default="", metavar="NAME", help="who accepts")
    parser.add_argument("--verify", type=Path, metavar="FILE", help="check an accepted report")
    parser.add_argument("--key", type=Path, metavar="PEM", help="of the kiosk that signed it")


def run(arguments: argparse.Namespace) -> int:
    """Look at everything and say it."""
    if arguments.verify is not None:
        return _verify(arguments)
    try:
        place = load(arguments.config)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    if arguments.accept is not None and not arguments.by:
        raise Refused("who accepts it? Say --by NAME", Exit.USAGE)
    if arguments.breach:
        return _breach(arguments, place)
    found = [*_running(place)]
    if not arguments.running:
        found += [*_cameras(place), *_machine(place)]
    if arguments.log:
        logging.basicConfig(level=logging.INFO, handlers=[handler("presensi-doctor")])
        journal.tell(found, _scrubber(place))
    elif arguments.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.write("".join(_lines(one) for one in found))
        sys.stdout.write(f"{STATES[worst(found)]}\n")
    try:
        if arguments.bundle is not None:
            _bundle(arguments.bundle, place, found)
        if arguments.accept is not None:
            _accept(arguments, place, found)
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}", Exit.STORAGE) from error
    return Exit.OK if worst(found) is State.GOOD else Exit.FAILED


def _breach(arguments: argparse.Namespace, place: Place) -> int:
    """Say whose data is on this medium. Raises Refused."""
    now = datetime.now().astimezone()
    try:
        known = since(arguments.known, now) if arguments.known else now
        said = breach_report(place, now, known)
    except ValueError as error:
        raise Refused(
            f"--known {arguments.known}: say today, 07:30 or 2026-11-24T07:30", Exit.USAGE
        ) from error
    except (JournalError, VaultError) as error:
        raise Refused(str(error), Exit.STORAGE) from error
    shown = msgspec.json.encode(said).decode() + "\n" if arguments.json else text(said)
    sys.stdout.write(shown)
    return Exit.OK


def _bundle(file: Path, place: Place, found: Sequence[Fact]) -> None:
    """Write the bundle. Raises Refused, OSError."""
    said = {}
    for name, wanted in (("status.json", "status"), ("troubles.json", "troubles")):
        with suppress(Refused):  # a daemon that is away is a finding
            told = answer(place.file, wanted)
            said[name] = told if wanted == "status" else carried_out(place.file, wanted).encode()
    content = bundle.pack(found, said, place.file.read_text(errors="replace"), _scrubber(place))
    write_out(file, content)
    sys.stdout.write(f"{file}: {len(content) / 1000:.0f} kB, without names and numbers\n")


def _scrubber(place: Place) -> Scrubber:
    """Return what takes everybody of this kiosk's roster out of a text."""
    roster = roster_on(place.data)
    return Scrubber(roster.names(), roster.known)


def _accept(arguments: argparse.Namespace, place: Place, found: Sequence[Fact]) -> None:
    """Write the signed report. Raises Refused, OSError."""
    bad = [one.title for one in found if one.state is State.BAD]
    if bad:
        raise Refused(f"not accepted: {', '.join(bad)} must be mended first")
    try:
        status = msgspec.json.decode(answer(place.file, "status"), type=Status)
        key = load_or_make(place.key)
    except KeyFileError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    content = acceptance.report(
        *(place.settings.kiosk, arguments.by, status.clock.utc),
        sure=status.clock.may_show_lateness,
        found=found,
        key=key,
    )
    write_out(arguments.accept, content)
    sys.stdout.write(f"{arguments.accept}: signed with device key {key.public.fingerprint}\n")


def _verify(arguments: argparse.Namespace) -> int:
    """Check a report. With --key that needs nothing of a kiosk. Raises Refused."""
    try:
        one, signed = acceptance.read(arguments.verify.read_bytes())
        signed.verify(_key(arguments))
    except OSError as error:
        raise Refused(f"{arguments.verify}: {error.strerror}", Exit.UNAVAILABLE) from error
    except ProtocolError as error:
        raise Refused(
            f"{arguments.verify}: it does not hold: {error}. Of another kiosk? Say --key"
        ) from error
    sys.stdout.write(acceptance.page(one).lstrip() + "the signature holds\n")
    return Exit.OK


def _key(arguments: argparse.Namespace) -> PublicKey:
    try:
        if arguments.key is not None:
            return load_public(arguments.key)
        place = load(arguments.config)
        if not place.key.exists():  # else one would be made
            raise Refused(f"{place.key}: no key here; say --key PEM, of the kiosk that signed it")
        return load_or_make(place.key).public
    except SettingsError as error:
        raise Refused(f"{error}; anywhere else say --key PEM", Exit.SETTINGS) from error
    except KeyFileError as error:
        raise Refused(str(error), Exit.SETTINGS) from error


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
    yield from releases.findings(Releases(), place.data)
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
    lines += [_wrapped(words) for words in fact.advice]
    return "\n".join(lines) + "\n"


def _wrapped(words: str) -> str:
    """Return advice as a paragraph of its own at a terminal, else as one line: for `grep`."""
    if not sys.stdout.isatty():
        return f"      > {words}"
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        words,
        max(width, 40),
        initial_indent="      > ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )
