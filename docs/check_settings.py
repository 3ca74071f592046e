"""Every setting of a kiosk and of central is written down: in config/'s samples, or in docs/."""

import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, structs

from kiosk import settings as kiosk
from sync.central import settings as central

ROOT = Path(__file__).parents[1]


def unwritten_settings() -> Iterator[str]:
    """Yield the settings that no sample and no document has."""
    documents = "\n".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    for form, sample in ((kiosk.Settings, "kiosk.toml"), (central.Settings, "central.toml")):
        text = (ROOT / "config" / sample).read_text()
        for place, name in sorted(set(fields(form))):
            in_sample = re.search(rf"(?m)^#? ?{name}\s*=|^#? ?\[+[\w.]*\b{name}\b", text)
            if not in_sample and not re.search(
                rf"`{name}( = [^`]*)?`|(?m:^ *{name} = )", documents
            ):
                yield f"config/{sample}: {place}{name} is neither there nor in a document"


def fields(form: type[Struct], place: str = "") -> Iterator[tuple[str, str]]:
    """Yield (where, name) of every field of a struct and of those in it."""
    hints = typing.get_type_hints(form)
    for field in structs.fields(form):
        yield place, field.encode_name
        for inner in _structs(hints[field.name]):
            yield from fields(inner, f"{place}{field.encode_name}.")


def _structs(kind: object) -> Iterator[type[Struct]]:
    """Yield the structs in a type: itself, a list's, a union's members."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        yield kind
    elif isinstance(kind, types.UnionType) or typing.get_origin(kind) is not None:
        for one in typing.get_args(kind):
            yield from _structs(one)
