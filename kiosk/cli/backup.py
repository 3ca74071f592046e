"""`kiosk backup`: everything that makes this kiosk this kiosk, for two officers, in one file."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from kiosk import VERSION
from kiosk.backup import contents, parcel, told
from kiosk.backup.pack import Asked, pack
from kiosk.backup.parcel import BackupError
from kiosk.cli.exits import Exit, Refused
from kiosk.faces.vaultfile import VaultError
from kiosk.local import Done, NoDaemon, Refusal, ask
from kiosk.media import working_place
from kiosk.settings import Place, load
from sync.journal.durable import sync_directory
from sync.journal.errors import JournalError
from sync.keyfile import KeyFileError, load_or_make, load_public, write_durably
from sync.protocol.identity import PublicKey
from sync.settingsfile import SettingsError

HELP = "write a backup of the whole kiosk, which two officers open together"
EXAMPLES = """examples:
  kiosk backup /media/usb --by rudi --unit-key unit.pem     the first time
  kiosk backup /media/usb --by rudi                         the unit key's public half is kept
  kiosk backup /media/usb/lobi.backup --by rudi --json

Settings, journal, roster, technicians, PINs, templates: sealed to the unit key (kiosk vault
unit-key make), so a stolen backup reads nothing. The device key stays here: a restored kiosk makes
a new one, of which central is told. The daemon may run. Try a backup before it is needed:
kiosk restore FILE --check --share A --share B.

exit codes: 0 done, 1 refused (the text says why), 2 words, 3 settings, 5 storage"""

_WITHIN_S: Final = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("to", nargs="?", type=Path, default=Path(), metavar="FILE|DIR",
                        help="a new file, or a directory (default: here)")  # fmt: skip
    parser.add_argument("--unit-key", type=Path, metavar="PEM",
                        help="to which unit key; kept for the next time")  # fmt: skip
    parser.add_argument("--by", required=True, metavar="NAME", help="who does it; it is recorded")
    parser.add_argument("--with-device-key", action="store_true",
                        help="put the device key in too: whoever opens it speaks for this "
                        "kiosk")  # fmt: skip
    parser.add_argument("--vault-key", type=Path, metavar="DIR",
                        help="where vault.key is, if systemd gives it to the daemon")  # fmt: skip
    parser.add_argument(
        "--config", type=Path, default=Path("/etc/presensi-kiosk/kiosk.toml"), metavar="FILE"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Write the backup, read it back, say what is in it."""
    try:
        said = _make(arguments)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except (BackupError, VaultError, KeyFileError) as error:
        raise Refused(str(error)) from error
    except JournalError as error:
        raise Refused(
            f"{error}. A damaged journal is salvaged at the daemon's next start: restart it, then "
            "back up again",
            Exit.STORAGE,
        ) from error
    except OSError as error:
        raise Refused(
            f"{error.filename or arguments.to}: {error.strerror}; nothing was written there",
            Exit.STORAGE,
        ) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{name:<10} {text}\n" for name, text in said.items() if text))
    return Exit.OK


def _make(arguments: argparse.Namespace) -> dict[str, str]:
    place = working_place(load(arguments.config))
    if not (place.data / "journal").is_dir():
        raise BackupError(
            f"{place.data}: there is no journal yet; `kiosk run` begins one at its first start"
        )
    unit = _unit_key(arguments, place)
    asked = Asked(
        by=arguments.by,
        now=int(datetime.now(UTC).timestamp() * 1000),
        software=f"presensi-kiosk {VERSION}",
        unit=unit,
        device=load_or_make(place.key),
        with_device_key=arguments.with_device_key,
        vault_key=arguments.vault_key,
    )
    path = _path(arguments.to, place.settings.kiosk, asked.now)
    with suppress(OSError):  # a card that is full is to be saved all the same
        write_durably(place.data / contents.UNIT_KEY, unit.pem, 0o644)  # it goes along as well
    with _written(path) as file:
        made = pack(place, asked, file)
    with path.open("rb") as written:
        heading = parcel.heading(written)
    _give_to_owner(place)
    entries = sum(max(0, one.last - one.first + 1) for one in made.epochs)
    return {
        "backup": str(path),
        "sealed to": f"unit key {unit.fingerprint[:16]}",
        "holds": f"{len(made.epochs)} journals, {entries} entries, {made.people} people by face",
        "device key": "in it" if made.device_key else "not in it: a restored kiosk makes its own",
        "recorded": _recorded(place, arguments, heading),
        "not in it": ", ".join(made.elsewhere),
        "now": _advice(path, place),
    }


def _unit_key(arguments: argparse.Namespace, place: Place) -> PublicKey:
    if arguments.unit_key is not None:
        return load_public(arguments.unit_key)
    kept = place.data / contents.UNIT_KEY
    if not kept.exists():
        raise BackupError(
            "nobody could ever open it: say --unit-key unit.pem once (kiosk vault unit-key make)"
        )
    return load_public(kept)


def _path(to: Path, kiosk: str, now: int) -> Path:
    if to.is_dir():
        at = datetime.fromtimestamp(now / 1000, UTC)
        to = to / f"{kiosk}-{at:%Y%m%d-%H%M%S}.backup"
    if to.exists():
        raise BackupError(f"{to}: is there already; a backup is never written over another")
    if not to.parent.is_dir():
        raise BackupError(f"{to.parent}: no such directory; is the stick mounted?")
    return to


@contextmanager
def _written(path: Path) -> Iterator[IO[bytes]]:
    """Yield a draft that becomes `path` once it is whole and on its medium. Raises OSError.

    It may be on a stick: FAT has no modes and refuses to set any.
    """
    draft = path.with_name(path.name + ".part")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        sync_directory(path.parent)
    finally:
        draft.unlink(missing_ok=True)  # only where the renaming was not reached


def _recorded(place: Place, arguments: argparse.Namespace, heading: parcel.Heading) -> str:
    """Have the daemon record it; return what came of that."""
    said = {
        "by": arguments.by,
        "content": heading.content,
        "unit": heading.unit,
        "device_key": "yes" if arguments.with_device_key else "",
    }
    try:
        for line in ask(place.socket, told.ASKED, _WITHIN_S, said):
            answer = msgspec.json.decode(line, type=Done | Refusal)
            return "yes" if isinstance(answer, Done) else f"NO: {answer.reason}"
    except NoDaemon:
        pass
    return "NO: the daemon does not run; write it down elsewhere"


def _advice(path: Path, place: Place) -> str:
    if path.parent.stat().st_dev == place.data.stat().st_dev:
        return "IT IS ON THE CARD THAT IT IS FOR: copy it to another medium"
    return f"try it: kiosk restore {path} --check --share A --share B"


def _give_to_owner(place: Place) -> None:
    """Let the daemon's user have what root may have written into its directory."""
    if os.geteuid() == 0:
        owner = place.data.stat()
        for path in (place.data / contents.UNIT_KEY, *place.data.glob("vault.*")):
            if path.exists():
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
