"""`kiosk camera`: which cameras there are, and what the people enrolled here say of a threshold."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from drivers.faces import PAIRS_FOR_TAIL, Calibration
from kiosk.cameras import CALIBRATE_S, VISITS
from kiosk.cli.exits import Exit
from kiosk.cli.status import carried_out

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

_CHIPS: Final = ("bcm2835-", "pispbe", "rp1-", "rpi-", "rpivid", "unicam")
"""Coders, decoders and the two ends of the Pi's own camera, which picamera2 reads."""


_NONE: Final = """\
no USB camera is plugged in. The Pi's own is `capture = "picamera2:0"`; a network camera's, its
rtsp:// or http:// address
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    find = verbs.add_parser("find", help="the cameras of this machine")
    find.set_defaults(do=_find)
    calibrate = verbs.add_parser("calibrate", help="measure the gallery of a camera")
    calibrate.set_defaults(do=_calibrate)
    calibrate.add_argument("source", nargs="?", default="", help="which camera, if several")
    calibrate.add_argument(
        "--visits", type=_count, default=VISITS, metavar="N", help="strangers a day (%(default)s)"
    )
    for verb in (find, calibrate):
        verb.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")
        verb.add_argument("--json", action="store_true", help="for programs")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    code: int = arguments.do(arguments)
    return code


def _find(arguments: argparse.Namespace) -> int:
    found = [f"v4l2:{one}" for one in devices()]
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(found).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{one}\n" for one in found) or _NONE)
    return Exit.OK


def devices(
    root: Path = Path("/dev"), told: Path = Path("/sys/class/video4linux")
) -> Sequence[Path]:
    """Return the cameras, by the names that stay when another is plugged in beside them.

    `told` is where the system says what a device is called.
    """
    for pattern in ("v4l/by-id/*-index0", "v4l/by-path/*-index0", "video*"):
        found = [one for one in sorted(root.glob(pattern)) if not _is_chip(one, told)]
        if found:
            return found
    return ()


def _is_chip(device: Path, told: Path) -> bool:
    """Return whether a device is a part of a Raspberry Pi, which gives no pictures by itself."""
    name = told / device.resolve().name / "name"
    return name.exists() and name.read_text().startswith(_CHIPS)


def _calibrate(arguments: argparse.Namespace) -> int:
    said = {"source": arguments.source, "visits": str(arguments.visits)}
    told = carried_out(arguments.config, "calibrate", said, CALIBRATE_S + 5)
    measured = msgspec.json.decode(told, type=Calibration)
    sys.stdout.write(f"{told}\n" if arguments.json else page(measured))
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
    if measured.pairs < PAIRS_FOR_TAIL:
        lines += [
            f"in force     threshold {measured.threshold:.3f}, margin {measured.margin:.3f}",
            f"recommended  nothing yet: {PAIRS_FOR_TAIL} comparisons are the least that says "
            "something about strangers (46 people)",
        ]
        return "\n".join(lines) + "\n"
    lines += [
        f"in force     threshold {measured.threshold:.3f}, margin {measured.margin:.3f}: of "
        f"{measured.visits} strangers a day {measured.expected_daily:.2g} are taken for somebody",
        f"recommended  threshold {measured.recommended_threshold:.3f}, "
        f"margin {measured.recommended_margin:.3f}",
    ]
    if measured.outgrown:
        lines.append(measured.outgrown)
    return "\n".join(lines) + "\n"
