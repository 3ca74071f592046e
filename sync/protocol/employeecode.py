"""Employees' codes: what a QR on a card or on a phone says, signed by central. Pure.

    "P1:" base32( kind  since  until  number  length  person  signature )

`kind` is a byte, `since` and `until` are seconds since 1970 UTC in four bytes each, `number` has
eight, all big-endian; `length` is that of `person`, UTF-8, in a byte. The signature is over all
before it, in a domain of its own: nothing else that central signs can be shown as a code. Base32
without its padding has only letters and digits that a QR keeps in five and a half bits each, that
no scanner mistakes for another layout's, and none that is lost at an end: a code of an id of 18
digits fits version 7, 45 modules.

A static code is on a card and holds for years: whoever photographs the card has the code. A
one-time code is on a phone's screen, holds for a minute and counts once at a kiosk.
"""

import base64
import binascii
import struct
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from msgspec import Struct

from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import Domain, PrivateKey, PublicKey

PREFIX: Final = "P1:"
"""Begins every code of this version; case counts for nothing."""

ONCE_HOLDS_S: Final = 60
"""How long a one-time code holds, seconds; a new one is shown after half of it."""

PERSON_MOST_BYTES: Final = 64
"""Longest person's id in a code, UTF-8: a longer one makes a QR that phones do not read well."""

CODE_MOST: Final = 400
"""Longest code, characters: whatever is longer is none."""

_HEAD: Final = struct.Struct(">BIIQB")
_LATEST_S: Final = 2**32 - 1


class Kind(IntEnum):
    """What a code is on."""

    STATIC = 1  # a card; `number` is its issue: of two of one person the higher is the later card
    ONCE = 2  # a screen; `number` is drawn by lot


class Holds(IntEnum):
    """Whether a code's time has come."""

    NOT_YET = -1
    NOW = 0
    NO_MORE = 1


class EmployeeCode(Struct, frozen=True, kw_only=True):
    """What one code says.

    Attributes:
        since, until: seconds since 1970 UTC; both belong to it.
        number: see `Kind`.
    """

    person: str
    kind: Kind
    since: int
    until: int
    number: int

    def holds(self, at_s: float, slack_s: float = 0.0) -> Holds:
        """Return whether it holds at `at_s`, by a clock that may be off by `slack_s`."""
        if at_s < self.since - slack_s:
            return Holds.NOT_YET
        return Holds.NO_MORE if at_s > self.until + slack_s else Holds.NOW


def once(person: str, at_s: int, number: int) -> EmployeeCode:
    """Return the one-time code of a person made at `at_s`; `number` of 64 bits is drawn by lot."""
    return EmployeeCode(
        person=person, kind=Kind.ONCE, since=at_s, until=at_s + ONCE_HOLDS_S, number=number
    )


def encode(code: EmployeeCode, key: PrivateKey) -> str:
    """Return the text of a code, signed by central's `key`.

    Raises Malformed: no code can say that.
    """
    person = code.person.encode()
    if not 0 < len(person) <= PERSON_MOST_BYTES:
        raise Malformed(
            f"a code is of a person whose id has 1 to {PERSON_MOST_BYTES} bytes, not {len(person)}"
        )
    if not 0 <= code.since <= code.until <= _LATEST_S:
        raise Malformed("a code holds from a time until a later one, before 2106")
    head = _HEAD.pack(code.kind, code.since, code.until, code.number, len(person))
    said = head + person
    return PREFIX + base64.b32encode(said + key.sign(Domain.CODE, said)).decode().rstrip("=")


def decode(text: str, keys: Iterable[PublicKey]) -> EmployeeCode:
    """Return what a code says that is signed by one of `keys`, whether it holds or not.

    Raises:
        Malformed: it is no code of this version.
        Unverified: none of the keys signed it.
    """
    text = text.upper()
    if not text.startswith(PREFIX) or len(text) > CODE_MOST:
        raise Malformed("no employee's code")
    letters = text.removeprefix(PREFIX)
    try:
        octets = base64.b32decode(letters + "=" * (-len(letters) % 8))
        kind, since, until, number, length = _HEAD.unpack_from(octets)
        said, signature = octets[: _HEAD.size + length], octets[_HEAD.size + length :]
        code = EmployeeCode(
            person=said[_HEAD.size :].decode(),
            kind=Kind(kind),
            since=since,
            until=until,
            number=number,
        )
    except (binascii.Error, struct.error, ValueError) as error:
        raise Malformed("damaged, or no employee's code of this version") from error
    for key in keys:
        try:
            key.verify(Domain.CODE, said, signature)
        except Unverified:
            continue
        return code
    raise Unverified("not signed by this city's central")
