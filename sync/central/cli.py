"""The `presensi-central` command. Exit codes are in `sync/central/exits.py`.

What a verb needs is imported when it is used: `--help` should not pay for a web server.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sync.central import accounts_cli, cards_cli, certify_cli, closing_cli, kiosks_cli
from sync.central.exits import Exit, Refused
from sync.central.roster import cli as roster_cli

if TYPE_CHECKING:
    from sync.central.house import House

_EXAMPLES: Final = """\
examples:
  presensi-central --config central.toml init
  presensi-central --config central.toml account add admin
  presensi-central --config central.toml kiosks admit kiosk-lobi kiosk.pem
  presensi-central --config central.toml certify kiosk-lobi > kiosk.crt
  presensi-central --config central.toml roster import roster.xlsx --dry-run
  presensi-central --config central.toml run
  presensi-central --config central.toml verify --all
  presensi-central --config central.toml prove kiosk-lobi 3f9c2a77d1e04b58 1207

exit codes:
  0 done   1 found something wrong   2 wrong words   3 settings   4 unavailable   5 storage"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
    arguments = parser_of_all().parse_args(argv)
    try:
        return _run(arguments)
    except Refused as refusal:
        sys.stderr.write(f"presensi-central: {refusal}\n")
        return refusal.code
    except KeyboardInterrupt:
        return Exit.OK


def _run(arguments: argparse.Namespace) -> int:
    from sync.central.errors import CentralError
    from sync.central.house import open_house
    from sync.central.settings import load
    from sync.settingsfile import SettingsError

    try:
        house = open_house(load(arguments.config))
        try:
            verb: Callable[[House, argparse.Namespace], int] = arguments.verb
            return verb(house, arguments)
        finally:
            house.store.close()
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except CentralError as error:
        raise Refused(str(error), Exit.STORAGE) from error


# The verbs.


def _init(house: "House", _: argparse.Namespace) -> int:
    from sync.central import verbs

    return _print(verbs.init(house))


def _serve(house: "House", _: argparse.Namespace) -> int:
    from sync.central.run import run

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    return run(house)


def _admit(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import verbs

    return _print(verbs.admit(house, arguments.kiosk, arguments.pem, _whoami(), arguments.reason))


def _list_kiosks(house: "House", _: argparse.Namespace) -> int:
    from sync.central import verbs

    return _print(verbs.list_kiosks(house))


def _retire(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import certify

    return _print(certify.retire(house, arguments.who, arguments.reason))


def _forgotten(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import forgotten

    return _print(forgotten.show(house, arguments.kiosk))


def _breach(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import breach

    said = breach.show(house, arguments.kiosk, arguments.known, as_json=arguments.json)
    return _print(said)


def _import(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import verbs

    return _print(verbs.import_stick(house, arguments.file, arguments.answer, arguments.reason))


def _stats(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import verbs

    if arguments.prometheus:
        return _print(verbs.tell_figures(house, arguments.prometheus))
    return _print(verbs.stats(house, as_json=arguments.json))


def _verify(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central.audit import verbs

    if bool(arguments.kiosk) == arguments.all:
        raise Refused("verify KIOSK, or verify --all", Exit.USAGE)
    return verbs.verify(house, arguments.kiosk, as_json=arguments.json)


def _night(house: "House", _: argparse.Namespace) -> int:
    from sync.central.audit import verbs

    return verbs.night(house)


def _decisions(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central.audit import verbs

    return verbs.decisions(house, as_json=arguments.json)


def _prove(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central.audit import verbs

    return verbs.prove(house, arguments.entry, arguments.punch, arguments.out)


def _recap(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import recap_verbs

    when, unit, listed = arguments.when, arguments.unit, arguments.list
    return _print(recap_verbs.show(house, when, unit, listed, as_json=arguments.json))


def _whoami() -> str:
    from sync.central.decisions import who

    return who()


def _print(text: str) -> int:
    sys.stdout.write(text)
    return Exit.OK


# Their words.


def parser_of_all() -> argparse.ArgumentParser:
    """Return the command's parser, with every verb."""
    parser = argparse.ArgumentParser(
        prog="presensi-central",
        description="The receiving server: hears kiosks, gives receipts, shows who came.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("central.toml"),
        metavar="FILE",
        help="settings (default: %(default)s here)",
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    _verb(verbs, "init", "make the database, central's key and the authority over the line", _init)
    _verb(verbs, "run", "hear kiosks and serve the page until told to stop", _serve)
    kiosks = _family(verbs, "kiosks", "which kiosks may deliver")
    admit = _verb(
        kiosks,
        "admit",
        "let a kiosk deliver under its public key",
        _admit,
        "example:\n  presensi-central kiosks admit kiosk-lobi kiosk.pem",
    )
    admit.add_argument("kiosk", metavar="KIOSK", help="the kiosk's id")
    admit.add_argument(
        "pem", metavar="PUBKEY.pem", type=Path, help="what `kiosk identity` printed there"
    )
    _reason(admit)
    _verb(kiosks, "list", "list admitted and waiting kiosks", _list_kiosks)
    away = _verb(
        kiosks,
        "retire",
        "let a kiosk or one of its keys deliver nothing more, and revoke its certificates",
        _retire,
        "examples:\n  presensi-central kiosks retire kiosk-lobi\n"
        "  presensi-central kiosks retire 3f9a0c6e5b2d1748",
    )
    away.add_argument(
        "who", metavar="KIOSK|KEY", help="a kiosk, or the beginning of one key's fingerprint"
    )
    _reason(away)
    kiosks_cli.add_devices(_verb, kiosks, _reason)
    certify_cli.add_certificates(verbs, _verb, _family, _reason)
    accounts = _family(verbs, "account", "who may look at the pages, and as what")
    accounts_cli.add_accounts(_verb, accounts, _reason)
    cards = _family(verbs, "card", "employees' cards with a signed QR")
    cards_cli.add_cards(_verb, cards, _reason)
    roster_cli.add_roster(
        _verb, _family(verbs, "roster", "who belongs where, and their duty"), _reason
    )
    strangers = _family(verbs, "strangers", "who was here, and nobody knows who it was")
    roster_cli.add_strangers(_verb, strangers, _reason)
    _recaps(verbs)
    closings = _family(verbs, "closings", "months that are closed, and what changed since")
    closing_cli.add_closings(_verb, closings)
    waiting = _family(verbs, "proposals", "what is to be decided on the pages")
    closing_cli.add_proposals(_verb, waiting)
    stick = _verb(
        verbs,
        "import",
        "take in what `kiosk journal export` wrote, and write the answer to it",
        _import,
        "example:\n  presensi-central import /media/usb/kiosk-lobi-20261126-073100.stick",
    )
    stick.add_argument("file", metavar="FILE", type=Path)
    stick.add_argument(
        "--answer", metavar="FILE", type=Path, help="where the answer goes (default: beside FILE)"
    )
    _reason(stick)
    forgotten = _verb(
        verbs,
        "forgotten",
        "list who was forgotten at a kiosk, for `kiosk restore` there",
        _forgotten,
        "example:\n  presensi-central forgotten kiosk-lobi > kiosk-lobi.json",
    )
    forgotten.add_argument("kiosk", metavar="KIOSK", help="the kiosk's id")
    lost = _verb(
        verbs,
        "breach",
        "say what was on the card of a kiosk that is lost, and who is to be told within 3 x 24 "
        "hours (docs/PRIVACY.md); nothing is changed",
        _breach,
        "example:\n  presensi-central breach kiosk-lobi --known 2026-11-24T07:30",
    )
    lost.add_argument("kiosk", metavar="KIOSK", help="the kiosk's id")
    lost.add_argument(
        "--known", default="", metavar="TIME", help="since when it is known (default: now)"
    )
    lost.add_argument("--json", action="store_true", help="as one line of JSON")
    stats = _verb(verbs, "stats", "count what is held", _stats)
    stats.add_argument("--json", action="store_true", help="as one line of JSON")
    stats.add_argument(
        "--prometheus", metavar="FILE", help="figures of all kiosks; `-` prints them"
    )
    verify = _verb(
        verbs,
        "verify",
        "prove what is held of a kiosk, or name the first place that does not hold",
        _verify,
        "examples:\n  presensi-central verify kiosk-lobi\n  presensi-central verify --all --json",
    )
    verify.add_argument("kiosk", metavar="KIOSK", nargs="?", default="", help="the kiosk's id")
    verify.add_argument("--all", action="store_true", help="every kiosk of which anything is held")
    verify.add_argument("--json", action="store_true", help="a line of JSON for each epoch")
    decided = _verb(
        verbs,
        "decisions",
        "list what was decided at this central, oldest first; `verify central` proves it",
        _decisions,
        "example:\n  presensi-central decisions --json",
    )
    decided.add_argument("--json", action="store_true", help="a line of JSON for each")
    prove = _verb(
        verbs,
        "prove",
        "write the proof of one entry, for docs/verify_proof.py, and a page that says it",
        _prove,
        "examples:\n"
        "  presensi-central prove kiosk-lobi 3f9c2a77d1e04b58 1207\n"
        "  presensi-central prove --punch kiosk-lobi/CKPG1 1001 2026-11-24T07:28:41 --out bukti",
    )
    prove.add_argument("entry", metavar="ENTRY", nargs="*", help="KIOSK EPOCH SEQ")
    prove.add_argument(
        "--punch",
        nargs=3,
        metavar=("KIOSK/TERMINAL", "USER", "TIME"),
        help="the entry that reported this punch first, in the place of ENTRY",
    )
    prove.add_argument(
        "--out", type=Path, default=Path(), metavar="DIRECTORY", help="where to (default: here)"
    )
    _verb(
        verbs,
        "night",
        "make the head of the night now, and write it where [audit] says; `run` does it daily",
        _night,
        "example:\n  presensi-central night",
    )
    return parser


def _recaps(verbs: "_Verbs[argparse.ArgumentParser]") -> None:
    recap = _verb(
        verbs,
        "recap",
        "say who attended a day or a month, of whom it is proved that they did not, and why",
        _recap,
        "examples:\n  presensi-central recap 2026-11-24\n"
        "  presensi-central recap 2026-11 --unit RSUD --list november.xlsx",
    )
    recap.add_argument("when", metavar="DAY|MONTH", help="2026-11-24, or 2026-11")
    recap.add_argument("--unit", default="", metavar="UNIT", help="of this unit only")
    recap.add_argument(
        "--list", type=Path, metavar="FILE", help="write a row for every duty (.csv or .xlsx)"
    )
    recap.add_argument("--json", action="store_true", help="as one line of JSON")


def _reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", default="", metavar="TEXT", help="why, for whoever audits")


_Verbs = argparse._SubParsersAction  # the type of what add_subparsers returns has no other name


def _family(
    verbs: "_Verbs[argparse.ArgumentParser]", name: str, words: str
) -> "_Verbs[argparse.ArgumentParser]":
    family = verbs.add_parser(name, help=words, description=words)
    return family.add_subparsers(metavar="VERB", required=True)


def _verb(
    verbs: "_Verbs[argparse.ArgumentParser]",
    name: str,
    words: str,
    run: "Callable[[House, argparse.Namespace], int]",
    example: str = "",
) -> argparse.ArgumentParser:
    parser = verbs.add_parser(
        name,
        help=words,
        description=words,
        epilog=example or None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(verb=run)
    return parser
