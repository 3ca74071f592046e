"""The words of `presensi-central roster` and `presensi-central strangers`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sync.central.house import House

    Verb = Callable[[House, argparse.Namespace], int]
    Adding = Callable[..., argparse.ArgumentParser]


def add_roster(
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


def add_strangers(
    verb: "Adding", family: object, reason: "Callable[[argparse.ArgumentParser], None]"
) -> None:
    """Add the verbs to `family`, as `add_roster`."""
    listed = verb(
        family,
        "list",
        "list presences that are nobody's, with everybody in the city who has the credential",
        _list_strangers,
        "example:\n  presensi-central strangers list --kiosk igd --days 7",
    )
    listed.add_argument("--kiosk", default="", metavar="KIOSK", help="of this kiosk only")
    listed.add_argument(
        "--days", type=int, default=31, help="how many days back (default: %(default)s)"
    )
    _json(listed)
    name = verb(
        family,
        "name",
        "decide who somebody was; a later decision takes the place of an earlier one",
        _name_stranger,
        "examples:\n"
        "  presensi-central strangers name igd 3f9c2a77d1e04b58 12 199002022015022003\n"
        "  presensi-central strangers name igd 3f9c2a77d1e04b58 13 --nobody --reason 'a visitor'",
    )
    name.add_argument("kiosk", metavar="KIOSK")
    name.add_argument("epoch", metavar="EPOCH")
    name.add_argument("seq", metavar="SEQ", type=int)
    who = name.add_mutually_exclusive_group(required=True)
    who.add_argument("person", metavar="PERSON", nargs="?", default="", help="the person's id")
    who.add_argument("--nobody", action="store_true", help="it was nobody of ours")
    reason(name)


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


def _list_strangers(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import strangers

    kiosk, days = arguments.kiosk, arguments.days
    sys.stdout.write(strangers.listed(house, kiosk, days, as_json=arguments.json))
    return 0


def _name_stranger(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import strangers

    place = (arguments.kiosk, arguments.epoch, arguments.seq)
    sys.stdout.write(strangers.name(house, *place, arguments.person, arguments.reason))
    return 0
