"""Making a backup of a kiosk, while its daemon works or without it.

Each epoch is copied as it is at one moment and proved before it goes in; the copy stands for that
long in the data directory, never on the stick, where whoever finds it could read what was deleted.
"""

import io
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec import Struct

from kiosk.backup import contents
from kiosk.backup.contents import Contents, Held
from kiosk.backup.parcel import BackupError, Writer
from kiosk.faces import backup as vaultbackup
from kiosk.faces import unitkey, vaultfile
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.settings import Place
from sync.journal import names, snapshot
from sync.protocol.identity import PrivateKey, PublicKey

PART: Final = "backup.part"
"""Directory in the data directory for the copy of an epoch that is being written; swept away."""

SPARED_BYTES: Final = 32 << 20
"""So much room a copy leaves to the journal, bytes."""

_AGAIN: Final = 5
"""So often it is begun anew because an epoch began or went meanwhile."""


class Asked(Struct, frozen=True, kw_only=True):
    """How a backup is to be made.

    Attributes:
        by: who makes it.
        now: milliseconds UTC by the kiosk's clock.
        software: name and version of what writes it.
        unit: the unit key that it is sealed to.
        device: the device key that signs it.
        with_device_key: whether that goes along.
        vault_key: the directory with `vault.key`, where systemd gives it to the daemon.
    """

    by: str
    now: int
    software: str
    unit: PublicKey
    device: PrivateKey
    with_device_key: bool = False
    vault_key: Path | None = None


def pack(place: Place, asked: Asked, out: IO[bytes]) -> Contents:
    """Write a backup to `out`; return what is in it.

    Raises BackupError, JournalError, VaultError, OSError: what was written is no backup then.
    """
    part = place.data / PART
    shutil.rmtree(part, ignore_errors=True)  # of one that was cut short
    writer = Writer(out, place.settings.kiosk, asked.now, asked.software, asked.unit, asked.device)
    try:
        part.mkdir(mode=0o700)
        with tarfile.open(fileobj=_Out(writer), mode="w|gz") as tar:
            for name, path in contents.carried(place, keys=asked.with_device_key):
                with suppress(FileNotFoundError):  # not every kiosk has every file
                    _add(tar, name, path.read_bytes())
            people, tombstones = _add_vault(tar, place, asked)
            epochs = list(_add_epochs(tar, place, part))
            said = Contents(
                kiosk=place.settings.kiosk,
                made=asked.now,
                epochs=epochs,
                tombstones=tombstones,
                people=people,
                device_key=asked.with_device_key and place.key.exists(),
                elsewhere=[
                    one
                    for one in contents.named(place.settings, keys=asked.with_device_key)
                    if not contents.is_carried(place, one)
                ],
            )
            _add(tar, contents.CONTENTS, msgspec.json.encode(said))
        writer.finish()
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return said


class _Out(io.RawIOBase):
    """A parcel's writer as tarfile wants a file to be."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, octets: bytes) -> int:  # type: ignore[override]  # tarfile has bytes only
        return self._writer.write(octets)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    tar.addfile(member, io.BytesIO(content))


def _add_vault(tar: tarfile.TarFile, place: Place, asked: Asked) -> tuple[int, dict[str, int]]:
    """Add the vault, if anybody is in it; return how many are, and all tombstones."""
    if not (place.data / vaultfile.FILE).exists():
        return 0, {}
    vault = Vault(place.data, KeyPlace(asked.vault_key or place.data))
    vault.open()
    try:
        people, dead = vault.people(), vault.tombstones()
        if people:
            sealed = unitkey.read_sealed(place.data / unitkey.SEALED_FILE)
            if sealed is not None and sealed.unit != asked.unit.fingerprint:
                raise BackupError(
                    f"the vault's key is sealed to unit key {sealed.unit[:16]}, and this backup "
                    f"would be to {asked.unit.fingerprint[:16]}: whoever restores it would need "
                    "four shares. Seal it to the same one first: kiosk vault seal --unit-key PEM "
                    "--by YOU"
                )
            exported = vaultbackup.export(
                *(vault, sealed, place.settings.kiosk, asked.device, asked.now, asked.by)
            )
            _add(tar, contents.VAULT, exported)
        return len(people), dead
    finally:
        vault.close()


def _add_epochs(tar: tarfile.TarFile, place: Place, part: Path) -> Iterator[Held]:
    directory = place.data / "journal"
    done: set[str] = set()
    for _ in range(_AGAIN):
        for path in names.files(directory):
            if path.name in done:
                continue
            _look_for_room(part, path)
            copied = part / path.name
            try:
                life, span, receipted = snapshot.copy(path, copied)
            except FileNotFoundError:  # retention has let go of the whole of it
                continue
            with copied.open("rb") as file:
                member = tarfile.TarInfo(f"{contents.JOURNAL}/{path.name}")
                member.size, member.mode = copied.stat().st_size, 0o600
                tar.addfile(member, file)
            names.remove(copied)
            done.add(path.name)
            yield Held(
                file=path.name,
                epoch=life.epoch,
                number=life.number,
                first=span.first,
                last=span.last,
                receipted=receipted,
            )
        if {path.name for path in names.files(directory)} <= done:
            break
    if not done:
        raise BackupError(
            f"{directory}: there is no journal yet; `kiosk run` begins one at its first start"
        )


def _look_for_room(part: Path, path: Path) -> None:
    """Raise BackupError where a copy of an epoch would leave the journal too little room."""
    log = names.beside(path, "-wal")
    size = path.stat().st_size + (log.stat().st_size if log.exists() else 0)
    free = shutil.disk_usage(part).free
    if free < size + SPARED_BYTES:
        raise BackupError(
            f"{part}: {path.name} is {size / 1e6:,.1f} MB, and {free / 1e6:,.1f} MB are free: with "
            "a copy of it the journal would have no room. Free some space (kiosk doctor says what "
            "fills the card), then try again; what central lacks can be saved without a copy: "
            "kiosk journal export"
        )
