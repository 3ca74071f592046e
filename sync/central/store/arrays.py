"""PostgreSQL's arrays in binary, a column packed at once. Not a door: bytes only.

    dimensions, has NULL, element's oid, length, lower bound, then (size, value) of each element

psycopg packs element by element, which takes four times as long, and most of central's time.
"""

import struct
from collections.abc import Sequence
from enum import Enum
from functools import cached_property
from itertools import chain, repeat
from typing import Final, cast


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


class Array:
    """A column's values, all of one kind or None. What is found out of them is kept with them."""

    def __init__(self, kind: Kind, values: Sequence[object]) -> None:
        self.kind = kind
        self.values = values

    @cached_property
    def is_alike(self) -> bool:
        """Return whether there are several, and all of them the same."""
        values = self.values
        if len(values) < 2 or values[0] != values[-1]:  # spares most of the others a count
            return False
        return values.count(values[0]) == len(values)

    @cached_property
    def has_null(self) -> bool:
        """Return whether one of them is None."""
        return None in self.values

    @cached_property
    def elements(self) -> bytes:
        """Return them packed, without the header. Raises OverflowError: a number beyond 64 bits."""
        fixed = _FIXED.get(self.kind)
        if fixed is None:
            return _sized(cast(Sequence[bytes | str | None], self.values))
        size, form = fixed
        try:
            if self.has_null:
                one = struct.Struct(">" + form).pack
                return b"".join(_NULL if v is None else one(size, v) for v in self.values)
            flat = chain.from_iterable(zip(repeat(size), self.values, strict=False))
            return struct.pack(">" + form * len(self.values), *flat)
        except struct.error as error:
            raise OverflowError(f"a number does not fit 64 bits: {error}") from error


def join(arrays: Sequence[Array]) -> Array:
    """Return the values of all of them, one after the other; what is packed stays packed."""
    first, *others = arrays
    if not others:
        return first
    joined = Array(first.kind, list(chain.from_iterable(one.values for one in arrays)))
    if any(len(one.values) > 1 and not one.is_alike for one in arrays):
        joined.is_alike = False
    if not joined.is_alike:
        joined.has_null = any(one.has_null for one in arrays)
        joined.elements = b"".join([one.elements for one in arrays])
    return joined


def pack(array: Array) -> bytes:
    """Return the array as the server reads it in binary. Raises OverflowError, as `elements`."""
    kind, count = array.kind, len(array.values)
    return _HEADER.pack(1, array.has_null, kind.value[1], count, 1) + array.elements


_HEADER: Final = struct.Struct(">iiIii")
_SIZE: Final = struct.Struct(">i").pack
_NULL: Final = _SIZE(-1)
_FIXED: Final = {Kind.BIGINT: (8, "iq"), Kind.BOOLEAN: (1, "i?")}


def _sized(values: Sequence[bytes | str | None]) -> bytes:
    encoded = [one.encode() if isinstance(one, str) else one for one in values]
    if None in encoded:
        return b"".join(_NULL if v is None else _SIZE(len(v)) + v for v in encoded)
    whole = cast(list[bytes], encoded)
    return b"".join(chain.from_iterable(zip(map(_SIZE, map(len, whole)), whole, strict=True)))
