"""The words of `presensi-central certify`, `revoke` and `authority`."""

import argparse
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sync.central.exits import Exit, Refused

if TYPE_CHECKING:
    from sync.central.house import House

    Adding = Callable[..., argparse.ArgumentParser]


def add_certificates(
    verbs: object,
    verb: "Adding",
    family: "Callable[..., Any]",
    reason: "Callable[[argparse.ArgumentParser], None]",
) -> None:
    """Add the verbs to `verbs`; the others are the command's own ways to add words."""
    certify = verb(
        verbs,
        "certify",
        "issue a certificate for the line: a kiosk's is printed, the others become files",
        _certify,
        "examples:\n  presensi-central certify kiosk-lobi > kiosk.crt\n"
        "  presensi-central certify --broker mqtt.example.go.id 10.1.2.3\n"
        "  presensi-central certify --central",
    )
    whose = certify.add_mutually_exclusive_group()
    whose.add_argument("kiosk", metavar="KIOSK", nargs="?", help="an admitted kiosk")
    whose.add_argument(
        "--broker", metavar="NAME", nargs="+", help="the broker, reached by these names, addresses"
    )
    whose.add_argument("--central", action="store_true", help="central, as the broker's client")
    certify.add_argument(
        "--out", metavar="DIR", type=Path, help="where the broker's files go (default: in data)"
    )
    certify.add_argument(
        "--days",
        type=_days,
        help="how long it is valid (default: 1095; a kiosk's up to a fifth less, by lot)",
    )
    revoke = verb(
        verbs,
        "revoke",
        "revoke one certificate; for a kiosk's key see `kiosks retire`",
        _revoke,
        "example:\n  presensi-central revoke broker.crt",
    )
    revoke.add_argument("file", metavar="FILE", type=Path)
    reason(certify)
    reason(revoke)
    authority = family(verbs, "authority", "replace the key that signs certificates")
    for action, words in (
        ("renew", "begin a new authority; certificates by the old one stay good"),
        ("end", "end the old authority, once everybody has certificates by the new one"),
    ):
        made = verb(
            authority, action, words, _authority, f"example:\n  presensi-central authority {action}"
        )
        made.set_defaults(action=action)
        reason(made)

    key = family(verbs, "key", "replace central's own key, which signs receipts, without a gap")
    for action, words in (
        ("begin", "make the next key: central.pem has both, and kiosks are given it"),
        ("use", "sign with the next key from now on"),
        ("end", "central.pem has the new key only; kiosks are given it once more"),
    ):
        made = verb(key, action, words, _key, f"example:\n  presensi-central key {action}")
        made.set_defaults(action=action)
        reason(made)


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 7300:
        raise argparse.ArgumentTypeError("a certificate lives 1 to 7300 days")
    return days


def _certify(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import certify
    from sync.central.notary import LEAF_LIFE, spread

    reason = arguments.reason
    life = timedelta(days=arguments.days) if arguments.days else LEAF_LIFE
    if arguments.central:
        return _print(certify.certify_central(house, life, reason))
    if arguments.broker:
        out = arguments.out or house.place.data / "broker"
        return _print(certify.certify_broker(house, arguments.broker, out, life, reason))
    if arguments.kiosk:
        life = life if arguments.days else spread()
        return _print(certify.certify_kiosk(house, arguments.kiosk, life, reason))
    raise Refused("certify: say KIOSK, --broker NAME or --central", Exit.USAGE)


def _revoke(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import certify

    return _print(certify.revoke(house, arguments.file, arguments.reason))


def _authority(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import certify

    act = certify.renew_authority if arguments.action == "renew" else certify.end_authority
    return _print(act(house, arguments.reason))


def _key(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import rekey

    act = {"begin": rekey.begin, "use": rekey.use, "end": rekey.end}[arguments.action]
    return _print(act(house, arguments.reason))


def _print(text: str) -> int:
    sys.stdout.write(text)
    return Exit.OK
