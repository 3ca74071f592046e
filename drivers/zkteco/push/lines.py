"""A body's lines, bounded, and the two ways in which firmware lays fields into one.

Lines end in LF or CRLF, the last one may end in nothing, and NUL bytes may stand at their ends.
"""

import re
from collections.abc import Iterator
from typing import Final

from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.withheld import withhold

LINES_MOST: Final = 10_000
"""Most lines in one body; terminals send a long log in batches of some hundred."""

_LEADING_WORD: Final = re.compile(rb"\w+[ \t]+(?=~?\w+=)")
_TIME: Final = re.compile(
    r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})[ T](\d{1,2}):(\d{2}):(\d{2})", re.ASCII
)
_ITEM: Final = re.compile(r"(?:^|[,\r\n\t])~?(\w{1,64})=((?:[^,\r\n\t]|,(?!~?\w{1,64}=)){0,1024})")


def lines(body: bytes) -> Iterator[bytes]:
    """Yield the lines that hold something, secrets withheld. Raises Declined where too many."""
    if body.count(b"\n") >= LINES_MOST:
        raise Declined(413, f"more than {LINES_MOST} lines in one body")
    for line in body.split(b"\n"):
        held = line.strip(b"\r\0")
        if held and not held.isspace():
            yield withhold(held)


def fields(line: bytes) -> dict[str, str]:
    """Return the `name=value` fields of a tab-separated line, names in small letters without `~`.

    Empty where a line has none, or is no UTF-8: what we read of it is digits.
    """
    leading = _LEADING_WORD.match(line)
    try:
        text = line[leading.end() if leading else 0 :].decode()
    except UnicodeDecodeError:
        return {}
    found: dict[str, str] = {}
    for field in text.split("\t"):
        name, equals, value = field.partition("=")
        if equals:
            found[name.strip().lstrip("~").lower()] = value.strip("\0 ")
    return found


def items(body: bytes) -> dict[str, str]:
    """Return a terminal's parameters: `~Key=value` by commas or lines; values hold commas too."""
    found: dict[str, str] = {}
    for name, value in _ITEM.findall(withhold(body).decode("utf-8", "replace")):
        found.setdefault(name.lower(), value.strip("\0 "))
    return found


def naive_time(text: str) -> str:
    """Return `2026-1-5 7:28:05` as `2026-01-05T07:28:05`, be it a real date or not; else "".

    Seconds have two digits or the line was cut.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return ""
    year, month, day, hour, minute, second = match.groups()
    return f"{year}-{month:0>2}-{day:0>2}T{hour:0>2}:{minute}:{second}"


def number(text: str, otherwise: int = -1) -> int:
    """Return a small whole number, `otherwise` where `text` is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else otherwise
