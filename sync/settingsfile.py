"""A settings file: TOML into one typed struct, and every mistake as one line with its place."""

import re
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct


class SettingsError(Exception):
    """A settings file cannot be used: what, where, what to do."""


T = TypeVar("T", bound=Struct)

_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$", re.DOTALL)


def read(file: Path, form: type[T], sample: str) -> T:
    """Return what `file` says, as a `form`; `sample` is where to begin without one.

    Raises SettingsError, as `kiosk.toml: sources[2].port: Expected int, got str`.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}; write one from {sample}") from error
    return decoded(content, form, str(file), sample)


def decoded(content: bytes, form: type[T], file: str, sample: str) -> T:
    """Return what a file's content says, as a `form`. Raises SettingsError as `read` does."""
    try:
        return msgspec.toml.decode(content, type=form)
    except msgspec.ValidationError as error:
        # What our own rules say has its next step; what the types say has none.
        more = "" if error.__cause__ else f"; {sample} shows what may stand there"
        raise SettingsError(f"{file}: {_plain(str(error))}{more}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        quoted = "; between single quotes it stands for itself" if "'\\'" in str(error) else ""
        raise SettingsError(f"{file}: not TOML: {error}{quoted}") from error


def _plain(said: str) -> str:
    """Return msgspec's complaint with its place in front."""
    match = _AT.match(said)
    if match is None or not match["where"]:
        return said
    return f"{match['where']}: {match['what']}"
