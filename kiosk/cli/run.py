"""`kiosk run`: the daemon."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from kiosk.app import Kiosk
from kiosk.cli.exits import Exit, Refused
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
    _log_to_stderr(troubles)
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


class _Leveled(logging.Formatter):
    """Puts syslog's `<N>` in front, by which the systemd journal knows how grave a line is."""

    _grave: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}

    def format(self, record: logging.LogRecord) -> str:
        return f"<{self._grave.get(record.levelno, 2)}>{super().format(record)}"


def _log_to_stderr(troubles: Troubles) -> None:
    """Have the log written to stderr, and its warnings remembered."""
    handler = logging.StreamHandler(sys.stderr)
    if os.environ.get("JOURNAL_STREAM"):
        handler.setFormatter(_Leveled("%(message)s"))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler, troubles])
