"""`kiosk vault`: the unit key of two officers, backups of the vault, and bringing one back."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from kiosk.backup.contents import UNIT_KEY
from kiosk.cli.exits import Exit, Refused
from kiosk.faces import backup, tombstones, unitkey
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultkey import KeyPlace
from kiosk.faces.vaultwords import Action, Tell
from kiosk.media import working_place
from kiosk.settings import Place, load
from sync.journal.durable import sync_directory
from sync.journal.errors import JournalError
from sync.journal.names import files
from sync.journal.reader import Reader
from sync.keyfile import KeyFileError, load_or_make, load_public, write_durably
from sync.protocol.identity import PublicKey
from sync.settingsfile import SettingsError

HELP = "the vault of templates: unit key, backup, restore"
EXAMPLES = """examples:
  kiosk vault unit-key make --by rudi --out /media/usb     unit.pem and two officers' share files
  kiosk vault seal --unit-key unit.pem --by rudi           the vault's key, for both together
  kiosk vault rekey --by rudi                              everything rests under a new key
  kiosk vault export /media/usb/kiosk.vault --by rudi
  kiosk vault restore /media/usb/kiosk.vault --share a.json --share b.json --by rudi

The unit key's private half is never written: each officer keeps one share, neither reads anything
alone. Give them to two people, and keep a printed copy of each in two places.

Restoring replays tombstones first: those of the backup, of the vault here, of the second medium and
of the journal. Who was forgotten after the backup was made does not come back. The daemon may run
or not; it takes over what has changed, and tells the journal. Nothing here needs a network.

exit codes: 0 done, 1 refused (the text says why), 2 words, 3 settings, 5 storage"""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")

SHARES_LOST: Final = """\
Keep the two share files apart, with two officers, and delete them here. Without both of them nobody
opens a backup; with both of them anybody does."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    verbs = parser.add_subparsers(dest="vault_verb", metavar="VERB", required=True)
    unit = verbs.add_parser("unit-key", help="the key that two officers hold half of each")
    made = unit.add_subparsers(dest="unit_verb", metavar="VERB", required=True)
    make = made.add_parser("make", help="make one: the public key and two share files")
    make.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to write them")
    seal = verbs.add_parser("seal", help="seal the vault's key to a unit key")
    seal.add_argument(
        "--unit-key", type=Path, required=True, metavar="PEM", help="the unit key's public half"
    )
    rekey = verbs.add_parser("rekey", help="replace the vault's key, and seal the new one")
    rekey.add_argument("--unit-key", type=Path, metavar="PEM",
                       help="the unit key to seal it to (default: data/unit.pem)")  # fmt: skip
    export = verbs.add_parser("export", help="write a backup, encrypted and signed")
    export.add_argument("file", type=Path, metavar="FILE")
    restore = verbs.add_parser("restore", help="bring a backup back, tombstones first")
    restore.add_argument("file", type=Path, metavar="FILE")
    restore.add_argument("--share", type=Path, action="append", required=True, metavar="FILE",
                         help="an officer's share; twice")  # fmt: skip
    restore.add_argument("--device-key", type=Path, metavar="PEM",
                         help="public key of the kiosk that made it, to be sure")  # fmt: skip
    for one in (make, seal, rekey, export, restore):
        one.add_argument("--by", required=True, metavar="NAME", help="who does it; it is recorded")
    for one in (seal, rekey, export, restore):
        one.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE")
        one.add_argument("--vault-key", type=Path, metavar="DIR",
                         help="where vault.key is, if systemd gives it to the daemon")  # fmt: skip
    for one in (make, seal, rekey, export, restore):
        one.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    do = {
        "unit-key": _make,
        "seal": _seal,
        "rekey": _rekey,
        "export": _export,
        "restore": _restore,
    }
    try:
        said = do[arguments.vault_verb](arguments)
    except SettingsError as error:
        raise Refused(str(error), Exit.SETTINGS) from error
    except (VaultError, KeyFileError) as error:
        raise Refused(str(error)) from error
    except JournalError as error:
        raise Refused(str(error), Exit.STORAGE) from error
    except OSError as error:
        raise Refused(f"{error.filename}: {error.strerror}", Exit.STORAGE) from error
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{name:<12} {_in_words(text)}\n" for name, text in said.items()))
    return Exit.OK


Said = dict[str, str | list[str]]


def _make(arguments: argparse.Namespace) -> Said:
    public, shares = unitkey.make(arguments.by)
    out: Path = arguments.out
    paths = [out / "unit.pem", *(out / f"unit-share-{one.share.lower()}.json" for one in shares)]
    for path in paths:
        if path.exists():
            raise Refused(f"{path}: is there already; a unit key is never written over another")
    write_out(paths[0], public.pem)
    for path, share in zip(paths[1:], shares, strict=True):
        write_out(path, msgspec.json.format(msgspec.json.encode(share), indent=1))
    return {
        "unit key": public.fingerprint,
        "public half": str(paths[0]),
        **{
            f"share {one.share}": f"{path}, fingerprint {one.fingerprint[:16]}"
            for path, one in zip(paths[1:], shares, strict=True)
        },
        "now": SHARES_LOST,
    }


def _seal(arguments: argparse.Namespace) -> Said:
    unit = load_public(arguments.unit_key)
    with _opened(arguments) as (place, vault):
        return _sealed(place, vault, unit, arguments.by)


def _sealed(place: Place, vault: Vault, unit: PublicKey, by: str) -> Said:
    sealed = unitkey.seal(unit, vault.key)
    path = place.data / unitkey.SEALED_FILE
    write_durably(path, msgspec.json.encode(sealed))
    detail = {"unit": sealed.unit, "key": sealed.key}
    with vault.changing() as db:
        vault.note(db, Tell(by, Action.SEALED, detail))
    return {"sealed": str(path), "unit key": sealed.unit, "vault key": sealed.key}


def _rekey(arguments: argparse.Namespace) -> Said:
    with _opened(arguments) as (place, vault):
        kept = place.data / UNIT_KEY
        file = arguments.unit_key or (kept if kept.exists() else None)
        unit = None if file is None else load_public(file)
        sealed = unitkey.read_sealed(place.data / unitkey.SEALED_FILE)
        if sealed is not None and unit is None:
            raise Refused(
                f"the key is sealed to unit key {sealed.unit[:16]}, and the new one must be too, "
                "or no backup could be opened: say --unit-key unit.pem"
            )
        before = vault.key.fingerprint
        after = vault.rekey(Tell(arguments.by, Action.REKEYED, {}))
        said: Said = {"key before": before, "key": after}
        if unit is not None:
            said |= _sealed(place, vault, unit, arguments.by)
        if arguments.vault_key is not None:
            said["now"] = (
                f"{arguments.vault_key}/vault.key is what systemd must give to the daemon from now "
                "on: systemd-creds encrypt, restart it, and destroy this file"
            )
        return said


def _export(arguments: argparse.Namespace) -> Said:
    with _opened(arguments) as (place, vault):
        sealed = unitkey.read_sealed(place.data / unitkey.SEALED_FILE)
        device = load_or_make(place.key)
        content = backup.export(
            *(vault, sealed, place.settings.kiosk, device, _now_ms(), arguments.by)
        )
        write_out(arguments.file, content)
        heading = backup.read(arguments.file.read_bytes()).heading
        return {
            "backup": str(arguments.file),
            "people": f"{heading.people}",
            "records": f"{heading.records}",
            "sha256": heading.digest,
            "device key": heading.key,
        }


def _restore(arguments: argparse.Namespace) -> Said:
    found = backup.read(arguments.file.read_bytes())
    _believed(arguments, found)
    unit = unitkey.together([unitkey.read_share(path) for path in arguments.share])
    key = unitkey.unseal(found.content.sealed, unit)
    place = working_place(load(arguments.config))
    elsewhere = _elsewhere(place)
    vault = _vault(arguments, place)
    try:
        vault.open(bringing=key)
        done = backup.restore(vault, found, key, elsewhere, arguments.by)
        if vault.key.fingerprint == key.fingerprint:
            sealed = place.data / unitkey.SEALED_FILE
            write_durably(sealed, msgspec.json.encode(found.content.sealed))
    finally:
        vault.close()
        _give_to_owner(place)
    return {
        "restored": f"{len(done.taken)} people of {found.heading.people}",
        "made by": f"kiosk {found.heading.kiosk}, device key {found.heading.key}",
        "forgotten": list(done.dead),
        "newer here": list(done.newer),
        "dead here": list(done.killed),
    }


def _believed(arguments: argparse.Namespace, found: backup.Backup) -> None:
    """Raise Refused where the backup is not of the device that the technician names."""
    if arguments.device_key is None:
        return
    wanted: PublicKey = load_public(arguments.device_key)
    if wanted.fingerprint != found.heading.key:
        raise Refused(
            f"{arguments.file}: signed by device key {found.heading.key[:16]}, not by "
            f"{wanted.fingerprint[:16]}: who made it?"
        )


def _elsewhere(place: Place) -> dict[str, int]:
    """Return the tombstones of the second medium and of the journals here."""
    kept = {} if place.mirror is None else tombstones.kept_on(place.mirror, place.settings.kiosk)
    readers = [Reader(path) for path in files(place.data / "journal")]
    try:
        for one in readers:
            one.open()
        return tombstones.highest(kept, tombstones.entered(readers))
    finally:
        for one in readers:
            one.close()


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[tuple[Place, Vault]]:
    place = working_place(load(arguments.config))
    vault = _vault(arguments, place)
    try:
        vault.open()
        yield place, vault
    finally:
        vault.close()
        _give_to_owner(place)


def _vault(arguments: argparse.Namespace, place: Place) -> Vault:
    return Vault(place.data, KeyPlace(arguments.vault_key or place.data))


def write_out(path: Path, content: bytes) -> None:
    """Write a file that may be on a stick: FAT has no modes, and refuses to set any.

    Raises OSError; then there is no file.
    """
    draft = path.with_name(path.name + ".part")
    try:
        draft.unlink(missing_ok=True)  # whose mode nobody knows, or a link to somewhere
        descriptor = os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
        sync_directory(path.parent)
    finally:
        draft.unlink(missing_ok=True)  # only where the renaming was not reached


def _give_to_owner(place: Place) -> None:
    """Let the daemon's user have what root may have written into its directory."""
    if os.geteuid() != 0 or not place.data.is_dir():
        return
    owner = place.data.stat()
    for path in place.data.glob("vault.*"):
        with suppress(FileNotFoundError):  # SQLite's own journal comes and goes
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _in_words(text: str | list[str]) -> str:
    return text if isinstance(text, str) else ", ".join(text) or "nobody"


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
