"""Where a head of the night is kept out of central's reach: a directory, a mailbox, an authority's
word. Each is one attempt; when to try again is `nightly`'s.
"""

import os
import smtplib
import ssl
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Final, Protocol

from sync.central.audit import timestamp
from sync.central.settings import Mail, Place, Timestamp
from sync.central.store.nights import NightRow
from sync.journal.durable import sync_directory
from sync.keyfile import write_durably
from sync.protocol import nighthead

TIMEOUT_S: Final = 30.0

_READABLE: Final = 0o644


OnToken = Callable[[bytes], None]
"""Called with an authority's answer, to have it kept with the head."""


class NotKept(Exception):
    """A head of the night could not be written to a place: what, where, what to do."""


class Keeper(Protocol):
    """One place."""

    @property
    def name(self) -> str:
        """Name the place, as in the settings."""

    def keep(self, night: NightRow, on_token: OnToken) -> None:
        """Write the head there. Raises NotKept."""


def keepers(place: Place) -> Sequence[Keeper]:
    """Return the places that the settings name, in the order in which they are to be written."""
    audit = place.settings.audit
    found: list[Keeper] = []
    directory = Directory(place.path(audit.directory)) if audit.directory else None
    if audit.timestamp is not None:
        certificate = place.path(audit.timestamp.certificate)
        found.append(Authority(audit.timestamp, certificate, directory))
    if directory is not None:
        found.append(directory)
    if audit.mail is not None:
        found.append(Mailbox(audit.mail, place))
    return found


class Directory:
    """Files `night-DAY.txt`, and `night-DAY.tsr` beside it; none is ever overwritten."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.name = f"directory {directory}"

    def keep(self, night: NightRow, _: OnToken) -> None:
        """Write the head. Raises NotKept."""
        self._write_once(f"night-{night.day}.txt", night.message)

    def keep_token(self, day: str, token: bytes) -> None:
        """Write an authority's answer. Raises NotKept."""
        self._write_once(f"night-{day}.tsr", token)

    def _write_once(self, name: str, content: bytes) -> None:
        path = self._directory / name
        draft = path.with_name(f".{name}.{os.getpid()}")
        try:
            write_durably(draft, content, _READABLE)
            try:
                os.link(draft, path)  # unlike a rename, it leaves what is there
            except FileExistsError:
                if path.read_bytes() != content:
                    raise NotKept(f"{path}: another head of that night stands there") from None
            finally:
                draft.unlink()
            sync_directory(self._directory)
        except OSError as error:
            raise NotKept(
                f"{path}: {error.strerror}; mount it, or change audit.directory"
            ) from error


class Authority:
    """A timestamp authority; its answer is kept with the head, and in the directory."""

    def __init__(self, settings: Timestamp, certificate: Path, directory: Directory | None) -> None:
        self._url = settings.url
        self._certificate = certificate
        self._directory = directory
        self.name = f"timestamp {settings.url}"

    def keep(self, night: NightRow, on_token: OnToken) -> None:
        """Ask the authority, unless it has answered already. Raises NotKept."""
        token = night.token
        if token is None:
            line = night.message.partition(b"\n")[0]
            try:
                token = timestamp.ask(self._url, self._certificate, line)
            except timestamp.NoTimestamp as error:
                raise NotKept(str(error)) from error
            on_token(token)
        if self._directory is not None:
            self._directory.keep_token(night.day, token)


class Mailbox:
    """The addresses that are mailed."""

    def __init__(self, mail: Mail, place: Place) -> None:
        self._mail = mail
        self._place = place
        self.name = f"mail {', '.join(mail.to)}"

    def keep(self, night: NightRow, _: OnToken) -> None:
        """Mail the head. Raises NotKept."""
        mail = self._mail
        where = f"mail to {mail.host}:{mail.port}"
        try:
            with smtplib.SMTP(mail.host, mail.port, timeout=TIMEOUT_S) as server:
                if mail.starttls:
                    ca = str(self._place.path(mail.ca)) if mail.ca else None
                    server.starttls(context=ssl.create_default_context(cafile=ca))
                if mail.user:
                    password = self._place.path(mail.password_file).read_text().strip()
                    server.login(mail.user, password)
                refused = server.send_message(self._letter(night))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotKept(f"{where}: {error}; check [audit.mail] and the server's log") from error
        if refused:
            raise NotKept(f"{where}: it refuses {', '.join(refused)}; check audit.mail.to")

    def _letter(self, night: NightRow) -> EmailMessage:
        mail, letter = self._mail, EmailMessage()
        letter["From"], letter["To"] = mail.sender, ", ".join(mail.to)
        letter["Subject"] = f"Presensi: kepala malam / head of the night {night.day}"
        letter["Date"] = formatdate(night.made_at / 1000)
        letter["Message-ID"] = make_msgid(domain=mail.sender.rpartition("@")[2] or None)
        line, signature, *_ = night.message.split(b"\n")
        head = nighthead.decode(night.message).head
        letter.set_content(
            "Simpan surel ini. Dengannya dapat dibuktikan kelak bahwa tidak ada catatan sebelum "
            "malam ini yang diubah.\n"
            "Keep this mail. It proves later that no record before this night was changed.\n\n"
            f"{line.decode()}\n{signature.decode()}\n\n"
            f"SHA-256 {nighthead.digest(line)}\n"
            f"kunci / key {head.key}\n"
        )
        name = f"night-{night.day}"
        for suffix, content in (("txt", night.message), ("tsr", night.token)):
            if content is not None:
                letter.add_attachment(
                    content,
                    maintype="application",  # no mail server changes its line ends
                    subtype="octet-stream",
                    filename=f"{name}.{suffix}",
                )
        return letter
