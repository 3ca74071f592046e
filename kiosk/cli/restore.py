"""`kiosk restore`: a backup onto an empty card; or only a look whether it could be."""

import argparse
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import msgspec

from kiosk.backup import contents, parcel, unpack
from kiosk.backup.parcel import BackupError, Heading
from kiosk.backup.people import read_forgotten
from kiosk.backup.unpack import Looked, Restored
from kiosk.cli.exits import Exit, Refused
from kiosk.faces import unitkey
from kiosk.faces.vaultfile import VaultError
from kiosk.settings import Place, load
from sync.journal.errors import JournalError
from sync.keyfile import KeyFileError, load_public
from sync.protocol.identity import PrivateKey
from sync.protocol.sealed import RecordKey
from sync.settingsfile import SettingsError

HELP = "put a backup onto an empty card, with both officers' shares"
EXAMPLES = """examples:
  kiosk restore /media/usb/lobi.backup --check --share a.json --share b.json
  kiosk restore /media/usb/lobi.backup --share a.json --share b.json --by rudi --forgotten lobi.json
  kiosk restore /media/usb/lobi.backup --share a.json --share b.json --by rudi --offline

Whoever was forgotten after the backup was made must not come back. Central knows: there,
`presensi-central forgotten KIOSK > lobi.json`. Where nobody can ask it, --offline; then the second
medium and the backup itself are all that is known. The kiosk goes on in a new epoch; no presence is
counted twice. The daemon must not run.

exit codes: 0 done, 1 refused (the text says why), 2 words, 3 settings, 5 storage"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--share", type=Path, action="append", required=True, metavar="FILE",
                        help="an officer's share; twice")  # fmt: skip
    parser.add_argument("--check", action="store_true",
                        help="only read all of it and say what is in it")  # fmt: skip
    parser.add_argument("--by", default="", metavar="NAME", help="who does it; it is recorded")
    parser.add_argument("--forgotten", type=Path, metavar="FILE",
                        help="central's list of who was forgotten")  # fmt: skip
    parser.add_argument("--offline", action="store_true", help="nobody can ask central")
    parser.add_argument("--device-key", type=Path, metavar="PEM",
                        help="public key of the kiosk that made it, to be sure")  # fmt: skip
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Look through the backup, then restore it."""
    try:
        said = _do(arguments)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except (BackupError, VaultError, KeyFileError) as error:
        raise Refused(str(error)) from error
    except JournalError as error:
        raise Refused(str(error), Exit.STORAGE) from error
    except OSError as error:
        raise Refused(
            f"{error.filename or arguments.file}: {error.strerror}; what was begun is begun anew "
            "by the next `kiosk restore`",
            Exit.STORAGE,
        ) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{name:<12} {text}\n" for name, text in said.items() if text))
    return Exit.OK


def _do(arguments: argparse.Namespace) -> dict[str, str]:
    if not arguments.check and not arguments.by.strip():
        raise Refused("who does it? Say --by NAME: it is recorded", Exit.USAGE)
    if not arguments.check and bool(arguments.forgotten) == arguments.offline:
        raise Refused(
            "say who was forgotten since: --forgotten FILE (at central: presensi-central forgotten "
            "KIOSK), or --offline where nobody can ask central",
            Exit.USAGE,
        )
    heading, unit, key, looked = _looked(arguments)
    if arguments.check:
        return _contents(heading, looked)
    central = {}
    if arguments.forgotten is not None:
        central = read_forgotten(arguments.forgotten, heading.kiosk)
    place = _place(arguments.config, looked)

    def open_again() -> IO[bytes]:
        file: IO[bytes] = arguments.file.open("rb")
        parcel.heading(file)
        return file

    try:
        done = unpack.restore(
            *(place, open_again, heading, key, unit, looked, central, arguments.by.strip())
        )
    finally:
        _give_to_owner(place)
    return _report(done, place)


def _looked(arguments: argparse.Namespace) -> tuple[Heading, PrivateKey, RecordKey, Looked]:
    """Open and read the whole backup. Raises BackupError, VaultError, KeyFileError, OSError."""
    unit = unitkey.together([unitkey.read_share(path) for path in arguments.share])
    with arguments.file.open("rb") as file:
        heading = parcel.heading(file)
        if arguments.device_key is not None:
            wanted = load_public(arguments.device_key)
            if wanted.fingerprint != heading.key:
                raise BackupError(
                    f"{arguments.file}: signed by device key {heading.key[:16]}, not by "
                    f"{wanted.fingerprint[:16]}: who made it?"
                )
        key = parcel.unseal(heading, unit)
        return heading, unit, key, unpack.look(file, heading, key)


def _place(config: Path, looked: Looked) -> Place:
    """Return where to restore to; the settings are the backup's only where there are none."""
    if config.exists():
        place = load(config)
        unpack.ready(place, looked)
        return place
    unpack.ready(Place(unpack.settings_in(looked), config.absolute()), looked)
    unpack.put_settings(looked, config)
    return load(config)


def _contents(heading: Heading, looked: Looked) -> dict[str, str]:
    said = looked.contents
    made = datetime.fromtimestamp(heading.made / 1000, UTC).astimezone()
    return {
        "backup of": f"kiosk {heading.kiosk}, made {made:%Y-%m-%d %H:%M %Z} by its clock",
        "made by": f"{heading.software}, device key {heading.key}",
        "journals": "; ".join(
            f"epoch {one.number} ({one.epoch}): {one.first} to {one.last}, {one.receipted} with "
            "central"
            for one in said.epochs
        ),
        "people": f"{said.people} enrolled by face, {len(said.tombstones)} forgotten",
        "device key": "in it" if said.device_key else "not in it",
        "not in it": ", ".join(said.elsewhere),
        "is": "whole, every part of it was read",
    }


def _report(done: Restored, place: Place) -> dict[str, str]:
    people = done.people
    return {
        "restored": f"kiosk {done.kiosk}: {done.epochs} journals; it goes on in epoch {done.epoch}",
        "to deliver": f"{done.undelivered} entries, as far as the backup knows"
        + (f", and {done.mirrored} that only the second medium had" if done.mirrored else ""),
        "people": f"{people.known} known by face",
        "forgotten": ", ".join(people.dead),
        "PIN removed": ", ".join(people.without_pin),
        "bring": "; ".join(done.not_put_back),
        "now": "; ".join(_next_steps(done, place)),
    }


def _next_steps(done: Restored, place: Place) -> Iterator[str]:
    if done.new_key:
        yield (
            f"a new device key, {done.new_key[:16]}: kiosk identity --config {place.file} > "
            f"kiosk.pem, at central `presensi-central kiosks admit {done.kiosk} kiosk.pem` and "
            f"`presensi-central certify {done.kiosk} > kiosk.crt` (docs/KEYS.md); retire the old "
            "key if its card is lost or stolen"
        )
    yield "start the kiosk"


def _give_to_owner(place: Place) -> None:
    """Let the daemon's user have what root has written, where its directory was there before.

    Links are not followed: that user might have put them there.
    """
    if os.geteuid() != 0 or not place.data.is_dir():
        return
    owner = place.data.stat()
    for path in place.data.rglob("*"):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    beside = filter(contents.is_beside, contents.named(place.settings, keys=True))
    for path in (place.file, *map(place.path, beside)):
        if path.is_file() and _is_for_root_only(path):
            os.chown(path, -1, owner.st_gid)
            path.chmod(0o640)


def _is_for_root_only(path: Path) -> bool:
    found = path.stat()
    return found.st_uid == 0 and not found.st_mode & 0o077
