"""Claim codes: with one a new kiosk and central know each other, though neither has a key of the
other's. Pure, but for the code that is drawn by lot.

    7K3P-M2XQ-84VD-RT0J      16 symbols of Crockford's base 32
    ----                     name the claim: central finds it by them
         --------------      11 symbols of secret, 55 bits
                      -      checks what was typed

The secret never travels. Both ends stretch it to a key by scrypt, and that key authenticates what
is asked and what is answered: who is between them can neither put a key of his own in the kiosk's
place, nor himself in central's, over plain HTTP as little as on a stick. Guessing the secret from
what was overheard takes 2^55 times scrypt, and a claim is good for one key, for minutes.
"""

import hmac
import re
import secrets
from hashlib import scrypt, sha256
from typing import Final

from msgspec import Struct

from sync.protocol.errors import Malformed, Unverified

SYMBOLS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U."""

ID_SYMBOLS: Final = 4
SECRET_SYMBOLS: Final = 11
_LENGTH: Final = ID_SYMBOLS + SECRET_SYMBOLS + 1

KEY_BYTES: Final = 32
_READS_AS: Final = str.maketrans("OIL", "011", "- \t")
_ID: Final = re.compile(f"^[{SYMBOLS}]{{{ID_SYMBOLS}}}$")

_STRETCHED: Final = b"presensi-claim-v1\0"
_ASKED: Final = b"presensi-claim-request-v1\0"
_ANSWERED: Final = b"presensi-claim-answer-v1\0"


class ClaimCode(Struct, frozen=True):
    """A code. Its text is a secret, its id is none."""

    symbols: str

    @classmethod
    def draw(cls) -> "ClaimCode":
        """Return a new one."""
        drawn = "".join(secrets.choice(SYMBOLS) for _ in range(_LENGTH - 1))
        return cls(drawn + _check(drawn))

    @classmethod
    def read(cls, text: str) -> "ClaimCode":
        """Return the code that somebody typed, with whatever hyphens and case.

        Raises Malformed: it is none; the text says what to look at.
        """
        symbols = text.upper().translate(_READS_AS).strip()
        strange = sorted(set(symbols) - set(SYMBOLS))
        if strange:
            raise Malformed(f"no claim code has {strange[0]!r} in it: read it again")
        if len(symbols) != _LENGTH:
            raise Malformed(
                f"a claim code has {_LENGTH} symbols, not {len(symbols)}: read it again"
            )
        if _check(symbols[:-1]) != symbols[-1]:
            raise Malformed("a symbol of the claim code is mistyped, or two changed places")
        return cls(symbols)

    def __repr__(self) -> str:
        return f"ClaimCode({self.id}...)"

    @property
    def id(self) -> str:
        """Return by what central finds the claim."""
        return self.symbols[:ID_SYMBOLS]

    @property
    def text(self) -> str:
        """Return the code as it is shown: a secret."""
        return "-".join(self.symbols[at : at + 4] for at in range(0, _LENGTH, 4))

    def key(self) -> "ClaimKey":
        """Return the key that both ends derive; it takes 16 MiB and some tenths of a second."""
        secret = self.symbols[ID_SYMBOLS:-1].encode()
        salt = _STRETCHED + self.id.encode()
        return ClaimKey(scrypt(secret, salt=salt, n=2**14, r=8, p=1, dklen=KEY_BYTES))


class ClaimKey:
    """What a claim's messages are authenticated with: a secret."""

    def __init__(self, octets: bytes) -> None:
        """Raises Malformed if `octets` are not 32 bytes."""
        if len(octets) != KEY_BYTES:
            raise Malformed(f"a claim's key has {KEY_BYTES} bytes, not {len(octets)}")
        self.octets = octets

    def of_request(self, request: bytes) -> str:
        """Return the code of authentication of what is asked, hexadecimal."""
        return self._over(_ASKED + request)

    def of_answer(self, asked: str, answer: bytes) -> str:
        """Return that of an answer to the request that had `asked`."""
        return self._over(_ANSWERED + asked.encode() + b"\0" + answer)

    def verify_request(self, request: bytes, said: str) -> None:
        """Raises Unverified: whoever asks does not have the claim code."""
        if not hmac.compare_digest(self.of_request(request).encode(), said.encode()):
            raise Unverified("claim: another code was typed, or what was asked was changed")

    def verify_answer(self, asked: str, answer: bytes, said: str) -> None:
        """Raises Unverified: whoever answers does not have the claim code."""
        if not hmac.compare_digest(self.of_answer(asked, answer).encode(), said.encode()):
            raise Unverified("claim: whoever answers does not have the code, or it was changed")

    def _over(self, message: bytes) -> str:
        return hmac.new(self.octets, message, sha256).hexdigest()


def is_id(text: str) -> bool:
    """Return whether `text` can name a claim."""
    return _ID.match(text) is not None


def _check(symbols: str) -> str:
    """Return the symbol that notices one wrong symbol, and any two that changed places.

    A sum over GF(2^5) with x^5 + x^2 + 1, the place's weight a power of x: weights differ up to a
    length of 31.
    """
    total = 0
    for symbol in symbols:
        total = (total ^ SYMBOLS.index(symbol)) << 1  # from x^1 up: x^0 is the check symbol's
        if total & 0b100000:
            total ^= 0b100101
    return SYMBOLS[total]
