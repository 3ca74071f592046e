"""A device's end of becoming a kiosk: what it says and what it believes. No socket, no clock.

By claim code, over the network or by stick:

    ByCode.message -> central -> ByCode.answered

or, without one, by a person who compares six digits:

    ByApproval.ask -> central -> ByApproval.asked, digits shown
    ByApproval.reveal -> central, again and again -> ByApproval.answered
"""

import re
from typing import Final

from sync.protocol.certificate import Request
from sync.protocol.claim import ClaimCode, ClaimKey
from sync.protocol.enrolment import (
    ASK_PATH,
    Ask,
    Asked,
    ClaimRequest,
    Enrolled,
    NotYet,
    Reveal,
    Standing,
    commitment,
    decode,
    decode_answer,
    decode_claim,
    draw_nonce,
    encode,
    encode_claim,
    open_answer,
    six_digits,
)
from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import Domain, PrivateKey, PublicKey
from sync.protocol.signed import take_apart

_TICKET: Final = re.compile(r"^[A-Za-z0-9_-]{1,128}$")


class ByCode:
    """Enrolment by a claim code.

    Attributes:
        message: what is said to central; said again, it is answered again.
    """

    def __init__(self, device: PublicKey, key: ClaimKey, message: bytes) -> None:
        """Go on with a message that was made before. Raises Malformed."""
        _, _, self._mac = decode_claim(message)
        self._device = device
        self._key = key
        self.message = message

    @classmethod
    def begin(cls, key: PrivateKey, code: ClaimCode, wished: str, software: str) -> "ByCode":
        """Ask to be a kiosk, under the id `wished` if central has none yet. Raises Malformed."""
        request = Request.begin(key, wished).pem.decode()
        secret = code.key()
        asked = ClaimRequest(claim=code.id, request=request, software=software)
        return cls(key.public, secret, encode_claim(asked, secret))

    def answered(self, body: bytes) -> Enrolled:
        """Return what central gave. Raises ProtocolError: whoever answered is not believed."""
        return decode_answer(open_answer(body, self._key, self._mac), self._device)


class ByApproval:
    """Enrolment by six digits that a person compares.

    Attributes:
        digits: what the device shows; "" before central has answered.
    """

    def __init__(self, key: PrivateKey, wished: str, software: str) -> None:
        self._device = key.public
        self._request = Request.begin(key, wished)
        self._software = software
        self._nonce = draw_nonce()
        self._central: PublicKey | None = None
        self._ticket = ""
        self.digits = ""

    @property
    def ask(self) -> bytes:
        """Return what is said first, to `ASK_PATH`."""
        return encode(
            Ask(
                request=self._request.pem.decode(),
                commitment=commitment(self._nonce, self._request),
                software=self._software,
            )
        )

    def asked(self, body: bytes) -> None:
        """Central has answered, once: from now on there are digits. Raises Malformed."""
        said = decode(body, Asked)
        if not _TICKET.match(said.ticket):
            raise Malformed("enrolment: central's ticket cannot stand in an address")
        if self._central is not None:  # a second nonce would be a second guess
            raise Malformed("enrolment: central answers what it has answered")
        self._central = PublicKey.from_pem(said.central.encode())
        self._ticket = said.ticket
        self.digits = six_digits(self._request, self._central, self._nonce, said.nonce)

    @property
    def path(self) -> str:
        """Return where `reveal` is said."""
        return f"{ASK_PATH}/{self._ticket}"

    @property
    def reveal(self) -> bytes:
        """Return what is said from then on."""
        return encode(Reveal(nonce=self._nonce))

    def answered(self, body: bytes, *, is_answer: bool) -> Enrolled | Standing:
        """Return what central gave, or how the ask stands. Raises ProtocolError."""
        if not is_answer:
            return decode(body, NotYet).standing
        if self._central is None:
            raise Unverified("enrolment: no digits were shown yet")
        # By the very key that a person compared: an answer may name others beside it.
        take_apart(Domain.ENROLMENT, body).verify(self._central)
        return decode_answer(body, self._device)
