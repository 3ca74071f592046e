"""Who may speak: central's own key, and whether a kiosk's message is a kiosk's.

A message is acceptable only if the key it names is registered, belongs to the kiosk in its header,
and arrived on that kiosk's topic; then the signature decides.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from sync.central.errors import KeyTrouble
from sync.central.store.registry import Registry, Status
from sync.journal.durable import sync_directory
from sync.keyfile import KeyFileError, load_or_make, write_durably
from sync.protocol import (
    closing,
    command,
    employeecode,
    enrolment,
    nighthead,
    receipt,
    renewal,
    rostering,
    stick,
)
from sync.protocol.closing import Closes
from sync.protocol.command import Command, Verb
from sync.protocol.employeecode import EmployeeCode
from sync.protocol.enrolment import Enrolled
from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import Domain, KeyRing, PrivateKey, PublicKey
from sync.protocol.nighthead import End
from sync.protocol.receipt import Receipt
from sync.protocol.renewal import Renewed
from sync.protocol.rostering import RosterPart
from sync.protocol.signed import Signed
from sync.protocol.stick import Contents, Part

KEY_FILE: Final = "central.key"
PUBLIC_FILE: Final = "central.pem"
NEXT_FILE: Final = "central-next.key"
BEFORE_FILE: Final = "central-before.pem"
"""Public halves of the keys that central had: what they signed is still its own."""

Clock = Callable[[], int]
"""Returns milliseconds since 1970-01-01 UTC."""


class Unadmitted(Unverified):
    """A key that nobody registered: its kiosk waits for admission."""


class Speaker(Struct, frozen=True):
    """Who a message says it is from: the topic's kiosk, the header's kiosk, the header's key."""

    topic: str
    kiosk: str
    key: str


class Authority:
    """Central's own key, and what it signs.

    `before` are those that it had, `published` what kiosks are to believe, where it is more.

    Attributes:
        keys: all of them, for whatever central has ever signed.
    """

    def __init__(
        self, key: PrivateKey, before: Iterable[PublicKey] = (), published: str = ""
    ) -> None:
        self._key = key
        self._published = published
        self.keys = KeyRing([*before, key.public])

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of central's key."""
        return self._key.public.fingerprint

    @property
    def public(self) -> PublicKey:
        """Return central's public key."""
        return self._key.public

    @property
    def published(self) -> str:
        """Return the keys that kiosks are to believe, PEM."""
        return self._published or self._key.public.pem.decode()

    @property
    def group(self) -> str:
        """Return a name that only those know who have central's key: its workers."""
        return f"central-{sha256(b'presensi/group/v1' + self._key.pem).hexdigest()[:16]}"

    def sign_receipt(self, word: Receipt) -> bytes:
        """Return the message for `down/receipt`."""
        return receipt.encode(word, self._key)

    def seal_roster(self, part: RosterPart, plain: bytes, to: PublicKey) -> bytes:
        """Return the message for `down/roster` that only the owner of `to` reads."""
        return rostering.encode(part, plain, to, self._key)

    def write_answer(self, file: IO[bytes], contents: Contents, parts: Iterable[Part]) -> None:
        """Write the answer to a kiosk's file. Raises OSError."""
        stick.write(file, Domain.ANSWER, contents, parts, self._key)

    def sign_night(self, ends: Sequence[End], day: str, utc: int, previous: str) -> bytes:
        """Return the head of the night over `ends`; `previous` is the digest of the one before."""
        return nighthead.encode(ends, day, utc, previous, self._key)

    def sign_closing(self, what: Closes, content: bytes) -> bytes:
        """Return the message that closes a month with `content`, or tells what changed since."""
        return closing.encode(what, content, self._key)

    def sign_enrolled(self, told: Enrolled, device: PublicKey) -> bytes:
        """Return the answer to a device that becomes a kiosk."""
        return enrolment.encode_answer(told, device, self._key)

    def sign_renewed(self, kiosk: str, nonce: str, told: Renewed, device: PublicKey) -> bytes:
        """Return the message for `down/certificate`."""
        return renewal.encode_answer(kiosk, nonce, told, device, self._key)

    def sign_code(self, code: EmployeeCode) -> str:
        """Return the text of an employee's code. Raises Malformed: no code can say that."""
        return employeecode.encode(code, self._key)

    def ask_hello(self, kiosk: str, epoch: str) -> bytes:
        """Return the message for `down/command` that asks `kiosk` to say hello.

        `epoch` is central's own.
        """
        asked = Command(kiosk=kiosk, central=epoch, verb=Verb.HELLO, key=self.fingerprint)
        return command.encode(asked, self._key)


def verify(registry: Registry, speaker: Speaker, signed: Signed) -> PublicKey:
    """Return the key that signed, if `speaker` may say this.

    Raises:
        Unadmitted: the key is not registered.
        Unverified: it is somebody else's, retired, on another's topic, or did not sign this.
    """
    if speaker.topic != speaker.kiosk:
        raise Unverified(f"said on {speaker.topic}'s topic in the name of {speaker.kiosk[:80]!r}")
    registered = registry.key(speaker.key)
    if registered is None:
        raise Unadmitted(f"kiosk {speaker.kiosk}: key {speaker.key[:16]} is not admitted")
    if registered.kiosk != speaker.kiosk:
        raise Unverified(
            f"kiosk {speaker.kiosk}: key {speaker.key[:16]} is kiosk {registered.kiosk}'s"
        )
    if registered.status is not Status.ADMITTED:
        raise Unverified(f"kiosk {speaker.kiosk}: key {speaker.key[:16]} is retired")
    key = PublicKey.from_der(registered.der)
    signed.verify(key)
    return key


def open_authority(directory: Path, *, known: str) -> Authority:
    """Return central with the key kept in `directory`, made there at the first run.

    `known` is the fingerprint of the key that this database's receipts are signed with, "" for
    a new database. Beside the key, its public half is kept for kiosks as PEM; while the key is
    being replaced, both keys' (`sync.central.rekey`).

    Raises:
        KeyTrouble: the file cannot be read or written, or holds another key than `known`.
    """
    path, public = directory / KEY_FILE, directory / PUBLIC_FILE
    finish_use(directory, known)
    if known and not path.exists():
        raise KeyTrouble(f"{path}: missing; kiosks trust key {known[:16]}, restore its backup")
    try:
        key = load_or_make(path)
        before = directory / BEFORE_FILE
        had = PublicKey.all_from_pem(before.read_bytes()) if before.exists() else []
        if not public.exists() or key.public.pem not in public.read_bytes():
            write_durably(public, key.public.pem, 0o644)
        told = public.read_text("ascii")
    except KeyFileError as error:
        raise KeyTrouble(str(error)) from error
    except OSError as error:
        raise KeyTrouble(f"{public}: {error.strerror}; check the disk and the owner") from error
    except Malformed as error:
        raise KeyTrouble(f"{before}: {error}; restore it from the backup") from error
    if known not in ("", key.public.fingerprint):
        raise KeyTrouble(
            f"{path}: holds key {key.public.fingerprint[:16]}, kiosks trust {known[:16]}; "
            "restore the right one from the backup"
        )
    return Authority(key, had, told)


def finish_use(directory: Path, known: str) -> None:
    """Put the next key in its place, where the database says already that it is in use.

    Raises KeyTrouble.
    """
    following = directory / NEXT_FILE
    try:
        if known and following.exists() and load_or_make(following).public.fingerprint == known:
            following.rename(directory / KEY_FILE)
            sync_directory(directory)
    except KeyFileError as error:
        raise KeyTrouble(str(error)) from error
    except OSError as error:
        raise KeyTrouble(f"{directory}: {error.strerror}; check the disk") from error
