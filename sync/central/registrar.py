"""The registrar: makes devices into kiosks, and keeps them so.

    claim code   make_claim -> claim                 the device has the code that a person was given
    approval     ask -> reveal -> approve -> reveal  a person compares six digits
    renewal      take_renewal -> renew               the device has an admitted key

Each ends in an admitted key and a certificate for it, and in decisions with an author: who gave
out the code, who approved. What is lost on its way is asked for again and answered again.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from sync.central.accounts import Decide
from sync.central.authority import Authority, Clock, Speaker, verify
from sync.central.decisions import Decisions
from sync.central.exits import Refused, no_such_unit
from sync.central.notary import CENTRAL_NAME, Notary, spread
from sync.central.store import Store, Transaction
from sync.central.store.city import Post
from sync.central.store.enrolments import Asking, Claim, Step
from sync.central.store.registry import KioskKey, Status
from sync.protocol import enrolment, renewal, topics
from sync.protocol.certificate import Certificate, End, Request
from sync.protocol.claim import ClaimCode, ClaimKey
from sync.protocol.enrolment import Ask, Asked, Broker, ClaimRequest, Enrolled, Reveal, Standing
from sync.protocol.errors import Unverified
from sync.protocol.identity import PublicKey
from sync.protocol.renewal import Renewed
from sync.protocol.roster import Unit

WRONG_MOST: Final = 8
"""After so many wrong codes a claim is void."""

ASK_HOLDS_MS: Final = 3_600_000
"""A device that has not been heard of for so long does not ask any more."""

NAME_MOST: Final = 64
"""Longest text that a device says of itself and a person is shown, characters."""


class Renewal(Struct, frozen=True):
    """A verified asking for a certificate; `by` is the admitted key that signed it."""

    kiosk: str
    nonce: str
    request: Request
    by: str


class Registrar:
    """Safe for several threads."""

    def __init__(
        self,
        store: Store,
        authority: Authority,
        decisions: Decisions,
        notary: Callable[[], Notary],
        broker: Broker,
        clock: Clock,
        claim_minutes: int = 15,
    ) -> None:
        """`notary` opens the authority over the line, and raises Refused where it is elsewhere.

        `broker` is what kiosks are told; a claim code is good for `claim_minutes`, where nobody
        says otherwise.
        """
        self.claim_minutes = claim_minutes
        self._store = store
        self._authority = authority
        self._decisions = decisions
        self._notary = notary
        self._broker = broker
        self._clock = clock

    # By claim code.

    def make_claim(
        self, kiosk: str, unit: str, life_ms: int, decide: Decide, by: str, reason: str = ""
    ) -> ClaimCode:
        """Return a new code, with which one device becomes `kiosk`, of `unit`. Raises Refused."""
        now = self._clock()
        self._notary()  # whoever types the code should not learn of it only then
        code = ClaimCode.draw()
        claim = Claim(
            id=code.id,
            key=code.key().octets,  # takes its time, so nobody's punches wait behind it
            kiosk=kiosk,
            unit=unit,
            made_by=by,
            made_at=now,
            expires_at=now + life_ms,
        )
        with self._store.writing() as tx:
            self._check(tx, kiosk, unit)
            if not tx.enrolments.add_claim(claim, now):
                raise Refused("by chance a code of that name is there already; try again")
            detail = {"claim": code.id, "unit": unit, "minutes": str(life_ms // 60_000)}
            decide(tx, "make claim", kiosk, reason=reason, detail=detail)
        return code

    def claim(self, message: bytes) -> bytes:
        """Return the answer to a device with a code.

        Raises:
            ProtocolError: it is no request, or not by who has the code.
            Refused: the code has run out, or another device has used it.
        """
        asked, line, mac = enrolment.decode_claim(message)
        request = Request.from_pem(asked.request.encode())
        held = self._claimed(asked, line, mac)
        with self._store.writing() as tx:
            if not tx.enrolments.use(held.id, request.key.fingerprint):
                raise Refused("another device has used this claim code already; make a new one")
            by = f"claim {held.id} by {held.made_by}"
            if self._admit(tx, request.key, held.kiosk, by):
                self._post(tx, held.kiosk, held.unit)
                detail = {"key": request.key.fingerprint, "unit": held.unit}
                detail |= {"software": asked.software[:NAME_MOST]}
                self._decisions.decide(tx, "enrol kiosk", held.kiosk, detail=detail, actor=by)
        answer = self._answer(request, held.kiosk, held.unit)
        return enrolment.seal_answer(answer, ClaimKey(held.key), mac)

    def _claimed(self, asked: ClaimRequest, line: bytes, mac: str) -> Claim:
        """Return the claim that is meant, whose code whoever asks has. Raises as `claim`."""
        with self._store.reading() as tx:
            held = tx.enrolments.claim(asked.claim)
        if held is None or held.expires_at < self._clock():
            raise Refused("there is no such claim code, or it has run out; make a new one")
        if held.wrong >= WRONG_MOST:
            raise Refused("this claim code was tried wrongly too often; make a new one")
        try:
            ClaimKey(held.key).verify_request(line, mac)
        except Unverified:
            with self._store.writing() as tx:
                tx.enrolments.count_wrong(held.id)
            raise
        return held

    # By a person's approval.

    def ask(self, message: bytes, address: str) -> Asked:
        """Let a device wait for a person; `address` is where it asked from.

        Raises ProtocolError; Refused: too many wait.
        """
        asked = enrolment.decode(message, Ask)
        request = Request.from_pem(asked.request.encode())
        now, ticket, nonce = self._clock(), secrets.token_hex(16), enrolment.draw_nonce()
        one = Asking(
            ticket=ticket,
            request=request.der,
            commitment=asked.commitment,
            nonce=nonce,
            name=request.name[:NAME_MOST],
            software=asked.software[:NAME_MOST],
            address=address,
            asked_at=now,
            seen_at=now,
        )
        with self._store.writing() as tx:
            if not tx.enrolments.ask(one, now - ASK_HOLDS_MS):
                raise Refused("too many devices ask at once; use a claim code, or wait an hour")
        return Asked(ticket=ticket, central=self._authority.public.pem.decode(), nonce=nonce)

    def reveal(self, ticket: str, message: bytes) -> bytes | Standing:
        """Return the answer to a device that asked, or how its ask stands.

        Raises ProtocolError, Refused.
        """
        nonce = enrolment.decode(message, Reveal).nonce
        now = self._clock()
        with self._store.writing() as tx:
            one = tx.enrolments.asking(ticket)
            if one is None or one.seen_at < now - ASK_HOLDS_MS:
                return Standing.GONE
            request = Request.from_der(one.request)
            if enrolment.commitment(nonce, request) != one.commitment:
                raise Unverified("ask: it is not the nonce that was promised")
            digits = enrolment.six_digits(request, self._authority.public, nonce, one.nonce)
            tx.enrolments.reveal(ticket, digits, now)
        if one.step is Step.REFUSED:
            return Standing.REFUSED
        if one.step is not Step.APPROVED:
            return Standing.WAITING
        return self._answer(request, one.kiosk, one.unit)

    def waiting(self) -> Sequence[Asking]:
        """Return the devices that wait for a person, the latest first."""
        with self._store.reading() as tx:
            return tx.enrolments.waiting(self._clock() - ASK_HOLDS_MS)

    def claims(self) -> Sequence[Claim]:
        """Return the codes that nobody has used yet, the newest first."""
        with self._store.reading() as tx:
            return tx.enrolments.claims(self._clock())

    def approve(
        self, number: str, kiosk: str, unit: str, decide: Decide, by: str, reason: str = ""
    ) -> None:
        """Let the device in that shows `number`. Raises Refused."""
        self._notary()
        with self._store.writing() as tx:
            one = self._showing(tx, number)
            self._check(tx, kiosk, unit)
            request = Request.from_der(one.request)
            self._decided(tx, one, Step.APPROVED, kiosk, unit)
            self._admit(tx, request.key, kiosk, by)
            self._post(tx, kiosk, unit)
            detail = {"key": request.key.fingerprint, "unit": unit, "address": one.address}
            decide(tx, "enrol kiosk", kiosk, reason=reason, detail=detail)

    def refuse(self, number: str, decide: Decide, reason: str = "") -> None:
        """Let the device that shows `number` know that it is not let in. Raises Refused."""
        with self._store.writing() as tx:
            one = self._showing(tx, number)
            self._decided(tx, one, Step.REFUSED)
            detail = {"address": one.address, "name": one.name}
            decide(tx, "refuse device", number, reason=reason, detail=detail)

    def _showing(self, tx: Transaction, number: str) -> Asking:
        found = tx.enrolments.waiting(self._clock() - ASK_HOLDS_MS, number)
        if len(found) > 1:
            raise Refused(f"{len(found)} devices show {number}: have the technician begin again")
        if not found:
            raise Refused(f"no device that waits shows {number}: have the number read out again")
        return found[0]

    def _decided(
        self, tx: Transaction, one: Asking, step: Step, kiosk: str = "", unit: str = ""
    ) -> None:
        """Say what became of an ask. Raises Refused: somebody else has, at the same moment."""
        if not tx.enrolments.decide(one.ticket, step, kiosk, unit):
            raise Refused(f"somebody else has just decided about {one.number}; look again")

    # Renewal.

    def renew(self, asked: Renewal) -> bytes:
        """Return the answer to a kiosk that asked for its next certificate.

        Raises Refused, KeyTrouble, StoreError: it cannot be issued now.
        """
        key = asked.request.key
        notary = self._notary()
        if key.fingerprint != asked.by:
            by = f"kiosk {asked.kiosk} by key {asked.by[:16]}"
            with self._store.writing() as tx:
                tx.standing.hold([asked.kiosk])  # whoever retires it waits, or was before us
                vouches = tx.registry.key(asked.by)
                if vouches is None or vouches.status is not Status.ADMITTED:
                    raise Refused(f"{asked.kiosk}: key {asked.by[:16]} is retired")
                if self._admit(tx, key, asked.kiosk, by):
                    detail = {"key": key.fingerprint, "before": asked.by}
                    self._decisions.decide(
                        tx, "admit kiosk's next key", asked.kiosk, detail=detail, actor=by
                    )
        certificate = self._certificate(notary, key, asked.kiosk)
        authorities, revoked = notary.published()
        told = Renewed(
            certificate=certificate.pem.decode(),
            ca=authorities,
            crl=revoked,
            central=self._authority.published,
        )
        return self._authority.sign_renewed(asked.kiosk, asked.nonce, told, key)

    def renew_by_request(self, message: bytes) -> bytes:
        """As `renew`, of the message itself. Raises ProtocolError as well."""
        kiosk = renewal.decode_asking(message)[0].kiosk
        with self._store.reading() as tx:
            asked = take_renewal(tx, kiosk, message)
        return self.renew(asked)

    # What they share.

    def _check(self, tx: Transaction, kiosk: str, unit: str) -> None:
        """Raises Refused if there can be no such kiosk, or there is no such unit."""
        check_name(kiosk, self._decisions.name)
        units = {one.id for one in tx.city.all(Unit)}
        if unit and unit not in units:
            raise no_such_unit(unit, units)

    def _admit(self, tx: Transaction, key: PublicKey, kiosk: str, by: str) -> bool:
        """Admit a key; return whether that is news. Raises Refused: it cannot be `kiosk`'s."""
        held = tx.registry.key(key.fingerprint)
        admitted = KioskKey(
            fingerprint=key.fingerprint,
            kiosk=kiosk,
            der=key.der,
            status=Status.ADMITTED,
            admitted_at=self._clock(),
            admitted_by=by,
        )
        if not tx.registry.admit(admitted):
            whose = f"{held.kiosk}'s, {held.status}" if held else "another kiosk's"
            raise Refused(
                f"key {key.fingerprint[:16]} is {whose} already; give the device a new key"
            )
        return held is None

    def _post(self, tx: Transaction, kiosk: str, unit: str) -> None:
        """Have the kiosk serve the unit from today on, where it does not yet."""
        today = datetime.fromtimestamp(self._clock() / 1000, UTC).date()
        if not unit or any(
            one.kiosk == kiosk and one.unit == unit and (one.until is None or one.until >= today)
            for one in tx.city.all(Post)
        ):
            return
        tx.city.lock()
        tx.city.put([Post(kiosk=kiosk, unit=unit, since=today)])
        tx.city.rise()

    def _answer(self, request: Request, kiosk: str, unit: str) -> bytes:
        notary = self._notary()
        certificate = self._certificate(notary, request.key, kiosk)
        authorities, revoked = notary.published()
        told = Enrolled(
            kiosk=kiosk,
            unit=unit,
            certificate=certificate.pem.decode(),
            ca=authorities,
            crl=revoked,
            central=self._authority.published,
            broker=self._broker,
            utc=self._clock(),
        )
        return self._authority.sign_enrolled(told, request.key)

    def _certificate(self, notary: Notary, key: PublicKey, kiosk: str) -> Certificate:
        """Return a certificate for the key: the one it has while that is young, else a new one.

        Raises Refused: the key was retired meanwhile.
        """
        with self._store.reading() as tx:
            held = tx.registry.key(key.fingerprint)
        if held is None or held.status is not Status.ADMITTED:
            raise Refused(f"{kiosk}: key {key.fingerprint[:16]} is retired")
        now, revoked = datetime.fromtimestamp(self._clock() / 1000, UTC), notary.revoked()
        young = [
            one
            for one in notary.issued(kiosk)
            if one.key.fingerprint == key.fingerprint
            and one.serial not in revoked
            and now < one.due
            and notary.is_latest(one)
        ]
        if young:
            return max(young, key=lambda one: one.until)
        made = notary.issue(key, kiosk, End.CLIENT, life=spread())
        with self._store.writing() as tx:
            detail = {"serial": f"{made.serial:x}", "key": key.fingerprint}
            detail |= {"until": f"{made.until:%Y-%m-%d}"}
            self._decisions.decide(tx, "certify kiosk", kiosk, detail=detail, actor="central")
        return made


def take_renewal(tx: Transaction, speaker: str, message: bytes) -> Renewal:
    """Return what `speaker` asks, verified. Raises ProtocolError."""
    line, request, signed = renewal.decode_asking(message)
    verify(tx.registry, Speaker(speaker, line.kiosk, line.key), signed)
    return Renewal(line.kiosk, line.nonce, request, line.key)


def check_name(kiosk: str, journal: str) -> None:
    """Raises Refused if no kiosk may be called so; `journal` is central's own."""
    if kiosk == journal:
        raise Refused(
            f"{kiosk!r} is what central's own journal is called; name the kiosk otherwise"
        )
    if not re.fullmatch(topics.KIOSK_PATTERN, kiosk):
        raise Refused(f"{kiosk!r} cannot be a kiosk's id: letters, digits, `.`, `_`, `-`, up to 64")
    if kiosk == CENTRAL_NAME:
        raise Refused(f"{kiosk!r} is central's own name to the broker; the kiosk needs another")
