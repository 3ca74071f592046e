"""`kiosk fingers`: who is known by finger, whose slots are removed, templates to another module."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import carried_out
from kiosk.cli.vault import write_out
from kiosk.devices import LOOK_S
from kiosk.faces import unitkey
from kiosk.faces.vaultfile import VaultError
from kiosk.fingers import carried
from kiosk.fingers.carried import CarriedError
from kiosk.fingers.carrying import EACH_S, Exported, Imported
from kiosk.fingers.listing import Listed, Listing
from kiosk.settings import load
from sync.keyfile import KeyFileError, load_or_make, load_public
from sync.settingsfile import SettingsError

HELP = "who is known by finger; remove; carry to another module"
EXAMPLES = """examples:
  kiosk fingers [--json]                              whose fingers are in which slot
  kiosk fingers remove 198706152010012003 --by rudi   every finger of somebody, in every module
  kiosk fingers remove --slot 12 --source pintu --by rudi
  kiosk fingers export /media/usb/pintu.fingers --source pintu --unit-key unit.pem --by rudi
  kiosk fingers import /media/usb/pintu.fingers --source pintu \\
      --share a.json --share b.json --by rudi

Fingers are made known by `kiosk enrol finger`. A module that does not answer is emptied when it
does; until then nobody is known by the slot.

Templates leave a module only where the settings allow it ([fingers] may_be_carried), sealed to a
unit key (kiosk vault unit-key make), for a module of the same model. `import` wants both officers'
shares, and a file of this very kiosk unless --device-key says whose it is.

exit codes: 0 done, 1 refused (the text says why), 2 words, 3 settings, 4 no daemon, 5 storage"""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")
_MOST: Final = 1000
"""Fingers for which an export is waited: the largest module of the family."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    _common(parser)
    parser.set_defaults(do=_list)
    verbs = parser.add_subparsers(metavar="VERB")
    remove = verbs.add_parser("remove", help="remove somebody's fingers, or what is in one slot")
    remove.add_argument("person", nargs="?", default="", metavar="PERSON")
    remove.add_argument("--slot", default="", metavar="N", help="this slot only")
    remove.set_defaults(do=_remove)
    export = verbs.add_parser("export", help="seal a module's fingers into a file")
    export.add_argument("file", type=Path, metavar="FILE")
    export.add_argument(
        "--unit-key", type=Path, required=True, metavar="PEM", help="to which unit key it is sealed"
    )
    export.set_defaults(do=_export)
    bring = verbs.add_parser("import", help="write a file's fingers into a module")
    bring.add_argument("file", type=Path, metavar="FILE")
    bring.add_argument("--share", type=Path, action="append", required=True, metavar="FILE",
                       help="an officer's share; twice")  # fmt: skip
    bring.add_argument("--device-key", type=Path, metavar="PEM",
                       help="public key of another kiosk, which made it")  # fmt: skip
    bring.set_defaults(do=_import)
    for one in (remove, export, bring):
        _common(one)
        one.add_argument("--source", default="", metavar="S", help="which; not for the only one")
        one.add_argument("--by", required=True, metavar="NAME", help="who does it; it is recorded")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    arguments.config = getattr(arguments, "config", _CONFIG)
    arguments.json = getattr(arguments, "json", False)
    try:
        code: int = arguments.do(arguments)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except (CarriedError, VaultError, KeyFileError) as error:
        raise Refused(str(error)) from error
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}", Exit.STORAGE) from error
    return code


def _list(arguments: argparse.Namespace) -> int:
    told = carried_out(arguments.config, "fingers", {}, 4 * LOOK_S)
    if arguments.json:
        sys.stdout.write(told + "\n")
        return Exit.OK
    listing = msgspec.json.decode(told, type=Listing)
    for source, what in listing.modules.items():
        if what is None:
            sys.stdout.write(f"module {source}: it cannot be asked now: is somebody "
                             "being enrolled? Else see `kiosk status`\n")  # fmt: skip
            continue
        there = sum(one.source == source and bool(one.is_there) for one in listing.fingers)
        strange = listing.nobodys.get(source, [])
        nobodys = f", nobody's: slots {', '.join(map(str, strange))}" if strange else ""
        sys.stdout.write(
            f"module {source}: {what.model} {what.serial}, security {what.security}, "
            f"{there + len(strange)} of {what.capacity} slots in use{nobodys}\n"
        )
    sys.stdout.write("".join(_line(one) + "\n" for one in listing.fingers))
    held = [one.person for one in listing.fingers if one.step == "held"]
    sys.stdout.write(f"{len(set(held))} people, {len(held)} fingers\n")
    return Exit.OK


def _line(one: Listed) -> str:
    marks = []
    if one.step == "begun":
        marks.append("BEGUN: being enrolled, or cut short; known by it is nobody")
    elif one.step != "held":
        marks.append(f"{one.step.upper()}: emptied when the module answers")
    elif one.is_there is None:
        marks.append("ITS MODULE IS NOT HERE, or does not answer")
    elif one.is_there is False:
        marks.append("GONE FROM THE MODULE: kiosk fingers remove, then enrol again")
    if not one.in_roster:
        marks.append("NOT IN THE ROSTER: kiosk fingers remove")
    when = f"{datetime.fromtimestamp(one.at / 1000, UTC):%Y-%m-%d}" if one.at else "?"
    score = f", score {one.score}" if one.score else ""
    row = (
        f"{one.person:<20} {one.name:<24} {one.source or one.terminal} slot {one.slot}{score}, "
        f"{when} by {one.by}, notice {one.ground.get('notice', '?')}, "
        f"{one.ground.get('basis', '?')}"
    )
    return f"{row}  {'; '.join(marks)}".rstrip()


def _remove(arguments: argparse.Namespace) -> int:
    said = {
        "person": arguments.person,
        "slot": arguments.slot,
        "source": arguments.source,
        "by": arguments.by,
    }
    return _say(arguments, carried_out(arguments.config, "remove fingers", said, 4 * LOOK_S))


def _export(arguments: argparse.Namespace) -> int:
    unit = load_public(arguments.unit_key)
    said = {"source": arguments.source, "by": arguments.by, "unit": unit.pem.decode()}
    told = carried_out(arguments.config, "export fingers", said, _MOST * EACH_S)
    made = msgspec.json.decode(told, type=Exported)
    write_out(arguments.file, made.file)
    text = f"{arguments.file}: {made.fingers} fingers, sealed to unit key {unit.fingerprint[:16]}"
    return _say(arguments, _with(text, made.left))


def _import(arguments: argparse.Namespace) -> int:
    parcel = carried.read(arguments.file.read_bytes())
    place = load(arguments.config)
    if arguments.device_key is not None:
        wanted = load_public(arguments.device_key).fingerprint
    else:
        wanted = load_or_make(place.key).public.fingerprint
    if parcel.heading.key != wanted:
        raise Refused(
            f"{arguments.file}: signed by kiosk {parcel.heading.kiosk!r} with device key "
            f"{parcel.heading.key[:16]}, not by {wanted[:16]}: whoever made it could make their "
            "finger anybody's. If you know that kiosk, say --device-key"
        )
    shares = [unitkey.read_share(path) for path in arguments.share]
    content = carried.unpack(parcel, unitkey.together(shares))
    said = {
        "source": arguments.source,
        "by": arguments.by,
        "carried": msgspec.json.encode(content).decode(),
        "from": f"{parcel.heading.kiosk} {parcel.heading.digest[:16]}",
    }
    within_s = 4 * LOOK_S + EACH_S * len(content.fingers)
    told = carried_out(arguments.config, "import fingers", said, within_s)
    done = msgspec.json.decode(told, type=Imported)
    return _say(arguments, _with(f"{done.taken} fingers are known here", done.left))


def _with(text: str, left: list[str]) -> str:
    return "\n".join([text, *(f"  not {one}" for one in left)])


def _say(arguments: argparse.Namespace, text: str) -> int:
    out = msgspec.json.encode({"done": text}).decode() if arguments.json else text
    sys.stdout.write(f"{out}\n")
    return Exit.OK
