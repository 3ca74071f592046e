"""`kiosk release`: another release from a stick, on trial; back to the one before."""

import argparse
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kiosk.cli.exits import Exit, Refused
from kiosk.journald import handler
from kiosk.media import working_place
from kiosk.release import errors
from kiosk.release.bundle import differs
from kiosk.release.house import PLACE, Releases
from kiosk.release.machine import Systemd, ThisMachine
from kiosk.release.release import FILE, read, read_unverified
from kiosk.release.steps import Steps
from kiosk.release.trial import WITHIN_S, Ended, Trial
from kiosk.settings import load
from sync.keyfile import KeyFileError, load_public
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import PublicKey
from sync.settingsfile import SettingsError

HELP = "another release from a stick, on trial; back to the one before"
EXAMPLES = """examples:
  kiosk release list [--json]
  kiosk release install /media/usb/presensi-kiosk_0.2.0_arm64.release
  kiosk release switch 0.2.0          one that is installed, by the package for instance
  kiosk release return --why "the screen flickers"
  kiosk release verify [0.2.0]        are its files what was signed?

A new release is on trial for 15 minutes (--minutes). If it is not well by then (the daemon answers,
nothing is bad that was not bad before), or the machine does not stay up with it, the kiosk returns
to the one before by itself, and `kiosk doctor` says why. Databases are copied before a release
migrates them. `check` is what presensi-trial.timer calls meanwhile. As root (docs/RELEASES.md)."""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")
_KEYS: Final = "release-keys"

_CODES: Final = {
    errors.Refused: Exit.FAILED,
    errors.NotNow: Exit.UNAVAILABLE,
    errors.Failed: Exit.STORAGE,
}


class Known(Struct, frozen=True, kw_only=True):
    """What `list` says."""

    current: str
    earlier: str
    installed: list[str]
    trial: Trial | None
    ended: Ended | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(dest="release_verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="which are here, which holds, what is on trial")
    listing.add_argument("--json", action="store_true", help="for programs")
    install = verbs.add_parser("install", help="take one from a bundle and begin its trial")
    install.add_argument("bundle", type=Path, metavar="FILE")
    switch = verbs.add_parser("switch", help="begin the trial of one that is installed")
    switch.add_argument("version", metavar="VERSION")
    for one in (install, switch):
        one.add_argument("--minutes", type=float, default=WITHIN_S / 60, metavar="N",
                         help="so long it may take to be well; 15")  # fmt: skip
    back = verbs.add_parser("return", help="back to the release before")
    back.add_argument(
        "--why", default="by a technician's word", metavar="TEXT", help="why; it is recorded"
    )
    check = verbs.add_parser("check", help="look at what is on trial; keep it, or return")
    verify = verbs.add_parser("verify", help="are the files what was signed?")
    verify.add_argument("version", nargs="?", metavar="VERSION")
    for one in (listing, install, switch, back, check, verify):
        one.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")
        one.add_argument("--place", type=Path, default=PLACE, metavar="DIR",
                         help="where releases are; /opt/presensi-kiosk")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Do one of the verbs."""
    releases = Releases(arguments.place)
    try:
        match arguments.release_verb:
            case "list":
                return _list(releases, as_json=arguments.json)
            case "verify":
                return _verify(releases, arguments)
            case "check":
                return _check(_steps(releases, arguments))
            case "return":
                trial = _steps(releases, arguments).go_back(arguments.why)
                sys.stdout.write(f"release {trial.earlier} holds again\n")
                return Exit.OK
        steps, within_s = _steps(releases, arguments), arguments.minutes * 60
        if arguments.release_verb == "install":
            trial = steps.install(arguments.bundle, _keys(arguments.config), within_s)
        else:
            trial = steps.begin(arguments.version, within_s)
    except errors.ReleaseError as error:
        raise Refused(f"{error}", _CODES[type(error)]) from error
    sys.stdout.write(
        f"release {trial.version} is on trial for {arguments.minutes:g} minutes; if it is not well "
        f"by then, {trial.earlier} holds again. How it goes: kiosk release list\n"
    )
    return Exit.OK


def _steps(releases: Releases, arguments: argparse.Namespace) -> Steps:
    try:
        place = load(arguments.config)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    machine = ThisMachine(releases.place / "current", place.file)
    return Steps(releases, working_place(place).data, Systemd(), machine)


def _keys(config: Path) -> list[PublicKey]:
    """Return the publishers' keys that this kiosk trusts."""
    try:
        return [load_public(file) for file in sorted((config.parent / _KEYS).glob("*.pem"))]
    except KeyFileError as error:
        raise Refused(str(error), Exit.SETTINGS) from error


def _list(releases: Releases, *, as_json: bool) -> int:
    known = Known(
        current=releases.current,
        earlier=releases.earlier,
        installed=releases.installed(),
        trial=releases.trial(),
        ended=releases.ended(),
    )
    if as_json:
        sys.stdout.write(msgspec.json.encode(known).decode() + "\n")
        return Exit.OK
    for one in known.installed:
        words = [
            "holds" if one == known.current else "",
            "before it" if one == known.earlier != known.current else "",
            "on trial" if known.trial is not None and one == known.trial.version else "",
        ]
        sys.stdout.write(f"{one:12} {', '.join(word for word in words if word)}".rstrip() + "\n")
    if known.trial is not None and known.trial.well_since_s is None:
        sys.stdout.write("the trial: it is not well yet; kiosk doctor says what is not\n")
    if known.ended is not None:
        sys.stdout.write(told(known.ended) + "\n")
    return Exit.OK


def told(ended: Ended) -> str:
    """Return how the last trial ended, in a sentence."""
    when = f"{datetime.fromtimestamp(ended.utc / 1000, UTC):%Y-%m-%d %H:%M} UTC"
    if ended.kept:
        return f"release {ended.version} was kept after its trial, {when}"
    return f"release {ended.version} was returned from to {ended.earlier}, {when}: {ended.why}"


def _verify(releases: Releases, arguments: argparse.Namespace) -> int:
    version = arguments.version or releases.current
    tree = releases.tree(version)
    try:
        word = (tree / FILE).read_bytes()
        said, files = read_unverified(word)
        if said.key:
            said, files = read(word, _keys(arguments.config))
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}", Exit.UNAVAILABLE) from error
    except ProtocolError as error:
        raise Refused(f"{tree}: {error}") from error
    if changed := differs(tree, files):
        raise Refused(
            f"release {version}: {len(changed)} files are not what was signed, {changed[0]} for "
            "one; install it again, and find out who changed them"
        )
    by = f"as signed by {said.key[:16]}" if said.key else "as its package had them"
    sys.stdout.write(f"release {version}: {len(files)} files, {by}\n")
    return Exit.OK


def _check(steps: Steps) -> int:
    logging.basicConfig(level=logging.INFO, handlers=[handler("presensi-trial")])
    with suppress(errors.NotNow):  # somebody is at it; the timer comes again
        steps.check()
    return Exit.OK
