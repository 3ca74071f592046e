"""A device that enrols, by its own code's word of the contract: what tests of enrolment share."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sync.central.notary import Notary, open_notary
from sync.central.registrar import Registrar
from sync.protocol import enrolment, renewal
from sync.protocol.certificate import Certificate, Request
from sync.protocol.claim import ClaimCode, ClaimKey
from sync.protocol.enrolment import Ask, Asked, Broker, ClaimRequest, Enrolled, Reveal
from sync.protocol.identity import PrivateKey, PublicKey
from sync.protocol.renewal import Renewed

BROKER = Broker(host="mqtt.example.go.id", port=8883)


def registrar_of(central, notary: Callable[[], Notary] | None = None) -> Registrar:
    """Return the registrar of a fake central, with an authority in a directory of its own."""
    home = Path(tempfile.mkdtemp())

    def opened() -> Notary:
        return open_notary(home, lambda: datetime.fromtimestamp(central.now / 1000, UTC))

    return Registrar(
        central.store,
        central.authority,
        central.decisions,
        notary or opened,
        BROKER,
        central.clock,
    )


class Device:
    """A device with a key; `name` is what it would like to be called."""

    def __init__(self, name: str = "") -> None:
        self.key = PrivateKey.generate()
        self.request = Request.begin(self.key, name)
        self.nonce = enrolment.draw_nonce()
        self._claim: tuple[ClaimKey, str] | None = None

    def claiming(self, code: str) -> bytes:
        read = ClaimCode.read(code)
        asked = ClaimRequest(
            claim=read.id, request=self.request.pem.decode(), software="presensi-kiosk 0"
        )
        message = enrolment.encode_claim(asked, read.key())
        self._claim = read.key(), message.rpartition(b"\n")[2].decode()
        return message

    def claimed(self, answer: bytes) -> Enrolled:
        assert self._claim is not None
        return enrolment.decode_answer(enrolment.open_answer(answer, *self._claim), self.key.public)

    def asking(self) -> bytes:
        promised = enrolment.commitment(self.nonce, self.request)
        return enrolment.encode(
            Ask(
                request=self.request.pem.decode(),
                commitment=promised,
                software="presensi-kiosk 0.1.0",
            )
        )

    def shown(self, asked: Asked) -> str:
        central = PublicKey.from_pem(asked.central.encode())
        return enrolment.six_digits(self.request, central, self.nonce, asked.nonce)

    def revealing(self) -> bytes:
        return enrolment.encode(Reveal(nonce=self.nonce))

    def renewing(self, kiosk: str, nonce: str, by: PrivateKey | None = None) -> bytes:
        return renewal.encode_asking(kiosk, nonce, self.request, by or self.key)

    def renewed(self, answer: bytes, central: PublicKey, nonce: str) -> Certificate:
        line, told, signed = renewal.decode_answer(answer)
        signed.verify(central)
        assert isinstance(told, Renewed)
        assert (line.nonce, line.device) == (nonce, self.key.public.fingerprint)
        return renewal.check(told, line.kiosk, self.key.public)
