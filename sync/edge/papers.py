"""The files of the line's certificates, as settings name them: read, and replaced durably."""

import os
from pathlib import Path

from sync.keyfile import write_durably
from sync.line import Tls
from sync.protocol.certificate import Certificate
from sync.protocol.errors import Malformed
from sync.protocol.renewal import Renewed


class PapersError(Exception):
    """A file cannot be read or written: which, why, what to do."""


class Papers:
    """What `line.tls` names, and the file of central's keys where that may be replaced."""

    def __init__(self, tls: Tls, central: Path | None = None) -> None:
        self._central = central
        self._ca = Path(tls.ca)
        self._crl = Path(tls.crl) if tls.crl else None
        self._certificate = Path(tls.certificate)

    def certificate(self) -> Certificate:
        """Return the one that is held. Raises PapersError."""
        try:
            return Certificate.from_pem(self._certificate.read_bytes())
        except OSError as error:
            raise PapersError(
                f"{self._certificate}: {error.strerror}; `kiosk setup` enrols this device anew"
            ) from error
        except Malformed as error:
            raise PapersError(
                f"{self._certificate}: {error}; `kiosk setup` enrols this device anew"
            ) from error

    def check_writable(self) -> None:
        """Raises PapersError where nothing could be replaced: it need not be asked for, then."""
        for path in filter(None, (self._ca, self._crl, self._certificate)):
            if not os.access(path.parent, os.W_OK):
                raise PapersError(
                    f"{path.parent} may not be written by the daemon, so certificates there are "
                    "renewed by hand: move them to `line/` in the data directory (docs/KEYS.md)"
                )

    def replace(self, renewed: Renewed) -> None:
        """Put what central gave in place; each mixture with what was there before works as well.

        Raises PapersError: what was not replaced is as it was.
        """
        told = [
            (self._ca, renewed.ca),
            (self._crl, renewed.crl),
            (self._central, renewed.central),
            (self._certificate, renewed.certificate),
        ]
        for path, text in told:
            if path is None or not text:
                continue
            try:
                if not path.exists() or path.read_bytes() != text.encode():
                    write_durably(path, text.encode(), 0o640)
            except OSError as error:
                raise PapersError(
                    f"{path}: {error.strerror}; is the disk full, or the file another user's?"
                ) from error
