"""PINs for a keypad: who may say one here, and whether it is theirs.

For people whose finger no reader takes; whether such a punch counts says the rule book (a `pin`
grant, docs/WORKTIME.md). The daemon keeps them as scrypt's output, in a file of its own with a
spare on the second medium. Like a technician's password a PIN is compared in constant time and is
nowhere to be seen; unlike it, it is six digits long: whoever guesses is stopped soon.

A number may be somebody else's tomorrow. So a PIN is one person's under one number, and holds only
while the roster gives that number to them.
"""

import logging
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from kiosk.devices import actor_of
from kiosk.local import CannotDo
from kiosk.spared import Edition, Spared
from sync import passwords
from sync.passwords import Secret, new_secret

FILE: Final = "pins.json"

LEAST_DIGITS: Final = 6
"""Shortest PIN."""

MOST_DIGITS: Final = 12
"""Longest PIN."""

WRONG_MOST: Final = 5
"""So many wrong PINs of a number within `WRONG_S`, and none of it counts until they are over."""

WRONG_S: Final = 600.0
"""For so long a wrong PIN is remembered."""

GUESSED_MOST: Final = 1_000
"""So many numbers with wrong PINs are remembered; a stranger can invent them."""

log: Final = logging.getLogger(__name__)


class Here(Protocol):
    """What `Pins` needs of the kiosk around it."""

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        """Write an audit entry. Raises JournalError."""

    def whose(self, user: str) -> str | None:
        """Return whom the roster knows by a user number today; None for nobody."""


class Known(Struct, frozen=True):
    """A PIN as it may be shown: whose, and under which number."""

    user: str
    person: str


class _Pin(Struct, frozen=True):
    person: str
    secret: Secret


class _Kept(Edition, frozen=True):
    """PINs by user number."""

    pins: dict[str, _Pin]


class Pins:
    """The PINs of one kiosk. Safe for several threads.

    `files` are the file and its spares; `cost` is scrypt's n.
    """

    def __init__(
        self,
        files: Sequence[Path],
        here: Here,
        monotonic: Callable[[], float] = time.monotonic,
        cost: int = passwords.COST,
    ) -> None:
        self._files = Spared(
            files,
            _Kept(0, {}),
            "move it away and set the PINs anew",
            "the PINs of before count there",
        )
        self._here = here
        self._now_s = monotonic
        self._cost = cost
        self._changing = threading.Lock()
        self._comparing = threading.Lock()
        self._wrong_s: OrderedDict[str, deque[float]] = OrderedDict()

    def bring_along(self) -> None:
        """Have each medium hold what the latest file says: one of them may be new."""
        with self._changing:
            self._files.bring_along()

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {"pins": self.list, "set pin": self.set, "remove pin": self.remove}

    # At the keypad.

    def knows(self, user: str) -> bool:
        """Return whether somebody has that number today. Never raises."""
        return self._here.whose(user) is not None

    def fits(self, user: str, pin: str) -> bool:
        """Return whether that is the PIN of whoever has the number today. Never raises.

        It takes as long where there is none. Wrong too often, it is not, for a while.
        """
        with self._comparing:  # one after the other: many at once would all be before the count
            if self._is_locked(user):
                return False
            is_right = passwords.fits(self._secret(user), pin)
            if is_right:
                self._wrong_s.pop(user, None)
            else:
                self._note_wrong(user)
            return is_right

    def _secret(self, user: str) -> Secret | None:
        try:
            one = self._files.held().pins.get(user)
        except CannotDo as why:
            log.error("%s", why)
            return None
        return one.secret if one and one.person == self._here.whose(user) else None

    def _is_locked(self, user: str) -> bool:
        wrong_s = self._wrong_s.get(user, deque())
        while wrong_s and self._now_s() - wrong_s[0] >= WRONG_S:
            wrong_s.popleft()
        return len(wrong_s) >= WRONG_MOST

    def _note_wrong(self, user: str) -> None:
        self._wrong_s.setdefault(user, deque()).append(self._now_s())
        self._wrong_s.move_to_end(user)
        if len(self._wrong_s) > GUESSED_MOST:
            self._wrong_s.popitem(last=False)

    # By a technician.

    def list(self, _: Mapping[str, str]) -> str:
        """Return whose they are as a JSON list of `Known`. Raises CannotDo."""
        pins = sorted(self._files.held().pins.items())
        return msgspec.json.encode([Known(user, one.person) for user, one in pins]).decode()

    def set(self, said: Mapping[str, str]) -> str:
        """Give `user` the PIN `pin`, or a new one; return it. `by` says who does it.

        Raises CannotDo, JournalError.
        """
        user, actor = _user(said), actor_of(said)
        pin = said.get("pin") or _new_pin()
        check(pin)
        person = self._here.whose(user)
        if person is None:
            raise CannotDo(
                f"the roster knows nobody by number {user} here today; a PIN is somebody's. "
                "Say the number that they type at the keypad, not their id"
            )
        made = _Pin(person, new_secret(pin, self._cost))
        with self._changing:
            held = self._files.held()
            pins = {**held.pins, user: made}
            detail = {"user": user, "person": person}
            self._change(actor, "set pin", detail, _Kept(held.edition + 1, pins))
        with self._comparing:
            self._wrong_s.pop(user, None)
        return pin

    def remove(self, said: Mapping[str, str]) -> str:
        """Take the PIN of `user` away. `by` says who does it. Raises CannotDo, JournalError."""
        user, actor = _user(said), actor_of(said)
        with self._changing:
            held = self._files.held()
            pins = dict(held.pins)
            one = pins.pop(user, None)
            if one is None:
                raise CannotDo(f"number {user} has no PIN here")
            detail = {"user": user, "person": one.person}
            self._change(actor, "remove pin", detail, _Kept(held.edition + 1, pins))
        return f"number {user} has no PIN any more"

    places: Final = ("PINs",)
    """Where somebody is forgotten here; no source is called so."""

    def forget(self, place: str, person: str, by: str) -> str:
        """Take every PIN of somebody away; say what was done. Raises CannotDo, JournalError."""
        theirs = [user for user, one in self._files.held().pins.items() if one.person == person]
        for user in theirs:
            self.remove({"user": user, "by": by})
        return f"removed the PIN of {', '.join(theirs)}" if theirs else "not known there"

    def _change(self, actor: str, action: str, detail: dict[str, str], to: _Kept) -> None:
        """Record a change, then make it. Raises CannotDo, JournalError: nothing has changed."""
        self._files.change(
            to,
            lambda failed: self._here.record("kiosk" if failed else actor, action + failed, detail),
        )


def check(pin: str) -> None:
    """Raise CannotDo where that is no PIN; the words are without it."""
    if not (pin.isascii() and pin.isdecimal() and LEAST_DIGITS <= len(pin) <= MOST_DIGITS):
        raise CannotDo(f"a PIN has {LEAST_DIGITS} to {MOST_DIGITS} digits")
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    if len(steps) == 1:
        raise CannotDo("111111, 123456 and their like are guessed first; choose another PIN")


def _new_pin() -> str:
    while True:
        pin = f"{secrets.randbelow(10**LEAST_DIGITS):0{LEAST_DIGITS}}"
        with suppress(CannotDo):
            check(pin)
            return pin


def _user(said: Mapping[str, str]) -> str:
    user = said.get("user", "").strip()
    if not (user.isascii() and user.isdecimal() and len(user) <= 24):
        raise CannotDo("a keypad has digits only: say a user number")
    return user


def without(content: bytes, people: Collection[str]) -> tuple[bytes, tuple[str, ...]]:
    """Return a file's content without the PINs of `people`, and whose there were.

    Raises msgspec.DecodeError: it is not what a kiosk writes.
    """
    kept = msgspec.json.decode(content, type=_Kept)
    dropped = {user: one.person for user, one in kept.pins.items() if one.person in people}
    left = {user: one for user, one in kept.pins.items() if user not in dropped}
    edition = kept.edition + 1 if dropped else kept.edition
    return msgspec.json.encode(_Kept(edition, left)), tuple(sorted(set(dropped.values())))
