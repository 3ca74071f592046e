"""Claims that a device may use, and devices that ask for a person's approval."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, update

from sync.central.store import tables

MAX_ASKING: Final = 50
"""Devices that may ask for approval at once; anybody who reaches central's page can."""


class Claim(Struct, frozen=True, kw_only=True):
    """A claim code that was given out. `key` is what both ends derive from it: a secret.

    Attributes:
        unit: the unit whose terminals the kiosk will have, "" where that is said elsewhere.
        device: fingerprint of the key that used it, "" while nobody did.
        wrong: how often somebody asked under its id without the code.
    """

    id: str
    key: bytes
    kiosk: str
    unit: str
    made_by: str
    made_at: int
    expires_at: int
    device: str = ""
    wrong: int = 0


class Step(StrEnum):
    """How far an ask is."""

    BEGUN = "begun"  # the device has not revealed its nonce
    WAITING = "waiting"  # for a person to compare the number
    APPROVED = "approved"
    REFUSED = "refused"


class Asking(Struct, frozen=True, kw_only=True):
    """A device that asks to be let in.

    Attributes:
        request: its request for a certificate, DER.
        number: the six digits, "" before the device revealed its nonce.
        name: what it would like to be called; software: what it says it is. Unverified.
        kiosk, unit: what the person who approved said.
    """

    ticket: str
    request: bytes
    commitment: str
    nonce: str
    name: str
    software: str
    address: str
    asked_at: int
    seen_at: int
    step: Step = Step.BEGUN
    number: str = ""
    kiosk: str = ""
    unit: str = ""


class Enrolments:
    """Claims and asks, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # Claims.

    def add_claim(self, claim: Claim, now: int) -> bool:
        """Keep a claim; return False where its id is taken. What ran out is forgotten."""
        c = tables.claim.c
        self._connection.execute(delete(tables.claim).where(c.expires_at < now))
        if self.claim(claim.id) is not None:
            return False
        row = {name: getattr(claim, name) for name in Claim.__struct_fields__}
        self._connection.execute(insert(tables.claim).values(row))
        return True

    def claim(self, name: str) -> Claim | None:
        """Return the claim of that id."""
        row = self._connection.execute(
            select(*_CLAIM).where(tables.claim.c.id == name)
        ).one_or_none()
        return None if row is None else Claim(**row._mapping)

    def claims(self, now: int) -> Sequence[Claim]:
        """Return the claims that can still be used, the newest first."""
        c = tables.claim.c
        rows = self._connection.execute(
            select(*_CLAIM).where(c.expires_at >= now, c.device == "").order_by(c.made_at.desc())
        )
        return [Claim(**row._mapping) for row in rows]

    def use(self, claim: str, device: str) -> bool:
        """Give a claim to the device of that key; return whether it is now that one's."""
        c = tables.claim.c
        self._connection.execute(
            update(tables.claim).where(c.id == claim, c.device == "").values(device=device)
        )
        held = self.claim(claim)
        return held is not None and held.device == device

    def void(self, kiosk: str) -> int:
        """Forget the claims of a kiosk that nobody has used; return how many there were."""
        c = tables.claim.c
        done = self._connection.execute(
            delete(tables.claim).where(c.kiosk == kiosk, c.device == "")
        )
        return done.rowcount

    def count_wrong(self, claim: str) -> None:
        """Count that somebody asked under a claim's id without the code."""
        c = tables.claim.c
        self._connection.execute(
            update(tables.claim).where(c.id == claim).values(wrong=c.wrong + 1)
        )

    # Asks.

    def ask(self, one: Asking, oldest: int) -> bool:
        """Keep a device's ask; return False where too many ask. Those before `oldest` are gone."""
        c = tables.asking.c
        self._connection.execute(delete(tables.asking).where(c.seen_at < oldest))
        asking = self._connection.scalar(select(func.count()).select_from(tables.asking)) or 0
        if asking >= MAX_ASKING:
            return False
        row = {name: getattr(one, name) for name in Asking.__struct_fields__}
        self._connection.execute(insert(tables.asking).values(row))
        return True

    def asking(self, ticket: str) -> Asking | None:
        """Return the ask of that ticket."""
        found = self._asks(tables.asking.c.ticket == ticket)
        return found[0] if found else None

    def waiting(self, oldest: int, number: str = "") -> Sequence[Asking]:
        """Return who waits for a person, the latest first; of one number only, where it is said."""
        c = tables.asking.c
        of = [c.number == number] if number else []
        return self._asks(c.step == Step.WAITING, c.seen_at >= oldest, *of)

    def reveal(self, ticket: str, number: str, now: int) -> None:
        """Note that the device is still there; the first time, what number it shows."""
        c = tables.asking.c
        this = update(tables.asking).where(c.ticket == ticket)
        self._connection.execute(this.values(seen_at=now))
        self._connection.execute(
            this.where(c.step == Step.BEGUN).values(step=Step.WAITING.value, number=number)
        )

    def decide(self, ticket: str, step: Step, kiosk: str = "", unit: str = "") -> bool:
        """Say what became of an ask; return whether it waited until now."""
        c = tables.asking.c
        done = self._connection.execute(
            update(tables.asking)
            .where(c.ticket == ticket, c.step == Step.WAITING)
            .values(step=step.value, kiosk=kiosk, unit=unit)
        )
        return bool(done.rowcount)

    def _asks(self, *which: Any) -> list[Asking]:
        rows = self._connection.execute(
            select(*_ASKING).where(*which).order_by(tables.asking.c.asked_at.desc())
        )
        return [Asking(**{**row._mapping, "step": Step(row.step)}) for row in rows]


_CLAIM: Final = [tables.claim.c[name] for name in Claim.__struct_fields__]
_ASKING: Final = [tables.asking.c[name] for name in Asking.__struct_fields__]
