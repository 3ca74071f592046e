"""`kiosk journal export`: what central lacks, as a file on a stick."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from kiosk import VERSION
from kiosk.cli.exits import Exit, Refused
from kiosk.clock import TrustedClock
from kiosk.rostered import version_on
from kiosk.settings import Place
from sync.edge import stick
from sync.edge.session import Self
from sync.journal.durable import sync_directory
from sync.journal.reader import Life, Reader
from sync.journal.schema import Closed
from sync.keyfile import KeyFileError, load_or_make, write_durably

SUFFIX = ".stick"


def run(place: Place, paths: Sequence[Path], to: Path, *, whole: bool) -> int:
    """Write the file; say what is in it and what to do with it. Raises Refused, JournalError."""
    at = TrustedClock().stamp()
    try:
        me = Self(place.settings.kiosk, load_or_make(place.key), [], f"presensi-kiosk {VERSION}")
    except KeyFileError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    if to.is_dir():
        zone = ZoneInfo(place.settings.sources[0].timezone)
        when = datetime.fromtimestamp(at.wall / 1000, UTC).astimezone(zone)
        to = to / f"{me.kiosk}-{when:%Y%m%d-%H%M%S}{SUFFIX}"
    draft = to.with_name(to.name + ".part")
    began = time.monotonic()
    try:
        with ExitStack() as opened:
            lives = [one for path in paths if (one := _open(opened, path)) is not None]
            with draft.open("wb") as file:
                roster = version_on(place.data)
                exported = stick.export(file, me, lives, at, whole=whole, roster=roster)
                file.flush()
                os.fsync(file.fileno())
        draft.rename(to)
        sync_directory(to.parent)
        # Readable by the daemon, whoever exports.
        write_durably(stick.exported_file(place.data), exported.nonce.encode(), 0o644)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise Refused(
            f"{to}: {error.strerror}; is the stick plugged in, writable and not full?",
            Exit.UNAVAILABLE,
        ) from error
    sys.stdout.write(
        f"{to}: {exported.entries} entries in {to.stat().st_size} bytes"
        f" ({time.monotonic() - began:.1f} s)\n"
        f"At central: presensi-central import {to.name}\n"
        "Bring its answer back:  kiosk import FILE.answer\n"
    )
    return Exit.OK


def _open(opened: ExitStack, path: Path) -> tuple[Life, Reader] | None:
    """Return an epoch to be exported; None for one that another has recorded anew."""
    reader = Reader(path)
    life = reader.open()
    opened.callback(reader.close)
    return None if reader.closed() is Closed.REPLACED else (life, reader)
