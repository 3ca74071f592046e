"""`kiosk technicians`: who may log in at this kiosk's page for technicians."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import carried_out
from kiosk.technicians import Known

HELP = "who may log in at this kiosk's page for technicians"
EXAMPLES = """examples:
  kiosk technicians list
  kiosk technicians add rudi --by admin          prints a new password, once
  printf 'rahasia-sekali\\n' | kiosk technicians add rudi --by admin --password-stdin
  kiosk technicians end rudi --by admin          and logs them out at once

Everybody has a name and a password of their own; what they do is recorded under that name."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(dest="technicians_verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="list them")
    listing.add_argument("--json", action="store_true", help="as a JSON list")
    add = verbs.add_parser("add", help="add one, or give them a new password")
    end = verbs.add_parser("end", help="let one in no more")
    for one in (add, end):
        one.add_argument("name", metavar="NAME")
        one.add_argument("--by", required=True, metavar="NAME", help="who does it; it is recorded")
    add.add_argument("--password-stdin", action="store_true", help="read the password from stdin")
    for one in (listing, add, end):
        one.add_argument(
            "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
        )


def run(arguments: argparse.Namespace) -> int:
    """Ask the daemon."""
    if arguments.technicians_verb == "list":
        return _list(arguments)
    said = {"name": arguments.name, "by": arguments.by}
    if arguments.technicians_verb == "end":
        sys.stdout.write(carried_out(arguments.config, "end technician", said, 15.0) + "\n")
        return Exit.OK
    if arguments.password_stdin:
        said["password"] = sys.stdin.readline().rstrip("\r\n")
        if not said["password"]:  # else a new one would be made, and nobody told
            raise Refused("stdin has no password; nothing has changed", Exit.USAGE)
    password = carried_out(arguments.config, "add technician", said, timeout_s=15.0)
    shown = "" if arguments.password_stdin else f"password {password}\nIt is shown only now.\n"
    sys.stdout.write(f"{arguments.name} can log in\n{shown}")
    return Exit.OK


def _list(arguments: argparse.Namespace) -> int:
    told = carried_out(arguments.config, "technicians", timeout_s=15.0)
    if arguments.json:
        sys.stdout.write(told + "\n")
        return Exit.OK
    for one in msgspec.json.decode(told, type=list[Known]):
        ended = f", until {_day(one.until)}" if one.until else ""
        sys.stdout.write(f"{one.name:24} since {_day(one.since)}{ended}\n")
    return Exit.OK


def _day(utc_ms: int) -> str:
    return f"{datetime.fromtimestamp(utc_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
