"""A timestamp authority's word, by RFC 3161. The only door to rfc3161_client, and to the
certificates of authorities.

The request has SHA-256 of what is witnessed and a nonce; the answer is kept as it came, so that
anybody can check it: `openssl ts -verify -data LINE1 -in night.tsr -CAfile tsa.pem`.
"""

from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

TIMEOUT_S: Final = 30.0

_MOST_BYTES: Final = 256 * 1024
"""Longest answer; one with a chain of certificates has some kilobytes."""

_ASKED: Final = "application/timestamp-query"


class NoTimestamp(Exception):
    """No word of the authority's that holds: what, and what to do."""


def ask(url: str, certificates: Path, line: bytes) -> bytes:
    """Return the authority's answer about `line`, verified up to the `certificates`.

    Raises NoTimestamp.
    """
    try:
        from cryptography.x509 import Certificate, load_pem_x509_certificates
        from rfc3161_client import (
            HashAlgorithm,
            TimestampRequestBuilder,
            VerificationError,
            VerifierBuilder,
            decode_timestamp_response,
        )
    except ImportError as error:
        raise NoTimestamp(
            f"{error.name} is not installed: pip install 'presensi-kiosk[timestamp]'"
        ) from error

    def is_root(one: Certificate) -> bool:
        return one.issuer == one.subject

    try:
        chain = load_pem_x509_certificates(certificates.read_bytes())
    except OSError as error:
        raise NoTimestamp(f"{certificates}: {error.strerror}; put the certificate there") from error
    except ValueError as error:
        raise NoTimestamp(f"{certificates}: not certificates in PEM: {error}") from error
    builder = TimestampRequestBuilder().data(line).hash_algorithm(HashAlgorithm.SHA256)
    request = builder.build()
    answer = _post(url, request.as_bytes())
    verifier = VerifierBuilder.from_request(request)
    for one in chain:
        add = (
            verifier.add_root_certificate if is_root(one) else verifier.add_intermediate_certificate
        )
        verifier = add(one)
    try:
        verifier.build().verify_message(decode_timestamp_response(answer), line)
    except (VerificationError, ValueError) as error:
        raise NoTimestamp(
            f"{url}: its answer does not hold: {error}; check audit.timestamp.certificate"
        ) from error
    return answer


def _post(url: str, query: bytes) -> bytes:
    """Return what `url` answers. Raises NoTimestamp."""
    request = Request(url, query, {"Content-Type": _ASKED})  # noqa: S310 - http(s), by settings
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            read: bytes = answer.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()  # it is an answer too, with a socket
        why = error.reason if type(error) is URLError else error
        raise NoTimestamp(f"{url}: {why}; check audit.timestamp.url and the line") from error
    if len(read) > _MOST_BYTES:
        raise NoTimestamp(f"{url}: its answer is longer than {_MOST_BYTES} bytes")
    return read
