"""`kiosk setup`: from a fresh card to a kiosk that central knows."""

import argparse
import logging
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Final

from kiosk.cli.exits import Exit, Refused
from kiosk.settings import Language
from kiosk.setup.bootfile import RESULT
from kiosk.setup.console import SetUp, Where
from kiosk.setup.digits import tell
from kiosk.setup.disk import Disk
from kiosk.setup.enrolling import NotEnrolled
from kiosk.setup.firstboot import FirstBoot
from kiosk.setup.reach import tried
from kiosk.setup.road import by_code
from kiosk.setup.said import Said
from kiosk.setup.written import DATA, data_of, old_settings, owner_of
from sync.edge.post import post
from sync.protocol.enrolment import MAX_ANSWER_BYTES, decode_claim
from sync.settingsfile import SettingsError

HELP = "set this kiosk up: its settings, its key, its place at central"
EXAMPLES = """examples:
  sudo kiosk setup                          questions, each answer checked at once; ? for help
  sudo kiosk setup --language en
  sudo kiosk setup --request /media/usb     no network: a request for central on a stick
  sudo kiosk setup --answer /media/usb/kiosk-7K3P.answer
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
        "--language",
        choices=[one.value for one in Language],
        default=Language.INDONESIAN.value,
        help="in which it asks (default: %(default)s)",
    )
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--first-boot",
        action="store_true",
        help="from the file on the boot partition, no questions",
    )
    ways.add_argument("--request", type=Path, metavar="DIR", help="write a request for central")
    ways.add_argument("--answer", type=Path, metavar="FILE", help="take central's answer to it")
    parser.add_argument(
        "--boot", type=Path, metavar="DIR", help="the boot partition (/boot/firmware, else /boot)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Set up."""
    if arguments.first_boot:
        return _first_boot(arguments)
    console = _Terminal(Language(arguments.language))
    where = _where(arguments.config, arguments.data)
    try:
        setup = SetUp(where, console, post, tried, _waited, partial(tell, where.disk, where.home))
        if arguments.request is not None:
            return _request(setup, where, console, arguments.request)
        if arguments.answer is not None:
            plan = setup.end_stick(arguments.answer.read_bytes()[: MAX_ANSWER_BYTES + 1])
        else:
            plan = setup.by_line()
    except NotEnrolled as error:
        raise Refused(console.words(error.said), Exit.FAILED) from error
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except (EOFError, KeyboardInterrupt) as error:
        raise Refused(
            "stopped; what was answered is kept, `kiosk setup` goes on with it", Exit.FAILED
        ) from error
    except OSError as error:
        raise Refused(
            f"{error.filename or where.config}: {error.strerror}; is there room, and was it called "
            "with sudo? What was answered is kept",
            Exit.STORAGE,
        ) from error
    console.say(_ready(plan.kiosk, where.config))
    return Exit.OK


def _request(setup: SetUp, where: Where, console: "_Terminal", directory: Path) -> int:
    message = setup.begin_stick()
    path = directory / f"kiosk-{decode_claim(message)[0].claim}.request"
    # In place: a stick is FAT, and what was cut short is written again.
    where.disk.overwrite(path, message)
    where.disk.cut(path, len(message))
    where.disk.sync(path)
    console.say(
        Said(
            f"{path} sudah ditulis. Bawa ke pusat: presensi-central kiosks enrol BERKAS; lalu "
            "jawabannya ke sini: kiosk setup --answer BERKAS. Kode klaim harus masih berlaku saat "
            "dibaca di pusat.",
            f"{path} is written. Carry it to central: presensi-central kiosks enrol FILE; then its "
            "answer back here: kiosk setup --answer FILE. The claim code must still be good when "
            "it is read at central.",
        )
    )
    return Exit.OK


class _Terminal:
    """Whoever is at standard input and output."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def words(self, said: Said) -> str:
        """Return a sentence in the language that was chosen."""
        return said.english if self._language is Language.ENGLISH else said.indonesian

    def say(self, said: Said) -> None:
        """Write a sentence."""
        sys.stdout.write(f"{self.words(said)}\n")
        sys.stdout.flush()

    def ask(self, said: Said) -> str:
        """Return a line. Raises EOFError."""
        sys.stdout.write(f"{self.words(said)}: ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line


def _waited(seconds: float) -> bool:
    time.sleep(seconds)
    return True


def _ready(kiosk: str, config: Path) -> Said:
    name = kiosk or "kiosk"
    return Said(
        f"SIAP. {name}: {config} sudah ditulis. Berikutnya: sudo systemctl restart presensi-kiosk "
        "presensi-screen, lalu kiosk doctor",
        f"READY. {name}: {config} is written. Next: sudo systemctl restart presensi-kiosk "
        "presensi-screen, then kiosk doctor",
    )


def _first_boot(arguments: argparse.Namespace) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    boot = arguments.boot or next((one for one in _BOOTS if one.is_dir()), _BOOTS[0])
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    disk = _where(arguments.config, arguments.data).disk
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


def _where(config: Path, data: str) -> Where:
    """Return where it is kept, by whose files are to be there. Raises Refused."""
    disk = Disk()
    try:
        before = old_settings(disk.read(config))
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except OSError as error:
        raise Refused(f"{config}: {error.strerror}; use sudo", Exit.STORAGE) from error
    home = data_of(config, before, data)
    return Where(Disk(owner_of(home)), config, home, data)
