"""`kiosk enrol`: make somebody known by face or by finger, and see who is known by face."""

import argparse
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from drivers.faces import Enrolled
from drivers.prompt import Prompt
from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import carried_out
from kiosk.devices import LOOK_S
from kiosk.faces.enrolment import ENROL_S, Listed, Listing
from kiosk.fingers.enrolment import ENROL_S as FINGER_S
from kiosk.fingers.enrolment import MINIMUM
from kiosk.ground import Basis
from kiosk.local import NoDaemon, ask
from kiosk.prompts import Prompted
from kiosk.settings import load
from sync import firstuse
from sync.settingsfile import SettingsError

HELP = "make somebody known by face or finger; who is by face"
EXAMPLES = """examples:
  kiosk enrol face 198706152010012003 --notice 2026-1 --basis public-task --by rudi
  kiosk enrol face 198706152010012003 --notice 2026-1 --basis consent --reference "form 17" \\
      --by rudi --source pintu
  kiosk enrol face 198706152010012003 --notice 2026-1 --basis public-task --by rudi \\
      --from lurus.jpg kiri.jpg kanan.jpg
  kiosk enrol finger 198706152010012003 --notice 2026-1 --basis public-task --by rudi
  kiosk enrol list [--json]
  kiosk enrol prune --model sface:0ba9fbfa01b5 --by rudi

For a face, the person stands before the camera and does what the screen (and this console) asks:
three pictures that differ in pose. Templates are kept, encrypted; the pictures are discarded unless
the settings say otherwise. Show the person the notice first; its version and the legal basis are
recorded (UU 27/2022; docs/PRIVACY.md).

For a finger, the person stands at the module and does what is asked: place, lift, place again. It
is looked for first (nobody is known by a finger that is somebody's already), its reads must match
each other before it is stored, and it is found once more after. Again for a second finger. What is
known by finger: kiosk fingers.

`list` says who has to be enrolled again because the camera has another model now; their old
templates stay until then, or until `prune`, which destroys what is not of the model named.

exit codes: 0 done, 1 refused (the text says why), 2 words, 3 settings, 4 no daemon"""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")

_WORDS: Final = {
    Prompt.LOOK_STRAIGHT: "look straight into the camera",
    Prompt.TURN_LEFT: "turn the head to the left",
    Prompt.TURN_RIGHT: "turn the head to the right",
    Prompt.COME_CLOSER: "come closer",
    Prompt.MORE_LIGHT: "more light on the face",
    Prompt.HOLD_STILL: "hold still",
    Prompt.PLACE_FINGER: "place the finger",
    Prompt.LIFT_FINGER: "lift the finger",
    Prompt.TOO_DRY: "too dry: rub it on the skin, then again",
    Prompt.TOO_WET: "too wet: dry it, then again",
    Prompt.CENTRE_FINGER: "the whole fingertip in the middle of the glass",
    Prompt.OTHER_FINGER: "that finger is known already: use another one",
    Prompt.AGAIN: "once more",
    Prompt.DONE: "done",
    Prompt.FAILED: "it did not work",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(dest="enrol_verb", metavar="VERB", required=True)
    face = verbs.add_parser("face", help="make somebody known by face")
    finger = verbs.add_parser("finger", help="make a finger of somebody known at a finger module")
    for one in (face, finger):
        one.add_argument("person", metavar="PERSON", help="the person's id in the roster (NIP)")
        one.add_argument("--notice", required=True, metavar="V", help="version of the notice shown")
        one.add_argument(
            "--basis", required=True, choices=[each.value for each in Basis], help="legal basis"
        )
        one.add_argument("--reference", default="", metavar="TEXT", help="letter or signed consent")
        one.add_argument(
            "--source", default="", metavar="S", help="which camera or module; not for the only one"
        )
    finger.add_argument("--minimum", type=int, default=MINIMUM, metavar="N",
                        help=f"what two reads must score at least (default {MINIMUM})")  # fmt: skip
    face.add_argument("--from", dest="files", nargs="+", type=Path, default=[], metavar="FILE",
                      help="pictures instead of a camera, three at least")  # fmt: skip
    face.add_argument("--although", action="append", default=[], metavar="PERSON",
                      help="I looked: it is not this person, whom they resemble")  # fmt: skip
    listing = verbs.add_parser("list", help="who is enrolled, and who has to be again")
    prune = verbs.add_parser("prune", help="destroy templates of other models")
    prune.add_argument("--model", required=True, help="which to keep, as `list` shows it")
    for one in (face, finger, prune):
        one.add_argument("--by", required=True, metavar="NAME", help="who does it; it is recorded")
    for one in (face, finger, listing, prune):
        one.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")
        one.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    if arguments.enrol_verb == "list":
        return _list(arguments)
    if arguments.enrol_verb == "prune":
        said = {"model": arguments.model, "by": arguments.by}
        return _say(arguments, carried_out(arguments.config, "prune faces", said, LOOK_S + 5))
    if arguments.enrol_verb == "finger":
        said = _ground(arguments) | {"minimum": f"{arguments.minimum}"}
        return _at_source(arguments, "enrol finger", said, FINGER_S + 2 * LOOK_S + 5)
    return _face(arguments)


def _ground(arguments: argparse.Namespace) -> dict[str, str]:
    names = ("person", "notice", "basis", "reference", "by", "source")
    return {name: getattr(arguments, name) for name in names}


def _at_source(
    arguments: argparse.Namespace, wanted: str, said: dict[str, str], within_s: float
) -> int:
    """Have it done with whoever stands there, whose prompts are shown here as well."""
    try:
        socket = load(arguments.config).socket
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    firstuse.prepare()
    threading.Thread(target=_show, args=(socket,), daemon=True).start()
    return _say(arguments, carried_out(arguments.config, wanted, said, within_s))


def _face(arguments: argparse.Namespace) -> int:
    said = _ground(arguments) | {"although": ",".join(arguments.although)}
    if arguments.files:
        enrolled = _from_files(arguments.config, arguments.source, arguments.files)
        said |= {"source": "", "enrolled": msgspec.json.encode(enrolled).decode()}
        return _say(arguments, carried_out(arguments.config, "enrol face", said, 2 * LOOK_S + 5))
    return _at_source(arguments, "enrol face", said, ENROL_S + 2 * LOOK_S + 5)


def _from_files(config: Path, source: str, files: list[Path]) -> Enrolled:
    """Return what the pictures in `files` give. Raises Refused."""
    from kiosk.cli.enrol_files import from_files  # with the engine: only where files are read

    try:
        return from_files(load(config), source, files)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error


def _show(socket: Path) -> None:
    """Write each prompt to the console, once though it is told anew, until the process ends."""
    last = None
    with suppress(NoDaemon, msgspec.DecodeError):
        for line in ask(socket, "watch", None):
            if b'"prompted"' not in line:
                continue
            told = msgspec.json.decode(line, type=Prompted)
            if told == last:
                continue
            last = told
            step = f"{told.step} of {told.of}: " if told.of else ""
            sys.stderr.write(f"{told.source}: {step}{_WORDS.get(told.what, told.what)}\n")
            sys.stderr.flush()


def _list(arguments: argparse.Namespace) -> int:
    told = carried_out(arguments.config, "faces", {}, LOOK_S + 5)
    if arguments.json:
        sys.stdout.write(told + "\n")
        return Exit.OK
    listing = msgspec.json.decode(told, type=Listing)
    for camera, model in listing.models.items():
        sys.stdout.write(f"camera {camera} works with {model or 'a model that it does not tell'}\n")
    for one in listing.people:
        sys.stdout.write(_line(one) + "\n")
    again = sum(one.again is True for one in listing.people)
    sys.stdout.write(f"{len(listing.people)} people, {again} to be enrolled again\n")
    return Exit.OK


def _line(one: Listed) -> str:
    marks = []
    if one.again:
        marks.append("ENROL AGAIN: the camera has another model")
    if one.damaged:
        marks.append("ENROL AGAIN: a template of theirs cannot be read")
    if not one.in_roster:
        marks.append("NOT IN THE ROSTER: kiosk forget")
    when = f"{datetime.fromtimestamp(one.at / 1000, UTC):%Y-%m-%d}"
    kept = f", {one.pictures} pictures" if one.pictures else ""
    row = (
        f"{one.person:<20} {one.name:<24} {one.templates} templates{kept}, {one.model}, {when} by "
        f"{one.by}, notice {one.notice}, {one.basis}"
    )
    return f"{row}  {'; '.join(marks)}".rstrip()


def _say(arguments: argparse.Namespace, text: str) -> int:
    out = msgspec.json.encode({"done": text}).decode() if arguments.json else text
    sys.stdout.write(f"{out}\n")
    return Exit.OK
