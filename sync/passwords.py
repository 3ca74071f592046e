"""Passwords: kept as scrypt's output, compared in constant time, tried only so often.

For whoever lets people log in: central's pages, and a kiosk's page for technicians.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from typing import Final

from msgspec import Struct

COST: Final = 2**15
"""scrypt's n for new accounts: 32 MiB and about a tenth of a second a try."""

_BLOCK: Final = 8
_PARALLEL: Final = 1
_SALT_BYTES: Final = 16

MIN_LENGTH: Final = 8
"""Shortest password, characters."""

MAX_LENGTH: Final = 200
"""Longest password, characters."""

MAX_FAILURES: Final = 5
"""Tries that may fail before one has to wait."""

_FIRST_WAIT_S: Final = 10.0
_LONGEST_WAIT_S: Final = 900.0
_MAX_REMEMBERED: Final = 10_000  # names and addresses; anybody can invent them

# Two at a time: each takes 32 MiB, and a stranger decides how many are tried.
_trying: Final = threading.BoundedSemaphore(2)


def new_password() -> str:
    """Return a password that can be read out over the telephone: 80 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


class Secret(Struct, frozen=True):
    """What is kept of a password. `cost` is scrypt's n, so that it can be raised for new ones."""

    salt: bytes
    verifier: bytes
    cost: int


def new_secret(password: str, cost: int = COST) -> Secret:
    """Return what to keep of this password."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return Secret(salt, _stretch(password, salt, cost), cost)


_nobodys: Final = Secret(bytes(_SALT_BYTES), bytes(32), COST)


def fits(secret: Secret | None, password: str) -> bool:
    """Return whether the password is this one. Without a secret it takes as long."""
    tried = secret or _nobodys
    stretched = _stretch(password[:MAX_LENGTH], tried.salt, tried.cost)
    return hmac.compare_digest(stretched, tried.verifier) and secret is not None


def _stretch(password: str, salt: bytes, cost: int) -> bytes:
    with _trying:
        return hashlib.scrypt(
            password.encode("utf-8", "replace"),
            salt=salt,
            n=cost,
            r=_BLOCK,
            p=_PARALLEL,
            maxmem=2 * 128 * cost * _BLOCK,
            dklen=32,
        )


class _Failures(Struct):
    count: int = 0
    until_s: float = 0.0


class Throttle:
    """Slows down whoever guesses: after `MAX_FAILURES` each failure doubles the wait.

    Counted for each (name, address) and, less strictly, for each address, so that a stranger
    cannot lock a colleague out from elsewhere. Safe for several threads.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now_s = monotonic
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, ...], _Failures] = {}

    def wait_s(self, name: str, address: str) -> float:
        """Return how long this one must wait before the next try, seconds; 0 for not at all."""
        with self._lock:
            counted = [self._failures.get(key) for key, _ in _keys(name, address)]
        waits = (one.until_s - self._now_s() for one in counted if one is not None)
        return max(0.0, *waits, 0.0)

    def failed(self, name: str, address: str) -> None:
        """A try failed."""
        with self._lock:
            for key, free in _keys(name, address):
                while len(self._failures) >= _MAX_REMEMBERED:
                    self._failures.pop(next(iter(self._failures)))
                failures = self._failures.setdefault(key, _Failures())
                failures.count += 1
                beyond = failures.count - free
                if beyond >= 0:
                    wait_s = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(beyond, 16))
                    failures.until_s = self._now_s() + wait_s

    def succeeded(self, name: str, address: str) -> None:
        """The password was right: that name's failures from there are forgotten."""
        with self._lock:
            self._failures.pop((name, address), None)


def _keys(name: str, address: str) -> tuple[tuple[tuple[str, ...], int], ...]:
    return ((name, address), MAX_FAILURES), ((address,), 4 * MAX_FAILURES)
