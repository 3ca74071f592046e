"""The words of `presensi-central roster`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync.central.house import House

    Verb = Callable[[House, argparse.Namespace], int]
    Adding = Callable[..., argparse.ArgumentParser]


def add(
    verb: "Adding", family: object, reason: "Callable[[argparse.ArgumentParser], None]"
) -> None:
    """Add the verbs to `family`; `verb` and `reason` are the command's own ways to add words."""
    take = verb(
        family,
        "import",
        "take in a roster: a workbook, a directory of CSV files, or one of them; all or nothing",
        _import,
        "examples:\n  presensi-central roster import roster.xlsx --dry-run\n"
        "  presensi-central roster import roster.xlsx --reason 'mutasi Juli'\n"
        "  presensi-central roster import pegawai.csv     (columns person,name,unit)",
    )
    take.add_argument("file", metavar="FILE", type=Path)
    take.add_argument("--dry-run", action="store_true", help="say what would change, and stop")
    _replace(take)
    _json(take)
    reason(take)
    differ = verb(
        family,
        "diff",
        "say what `roster import` would change; the same as its --dry-run",
        _diff,
        "example:\n  presensi-central roster diff roster/ --replace",
    )
    differ.add_argument("file", metavar="FILE", type=Path)
    _replace(differ)
    _json(differ)
    write = verb(
        family,
        "export",
        "write all that is held: a workbook if FILE ends in .xlsx, else a directory of CSV files",
        _export,
        "example:\n  presensi-central roster export roster.xlsx",
    )
    write.add_argument("file", metavar="FILE", type=Path)


def _replace(parser: argparse.ArgumentParser) -> None:
    words = "remove what the file's sheets do not name; sheets that it does not have stay"
    parser.add_argument("--replace", action="store_true", help=words)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as one line of JSON")


def _import(house: "House", arguments: argparse.Namespace) -> int:
    return _take_in(house, arguments, dry=arguments.dry_run, reason=arguments.reason)


def _diff(house: "House", arguments: argparse.Namespace) -> int:
    return _take_in(house, arguments, dry=True)


def _take_in(house: "House", arguments: argparse.Namespace, *, dry: bool, reason: str = "") -> int:
    from sync.central.roster import verbs

    code, said = verbs.take_in(
        house,
        arguments.file,
        reason,
        replaces=arguments.replace,
        dry=dry,
        as_json=arguments.json,
    )
    sys.stdout.write(said)
    return code


def _export(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central.roster import verbs

    sys.stdout.write(verbs.export(house, arguments.file))
    return 0
