"""TOML out of plain values: the standard library only reads it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def toml(table: Mapping[str, Any]) -> str:
    """Return a table of texts, numbers, truths, lists and tables as a TOML file's text.

    Raises TypeError for anything else: TOML has no null.
    """
    return "\n".join(_lines((), table)).lstrip("\n") + "\n"


def _lines(place: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands under one heading, then what has a heading of its own."""
    own = {name: value for name, value in table.items() if not _has_heading(value)}
    for name, value in own.items():
        yield f"{_key(name)} = {_value(value)}"
    for name, value in table.items():
        if name in own:
            continue
        below = (*place, name)
        heading = ".".join(map(_key, below))
        if isinstance(value, Mapping):
            yield from ("", f"[{heading}]")
            yield from _lines(below, value)
        else:
            for one in value:
                yield from ("", f"[[{heading}]]")
                yield from _lines(below, one)


def _has_heading(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(one, Mapping) for one in value)
    return isinstance(value, Mapping)


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return _text(value)
        case list() | tuple():
            return f"[{', '.join(_value(one) for one in value)}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but for DEL, which TOML does not want to see.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
