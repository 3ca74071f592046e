"""Certificates: who may open the line. With identity.py the only door to `cryptography`.

One authority, central's, with a P-256 key of its own. A certificate ties a key to a name (its CN)
and to one end of a TLS connection: who holds a kiosk's cannot pass for the broker. Every
certificate is valid from a day before it was issued, so that a clock which is a little slow does
not lock the line. No file, no clock and no random choice but the serial numbers in here.
docs/KEYS.md says how long each kind lives and how it is replaced.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import PrivateKey, PublicKey

BACKDATED: Final = timedelta(days=1)
"""How long before its issue a certificate is valid."""

_PEM: Final = serialization.Encoding.PEM
_BETWEEN_LISTS: Final = b"-----END X509 CRL-----\n"
_HOST: Final = re.compile(r"^(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$")


class End(Enum):
    """Which end of a TLS connection a certificate is for."""

    CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
    SERVER = ExtendedKeyUsageOID.SERVER_AUTH


class Certificate:
    """A public key under a name, signed by an authority. Public."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self._certificate = certificate
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        self.name = str(names[0].value) if names else ""
        self.serial = certificate.serial_number
        self.since = certificate.not_valid_before_utc
        self.until = certificate.not_valid_after_utc
        self.key = _public(certificate)

    @classmethod
    def from_pem(cls, pem: bytes) -> "Certificate":
        """Return the first certificate in `pem`. Raises Malformed."""
        try:
            return cls(x509.load_pem_x509_certificate(pem))
        except ValueError as error:
            raise Malformed(f"not a PEM certificate: {error}") from error

    @classmethod
    def all_from_pem(cls, pem: bytes) -> "list[Certificate]":
        """Return the certificates in `pem`, at least one. Raises Malformed."""
        try:
            return [cls(one) for one in x509.load_pem_x509_certificates(pem)]
        except ValueError as error:
            raise Malformed(f"not PEM certificates: {error}") from error

    @property
    def pem(self) -> bytes:
        """Return the certificate as a PEM file's content."""
        return self._certificate.public_bytes(_PEM)

    @property
    def due(self) -> datetime:
        """Return when it is time for the next one: two thirds of its life are over."""
        return self.since + (self.until - self.since) * 2 / 3

    def is_from(self, authority: "Certificate") -> bool:
        """Return whether `authority`'s key signed this."""
        try:
            self._certificate.verify_directly_issued_by(authority._certificate)
        except (InvalidSignature, ValueError, TypeError):
            return False
        return True


class Request:
    """A device's request for a certificate (PKCS#10), signed by the key that it is for. Public."""

    def __init__(self, request: x509.CertificateSigningRequest) -> None:
        """Raises Malformed if the key is none of ours, Unverified if it did not sign this."""
        self.der = request.public_bytes(serialization.Encoding.DER)
        self.pem = request.public_bytes(_PEM)
        names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        self.name = str(names[0].value) if names else ""
        self.key = PublicKey.from_der(
            request.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
        if not request.is_signature_valid:
            raise Unverified("the request for a certificate is not signed by the key in it")

    @classmethod
    def begin(cls, key: PrivateKey, name: str) -> "Request":
        """Return a request for `key`; `name` is a wish, or "": central decides.

        Raises Malformed: nothing can be called that.
        """
        try:
            subject = _named(name) if name else x509.Name([])
        except ValueError as error:
            raise Malformed(f"{name!r} cannot be a name: {error}") from error
        made = x509.CertificateSigningRequestBuilder().subject_name(subject)
        return cls(made.sign(_usable(key), hashes.SHA256()))

    @classmethod
    def from_pem(cls, pem: bytes) -> "Request":
        """Raises Malformed, Unverified."""
        try:
            return cls(x509.load_pem_x509_csr(pem))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed(f"not a PEM request for a certificate: {error}") from error

    @classmethod
    def from_der(cls, der: bytes) -> "Request":
        """Raises Malformed, Unverified."""
        try:
            return cls(x509.load_der_x509_csr(der))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Malformed(f"not a DER request for a certificate: {error}") from error


class Issuer:
    """The authority: a key, and the certificate under which others trust it."""

    def __init__(self, key: PrivateKey, certificate: Certificate) -> None:
        """Raises Malformed if `certificate` is not for `key`."""
        if certificate.key.der != key.public.der:
            raise Malformed(
                f"the authority's certificate is for key {certificate.key.fingerprint[:16]}, "
                f"its key is {key.public.fingerprint[:16]}"
            )
        self.certificate = certificate
        self.key_pem = key.pem
        self._key = _usable(key)
        self._name = certificate._certificate.subject

    @classmethod
    def begin(cls, key: PrivateKey, name: str, now: datetime, life: timedelta) -> "Issuer":
        """Return a new authority that calls itself `name`."""
        subject = _named(name)
        made = (
            _begun(key.public, subject, subject, now, life)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_others=True), critical=True)
            .add_extension(_key_name(key.public), critical=False)
            .sign(_usable(key), hashes.SHA256())
        )
        return cls(key, Certificate(made))

    def issue(
        self,
        key: PublicKey,
        name: str,
        end: End,
        now: datetime,
        life: timedelta,
        hosts: Sequence[str] = (),
    ) -> Certificate:
        """Return a certificate for `key`; `hosts` are a server's names and addresses.

        Never valid for longer than the authority's own. Raises Malformed for a host that is none.
        """
        now = now.replace(microsecond=0)
        life = min(life, self.certificate.until - now)
        builder = (
            _begun(key, _named(name), self._name, now, life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_others=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([end.value]), critical=False)
            .add_extension(_key_name(key), critical=False)
            .add_extension(self._signed_by(), critical=False)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(one) for one in hosts])
            builder = builder.add_extension(names, critical=False)
        return Certificate(builder.sign(self._key, hashes.SHA256()))

    def revocations(self, before: bytes, serials: Iterable[int], now: datetime) -> bytes:
        """Return a list of revoked certificates, PEM: those in the lists `before`, and `serials`.

        It lives as long as the authority: a broker whose list has run out refuses everybody.
        Raises Malformed if `before` is anything else.
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._name)
            .last_update(now - BACKDATED)
            .next_update(self.certificate.until)
            .add_extension(self._signed_by(), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        held = _revoked(before)
        for one in held.values():
            builder = builder.add_revoked_certificate(one)
        for serial in sorted(set(serials) - held.keys()):
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self._key, hashes.SHA256()).public_bytes(_PEM)

    def _signed_by(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            _key_name(self.certificate.key)
        )


def revoked_serials(pem: bytes) -> frozenset[int]:
    """Return the serial numbers in lists of revoked certificates. Raises Malformed."""
    return frozenset(_revoked(pem))


def _revoked(pem: bytes) -> dict[int, x509.RevokedCertificate]:
    """Return what is in one list after the other, by serial number."""
    found = {}
    for block in filter(bytes.strip, pem.split(_BETWEEN_LISTS)):
        try:
            listed = list(x509.load_pem_x509_crl(block + _BETWEEN_LISTS))
        except ValueError as error:
            raise Malformed(f"not a PEM list of revoked certificates: {error}") from error
        found.update({one.serial_number: one for one in listed})
    return found


def _begun(
    key: PublicKey, subject: x509.Name, issuer: x509.Name, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    now = now.astimezone(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(_foreign(key))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _key_name(key: PublicKey) -> x509.SubjectKeyIdentifier:
    # Strict verification (RFC 5280, Python from 3.13 on) refuses a chain without these names.
    return x509.SubjectKeyIdentifier.from_public_key(_foreign(key))


def _usage(*, signs_others: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_others,
        key_cert_sign=signs_others,
        crl_sign=signs_others,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        pass
    if not _HOST.match(text):
        raise Malformed(f"{text!r} is neither a host's name nor an IP address")
    return x509.DNSName(text)


def _foreign(key: PublicKey) -> ec.EllipticCurvePublicKey:
    """Return the library's own form of `key`."""
    made = serialization.load_der_public_key(key.der)
    assert isinstance(made, ec.EllipticCurvePublicKey)  # noqa: S101 - a PublicKey is P-256
    return made


def _usable(key: PrivateKey) -> ec.EllipticCurvePrivateKey:
    """Return the library's own form of `key`."""
    made = serialization.load_pem_private_key(key.pem, password=None)
    assert isinstance(made, ec.EllipticCurvePrivateKey)  # noqa: S101 - a PrivateKey is P-256
    return made


def _public(certificate: x509.Certificate) -> PublicKey:
    return PublicKey.from_der(
        certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
