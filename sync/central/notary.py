"""The notary: issues the line's certificates, keeps a copy of each, and says which are revoked.

    ca.key          the authority's key, mode 0600: whoever has it can let anybody in
    ca.pem          its certificate: for the broker, and for every kiosk
    crl.pem         the revoked certificates: for the broker
    certificates/   a copy of every certificate that was issued, named by name and serial number

All in central's data directory, and none of it needed while central runs. While the authority is
being replaced there are two: ca-before.key is the old one's, and ca.pem and crl.pem speak for both,
so that certificates of either are good wherever these two files have arrived.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sync.central.errors import KeyTrouble
from sync.keyfile import KeyFileError, load_or_make, write_durably
from sync.protocol.certificate import Certificate, End, Issuer, revoked_serials
from sync.protocol.errors import Malformed
from sync.protocol.identity import PrivateKey, PublicKey

CA_KEY: Final = "ca.key"
CA_KEY_BEFORE: Final = "ca-before.key"
CA_FILE: Final = "ca.pem"
CRL_FILE: Final = "crl.pem"
ISSUED: Final = "certificates"

CENTRAL_NAME: Final = "presensi-central"
"""Central's own CN, by which the broker's ACL knows it; so no kiosk may have it for an id."""

AUTHORITY_LIFE: Final = timedelta(days=20 * 365)
"""How long the authority's certificate is valid."""

LEAF_LIFE: Final = timedelta(days=3 * 365)
"""How long a certificate is valid where nobody says otherwise."""


SPREAD: Final = 0.2
"""By up to this share of it a kiosk's certificate lives shorter, by lot: a fleet that was set up in
one week is not renewed in one.
"""


def spread(life: timedelta = LEAF_LIFE) -> timedelta:
    """Return how long one kiosk's certificate is to live."""
    return life * (1 - SPREAD * secrets.randbelow(1001) / 1000)


class Notary:
    """The authority over the line. Raises KeyTrouble wherever its files cannot be used."""

    def __init__(
        self, directory: Path, issuers: Sequence[Issuer], now: Callable[[], datetime]
    ) -> None:
        """`issuers` are those that are trusted, the one that issues first."""
        self._directory = directory
        self._issuers = list(issuers)
        self._now = now

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
        made = self._issuers[0].issue(key, name, end, self._now(), life, hosts)
        _write(self._directory / ISSUED / f"{name}-{made.serial:x}.pem", made.pem)
        return made

    def is_ours(self, certificate: Certificate) -> bool:
        """Return whether an authority that is trusted issued this."""
        return any(certificate.is_from(one.certificate) for one in self._issuers)

    def is_latest(self, certificate: Certificate) -> bool:
        """Return whether the authority that issues now issued this."""
        return certificate.is_from(self._issuers[0].certificate)

    def published(self) -> tuple[str, str]:
        """Return what everybody is given: the authorities, and who is revoked, PEM."""
        paths = [self._directory / name for name in (CA_FILE, CRL_FILE)]
        try:
            authorities, revoked = (path.read_text("ascii") for path in paths)
        except (OSError, UnicodeDecodeError) as error:
            raise KeyTrouble(f"{self._directory}: {error}; restore it from the backup") from error
        return authorities, revoked

    def issued(self, name: str = "") -> Iterator[Certificate]:
        """Yield every certificate that was issued and has not run out; of `name` only, if said."""
        now = self._now()
        for path in sorted((self._directory / ISSUED).glob(f"{name}-*.pem" if name else "*.pem")):
            try:
                found = Certificate.from_pem(path.read_bytes())
            except (OSError, Malformed) as error:
                raise KeyTrouble(f"{path}: {error}; restore it from the backup") from error
            is_meant = not name or found.name == name
            if is_meant and found.until > now and self.is_ours(found):
                yield found

    def revoke(self, *certificates: Certificate) -> None:
        """Put `certificates` on the list of the revoked, for good. With none, write the list.

        Each authority that is trusted signs the whole list: serial numbers are random.
        """
        path = self._directory / CRL_FILE
        serials = [one.serial for one in certificates]
        try:
            before = path.read_bytes() if path.exists() else b""
            lists = [one.revocations(before, serials, self._now()) for one in self._issuers]
        except (OSError, Malformed) as error:
            raise KeyTrouble(f"{path}: {error}; restore it from the backup") from error
        _write(path, b"".join(lists))

    def complete(self) -> None:
        """Write the list of the revoked if it is missing, or not signed by all who are trusted."""
        path = self._directory / CRL_FILE
        lists = path.read_bytes().count(b"-----BEGIN X509 CRL-----") if path.exists() else 0
        if lists != len(self._issuers):
            self.revoke()

    def revoked(self) -> frozenset[int]:
        """Return the serial numbers of the revoked."""
        path = self._directory / CRL_FILE
        try:
            return revoked_serials(path.read_bytes())
        except (OSError, Malformed) as error:
            raise KeyTrouble(f"{path}: {error}; restore it from the backup") from error

    @property
    def being_replaced(self) -> bool:
        """Whether two authorities are trusted."""
        return len(self._issuers) > 1

    def succeed(self) -> None:
        """Begin a new authority, which issues from now on; the one before stays trusted."""
        key = PrivateKey.generate()
        new = _begin(key, self._now())
        # In this order: interrupted anywhere, the old authority goes on as the only one.
        _write(self._directory / CA_KEY_BEFORE, self._issuers[0].key_pem, 0o600)
        _write(self._directory / CA_KEY, key.pem, 0o600)
        _write(self._directory / CA_FILE, new.certificate.pem + self._issuers[0].certificate.pem)
        self._issuers = [new, self._issuers[0]]
        self.revoke()

    def end_predecessor(self) -> None:
        """Trust the new authority only, and destroy the old one's key."""
        self._issuers = self._issuers[:1]
        _write(self._directory / CA_FILE, self._issuers[0].certificate.pem)
        self.revoke()
        (self._directory / CA_KEY_BEFORE).unlink(missing_ok=True)


def open_notary(directory: Path, now: Callable[[], datetime]) -> Notary:
    """Return the authority kept in `directory`, made there when it is first needed.

    Raises KeyTrouble.
    """
    path, before, public = (directory / name for name in (CA_KEY, CA_KEY_BEFORE, CA_FILE))
    if public.exists() and not path.exists():
        raise KeyTrouble(f"{path}: missing; the line trusts it: restore its backup")
    try:
        keys = [load_or_make(one) for one in (path, before) if one is path or one.exists()]
        (directory / ISSUED).mkdir(exist_ok=True)
        if not public.exists():
            _write(public, _begin(keys[0], now()).certificate.pem)
        notary = Notary(
            directory, _issuers(Certificate.all_from_pem(public.read_bytes()), keys), now
        )
    except KeyFileError as error:
        raise KeyTrouble(str(error)) from error
    except Malformed as error:
        raise KeyTrouble(f"{public}: {error}; restore both from the backup") from error
    except OSError as error:
        raise KeyTrouble(f"{directory}: {error.strerror}; check the disk and the owner") from error
    notary.complete()
    return notary


def _begin(key: PrivateKey, now: datetime) -> Issuer:
    name = f"presensi authority {key.public.fingerprint[:16]}"  # each has a name of its own
    return Issuer.begin(key, name, now, AUTHORITY_LIFE)


def _issuers(certificates: Sequence[Certificate], keys: Sequence[PrivateKey]) -> list[Issuer]:
    """Return the authorities whose certificate and key are both there. Raises Malformed."""
    by_name = {key.public.fingerprint: key for key in keys}
    found = [
        Issuer(by_name[one.key.fingerprint], one)
        for one in certificates
        if one.key.fingerprint in by_name
    ]
    if not found:
        raise Malformed(
            f"the authority's certificate is for key {certificates[0].key.fingerprint[:16]}, "
            f"its key is {keys[0].public.fingerprint[:16]}"
        )
    return found


def _write(path: Path, content: bytes, mode: int = 0o644) -> None:
    try:
        write_durably(path, content, mode)
    except OSError as error:
        raise KeyTrouble(f"{path}: {error.strerror}; check the disk and the owner") from error
