"""`kiosk forget`: erase what is known of somebody, everywhere here, with a signed certificate."""

import argparse
import sys
from pathlib import Path
from typing import Final

import msgspec

from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import carried_out
from kiosk.devices import WRITE_S
from kiosk.faces.erasing import Forgotten
from kiosk.settings import load
from sync.keyfile import KeyFileError, load_or_make, load_public
from sync.protocol.destruction import Destruction, decode
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import PublicKey
from sync.settingsfile import SettingsError

HELP = "erase what is known of somebody, with a certificate of destruction"
EXAMPLES = """examples:
  kiosk forget 198706152010012003 --by rudi --reason "left the office, SK 12/2026"
  kiosk forget 198706152010012003 --by-hand gerbang --by rudi
  kiosk forget --open
  kiosk forget --verify destruction-0123456789abcdef-1.txt [--key kiosk.pem]

Templates and pictures go from the vault, and the user with fingers and faces from every terminal of
this kiosk. A terminal that cannot be reached is named, stays open and is tried again; `kiosk
status` shows it, without saying whom (--open does), until it is done, or until --by-hand says that
somebody did it at its menu. A
tombstone stays for good: no backup brings the person back. Enrolling them again later works.

The certificate is in DATA/certificates and is printed; it says as well what it cannot promise.
--verify checks one: with this kiosk's own key, or with the public key of the kiosk that made it.

exit codes: 0 everything erased (or the certificate holds), 1 refused, or terminals are still open,
2 words, 3 settings, 4 no daemon"""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("person", nargs="?", default="", metavar="PERSON", help="the person's id")
    parser.add_argument("--by", default="", metavar="NAME", help="who does it; it is recorded")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; it is recorded")
    parser.add_argument("--sure", action="store_true", help="even where nobody knows the number")
    parser.add_argument("--by-hand", default="", metavar="SOURCE", help="done at its own menu")
    parser.add_argument("--open", action="store_true", help="who is still to be forgotten, where")
    parser.add_argument("--verify", type=Path, metavar="FILE", help="check a certificate")
    parser.add_argument("--key", type=Path, metavar="PEM", help="of the kiosk that made it")
    parser.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    if arguments.verify is not None:
        return _verify(arguments)
    if arguments.open:
        told = carried_out(arguments.config, "still to be forgotten")
        sys.stdout.write(f"{told or 'nobody is still to be forgotten'}\n")
        return Exit.OK
    if not arguments.person or not arguments.by:
        raise Refused("say whom (PERSON) and who does it (--by NAME)", Exit.USAGE)
    if arguments.by_hand:
        said = {"person": arguments.person, "source": arguments.by_hand, "by": arguments.by}
        sys.stdout.write(
            carried_out(arguments.config, "forgotten by hand", said, WRITE_S + 5) + "\n"
        )
        return Exit.OK
    said = {
        "person": arguments.person,
        "by": arguments.by,
        "reason": arguments.reason,
        "sure": "yes" if arguments.sure else "no",
    }
    told = carried_out(arguments.config, "forget", said, WRITE_S + 5)
    done = msgspec.json.decode(told, type=Forgotten)
    if arguments.json:
        sys.stdout.write(told + "\n")
    else:
        sys.stdout.write(done.content.strip() + "\n\n")
        sys.stdout.write(f"{done.person} is forgotten here; certificate {done.certificate}\n")
        for source, why in done.open.items():
            sys.stdout.write(f"STILL OPEN  {source}: {why}\n")
    return Exit.FAILED if done.open else Exit.OK


def _verify(arguments: argparse.Namespace) -> int:
    try:
        content = arguments.verify.read_bytes()
        certified, signed = decode(content)
        key = _key(arguments)
        signed.verify(key)
    except OSError as error:
        raise Refused(f"{arguments.verify}: {error.strerror}", Exit.UNAVAILABLE) from error
    except ProtocolError as error:
        raise Refused(
            f"{arguments.verify}: the certificate does not hold: {error}. Of another kiosk? Say "
            "--key PEM, its public key (kiosk identity)"
        ) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(certified).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines(certified)))
    return Exit.OK


def _key(arguments: argparse.Namespace) -> PublicKey:
    try:
        if arguments.key is not None:
            return load_public(arguments.key)
        place = load(arguments.config)
        if not place.key.exists():  # else one would be made
            raise Refused(f"{place.key}: no key here; say --key PEM, of the kiosk that made it")
        return load_or_make(place.key).public
    except (SettingsError, KeyFileError) as error:
        raise Refused(str(error), Exit.SETTINGS) from error


def lines(one: Destruction) -> list[str]:
    """Return what a certificate says, for people."""
    return [
        f"holds: signed by {one.kiosk}, key {one.key[:16]}, edition {one.edition} of {one.id}",
        f"person {one.person}, forgotten up to generation {one.generation}, by {one.by}: "
        f"{one.reason}",
        f"{len(one.records)} records destroyed"
        + ("" if one.washed else "; the file was not written anew yet"),
        *(f"terminal {source}: {done}" for source, done in one.terminals.items()),
        *(f"STILL OPEN {source}: {why}" for source, why in one.open.items()),
        *(f"promised: {text}" for text in one.promised),
        *(f"not promised: {text}" for text in one.not_promised),
    ]
