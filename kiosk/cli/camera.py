"""`kiosk camera`: which cameras there are, and what the people enrolled here say of a threshold."""

import argparse
import sys
from pathlib import Path
from typing import Final

import msgspec

from drivers.faces import Calibration
from kiosk.cameras import CALIBRATE_S, VISITS
from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import answer
from kiosk.local import Done, Refusal

HELP = "find the cameras of this machine; measure the gallery and recommend a threshold"
EXAMPLES = """examples:
  kiosk camera find                        what is plugged in, as `capture` names it
  kiosk camera calibrate                   of the only camera, for 50 strangers a day
  kiosk camera calibrate pintu --visits 400 --json

Calibrating compares everybody who is enrolled here with everybody else. The more people a gallery
has, the likelier a stranger resembles one of them: the threshold that was right for 50 people may
be wrong for 500. Put what is recommended into the source in kiosk.toml (threshold, margin) and
restart. It exits with 1 where the gallery has outgrown the threshold in force."""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    find = verbs.add_parser("find", help="the cameras of this machine")
    find.set_defaults(do=_find)
    calibrate = verbs.add_parser("calibrate", help="measure the gallery of a camera")
    calibrate.set_defaults(do=_calibrate)
    calibrate.add_argument("source", nargs="?", default="", help="which camera, if several")
    calibrate.add_argument(
        "--visits", type=int, default=VISITS, metavar="N", help="strangers a day (%(default)s)"
    )
    for verb in (find, calibrate):
        verb.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")
        verb.add_argument("--json", action="store_true", help="for programs")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    code: int = arguments.do(arguments)
    return code


def _find(arguments: argparse.Namespace) -> int:
    found = [f"v4l2:{one}" for one in devices()]
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{one}\n" for one in found) or "no camera is plugged in\n")
    return Exit.OK


def devices(root: Path = Path("/dev")) -> list[Path]:
    """Return the video devices, by the names that stay when another is plugged in beside them."""
    for directory in ("v4l/by-id", "v4l/by-path"):
        found = sorted((root / directory).glob("*-index0"))
        if found:
            return found
    return sorted(root.glob("video*"))


def _calibrate(arguments: argparse.Namespace) -> int:
    said = {"source": arguments.source, "visits": str(arguments.visits)}
    line = answer(arguments.config, "calibrate", said, timeout_s=CALIBRATE_S + 5)
    told = msgspec.json.decode(line, type=Done | Refusal)
    if isinstance(told, Refusal):
        raise Refused(told.reason)
    measured = msgspec.json.decode(told.text, type=Calibration)
    sys.stdout.write(f"{told.text}\n" if arguments.json else page(measured))
    return Exit.FAILED if measured.outgrown else Exit.OK


def page(measured: Calibration) -> str:
    """Return what was measured, for a person."""
    lines = [
        f"{measured.people} people, {measured.pairs} comparisons of two ({measured.model})",
        *(
            f"  {share:>8} of them below  {score:.3f}"
            for share, score in measured.quantiles.items()
        ),
    ]
    if measured.nearest is not None:
        one, other, score = measured.nearest
        lines.append(f"nearest      {one} and {other}, {score:.3f}: one person, or relatives?")
    if measured.genuine_lowest is not None:
        lines.append(f"lowest of one person with themselves  {measured.genuine_lowest:.3f}")
    lines += [
        f"in force     threshold {measured.threshold:.3f}, margin {measured.margin:.3f}: of "
        f"{measured.visits} strangers a day {measured.expected_daily:.2g} are taken for somebody",
        f"recommended  threshold {measured.recommended_threshold:.3f}, "
        f"margin {measured.recommended_margin:.3f}",
    ]
    if measured.outgrown:
        lines.append(measured.outgrown)
    return "\n".join(lines) + "\n"
