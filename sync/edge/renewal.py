"""When a kiosk asks for its next certificate, and what it takes for the answer. Pure.

It asks when two thirds of the certificate's life are over, and a little later by lot, so that a
fleet that was set up in one week is not renewed in one. Only a clock that is sure says when that
is: a Pi that wakes in the future would ask for ever, one that wakes in the past never needs to.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sync.edge.session import Self
from sync.protocol import renewal
from sync.protocol.certificate import Certificate, Request
from sync.protocol.errors import Inconsistent
from sync.protocol.identity import KeyRing, PublicKey
from sync.protocol.renewal import Renewed

SPREAD: Final = 0.05
"""So much of its life, at most, the asking is later than two thirds, by lot."""

ANSWER_S: Final = 60.0
"""So long an answer is waited for; then it is asked again, twice as late each time."""

ANSWER_MOST_S: Final = 86_400.0
"""To which that wait doubles: there is a third of its life to go."""

EXPIRED_MOST_S: Final = 3600.0
"""The same where the line is down for it."""


def due(certificate: Certificate) -> datetime:
    """Return from when on the next one is asked for: the same moment after every start."""
    life = certificate.until - certificate.since
    drawn = sha256(f"{certificate.key.fingerprint} {certificate.serial}".encode()).digest()
    lot = int.from_bytes(drawn[:8], "big") / 2**64
    return certificate.since + life * (2 / 3) + life * (SPREAD * lot)


class FromTheFuture(Inconsistent):
    """It would not open the line yet, and the one that is held does."""


class Renewal:
    """One kiosk's asking. `now` is monotonic seconds."""

    def __init__(self, me: Self, most_s: float = ANSWER_MOST_S) -> None:
        self._me = me
        self._most_s = most_s
        self._nonce = ""
        self._wait_s = ANSWER_S
        self._next = float("-inf")

    def asking(self, nonce: str, now: float) -> bytes | None:
        """Return what is asked now, under a fresh `nonce`; None while an answer may yet come."""
        if now < self._next:
            return None
        self._next = now + self._wait_s
        self._wait_s = min(self._wait_s * 2, self._most_s)
        self._nonce = nonce
        request = Request.begin(self._me.key, self._me.kiosk)
        return renewal.encode_asking(self._me.kiosk, nonce, request, self._me.key)

    def answered(
        self, held: Certificate, message: bytes, sure: datetime | None = None
    ) -> Renewed | None:
        """Return what takes the place of `held`; None where central has nothing newer.

        `sure` is now, where the clock may be trusted. Raises ProtocolError: it is not central's
        answer to what was asked last; FromTheFuture.
        """
        line, renewed, signed = renewal.decode_answer(message)
        me = self._me
        signed.verify(KeyRing(me.central).named(line.key))
        if not self._nonce or line.nonce != self._nonce:
            raise Inconsistent("renewal: it answers another asking than the latest")
        if line.kiosk != me.kiosk or line.device != me.key.public.fingerprint:
            raise Inconsistent("renewal: it is for another kiosk, or another key")
        found = renewal.check(renewed, me.kiosk, me.key.public)
        if renewed.central:
            PublicKey.all_from_pem(renewed.central.encode())
        self._nonce = ""
        if sure is not None and found.since > sure:
            raise FromTheFuture(
                f"central's certificate is good only from {found.since:%Y-%m-%d} on, and the one "
                "here stays: set the clock at central; it is asked again"
            )
        if found.until <= held.until:
            self._next += timedelta(hours=1).total_seconds()
            return None
        self._wait_s, self._next = ANSWER_S, float("-inf")
        return renewed
