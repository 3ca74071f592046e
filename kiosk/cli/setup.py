"""`kiosk setup`: from a fresh card to a kiosk that central knows."""

import argparse
import logging
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final

from kiosk.cli.exits import Exit, Refused
from kiosk.setup.bootfile import RESULT
from kiosk.setup.disk import Disk
from kiosk.setup.firstboot import FirstBoot
from kiosk.setup.road import by_code
from kiosk.setup.written import DATA, data_of, old_settings, owner_of
from sync.edge.post import post
from sync.settingsfile import SettingsError

HELP = "set this kiosk up: its settings, its key, its place at central"
EXAMPLES = """examples:
  kiosk setup --first-boot                  read presensi-kiosk.toml on the boot partition

docs/SETUP.md goes through it from the fresh card on. Nothing is in force until kiosk.toml is
written, which comes last: a set-up that was cut short is simply begun again."""

_BOOTS: Final = (Path("/boot/firmware"), Path("/boot"))


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument(
        "--data", default=DATA, metavar="DIR", help="data directory of a new kiosk (%(default)s)"
    )
    parser.add_argument(
        "--first-boot",
        action="store_true",
        help="from the file on the boot partition, no questions",
    )
    parser.add_argument(
        "--boot", type=Path, metavar="DIR", help="where that is (/boot/firmware, else /boot)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Set up."""
    return _first_boot(arguments)


def _first_boot(arguments: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    boot = arguments.boot or next((one for one in _BOOTS if one.is_dir()), _BOOTS[0])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    disk = _disk(arguments.config, arguments.data)
    try:
        done = FirstBoot(
            disk,
            boot,
            arguments.config,
            arguments.data,
            by_code(disk, post),
            lambda seconds: not stop.wait(seconds),
            time.monotonic,
        ).run()
    except OSError as error:
        raise Refused(
            f"{error.filename or boot}: {error.strerror}; is the card mounted, writable and not "
            "full? Nothing is lost: start it again",
            Exit.STORAGE,
        ) from error
    if not done:
        raise Refused(f"not set up; {boot / RESULT} says why and what to do", Exit.FAILED)
    return Exit.OK


def _disk(config: Path, data: str) -> Disk:
    """Return the disk, with whose files are to be in the data directory. Raises Refused."""
    disk = Disk()
    try:
        before = old_settings(disk.read(config))
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except OSError as error:
        raise Refused(f"{config}: {error.strerror}; use sudo", Exit.STORAGE) from error
    return Disk(owner_of(data_of(config, before, data)))
