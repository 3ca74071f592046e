"""`kiosk devices`: the terminals of this kiosk, and what a technician does with them.

Everything goes through the running daemon, which holds each terminal's only session.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import msgspec

from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import another, answer
from kiosk.health import SourceStatus, Status
from kiosk.local import Done, Refusal

HELP = "list the terminals, read one again, or say that one was replaced"
EXAMPLES = """examples:
  kiosk devices --config kiosk.toml
  kiosk devices --json --config kiosk.toml
  kiosk devices read lobi --config kiosk.toml
  kiosk devices replace lobi --by rudi --config kiosk.toml

A source is bound to the terminal that answered first. Another one under the same address is heard
and recorded, but nobody is known by its users until `replace` says that it is the successor. Rows
of the old terminal that were brought along are recognised. Everything is recorded with the name
given."""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    # No default and no option twice: what stands before a verb counts as well as after it.
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="as one JSON list")
    verbs = parser.add_subparsers(dest="devices_verb", metavar="VERB")
    read = verbs.add_parser("read", help="have a terminal's whole record read again")
    replace = verbs.add_parser("replace", help="the terminal that answers now is the successor")
    replace.add_argument("--by", required=True, metavar="NAME", help="who says so")
    for verb in (read, replace):
        verb.add_argument("source", metavar="SOURCE")
        verb.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """List the terminals, or have the daemon do what is asked."""
    config = getattr(arguments, "config", _CONFIG)
    match arguments.devices_verb:
        case "read":
            return _done(config, "read", {"source": arguments.source})
        case "replace":
            return _done(config, "replace", {"source": arguments.source, "by": arguments.by})
    sources = msgspec.json.decode(answer(config, "status"), type=Status).sources
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(sources).decode() + "\n")
    else:
        sys.stdout.write("".join(_lines(one) for one in sources))
    return Exit.OK


def _done(config: Path, wanted: str, said: dict[str, str]) -> int:
    said_back = msgspec.json.decode(answer(config, wanted, said), type=Done | Refusal)
    if isinstance(said_back, Refusal):
        raise Refused(f"nothing was changed: {said_back.reason}")
    sys.stdout.write(f"{said_back.text}\n")
    return Exit.OK


def _lines(source: SourceStatus) -> str:
    state = "connected" if source.connected else source.phase
    drift = "?" if source.drift_ms is None else f"{source.drift_ms / 1000:+.1f} s"
    lines = [
        f"{source.name}   {state}",
        f"  terminal   {source.model or '?'}, serial {source.serial or '?'}",
        f"  clock      {drift} from ours",
        f"  record     {source.records} rows, read completely to {source.covered or 'never'}",
    ]
    lines += [f"  {said}" for said in (source.error, another(source)) if said]
    return "\n".join(lines) + "\n"
