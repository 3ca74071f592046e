"""The vault's key: 32 random bytes, given by systemd, or in a file that only its owner reads.

    $CREDENTIALS_DIRECTORY/vault.key   where the unit has LoadCredential(Encrypted)=vault.key:...
    DATA/vault.key                     else; made at the first use, on disk before it is used
    DATA/vault.key.next                while it is being replaced

Without a TPM either one is on the same card as the vault: it protects copies of the vault, not a
stolen card. Its other copy is sealed to the unit key (`unitkey.py`).
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from kiosk.faces.vaultfile import VaultError
from sync.journal.durable import sync_directory
from sync.keyfile import write_durably
from sync.protocol.errors import Malformed
from sync.protocol.sealed import RecordKey

FILE: Final = "vault.key"
NEXT: Final = "vault.key.next"
"""The key that takes its place, between its making and the moment when all rests under it."""

CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"

ELSEWHERE: Final = (
    "bring the key back, or move the vault away and restore it from a backup with the shares of "
    "both officers (kiosk vault restore)"
)
"""What is to be done where the key that the vault was written with is not here."""


class KeyPlace:
    """Where one vault's key is kept."""

    def __init__(self, data: Path, environment: Mapping[str, str] = os.environ) -> None:
        """`data` is the directory of the vault."""
        given = environment.get(CREDENTIALS, "")
        credential = Path(given) / FILE
        self.is_given = bool(given) and credential.exists()
        self.path = credential if self.is_given else data / FILE

    def load(self) -> RecordKey | None:
        """Return the key; None where there is none. Raises VaultError."""
        try:
            with self.path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                # What systemd gives lies where only the unit looks, and may carry an ACL.
                if mode & 0o077 and not self.is_given:
                    raise VaultError(
                        f"{self.path}: others than its owner may read the vault's key (mode "
                        f"{mode:04o}, expected 0600). Whoever had it can read every copy of the "
                        f"vault: chmod 600 {self.path}, and find out who could"
                    )
                return RecordKey(file.read(64))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise VaultError(
                f"{self.path}: {error.strerror}; check the disk and the owner"
            ) from error
        except Malformed as error:
            raise VaultError(f"{self.path}: {error}; {ELSEWHERE}") from error

    def propose(self, key: RecordKey) -> None:
        """Put a key beside the one in use, that it may take its place. Raises VaultError."""
        try:
            write_durably(self._next, key.octets)
        except OSError as error:
            raise VaultError(
                f"{self._next}: {error.strerror}; check the disk and the owner"
            ) from error

    def settle(self, wanted: str) -> None:
        """Put the proposed key in its place, if it is the `wanted` one by now. Raises VaultError.

        Where the power failed between the two, whoever opens the vault next goes on.
        """
        try:
            if not self._next.exists():
                return
            if RecordKey(self._next.read_bytes()).fingerprint == wanted:
                self._next.rename(self.path)
                sync_directory(self.path.parent)
        except FileNotFoundError:  # another process was before us
            return
        except OSError as error:
            raise VaultError(
                f"{self._next}: {error.strerror}; check the disk and the owner"
            ) from error
        except Malformed:  # cut short before anything rested under it
            return

    @property
    def _next(self) -> Path:
        return self.path.with_name(NEXT)

    def keep(self, key: RecordKey) -> None:
        """Put a key where there is none; it is on disk afterwards. Raises VaultError."""
        if self.path.exists():
            raise VaultError(f"{self.path}: there is a key already; move it away to bring another")
        try:
            write_durably(self.path, key.octets)
        except OSError as error:
            raise VaultError(
                f"{self.path}: {error.strerror}; check the disk and the owner"
            ) from error
