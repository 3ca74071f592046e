"""A private key's file: made once, on disk before it is used, readable by its owner only."""

import os
import tempfile
from pathlib import Path

from sync.journal.durable import make_directory, sync_directory
from sync.protocol.errors import Malformed
from sync.protocol.identity import PrivateKey, PublicKey


class KeyFileError(Exception):
    """A key's file cannot be read or made."""


def load_or_make(path: Path) -> PrivateKey:
    """Return the key in `path`; make one if there is no such file. Raises KeyFileError."""
    try:
        if not path.exists():
            _write_once(path, PrivateKey.generate().pem)
        return PrivateKey.from_pem(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; check the disk and the owner") from error
    except Malformed as error:
        raise KeyFileError(
            f"{path}: {error}; restore it from a backup, or move it away and enrol anew"
        ) from error


def load_public(path: Path) -> PublicKey:
    """Return the first public key in the PEM file `path`. Raises KeyFileError."""
    return load_publics(path)[0]


def load_publics(path: Path) -> list[PublicKey]:
    """Return the public keys in the PEM file `path`, at least one. Raises KeyFileError."""
    try:
        return PublicKey.all_from_pem(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; copy the key's PEM file there") from error
    except Malformed as error:
        raise KeyFileError(f"{path}: {error}; copy the key's PEM file there again") from error


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Put `content` at `path`: after a power cut there is the old file or the new one. OSError."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)  # only where the renaming was not reached
    sync_directory(path.parent)


def _write_once(path: Path, content: bytes) -> None:
    make_directory(path.parent)
    write_durably(path, content)
