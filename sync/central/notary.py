"""The notary: issues the line's certificates, keeps a copy of each, and says which are revoked.

    ca.key          the authority's key, mode 0600: whoever has it can let anybody in
    ca.pem          its certificate: for the broker, and for every kiosk
    crl.pem         the revoked certificates: for the broker
    certificates/   a copy of every certificate that was issued, named by name and serial number

All in central's data directory, and none of it needed while central runs: the authority may as
well live on a machine of its own, with these files and no broker.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sync.central.errors import KeyTrouble
from sync.keyfile import KeyFileError, load_or_make, write_durably
from sync.protocol.certificate import Certificate, End, Issuer, revoked_serials
from sync.protocol.errors import Malformed
from sync.protocol.identity import PublicKey

CA_KEY: Final = "ca.key"
CA_FILE: Final = "ca.pem"
CRL_FILE: Final = "crl.pem"
ISSUED: Final = "certificates"

CENTRAL_NAME: Final = "presensi-central"
"""Central's own CN, by which the broker's ACL knows it; so no kiosk may have it for an id."""

AUTHORITY_LIFE: Final = timedelta(days=20 * 365)
"""How long the authority's certificate is valid."""

LEAF_LIFE: Final = timedelta(days=3 * 365)
"""How long a certificate is valid where nobody says otherwise."""


class Notary:
    """The authority over the line. Raises KeyTrouble wherever its files cannot be used."""

    def __init__(self, directory: Path, issuer: Issuer, now: Callable[[], datetime]) -> None:
        self._directory = directory
        self._issuer = issuer
        self._now = now

    @property
    def certificate(self) -> Certificate:
        """Return the authority's own certificate."""
        return self._issuer.certificate

    def issue(
        self,
        key: PublicKey,
        name: str,
        end: End,
        hosts: Sequence[str] = (),
        life: timedelta = LEAF_LIFE,
    ) -> Certificate:
        """Return a new certificate, a copy of which is on disk: it could be revoked from now on.

        Raises Malformed for a host that is none.
        """
        made = self._issuer.issue(key, name, end, self._now(), life, hosts)
        copy = self._directory / ISSUED / f"{name}-{made.serial:x}.pem"
        _write(copy, made.pem)
        return made

    def issued(self) -> Iterator[Certificate]:
        """Yield every certificate that was issued and has not run out."""
        now = self._now()
        for path in sorted((self._directory / ISSUED).glob("*.pem")):
            try:
                found = Certificate.from_pem(path.read_bytes())
            except (OSError, Malformed) as error:
                raise KeyTrouble(f"{path}: {error}; restore it from the backup") from error
            if found.until > now:
                yield found

    def revoke(self, *certificates: Certificate) -> None:
        """Put `certificates` on the list of the revoked, for good. With none, write the list."""
        path = self._directory / CRL_FILE
        before = path.read_bytes() if path.exists() else None
        try:
            serials = [one.serial for one in certificates]
            _write(path, self._issuer.revocations(before, serials, self._now()))
        except Malformed as error:
            raise KeyTrouble(f"{path}: {error}; restore it from the backup") from error

    def revoked(self) -> frozenset[int]:
        """Return the serial numbers of the revoked."""
        path = self._directory / CRL_FILE
        try:
            return revoked_serials(path.read_bytes())
        except (OSError, Malformed) as error:
            raise KeyTrouble(f"{path}: {error}; restore it from the backup") from error


def open_notary(directory: Path, now: Callable[[], datetime]) -> Notary:
    """Return the authority kept in `directory`, made there when it is first needed.

    Raises KeyTrouble.
    """
    path, public = directory / CA_KEY, directory / CA_FILE
    if public.exists() and not path.exists():
        raise KeyTrouble(f"{path}: missing; the line trusts it: restore its backup")
    try:
        key = load_or_make(path)
        (directory / ISSUED).mkdir(exist_ok=True)
        if public.exists():
            issuer = Issuer(key, Certificate.from_pem(public.read_bytes()))
        else:
            issuer = Issuer.begin(key, "presensi authority", now(), AUTHORITY_LIFE)
            _write(public, issuer.certificate.pem)
    except (KeyFileError, Malformed) as error:
        raise KeyTrouble(
            f"{public}: {error}" if isinstance(error, Malformed) else str(error)
        ) from error
    except OSError as error:
        raise KeyTrouble(f"{directory}: {error.strerror}; check the disk and the owner") from error
    notary = Notary(directory, issuer, now)
    if not (directory / CRL_FILE).exists():
        notary.revoke()
    return notary


def _write(path: Path, content: bytes) -> None:
    try:
        write_durably(path, content, 0o644)
    except OSError as error:
        raise KeyTrouble(f"{path}: {error.strerror}; check the disk and the owner") from error
