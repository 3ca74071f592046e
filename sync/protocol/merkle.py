"""A Merkle tree over lines of text: one root for many, and a short path that proves one of them.

As in RFC 6962 section 2.1: a leaf and a node can never be taken for each other, because what is
hashed begins with another byte.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256


def leaf(line: bytes) -> bytes:
    """Return the hash of one line."""
    return sha256(b"\x00" + line).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def root(lines: Sequence[bytes]) -> bytes:
    """Return the root over `lines`; SHA-256 of nothing where there are none."""
    if not lines:
        return sha256(b"").digest()
    if len(lines) == 1:
        return leaf(lines[0])
    half = _half(len(lines))
    return _node(root(lines[:half]), root(lines[half:]))


def path(lines: Sequence[bytes], at: int) -> list[bytes]:
    """Return what proves `lines[at]`: the hashes beside its way to the root, lowest first."""
    if len(lines) == 1:
        return []
    half = _half(len(lines))
    if at < half:
        return [*path(lines[:half], at), root(lines[half:])]
    return [*path(lines[half:], at - half), root(lines[:half])]


def climb(line: bytes, at: int, count: int, beside: Sequence[bytes]) -> bytes:
    """Return the root that `line` as number `at` (from 0) of `count` leads to.

    Raises ValueError where the path is too long or too short for that place.
    """
    if not 0 <= at < count:
        raise ValueError(f"line {at} of {count}")
    sides = list(_sides(at, count))
    if len(sides) != len(beside):
        raise ValueError(f"{len(beside)} hashes beside the way; {len(sides)} are needed")
    found = leaf(line)
    for is_left, other in zip(reversed(sides), beside, strict=True):
        found = _node(found, other) if is_left else _node(other, found)
    return found


def _sides(at: int, count: int) -> Iterator[bool]:
    """Yield, from the root down, whether the way goes left."""
    while count > 1:
        half = _half(count)
        yield at < half
        at, count = (at, half) if at < half else (at - half, count - half)


def _half(count: int) -> int:
    """Return the largest power of two below `count`, which is at least 2."""
    half = 1
    while half * 2 < count:
        half *= 2
    return half
