"""Certificates as others read them: what is in them, who is believed, who is revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from sync.protocol.certificate import BACKDATED, Certificate, End, Issuer, revoked_serials
from sync.protocol.errors import Malformed
from sync.protocol.identity import PrivateKey

NOW = datetime(2026, 11, 24, 7, 28, 41, 999, tzinfo=UTC)
YEAR = timedelta(days=365)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer.begin(PrivateKey.generate(), "authority", NOW, 20 * YEAR)


def opened(certificate: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.pem)


def test_a_kiosks_certificate_is_for_its_key_and_for_a_client_only(issuer: Issuer) -> None:
    key = PrivateKey.generate().public
    made = issuer.issue(key, "k1", End.CLIENT, NOW, YEAR)
    assert (made.name, made.key.fingerprint) == ("k1", key.fingerprint)
    assert made.until == NOW.replace(microsecond=0) + YEAR
    inside = opened(made)
    assert inside.not_valid_before_utc == NOW.replace(microsecond=0) - BACKDATED
    purposes = inside.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert inside.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert made.is_from(issuer.certificate)
    again = Certificate.from_pem(made.pem)
    assert (again.serial, again.name) == (made.serial, "k1")


def test_a_brokers_names_and_addresses_are_in_it(issuer: Issuer) -> None:
    key = PrivateKey.generate().public
    made = issuer.issue(key, "b", End.SERVER, NOW, YEAR, ["mqtt.example.go.id", "10.1.2.3", "::1"])
    names = opened(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mqtt.example.go.id"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["10.1.2.3", "::1"]
    for host in ("", "a b", "*.example", "-" * 64, "mqtt://x"):
        with pytest.raises(Malformed, match="neither a host's name nor an IP address"):
            issuer.issue(key, "b", End.SERVER, NOW, YEAR, ["good", host])


def test_nothing_outlives_the_authority(issuer: Issuer) -> None:
    made = issuer.issue(PrivateKey.generate().public, "k1", End.CLIENT, NOW + 19 * YEAR, 3 * YEAR)
    assert made.until == issuer.certificate.until


def test_another_authority_or_key_is_noticed(issuer: Issuer) -> None:
    other = Issuer.begin(PrivateKey.generate(), "authority", NOW, YEAR)
    made = other.issue(PrivateKey.generate().public, "k1", End.CLIENT, NOW, YEAR)
    assert not made.is_from(issuer.certificate)
    with pytest.raises(Malformed, match="the authority's certificate is for key"):
        Issuer(PrivateKey.generate(), issuer.certificate)
    for rubbish in (b"", b"rubbish", issuer.revocations(b"", [], NOW)):
        with pytest.raises(Malformed, match="not a PEM certificate"):
            Certificate.from_pem(rubbish)


def test_the_list_of_the_revoked_only_grows_and_lives_as_long_as_the_authority(
    issuer: Issuer,
) -> None:
    empty = issuer.revocations(b"", [], NOW)
    assert revoked_serials(empty) == frozenset()
    one = issuer.revocations(empty, [7], NOW)
    two = issuer.revocations(one, [7, 9], NOW + YEAR)
    assert revoked_serials(two) == {7, 9}
    read = x509.load_pem_x509_crl(two)
    found = read.get_revoked_certificate_by_serial_number(7)
    assert found is not None
    assert found.revocation_date_utc == NOW.replace(microsecond=0)
    assert read.next_update_utc == issuer.certificate.until
    assert read.is_signature_valid(opened(issuer.certificate).public_key())  # type: ignore[arg-type]
    with pytest.raises(Malformed, match="not a PEM list"):
        issuer.revocations(b"rubbish", [1], NOW)
