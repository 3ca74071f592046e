"""What names and numbers of a kiosk central will store, before it believes any of them."""

import re
from typing import Final

from sync.protocol.batch import BatchHeader
from sync.protocol.errors import Inconsistent, Malformed
from sync.protocol.hello import Hello

MOST: Final = 2**53
"""Highest number that may be said; every JSON reader and every database holds it."""

_epoch: Final = re.compile(r"^[A-Za-z0-9._-]{1,64}\Z")
_nonce: Final = re.compile(r"^[!-~]{0,128}\Z")
_fingerprint: Final = re.compile(r"^[0-9a-f]{64}\Z")


def is_fingerprint(text: str) -> bool:
    """Return whether `text` can be a key's name."""
    return _fingerprint.match(text) is not None


def check_numbers(*numbers: int) -> None:
    """Raises Malformed unless all are between 0 and `MOST`."""
    for number in numbers:
        if not 0 <= number <= MOST:
            # As digits, and not all of them: no float holds a number of 400.
            raise Malformed(f"the number {str(number)[:20]} is not between 0 and 2**53")


def check_batch(header: BatchHeader) -> None:
    """Raises Malformed."""
    _check_names("batch", header.epoch, header.nonce)
    check_numbers(header.first, header.last)


def check_hello(said: Hello) -> None:
    """Raises Malformed; Inconsistent where the range said to be held contradicts itself."""
    _check_names("hello", said.epoch, said.nonce)
    if len(said.clock.boot) > 64:
        raise Malformed("hello: a boot id has 32 digits")
    check_numbers(said.number, said.first, said.last, said.clock.up, said.roster)
    if said.first < 1 or said.last < said.first - 1:
        raise Inconsistent(f"hello: it holds entries {said.first} to {said.last}")
    if said.last == said.first - 1 and said.head != said.anchor:
        raise Inconsistent(f"hello: it holds no entries, and a head besides its anchor {said.last}")


def _check_names(what: str, epoch: str, nonce: str) -> None:
    if not _epoch.match(epoch):
        raise Malformed(f"{what}: {epoch[:80]!r} cannot be an epoch's name")
    if not _nonce.match(nonce):
        raise Malformed(f"{what}: {nonce[:80]!r} cannot be a nonce")
