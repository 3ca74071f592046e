"""A keypad: a user number, `*`, a PIN, `#`. Bytes in, events out.

A PIN is a secret that passes through: it stands in no representation, no error, and nowhere once it
is told. Backspace and escape begin anew; so does any key that has no meaning here, and whoever
walks away.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

USER_MOST: Final = 24
"""Longest user number, digits."""

PIN_MOST: Final = 16
"""Longest PIN, digits."""

_BETWEEN: Final = ord("*")
_ENTER: Final = ord("#")
_DIGITS: Final = frozenset(b"0123456789")
_IGNORED: Final = frozenset(b"\r\n\0")  # what keypads put behind each key
_BEGIN_ANEW: Final = frozenset(b"\x08\x7f\x1b")


class Typed(Struct, frozen=True):
    """Somebody has said their number and their PIN."""

    user: str
    pin: str

    def __repr__(self) -> str:
        """Without the PIN: representations end in logs."""
        return f"Typed(user={self.user!r})"


class Unusable(Struct, frozen=True):
    """What was typed is no entry; `why` says it for people, without it."""

    why: str


class Keypad:
    """What is typed at one keypad; an entry not finished `within_s` after a key is forgotten."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._begin_anew()
        self._pressed_s = 0.0

    def _begin_anew(self) -> None:
        self._user: str = ""
        self._pin: str | None = None  # None before `*`

    @property
    def is_begun(self) -> bool:
        """Return whether somebody is typing."""
        return bool(self._user) or self._pin is not None

    def feed(self, octets: bytes, at_s: float) -> Iterator[Typed | Unusable]:
        """Take in the keys that came at `at_s` of a rising clock, seconds."""
        self.tick(at_s)
        if octets:
            self._pressed_s = at_s
        for octet in octets:
            yield from self._press(octet)

    def tick(self, at_s: float) -> None:
        """Forget an unfinished entry whose time is over at `at_s`."""
        if self.is_begun and at_s - self._pressed_s >= self._within_s:
            self._begin_anew()

    def _press(self, octet: int) -> Iterator[Typed | Unusable]:
        if octet in _IGNORED:
            return
        if octet in _DIGITS:
            yield from self._digit(chr(octet))
        elif octet == _BETWEEN and self._user and self._pin is None:
            self._pin = ""
        elif octet == _ENTER and self._pin:
            typed = Typed(self._user, self._pin)
            self._begin_anew()
            yield typed
        elif octet in _BEGIN_ANEW:
            self._begin_anew()
        else:
            was_begun = self.is_begun
            self._begin_anew()
            if was_begun or octet not in (_BETWEEN, _ENTER):
                yield Unusable("an entry is a number, *, a PIN, #")

    def _digit(self, digit: str) -> Iterator[Unusable]:
        if self._pin is None:
            self._user += digit
        else:
            self._pin += digit
        if len(self._user) > USER_MOST or len(self._pin or "") > PIN_MOST:
            self._begin_anew()
            yield Unusable("more digits than a number or a PIN has")
