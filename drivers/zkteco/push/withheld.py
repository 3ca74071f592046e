"""What a push body may hold and nobody may keep: keypad passwords, templates, pictures, keys.

Every line goes through `withhold` before anything else looks at it, so that no raw bytes, log,
error or entry can have what it takes out.
"""

import re
from typing import Final

WITHHELD: Final = b"<withheld>"
"""Stands where a secret stood."""

_SECRET: Final = re.compile(
    rb"(?i)((?:passw(?:or)?d|pwd|tmp|template\w{0,16}|content|feature\w{0,16}|comm?key)"
    rb"[ \0]{0,8}=)[^\t\r\n]*"
)


def withhold(line: bytes) -> bytes:
    """Return `line` without the value of any field that is a secret."""
    return _SECRET.sub(rb"\1" + WITHHELD, line)
