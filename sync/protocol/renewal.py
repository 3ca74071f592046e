"""Renewal: a kiosk asks for its next certificate, over the line or by HTTP. Pure.

Asked is signed by a key that is admitted for the kiosk: proof of it is all that is needed, also
where the certificate has run out. What follows is a request for a certificate, for the same key,
or for the one that is to take its place. The answer is signed by central and brings the authority
and the list of the revoked along, which age as well.
"""

from hashlib import sha256

import msgspec
from msgspec import Struct

from sync.protocol.certificate import Certificate, Request
from sync.protocol.enrolment import check_certificate, decode
from sync.protocol.errors import Inconsistent
from sync.protocol.identity import Domain, PrivateKey, PublicKey
from sync.protocol.signed import Signed, sign, take_apart


class RenewalLine(Struct, frozen=True, kw_only=True):
    """Line 1 of what is asked.

    Attributes:
        nonce: fresh for every asking; the answer repeats it.
        digest: SHA-256 of the request that follows, DER.
        key: the admitted key that signs.
    """

    kiosk: str
    nonce: str
    digest: str
    key: str


class RenewedLine(Struct, frozen=True, kw_only=True):
    """Line 1 of the answer: to which asking, for which key; `digest` is that of the rest."""

    kiosk: str
    nonce: str
    device: str
    digest: str
    key: str


class Renewed(Struct, frozen=True, kw_only=True):
    """What follows it: PEM, as files of those names.

    `central`: the keys that central signs with, one or two while it is replaced; "" for no change.
    """

    certificate: str
    ca: str
    crl: str
    central: str = ""


def encode_asking(kiosk: str, nonce: str, request: Request, key: PrivateKey) -> bytes:
    """Return what is asked; `key` is the one that central has admitted."""
    line = RenewalLine(
        kiosk=kiosk,
        nonce=nonce,
        digest=sha256(request.der).hexdigest(),
        key=key.public.fingerprint,
    )
    return sign(Domain.RENEWAL, line, key, request.pem)


def decode_asking(message: bytes) -> tuple[RenewalLine, Request, Signed]:
    """Return what is asked and the means to verify it. Raises Malformed, Inconsistent."""
    signed = take_apart(Domain.RENEWAL, message)
    line = signed.read(RenewalLine)
    request = Request.from_pem(signed.rest)
    if sha256(request.der).hexdigest() != line.digest:
        raise Inconsistent("renewal: the request is not the one that line 1 speaks for")
    return line, request, signed


def encode_answer(
    kiosk: str, nonce: str, renewed: Renewed, device: PublicKey, key: PrivateKey
) -> bytes:
    """Return the answer, signed by central's `key`."""
    rest = msgspec.json.encode(renewed)
    line = RenewedLine(
        kiosk=kiosk,
        nonce=nonce,
        device=device.fingerprint,
        digest=sha256(rest).hexdigest(),
        key=key.public.fingerprint,
    )
    return sign(Domain.CERTIFICATE, line, key, rest)


def decode_answer(message: bytes) -> tuple[RenewedLine, Renewed, Signed]:
    """Return the answer and the means to verify it. Raises Malformed, Inconsistent."""
    signed = take_apart(Domain.CERTIFICATE, message)
    line = signed.read(RenewedLine)
    if sha256(signed.rest).hexdigest() != line.digest:
        raise Inconsistent("renewal: what follows line 1 is not what it speaks for")
    return line, decode(signed.rest, Renewed), signed


def check(renewed: Renewed, kiosk: str, device: PublicKey) -> Certificate:
    """Return the new certificate, for `device`. Raises Malformed, Inconsistent, Unverified."""
    return check_certificate(renewed.certificate, renewed.ca, kiosk, device)
