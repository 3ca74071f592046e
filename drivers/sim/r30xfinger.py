"""Fingers for simulated modules: what lies on the glass, and what a module makes of it.

No finger here is anybody's. A template is filling around the name of an invented identity, which is
all that makes two of them alike; an image is the same, larger.
"""

import hashlib
import threading
from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from random import Random
from typing import Final

from msgspec import Struct

TEMPLATE_LEAD: Final = b"\x03\x01"
"""What templates of real modules begin with."""

IMAGE_LEAD: Final = b"\x00\x01"

MOST_IDENTITY_BYTES: Final = 40

SOUND_SCORE: Final = 200
"""The highest score of two readings of one finger; other readings of it fall a little short."""

DIGEST_BYTES: Final = 4


class Quality(StrEnum):
    """How a finger lies there."""

    OK = "ok"
    DRY = "dry"
    WET = "wet"
    SMUDGE = "smudge"
    PARTIAL = "partial"  # by its edge: too little to see
    NONE = "none"  # the module feels something, and its image fails


class Finger(Struct, frozen=True):
    """A finger on the glass; `likeness` is how much it looks like itself today, in per cent."""

    identity: str
    quality: Quality = Quality.OK
    likeness: int = 100


class Print(Struct, frozen=True):
    """What a feature, a template or an image holds: whose it is, and which reading it was.

    Attributes:
        identities: one; two where a lenient module has merged two fingers.
    """

    identities: tuple[str, ...]
    likeness: int = 100
    reading: int = 0


class Touch(Struct, frozen=True):
    """A step of a script: what lies there for so many looks of the module; None is nothing."""

    finger: Finger | None
    looks: int


class Glass:
    """What lies on the sensor now. Thread-safe.

    A script goes on with the module's looks and not with time: it gives the same day at any speed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._there: Finger | None = None
        self._script: deque[Touch] = deque()

    @property
    def there(self) -> Finger | None:
        """Return the finger, None where none is."""
        with self._lock:
            return self._script[0].finger if self._script else self._there

    @property
    def scripted(self) -> int:
        """Return how many steps of the script are still to come, the present one included."""
        with self._lock:
            return len(self._script)

    def place(self, finger: Finger) -> None:
        """Put a finger there; ends the script."""
        with self._lock:
            self._script.clear()
            self._there = _checked(finger)

    def lift(self) -> None:
        """Take away whatever is there; ends the script."""
        with self._lock:
            self._script.clear()
            self._there = None

    def follow(self, script: Iterable[Touch]) -> None:
        """Append to the script; behind its last step nothing lies there."""
        steps = list(script)
        for one in steps:
            if one.finger is not None:
                _checked(one.finger)
        with self._lock:
            self._there = None
            self._script.extend(steps)

    def look(self) -> Finger | None:
        """Return what the module sees now; the script goes on."""
        with self._lock:
            if not self._script:
                return self._there
            now = self._script.popleft()
            if now.looks > 1:
                self._script.appendleft(Touch(now.finger, now.looks - 1))
            return now.finger


def _checked(finger: Finger) -> Finger:
    """Return it. Raises ValueError where its name is too long for a template."""
    if not 0 < len(finger.identity.encode()) <= MOST_IDENTITY_BYTES:
        raise ValueError(f"an identity has 1 to {MOST_IDENTITY_BYTES} bytes: {finger.identity}")
    return finger


def score(one: Print, other: Print) -> int:
    """Return how alike two prints are; 0 for two fingers."""
    if not set(one.identities) & set(other.identities):
        return 0
    short = (one.reading * 7 + other.reading * 3) % 20
    return (SOUND_SCORE - short) * min(one.likeness, other.likeness) // 100


def written(made: Print, size: int, lead: bytes = TEMPLATE_LEAD) -> bytes:
    """Return a print as `size` bytes: lead, digest, what it is, filling."""
    names = [name.encode() for name in made.identities]
    told = bytes([made.likeness]) + made.reading.to_bytes(2, "big") + bytes([len(names)])
    told += b"".join(bytes([len(name)]) + name for name in names)
    inside = told + _filling(told, size - len(lead) - DIGEST_BYTES - len(told))
    return lead + _digest(inside) + inside


def read(octets: bytes, lead: bytes = TEMPLATE_LEAD) -> Print | None:
    """Return the print in some bytes, None where they are none, or damaged."""
    inside = octets[len(lead) + DIGEST_BYTES :]
    if octets[: len(lead) + DIGEST_BYTES] != lead + _digest(inside) or len(inside) < 4:
        return None
    names, at = [], 4
    for _ in range(inside[3]):
        names.append(inside[at + 1 : at + 1 + inside[at]].decode())
        at += 1 + inside[at]
    return Print(tuple(names), inside[0], int.from_bytes(inside[1:3], "big"))


def _digest(inside: bytes) -> bytes:
    return hashlib.sha256(inside).digest()[:DIGEST_BYTES]


def _filling(seed: bytes, size: int) -> bytes:
    """Return bytes that look like nothing, with a frame's start among them, as real ones may."""
    drawn = bytearray(Random(seed).randbytes(size))  # noqa: S311 - the same print, the same bytes
    drawn[size // 2 : size // 2 + 3] = b"\xef\x01\x07"
    return bytes(drawn)
