"""`kiosk approve`: a technician's word for a push terminal that calls and is not known yet."""

import argparse
import sys
from pathlib import Path

from kiosk.cli.status import carried_out

HELP = "approve a push terminal that calls this kiosk and is unknown"
EXAMPLES = """examples:
  kiosk status                                   shows who calls and is unknown
  kiosk approve CJDE193560303 --name lobi --by rudi
  kiosk approve CJDE193560303 --name lobi --by rudi --timezone Asia/Jayapura

Compare the serial with the one that the terminal shows under System Info. It counts at once and
after a restart; who approved it is recorded. The terminal has kept its punches meanwhile."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("serial", help="its serial number, as `kiosk status` shows it")
    parser.add_argument("--name", required=True, help="of the source: a-z, 0-9, - and _")
    parser.add_argument("--by", required=True, metavar="NAME", help="who approves it")
    parser.add_argument(
        "--timezone", default="", metavar="ZONE", help="of its clock (Asia/Jakarta)"
    )
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )


def run(arguments: argparse.Namespace) -> int:
    """Pass on the approval."""
    said = {name: getattr(arguments, name) for name in ("serial", "name", "by", "timezone")}
    sys.stdout.write(carried_out(arguments.config, "approve", said) + "\n")
    return 0
