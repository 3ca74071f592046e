"""`kiosk screen`: the employee's screen and the technician's page, for a browser."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from kiosk.cli.exits import Exit, Refused
from kiosk.notify import Notifier
from kiosk.settings import load
from kiosk.setup.written import DATA
from sync import firstuse
from sync.settingsfile import SettingsError

HELP = "serve the employee's screen and the technician's page to a browser"
EXAMPLES = """examples:
  kiosk screen --config /etc/presensi-kiosk/kiosk.toml
  chromium --kiosk --autoplay-policy=no-user-gesture-required http://127.0.0.1:8090/

It needs no running daemon: it says that the kiosk is starting until there is one. Without settings
it shows that the kiosk is not set up, and the six digits of `kiosk setup`."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument(
        "--data",
        default=DATA,
        metavar="DIR",
        help="data directory of a kiosk that is not set up yet (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop."""
    try:
        # an extra: the daemon's machine may be without
        from kiosk.screen.serve import NoCertificate, Screen
    except ModuleNotFoundError as error:
        raise Refused(
            f"{error.name} is not installed: pip install 'presensi-kiosk[screen]'",
            Exit.UNAVAILABLE,
        ) from error
    firstuse.prepare()
    if not arguments.config.exists() and not _unset(arguments.config, Path(arguments.data)):
        return Exit.OK
    try:
        place = load(arguments.config)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    screen = Screen(place)
    firstuse.prepare()  # what was imported for it as well
    addresses = [one.address for one in screen.listeners]
    try:
        screen.run(lambda: _ready(addresses))
    except OSError as error:
        raise Refused(
            f"{' and '.join(addresses)}: {os.strerror(error.errno or 0)}; end what listens there, "
            "or choose another `port` in [screen], [screen.technician]",
            Exit.UNAVAILABLE,
        ) from error
    except NoCertificate as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    return Exit.OK


def _unset(config: Path, home: Path) -> bool:
    """Show that the kiosk is not set up, until it is; false where it was told to stop.

    Raises Refused.
    """
    from kiosk.screen.unset import Unset

    page = Unset(config, home)
    address = page.listener.address
    try:
        return page.run(lambda: _ready([address]))
    except OSError as error:
        raise Refused(
            f"{address}: {os.strerror(error.errno or 0)}; end what listens there", Exit.UNAVAILABLE
        ) from error


def _ready(addresses: Sequence[str]) -> None:
    Notifier().ready()  # a browser that is ordered after us finds the page
    screen, *technicians = addresses
    sys.stdout.write("\n".join((screen, *(f"technicians: {one}" for one in technicians))) + "\n")
    sys.stdout.flush()
