"""Who comes back with a backup, and who does not: the vault and the PINs, behind tombstones.

A backup knows nothing of whoever was forgotten after it was made. So what is known elsewhere comes
first: the second medium's tombstones, the entries of the restored journals, and central's list of
all that it was told (`presensi-central forgotten KIOSK`). The highest holds, whatever it is from.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from kiosk import pins
from kiosk.backup.parcel import ANOTHER, BackupError
from kiosk.faces import backup as vaultbackup
from kiosk.faces import tombstones, unitkey
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.settings import Place
from sync.journal.reader import Reader
from sync.keyfile import write_durably
from sync.protocol.identity import PrivateKey


class Forgotten(Struct, frozen=True, kw_only=True):
    """Central's list for one kiosk: up to which generation who was forgotten."""

    kiosk: str
    tombstones: dict[str, int]


class Returned(Struct, frozen=True, kw_only=True):
    """Who came of it.

    Attributes:
        known: how many are known by face now.
        dead: who was in the backup and stays forgotten.
        without_pin: whose PIN was not put back, because they were forgotten since.
    """

    known: int
    dead: tuple[str, ...]
    without_pin: tuple[str, ...]


def read_forgotten(path: Path, kiosk: str) -> dict[str, int]:
    """Return the tombstones in central's list. Raises BackupError."""
    try:
        said = msgspec.json.decode(path.read_bytes(), type=Forgotten)
    except OSError as error:
        raise BackupError(
            f"{path}: {error.strerror}; at central: presensi-central forgotten {kiosk}"
        ) from error
    except msgspec.DecodeError as error:
        raise BackupError(
            f"{path}: not central's list: {error}; at central: presensi-central forgotten {kiosk} "
            f"> {path.name}"
        ) from error
    if said.kiosk != kiosk:
        raise BackupError(
            f"{path}: it is about kiosk {said.kiosk!r}, and this is {kiosk!r}; at central: "
            f"presensi-central forgotten {kiosk}"
        )
    return said.tombstones


def bring_back(
    place: Place,
    exported: bytes | None,
    unit: PrivateKey,
    before: Mapping[str, int],
    central: Mapping[str, int],
    journals: Iterable[Reader],
    by: str,
) -> Returned:
    """Restore the vault and the PINs behind everybody's tombstones.

    `exported` is the vault of the backup, None without one; `before` are the backup's own
    tombstones, `central` those that central knows. Raises BackupError, VaultError, JournalError.
    """
    kept = {} if place.mirror is None else tombstones.kept_on(place.mirror, place.settings.kiosk)
    elsewhere = tombstones.highest(kept, tombstones.entered(journals), central)
    dead: tuple[str, ...] = ()
    known = 0
    if exported is not None or before or elsewhere:
        vault = Vault(place.data, KeyPlace(place.data))
        found = None if exported is None else vaultbackup.read(exported)
        try:
            if found is None:
                vault.open()
                vault.replay(tombstones.highest(before, elsewhere), "backup")
            else:
                key = unitkey.unseal(found.content.sealed, unit)
                vault.open(bringing=key)
                dead = vaultbackup.restore(vault, found, key, elsewhere, by).dead
                sealed = msgspec.json.encode(found.content.sealed)
                write_durably(place.data / unitkey.SEALED_FILE, sealed)
            known = len(vault.people())
        finally:
            vault.close()
    since = {who for who, n in elsewhere.items() if n > before.get(who, 0)}
    return Returned(known=known, dead=dead, without_pin=_drop_pins(place, since))


def _drop_pins(place: Place, dead: set[str]) -> tuple[str, ...]:
    path = place.data / pins.FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    try:
        left, dropped = pins.without(content, dead)
    except msgspec.DecodeError:
        raise BackupError(
            f"{path}: the PINs in it are not what a kiosk writes; {ANOTHER}"
        ) from None
    if dropped:
        write_durably(path, left)
    return dropped
