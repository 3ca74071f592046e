"""`kiosk import`: central's answer, brought back on a stick."""

import argparse
import base64
import sys
from pathlib import Path

import msgspec

from kiosk import VERSION
from kiosk.answers import Answers
from kiosk.cli.exits import Exit, Refused
from kiosk.clock import TrustedClock
from kiosk.local import Done, NoDaemon, Refusal, ask
from kiosk.media import open_house, working_place
from kiosk.rostered import open_shelf
from kiosk.settings import Place, load
from kiosk.timekeeper import remembered
from sync.edge import stick
from sync.edge.session import Self
from sync.journal.errors import JournalError
from sync.keyfile import KeyFileError, load_publics
from sync.protocol.errors import ProtocolError
from sync.settingsfile import SettingsError

HELP = "take in central's answer to `kiosk journal export`"
EXAMPLES = """examples:
  kiosk journal export /media/usb
  kiosk import /media/usb/kiosk-lobi-20261126-073100.answer

It may be taken in twice, and with the daemon running or not."""

MOST_BYTES = 8 << 20
"""Longest answer that is read: some receipts and a roster. In base64 the daemon takes it."""

_WITHIN_S = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )


def run(arguments: argparse.Namespace) -> int:
    """Take the file in, through the daemon where one runs."""
    try:
        place = working_place(load(arguments.config))
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    try:
        with arguments.file.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise Refused(f"{arguments.file}: {error.strerror}", Exit.UNAVAILABLE) from error
    if len(content) > MOST_BYTES:
        raise Refused(f"{arguments.file}: longer than any answer; is it the right file?")
    try:
        sys.stdout.write(_by_daemon(place, content) + "\n")
    except NoDaemon:
        sys.stdout.write(_by_ourselves(place, content) + "\n")
    return Exit.OK


def _by_daemon(place: Place, content: bytes) -> str:
    """Have the daemon take it in: the cursor is in its hands. Raises NoDaemon, Refused."""
    said = {"file": base64.b64encode(content).decode()}
    for line in ask(place.socket, "answer", _WITHIN_S, said):
        answered = msgspec.json.decode(line, type=Done | Refusal)
        if isinstance(answered, Done):
            return answered.text
        raise Refused(answered.reason)
    raise NoDaemon(f"{place.socket}: it hung up")


def _by_ourselves(place: Place, content: bytes) -> str:
    """Take it in without a daemon. Raises Refused."""
    try:
        central = [key for file in place.central for key in load_publics(file)]
        house = open_house(place)
        try:
            clock = TrustedClock(remembered(house.epochs.journals))
            house.epochs.take_over(clock.stamp)
            me = Self(place.settings.kiosk, house.key, central, f"presensi-kiosk {VERSION}")
            shelf = open_shelf(house.place.data, house.epochs.live, clock.stamp)
            answers = Answers(me, house.epochs, clock.stamp, house.place.data, shelf)
            return stick.in_words(answers.take_in(content))
        finally:
            house.epochs.close()
    except (KeyFileError, ProtocolError) as error:
        raise Refused(str(error)) from error
    except JournalError as error:
        raise Refused(str(error), Exit.STORAGE) from error
