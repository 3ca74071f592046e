"""PostgreSQL's arrays in binary, a column packed at once. Not a door: bytes only.

    dimensions, has NULL, element's oid, length, lower bound, then (size, value) of each element

psycopg packs element by element, which takes four times as long, and most of central's time.
"""

import struct
from collections.abc import Sequence
from enum import Enum
from itertools import chain, repeat
from typing import Final, NamedTuple, cast


class Kind(Enum):
    """A type of column: its name, the oid of its elements, the oid of its array."""

    BIGINT = ("int8", 20, 1016)
    BOOLEAN = ("bool", 16, 1000)
    BYTES = ("bytea", 17, 1001)
    TEXT = ("text", 25, 1009)

    @property
    def sql(self) -> str:
        """Return its name in a statement."""
        return self.value[0]


class Array(NamedTuple):
    """A column's values, all of one kind or None."""

    kind: Kind
    values: Sequence[object]


_HEADER: Final = struct.Struct(">iiIii")
_SIZE: Final = struct.Struct(">i").pack
_NULL: Final = _SIZE(-1)
_FIXED: Final = {Kind.BIGINT: (8, "iq"), Kind.BOOLEAN: (1, "i?")}


def pack(array: Array) -> bytes:
    """Return the array as the server reads it in binary.

    Raises:
        OverflowError: a number beyond 64 bits.
    """
    kind, values = array
    has_null = None in values
    header = _HEADER.pack(1, has_null, kind.value[1], len(values), 1)
    fixed = _FIXED.get(kind)
    if fixed is None:
        return header + _sized(cast(Sequence[bytes | str | None], values))
    size, form = fixed
    try:
        if has_null:
            one = struct.Struct(">" + form).pack
            return header + b"".join(_NULL if v is None else one(size, v) for v in values)
        flat = chain.from_iterable(zip(repeat(size), values, strict=False))
        return header + struct.pack(">" + form * len(values), *flat)
    except struct.error as error:
        raise OverflowError(f"a number does not fit 64 bits: {error}") from error


def _sized(values: Sequence[bytes | str | None]) -> bytes:
    encoded = [one.encode() if isinstance(one, str) else one for one in values]
    if None in encoded:
        return b"".join(_NULL if v is None else _SIZE(len(v)) + v for v in encoded)
    whole = cast(list[bytes], encoded)
    return b"".join(chain.from_iterable(zip(map(_SIZE, map(len, whole)), whole, strict=True)))
