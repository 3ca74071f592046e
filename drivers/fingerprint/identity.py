"""Which module it is, by something that it carries itself: asked at every connect.

A password does not say it: it proves us to the module, and a module from the shop, with somebody
else's fingers in it, takes any. So it is known by the serial that it tells, or by a token that was
left in its notepad once. Neither is a secret: whoever copies it has opened the case.
"""

import secrets
import struct
import zlib
from collections.abc import Callable
from typing import Final

from drivers.errors import Garbled, Refused
from drivers.fingerprint.module import NOTEPAD_BYTES, R30x

PAGE: Final = 15
"""The page of the notepad that has the token: the last, so that others' notes are left alone."""

SURE_S: Final = 1.0
"""After so much silence no late answer is on its way."""

MAGIC: Final = b"PRSN"
VERSION: Final = 1
RANDOM_BYTES: Final = 16

_NO_IDENTITY: Final = "It could not be told from another one in its place: use one that can be"

_TOKEN: Final = struct.Struct(f">4sB{RANDOM_BYTES}s")
_SUM: Final = struct.Struct(">I")


def serial_of(
    module: R30x, where: str, random: Callable[[int], bytes] = secrets.token_bytes
) -> str:
    """Return the serial of a module: its own, or that of its token, which is left if none is there.

    Raises:
        Refused: it has no serial, and keeps no token.
    """
    if module.product is not None and module.product.serial:
        name = "".join(letter for letter in module.product.model if letter.isalnum()) or "FPM"
        return f"{name}-{module.product.serial.hex()}"
    page = module.notepad(PAGE)
    if page is None:
        raise Refused(
            f"{where}: the module has no serial, and no notepad where a token could be left",
            hint=_NO_IDENTITY,
        )
    token = read(page)
    if token is None:
        # A new token makes another module of this one: what was read must be no bad moment's.
        module.link.line.rest(SURE_S)
        again = module.notepad(PAGE)
        token = None if again is None else read(again)
        if token is None and again != page:
            raise Garbled(
                f"{where}: the module's notepad reads differently each time",
                hint="Look at cable and ground",
            )
    if token is None:
        token = random(RANDOM_BYTES)
        module.write_notepad(PAGE, written(token))
        page = module.notepad(PAGE)
        if page is None or read(page) != token:
            raise Refused(
                f"{where}: the module does not keep what is written into its notepad",
                hint=_NO_IDENTITY,
            )
    return f"FPM-{token.hex()}"


def written(token: bytes) -> bytes:
    """Return the page that holds a token."""
    body = _TOKEN.pack(MAGIC, VERSION, token)
    return (body + _SUM.pack(zlib.crc32(body))).ljust(NOTEPAD_BYTES, b"\0")


def read(page: bytes) -> bytes | None:
    """Return the token in a page; None where there is none, or it is damaged."""
    body, rest = page[: _TOKEN.size], page[_TOKEN.size :]
    if len(page) != NOTEPAD_BYTES or _SUM.pack(zlib.crc32(body)) != rest[: _SUM.size]:
        return None
    magic, version, token = _TOKEN.unpack(body)
    return bytes(token) if (magic, version) == (MAGIC, VERSION) else None
