"""`kiosk identity`: who this kiosk is, for whoever admits it at central."""

import argparse
import sys
from pathlib import Path

from kiosk.cli.exits import Exit, Refused
from kiosk.settings import load
from sync.keyfile import KeyFileError, load_or_make
from sync.settingsfile import SettingsError

HELP = "print this kiosk's public key, making its key if there is none"
EXAMPLES = """examples:
  kiosk identity --config kiosk.toml > kiosk.pem
  presensi-central kiosks admit kiosk-lobi kiosk.pem"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument("--fingerprint", action="store_true", help="only the key's fingerprint")


def run(arguments: argparse.Namespace) -> int:
    """Print the key."""
    try:
        key = load_or_make(load(arguments.config).key).public
    except (SettingsError, KeyFileError) as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    sys.stdout.write(f"{key.fingerprint}\n" if arguments.fingerprint else key.pem.decode())
    return Exit.OK
