"""Inputs bred from sound ones, the same for the same seed: where no coverage is measured."""

from collections.abc import Sequence
from random import Random
from typing import Final

EDGES: Final = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x50\x50\x82\x7d",
)
MOST_BYTES: Final = 1024


def bred(random: Random, seeds: Sequence[bytes]) -> bytes:
    """Return a seed after one to eight changes."""
    octets = bytearray(random.choice(seeds) if seeds else b"")
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(octets) + 1)
        match random.randrange(6):
            case 0:
                octets[at : at + 1] = bytes([random.randrange(256)])
            case 1:
                octets[at:at] = random.randbytes(random.randint(1, 16))
            case 2:
                del octets[at : at + random.randint(1, 16)]
            case 3:
                edge = random.choice(EDGES)
                octets[at : at + len(edge)] = edge
            case 4:
                octets[at:at] = octets[: random.randrange(len(octets) + 1)]
            case 5:
                octets += random.choice(seeds) if seeds else b""
    return bytes(octets[:MOST_BYTES])
