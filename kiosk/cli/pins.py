"""`kiosk pins`: who may say a PIN at a keypad of this kiosk."""

import argparse
import sys
from getpass import getpass
from pathlib import Path
from typing import Final

import msgspec

from kiosk.cli.exits import Exit
from kiosk.cli.status import carried_out
from kiosk.pins import Known

HELP = "who may say a PIN at a keypad; set and remove one"
EXAMPLES = """examples:
  kiosk pins list [--json]
  kiosk pins set 17 --by rudi             a new PIN for whoever has number 17, shown once
  kiosk pins set 17 --ask --by rudi       the person types it; nothing shows it
  kiosk pins remove 17 --by rudi

For people whose finger no reader takes. A PIN is one person's under one number and ends when the
roster gives the number to somebody else. Whether a punch by it counts say the rules: a `pin` grant
(docs/WORKTIME.md). After five wrong ones in ten minutes none of that number counts for a while."""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(dest="pins_verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="which numbers have a PIN")
    listing.add_argument("--json", action="store_true", help="as JSON")
    put = verbs.add_parser("set", help="give a number a PIN")
    put.add_argument("--ask", action="store_true", help="ask for it instead of making one")
    remove = verbs.add_parser("remove", help="take a number's PIN away")
    for one in (put, remove):
        one.add_argument(
            "user",
            metavar="NUMBER",
            help="the user number that the roster gives to the person, not their id",
        )
        one.add_argument("--by", required=True, metavar="NAME", help="who does it; it is recorded")
    for one in (listing, put, remove):
        one.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    if arguments.pins_verb == "list":
        told = carried_out(arguments.config, "pins")
        if arguments.json:
            sys.stdout.write(f"{told}\n")
            return Exit.OK
        known = msgspec.json.decode(told, type=list[Known])
        sys.stdout.write("".join(f"{one.user:>10}  {one.person}\n" for one in known))
        sys.stdout.write(f"{len(known)} PINs\n")
        return Exit.OK
    said = {"user": arguments.user, "by": arguments.by}
    if arguments.pins_verb == "remove":
        sys.stdout.write(carried_out(arguments.config, "remove pin", said) + "\n")
        return Exit.OK
    if arguments.ask:
        said["pin"] = getpass("PIN: ")
    pin = carried_out(arguments.config, "set pin", said, 15.0)
    shown = "is set" if arguments.ask else f"is {pin}: say it to them, it is shown once"
    sys.stdout.write(f"the PIN of number {arguments.user} {shown}\n")
    return Exit.OK
