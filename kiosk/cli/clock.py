"""`kiosk clock`: how far the running daemon's clock can be trusted, and a technician's word for it.

The machine's own clock is not set from here: the daemon goes by what it is told.
"""

import argparse
import math
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import answer, clock_in_words
from kiosk.health import ClockStatus, Status
from kiosk.local import Done, Refusal
from kiosk.settings import load
from kiosk.truth import Trust
from sync.settingsfile import SettingsError

HELP = "show how far the clock can be trusted, or witness the time"
EXAMPLES = """examples:
  kiosk clock --config kiosk.toml
  kiosk clock --config kiosk.toml --json
  kiosk clock witness "2026-11-26 07:31" --by rudi --config kiosk.toml
  kiosk clock witness "2026-11-26 07:31:20" --by rudi --error 5 --config kiosk.toml

The time is read in the zone of the first source (--utc: in UTC). It is refused where it is before
the last known time or contradicts what the clock goes by; --force is for somebody who is sure that
those are wrong. Nobody overrules NTP. Everything is recorded with the name given."""

_ADVICE: Final = {
    Trust.UNKNOWN: "check the network and NTP (`timedatectl`, `chronyc tracking`), wait for the "
    'line to central, or witness the time: kiosk clock witness "YYYY-MM-DD HH:MM" --by NAME',
    Trust.WITNESSED: "nothing has to be done; NTP would do better, if it can be had",
    Trust.DOUBTED: "have central's clock repaired; then witness the time with --force",
    Trust.HOLDOVER: "NTP was there and is gone: check the network and the NTP server",
    Trust.SYNCED: "nothing has to be done",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    # No default and no option twice: what stands before `witness` counts as well as after it.
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    verbs = parser.add_subparsers(dest="clock_verb", metavar="witness")
    witness = verbs.add_parser("witness", help="say what time it is now")
    witness.add_argument("time", help='"YYYY-MM-DD HH:MM[:SS]", as a watch shows it now')
    witness.add_argument("--by", required=True, metavar="NAME", help="who says so")
    witness.add_argument("--error", type=float, default=60.0, metavar="SECONDS",
                         help="how far off that may be (default: 60)")  # fmt: skip
    witness.add_argument("--utc", action="store_true", help="the time is UTC")
    witness.add_argument("--force", action="store_true", help="against what the kiosk knows")
    witness.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Show the clock, or pass on what a technician says."""
    config = getattr(arguments, "config", Path("/etc/presensi-kiosk/kiosk.toml"))
    if arguments.clock_verb == "witness":
        return _witness(config, arguments)
    clock = msgspec.json.decode(answer(config, "status"), type=Status).clock
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(clock).decode() + "\n")
    else:
        sys.stdout.write("\n".join(_page(clock, _zone(config))) + "\n")
    return Exit.OK


def _witness(config: Path, arguments: argparse.Namespace) -> int:
    zone = ZoneInfo("UTC") if arguments.utc else _zone(config)
    try:
        naive = datetime.fromisoformat(arguments.time)
    except ValueError as error:
        raise Refused(
            f'{arguments.time!r} is no time; write "2026-11-26 07:31"', Exit.USAGE
        ) from error
    if not 0 <= arguments.error < math.inf:
        raise Refused(f"--error {arguments.error:g}: seconds, 0 or more", Exit.USAGE)
    when = naive if naive.tzinfo else naive.replace(tzinfo=zone)
    said = {
        "by": arguments.by,
        "utc": str(round(when.timestamp() * 1000)),
        "error": str(round(arguments.error * 1000)),
        "sure": "yes" if arguments.force else "no",
    }
    told = msgspec.json.decode(answer(config, "witness", said), type=Done | Refusal)
    if isinstance(told, Refusal):
        hint = "" if arguments.force else ". Sure all the same? Say it again with --force"
        raise Refused(f"nothing was recorded: {told.reason}{hint}")
    sys.stdout.write(f"{told.text}\n")
    return Exit.OK


def _page(clock: ClockStatus, zone: ZoneInfo) -> list[str]:
    lines = [
        f"now      {_local(clock.utc, zone)}",
        f"state    {clock_in_words(clock)}",
    ]
    if clock.trouble:
        lines.append(f"trouble  {clock.trouble}")
    for fix in clock.fixes:
        lines.append(f"fix      {_local(fix.utc, zone)} +-{fix.error_ms / 1000:g} s, {fix.anchor}")
    lines.append(f"to do    {_ADVICE[Trust(clock.state)]}")
    return lines


def _zone(config: Path) -> ZoneInfo:
    try:
        return ZoneInfo(load(config).settings.sources[0].timezone)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error


def _local(utc_ms: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(zone).isoformat(" ", "seconds")
