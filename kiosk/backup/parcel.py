"""A backup's file: a signed heading, then chunks that only the officers together can read.

    line 1   {kiosk, made, software, unit, content, sealed, device, key}
    line 2   its signature by the device key (signed.py)
    then     FLAG LENGTH CHUNK, again and again: FLAG one byte, `+` for more and `.` for the last;
             LENGTH four bytes, big-endian; CHUNK under the content key (sealed.py)

The content key is made for one file and sealed to the unit key. The signed heading names it, and
nobody else has it, so no chunk can be changed, left out or put in another's place: each is bound
to its number and to whether it is the last. So a backup is written in one pass, of any size.
"""

from typing import IO, Final

import msgspec
from msgspec import Struct

from sync.protocol.errors import Malformed, ProtocolError, Unverified
from sync.protocol.identity import Domain, PrivateKey, PublicKey
from sync.protocol.sealed import RecordKey, bound
from sync.protocol.signed import MAX_SIGNED_BYTES, sign, take_apart

CHUNK_BYTES: Final = 1 << 18
"""Plain bytes in every chunk but the last."""

_LENGTH_BYTES: Final = 4
_SEALED_MOST_BYTES: Final = CHUNK_BYTES + 64
_MORE: Final = b"+"
_LAST: Final = b"."
_INFO: Final = b"presensi-backup-key-v1\0"

ANOTHER: Final = "take another copy of the backup"


class BackupError(Exception):
    """A backup cannot be made, read or restored: the text says why and what to do next."""


class Heading(Struct, frozen=True, kw_only=True):
    """What everybody can read of a backup.

    Attributes:
        kiosk: whose it is.
        made: milliseconds UTC by the kiosk's clock, for people.
        software: name and version of what wrote it.
        unit: fingerprint of the unit key that it is sealed to.
        content: fingerprint of the content key.
        sealed: the content key, readable by the unit key only.
        device: the device's public key, DER, that has signed this.
        key: its fingerprint.
    """

    kiosk: str
    made: int
    software: str
    unit: str
    content: str
    sealed: bytes
    device: bytes
    key: str


class Writer:
    """Writes a backup to `out`; `write` takes the plain bytes, `finish` ends it."""

    def __init__(
        self,
        out: IO[bytes],
        kiosk: str,
        made: int,
        software: str,
        unit: PublicKey,
        device: PrivateKey,
    ) -> None:
        self.key = RecordKey.generate()
        self._out = out
        self._number = 0
        self._waiting = bytearray()
        heading = Heading(
            kiosk=kiosk,
            made=made,
            software=software,
            unit=unit.fingerprint,
            content=self.key.fingerprint,
            sealed=unit.seal(_INFO + self.key.fingerprint.encode(), self.key.octets),
            device=device.public.der,
            key=device.public.fingerprint,
        )
        out.write(sign(Domain.BACKUP, heading, device))

    def write(self, plain: bytes) -> int:
        """Add plain bytes. Raises OSError."""
        self._waiting += plain
        while len(self._waiting) > CHUNK_BYTES:
            self._put(_MORE, bytes(self._waiting[:CHUNK_BYTES]))
            del self._waiting[:CHUNK_BYTES]
        return len(plain)

    def finish(self) -> None:
        """Write the last chunk, without which the file is no backup. Raises OSError."""
        self._put(_LAST, bytes(self._waiting))
        self._waiting.clear()

    def _put(self, flag: bytes, plain: bytes) -> None:
        sealed = self.key.seal(_about(self._number, flag), plain)
        self._out.write(flag + len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed)
        self._number += 1


def heading(file: IO[bytes]) -> Heading:
    """Return the heading of a backup, signed by the device that it names.

    `file` then stands before its first chunk. Whether that device is to be believed its caller
    knows. Raises BackupError.
    """
    lines = file.readline(MAX_SIGNED_BYTES) + file.readline(MAX_SIGNED_BYTES)
    try:
        signed = take_apart(Domain.BACKUP, lines)
        said = signed.read(Heading)
        device = PublicKey.from_der(said.device)
        if device.fingerprint != said.key:
            raise Unverified(f"it holds another key than {said.key[:16]}, which it names")
        signed.verify(device)
    except (ProtocolError, msgspec.DecodeError) as error:
        raise BackupError(
            f"not a backup of a kiosk, or a damaged one: {error}; {ANOTHER}"
        ) from error
    return said


def unseal(said: Heading, unit: PrivateKey) -> RecordKey:
    """Return the content key. Raises BackupError."""
    if unit.public.fingerprint != said.unit:
        raise BackupError(
            f"the backup is sealed to unit key {said.unit[:16]}, and these are shares of "
            f"{unit.public.fingerprint[:16]}: bring the shares of that one"
        )
    try:
        key = RecordKey(unit.open(_INFO + said.content.encode(), said.sealed))
    except Malformed as error:
        raise BackupError(f"the backup's sealed key is damaged: {error}; {ANOTHER}") from error
    if key.fingerprint != said.content:
        raise BackupError(f"the backup's sealed key is another than it says; {ANOTHER}")
    return key


class Reader:
    """Reads the plain bytes behind a heading. Raises BackupError at the first that is not so."""

    def __init__(self, file: IO[bytes], key: RecordKey) -> None:
        self._file = file
        self._key = key
        self._number = 0
        self._ready = bytearray()
        self._ended = False

    def read(self, most: int) -> bytes:
        """Return up to `most` plain bytes; none at the end. Raises BackupError, OSError."""
        while len(self._ready) < most and not self._ended:
            self._ready += self._next()
        part = bytes(self._ready[:most])
        del self._ready[:most]
        return part

    def read_out(self) -> None:
        """Read to the end, so that a file that was cut short is noticed. Raises BackupError."""
        while self.read(CHUNK_BYTES):
            pass

    def _next(self) -> bytes:
        flag = self._file.read(1)
        length = int.from_bytes(self._file.read(_LENGTH_BYTES), "big")
        sealed = self._file.read(length) if length <= _SEALED_MOST_BYTES else b""
        behind = self._file.read(1) if flag == _LAST else b""
        if flag not in (_MORE, _LAST) or len(sealed) != length or behind:
            raise BackupError(
                f"the backup is cut short or damaged at its chunk {self._number}; {ANOTHER}"
            )
        try:
            plain = self._key.open(_about(self._number, flag), sealed)
        except Unverified as error:
            raise BackupError(f"chunk {self._number} of the backup: {error}; {ANOTHER}") from None
        self._number += 1
        self._ended = flag == _LAST
        return plain


def _about(number: int, flag: bytes) -> bytes:
    return bound("presensi-backup-v1", f"{number}", flag.decode())
