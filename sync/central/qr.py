"""QR symbols. The one door to segno, which makes them."""

import io
from typing import Final

import segno
from msgspec import Struct

QUIET: Final = 4
"""Modules of white around a symbol, as its standard wants them."""

PNG_SCALE: Final = 12
"""Pixels a module has in a PNG."""


class Symbol(Struct, frozen=True):
    """A symbol to be drawn as SVG.

    Attributes:
        size: of a side, in modules, with what is white around it.
        path: the dark modules, as the `d` of a path to be filled.
    """

    size: int
    path: str


def symbol(text: str) -> Symbol:
    """Return the symbol of a text; a seventh of it, or more, may be unreadable."""
    rows = _made(text).matrix
    path = [
        f"M{x + QUIET},{y + QUIET}h1v1h-1z"
        for y, row in enumerate(rows)
        for x, is_dark in enumerate(row)
        if is_dark
    ]
    return Symbol(len(rows) + 2 * QUIET, "".join(path))


def png(text: str) -> bytes:
    """Return the symbol of a text as a PNG."""
    written = io.BytesIO()
    _made(text).save(written, kind="png", scale=PNG_SCALE, border=QUIET)
    return written.getvalue()


def _made(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m")
