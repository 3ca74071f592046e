"""The `kiosk` command: one file per verb, imported only when its verb is used.

A verb's module has `HELP` (one line), `EXAMPLES` (text for --help), `configure(parser)` and
`run(arguments) -> int` (an exit code). Exit codes are in `kiosk/cli/exits.py`.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from keyword import iskeyword
from types import ModuleType
from typing import Final

from kiosk.cli.exits import Exit, Refused

VERBS: Final = (
    *("setup", "run", "screen", "status", "logs", "doctor", "devices", "camera", "models"),
    *("enrol", "fingers", "pins", "forget", "vault", "backup", "restore", "release", "retire"),
    *("approve", "clock", "journal", "import", "identity", "technicians", "config"),
    *("completion", "sim", "demo"),
)


def _verb(name: str) -> ModuleType:
    return importlib.import_module(f"kiosk.cli.{name}{'_' if iskeyword(name) else ''}")


def parser_of(names: Sequence[str] = VERBS) -> argparse.ArgumentParser:
    """Return the command's parser, with these verbs; each is imported."""
    parser = argparse.ArgumentParser(
        prog="kiosk",
        description="Staff attendance at the edge: terminals in, a durable journal, MQTT out.",
        epilog="`kiosk VERB --help` shows a verb's options and examples.",
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name in names:
        module = _verb(name)
        sub = verbs.add_parser(
            name,
            help=module.HELP,
            description=module.HELP,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.configure(sub)
        sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Only the named verb is imported: `kiosk run` on a Pi should not pay for the others.
    named = words[:1] if words and words[0] in VERBS else VERBS
    arguments = parser_of(named).parse_args(words)
    try:
        code: int = arguments.run(arguments)
    except Refused as refusal:
        sys.stderr.write(f"kiosk {arguments.verb}: {refusal}\n")
        return refusal.code
    except KeyboardInterrupt:
        return Exit.OK
    except BrokenPipeError:  # `kiosk journal tail | head`
        sys.stderr.close()
        return Exit.OK
    return code
