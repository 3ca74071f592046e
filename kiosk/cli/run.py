"""`kiosk run`: the daemon."""

import argparse
import logging
import signal
from pathlib import Path
from typing import Final

from kiosk.app import Kiosk
from kiosk.cli.exits import Exit, Refused
from kiosk.journald import handler
from kiosk.settings import load
from kiosk.supervisor import Outcome
from kiosk.troubles import Troubles
from sync.journal.errors import JournalError
from sync.keyfile import KeyFileError
from sync.protocol.errors import Malformed
from sync.settingsfile import SettingsError

HELP = "read the terminals, keep the journal, deliver it: the daemon"
EXAMPLES = """examples:
  kiosk run --config /etc/presensi-kiosk/kiosk.toml

It says nothing while all is well: `kiosk status --watch` shows how everything is.
It ends with 0 when told to (SIGTERM, Ctrl-C) and with 75 when it wants to be started again."""

WANTS_RESTART: Final = 75
"""sysexits.h EX_TEMPFAIL: systemd's `Restart=always` starts it again."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the daemon in the foreground."""
    troubles = Troubles()
    logging.basicConfig(level=logging.INFO, handlers=[handler("presensi-kiosk"), troubles])
    try:
        kiosk = Kiosk(load(arguments.config), troubles)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: kiosk.interrupt())
        outcome = kiosk.run()
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except (KeyFileError, Malformed) as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except JournalError as error:
        raise Refused(str(error), Exit.STORAGE) from error
    return WANTS_RESTART if outcome is Outcome.RESTART else Exit.OK
