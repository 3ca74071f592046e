"""`kiosk retire`: the end of a kiosk's service, with nothing lost."""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from kiosk import retiring
from kiosk.cli import journal_export
from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import answer, carried_out
from kiosk.clock import TrustedClock
from kiosk.health import SourceStatus, Status
from kiosk.media import working_place
from kiosk.retiring import Retired, StillNeeded
from kiosk.settings import Place
from kiosk.setup.disk import Disk
from sync.journal import names
from sync.journal.errors import JournalError
from sync.keyfile import KeyFileError, load_or_make
from sync.settingsfile import SettingsError

HELP = "end this kiosk's service: deliver everything, then wipe keys, vault and journal"
EXAMPLES = """examples:
  kiosk retire --by rudi --reason "the office moves, SK 12/2026"     1. with the daemon
  sudo systemctl disable --now presensi-kiosk presensi-screen        2.
  sudo kiosk retire --wipe --by rudi --reason "..."                  3. without it
  sudo kiosk retire --wipe --by rudi --reason "..." --export /media/usb
  presensi-central kiosks retire KIOSK                               4. at central

The first step reads every terminal's record once more, and waits until central has receipted all of
it. The third refuses while central lacks anything; --export puts that on a stick first, for
presensi-central import; --anyway WHY destroys it all the same, and says so in the file that stays.
Unplug the terminals before: what is punched after the first step is not waited for.

Files are written over and removed. The memory of a card may keep remnants that no file system
reaches: destroy a card that is thrown away. Certificates of destruction stay, and so does
retired-KIOSK.json. Cut short, it is called again and goes on.

exit codes: 0 done, 1 something is still needed or not delivered, 3 settings, 4 no daemon, 5 disk"""

_LOOK_S: Final = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument("--by", required=True, metavar="NAME", help="who does it; it is recorded")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is recorded")
    parser.add_argument("--wipe", action="store_true", help="destroy what is here")
    parser.add_argument(
        "--export", type=Path, metavar="DIR", help="wipe: what central lacks, first"
    )
    parser.add_argument("--anyway", default="", metavar="WHY", help="wipe: although it lacks some")
    parser.add_argument(
        "--wait", type=float, default=30.0, metavar="MINUTES", help="for receipts (%(default)g)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Deliver, or wipe."""
    if arguments.wipe:
        return _wipe(arguments)
    if arguments.export is not None or arguments.anyway:
        raise Refused("--export and --anyway go with --wipe", Exit.USAGE)
    return _deliver(arguments)


def _deliver(arguments: argparse.Namespace) -> int:
    status = _status(arguments.config)
    if status.faces is not None and status.faces.open:
        raise Refused(
            f"somebody is still to be forgotten: {status.faces.open[0]}; only this kiosk knows of "
            "it. Do that first, or by hand: kiosk forget PERSON --by-hand SOURCE"
        )
    said = {"by": arguments.by, "reason": arguments.reason}
    carried_out(arguments.config, "retire", said, 15.0)
    covered = _read_again(arguments.config, status)
    away = [one.name for one in status.sources if one.has_clock and not one.connected]
    ended = _drained(arguments.config, covered, arguments.wait * 60)
    away += [one.name for one in ended.sources if _is_unread(one, covered)]
    if away:
        sys.stdout.write(
            f"NOT READ TO ITS END: {', '.join(away)}. Is there something on it that nobody has? "
            "Connect it and call this again; else go on\n"
        )
    if ended.line.waiting:
        raise Refused(
            f"{ended.line.waiting} entries still wait for central's receipt: see kiosk status. "
            "With no line: kiosk retire --wipe --export /media/usb"
        )
    sys.stdout.write(
        "central has everything that is here. Next:\n"
        "  sudo systemctl disable --now presensi-kiosk presensi-screen\n"
        f"  sudo kiosk retire --wipe --by {arguments.by} --reason ...\n"
        f"  at central: presensi-central kiosks retire {status.kiosk}\n"
    )
    return Exit.FAILED if away else Exit.OK


def _read_again(config: Path, status: Status) -> dict[str, str]:
    """Have every terminal's record read once more; return how far each was read before.

    Those that send it by themselves are named and not waited for.
    """
    found = {}
    for one in status.sources:
        if one.has_clock and one.connected:
            try:
                carried_out(config, "read", {"source": one.name}, 15.0)
                found[one.name] = one.covered
            except Refused as refusal:
                sys.stdout.write(f"{refusal}\n")
    return found


def _is_unread(one: SourceStatus, before: Mapping[str, str]) -> bool:
    """Return whether a terminal has proved nothing new since it was asked for its record."""
    return one.name in before and one.covered == before[one.name]


def _drained(config: Path, before: Mapping[str, str], patience_s: float) -> Status:
    """Wait until every terminal is read and nothing waits, with a line of progress."""
    until = time.monotonic() + patience_s
    is_person = sys.stdout.isatty()
    shown = ""
    while True:
        status = _status(config)
        unread = [one.name for one in status.sources if _is_unread(one, before)]
        line = f"{status.line.waiting} entries wait for central's receipt, line {status.line.state}"
        line += f"; being read: {', '.join(unread)}" if unread else ""
        if line != shown:
            sys.stdout.write(f"\r\x1b[K{line}" if is_person else f"{line}\n")
            sys.stdout.flush()
            shown = line
        if not (status.line.waiting or unread) or time.monotonic() > until:
            sys.stdout.write("\n" if is_person else "")
            return status
        time.sleep(_LOOK_S)


def _status(config: Path) -> Status:
    return msgspec.json.decode(answer(config, "status"), type=Status)


def _wipe(arguments: argparse.Namespace) -> int:
    config, disk = arguments.config, Disk()
    try:
        try:
            place = retiring.place_of(config)
        except SettingsError:
            if not retiring.is_begun(config):
                raise
            retiring.finish(disk, config)
            sys.stdout.write("wiped; that was the last of it\n")
            return Exit.OK
        with retiring.held(working_place(place)):
            if not retiring.is_begun(config):
                retiring.begin(disk, config, place, _agreed(arguments, working_place(place)))
            stays = retiring.wipe(disk, config, place)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except KeyFileError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except StillNeeded as error:
        raise Refused(str(error)) from error
    except JournalError as error:
        raise Refused(str(error), Exit.STORAGE) from error
    except OSError as error:
        raise Refused(
            f"{error.filename or config}: {error.strerror}; use sudo, look at the disk, and "
            "call it again: it goes on",
            Exit.STORAGE,
        ) from error
    sys.stdout.write(
        f"wiped; {stays or place.data} stays. At central, if it is not done yet: "
        f"presensi-central kiosks retire {place.settings.kiosk}\n"
        "A card's memory may keep remnants: destroy a card that is thrown away\n"
    )
    return Exit.OK


def _agreed(arguments: argparse.Namespace, place: Place) -> Retired:
    """Return what is to be said of it. Raises StillNeeded, Refused, JournalError, KeyFileError."""
    left: Mapping[str, int] = retiring.lacking(place) if not arguments.anyway else _known(place)
    if left and arguments.export is None and not arguments.anyway:
        raise StillNeeded(
            f"central lacks {sum(left.values())} entries: start the daemon until it has them, or "
            "put them on a stick with --export DIR"
        )
    if arguments.export is not None:
        paths = names.files(place.data / "journal")
        journal_export.run(place, paths, arguments.export, whole=False)
    key = load_or_make(place.key).public if place.key.exists() else None
    return Retired(
        kiosk=place.settings.kiosk,
        key="" if key is None else key.fingerprint,
        by=arguments.by,
        reason=arguments.reason,
        at=TrustedClock().stamp().wall,
        anyway=arguments.anyway,
        lacking=dict(left),
        exported="" if arguments.export is None else str(arguments.export),
    )


def _known(place: Place) -> Mapping[str, int]:
    """Return what central lacks, as far as damaged files say."""
    try:
        return retiring.lacking(place)
    except (StillNeeded, JournalError, OSError) as error:
        return {f"unknown: {error}": 1}
