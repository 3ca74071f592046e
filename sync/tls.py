"""TLS as the line wants it: version 1.3, both ends with certificates, and plain words for a no.

A broker that refuses our certificate says so only after the handshake, by an alert that looks to
whoever reads it like any broken connection. So the socket here keeps what TLS said last, and
`explained` puts it into words that a technician can act on.
"""

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sync.line import CertificateExpired, LineRefused, Tls

_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module does not name."""


class WatchedSocket(ssl.SSLSocket):
    """A TLS socket that remembers in `refusal` what TLS refused."""

    refusal: ssl.SSLError | None = None

    def do_handshake(self, block: bool = False) -> None:
        """As the socket's own; one that fails is closed: nobody has it yet who could."""
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As the socket's own."""
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            if not isinstance(error, _NO_REFUSAL):
                self.refusal = error
            raise

    def send(self, data: Any, flags: int = 0) -> int:  # data: as the socket's own
        """As the socket's own."""
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            # The broker has hung up; why, may stand unread in what it said before.
            with suppress(OSError):
                self.recv(1)
            raise


_NO_REFUSAL: Final = (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLEOFError)


def context(tls: Tls, *, check_times: bool) -> ssl.SSLContext:
    """Return what a connection is made with.

    Without `check_times` a certificate or list of revoked ones may be from the future or have run
    out; authority, name, purpose and revocation are checked all the same. Raises LineRefused.
    """
    for path in filter(None, (tls.ca, tls.certificate, tls.key, tls.crl)):
        if not Path(path).is_file():
            raise LineRefused(
                f"line.tls: no file {path}",
                hint="Enrol this device first: docs/KEYS.md, `The line's certificates`",
            )
    try:
        made = ssl.create_default_context(cafile=tls.ca)
        if tls.crl:
            made.load_verify_locations(cafile=tls.crl)
            made.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    except OSError as error:  # what is no certificate is an SSLError, which is one
        raise LineRefused(
            f"line.tls: {tls.ca}, {tls.crl or 'no crl'}: {error}",
            hint="Copy ca.pem from central again",
        ) from error
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.sslsocket_class = WatchedSocket
    if not check_times:
        made.verify_flags |= _NO_CHECK_TIME
    try:
        made.load_cert_chain(tls.certificate, tls.key or None)
    except OSError as error:
        raise LineRefused(
            f"line.tls: {tls.certificate} and {tls.key} do not fit together: {error}",
            hint="Is it the certificate for this key? See `kiosk identity --fingerprint`",
        ) from error
    return made


def explained(where: str, error: ssl.SSLError) -> LineRefused:
    """Return what TLS refused, and the next step."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = error.verify_message
        return LineRefused(
            f"{where}: its certificate is not accepted: {said}", hint=_hint(said, _OF_THE_BROKER)
        )
    said = (error.reason or str(error)).replace("_", " ").lower()
    refusal = CertificateExpired if "certificate expired" in said else LineRefused
    return refusal(f"{where}: TLS failed: {said}", hint=_hint(said, _OF_OURS))


def _hint(said: str, table: dict[str, str]) -> str:
    return next(
        (hint for words, hint in table.items() if words in said),
        "Check the line's certificates, and the clocks at both ends",
    )


_OF_THE_BROKER: Final = {
    "not yet valid": "Is this machine's clock right? Else the broker needs another certificate",
    "has expired": "Is this machine's clock right? Else renew the broker's certificate: "
    "presensi-central certify --broker NAME",
    "revoked": "Somebody may be posing as the broker: ask who runs central",
    "self-signed": "Is line.tls.ca central's ca.pem? Else somebody may be posing as the broker",
    "unable to get local issuer": "Is line.tls.ca central's ca.pem? Else somebody may be posing "
    "as the broker",
    "mismatch": "The broker's certificate is for another name: is line.host right? Else "
    "presensi-central certify --broker NAME...",
    "purpose": "It is no broker's certificate: somebody may be posing as the broker",
}
"""OpenSSL's words for why we do not take the broker's certificate."""

_OF_OURS: Final = {
    "certificate required": "The broker wants a certificate and got none: see line.tls.certificate",
    "unknown ca": "The broker does not know who issued ours: is it from this central? "
    "presensi-central certify NAME",
    "certificate expired": "Ours has run out, and is renewed at central's web server if "
    "`central_web` names it; else presensi-central certify NAME. Or the broker's list of revoked "
    "ones has run out, or its clock is wrong",
    "bad certificate": "The broker does not take ours; it may be from the future: is the clock "
    "right at the broker, and at central when it was issued?",
    "certificate revoked": "Ours is revoked: this device was retired. If it still serves, it needs "
    "a new key: docs/KEYS.md",
    "unsupported certificate": "Ours is not for a client: presensi-central certify NAME",
    "protocol version": "The broker speaks no TLS 1.3: set tls_version tlsv1.3 there",
    "unsupported protocol": "The broker speaks no TLS 1.3: set tls_version tlsv1.3 there",
    "wrong version number": "Nothing there speaks TLS: is line.port the broker's TLS port?",
}
"""What the broker's alerts mean for us, by OpenSSL's names for them."""
