"""The acceptance report: a kiosk was looked at, nothing was wrong, and it says so, signed.

Two lines of text, like any signed message, and below them the same for people. Whoever accepts the
work of a technician keeps it; `kiosk doctor --verify` checks it.
"""

from collections.abc import Sequence

from msgspec import Struct

from kiosk import VERSION
from kiosk.facts import Fact, State
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.signed import Signed, sign, take_apart


class Found(Struct, frozen=True):
    """A finding, as it is signed."""

    title: str
    state: State
    said: str
    advice: tuple[str, ...] = ()


class Acceptance(Struct, frozen=True, kw_only=True):
    """What is signed.

    Attributes:
        by: the technician, in their own word.
        utc: milliseconds by the kiosk's clock; `clock_is_sure` says whether that is to be believed.
        found: everything that was looked at; what was LOOK has the person's word that they looked.
        key: fingerprint of the device key that signed.
    """

    kiosk: str
    by: str
    utc: int
    clock_is_sure: bool
    software: str
    found: tuple[Found, ...]
    key: str


def report(
    kiosk: str, by: str, utc: int, *, sure: bool, found: Sequence[Fact], key: PrivateKey
) -> bytes:
    """Return the signed report, with a page for people behind it."""
    one = Acceptance(
        kiosk=kiosk,
        by=by,
        utc=utc,
        clock_is_sure=sure,
        software=f"presensi-kiosk {VERSION}",
        found=tuple(Found(each.title, each.state, each.said, tuple(each.advice)) for each in found),
        key=key.public.fingerprint,
    )
    return sign(Domain.ACCEPTANCE, one, key, page(one).encode())


def read(message: bytes) -> tuple[Acceptance, Signed]:
    """Return what is reported and the means to verify it. Raises Malformed."""
    signed = take_apart(Domain.ACCEPTANCE, message)
    return signed.read(Acceptance), signed


def page(one: Acceptance) -> str:
    """Return the report for people; what counts is line 1."""
    lines = [
        "",
        f"Kiosk {one.kiosk}, {one.software}, accepted by {one.by}",
        *(f"  {each.state.value:<5} {each.title}: {each.said}" for each in one.found),
        f"Device key {one.key}",
        "",
    ]
    return "\n".join(lines)
