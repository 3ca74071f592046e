"""Every setting of the kiosk, once: typed, with its unit in its name, read from one TOML file.

A mistake is one line that says where it is: `sources[2].port: expected int, got str`.
"""

import re
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from drivers.registry import SourceOptions
from sync.mqtt import Broker
from sync.protocol.topics import KIOSK_PATTERN


class SettingsError(Exception):
    """A settings file cannot be used: what, where, what to do."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a kiosk is told.

    Relative paths are relative to the settings file.

    Attributes:
        kiosk: this kiosk's id, unique in the city; its certificate's CN.
        data: directory for the journal, the device key and the local socket.
        central: PEM files of the public keys whose receipts count.
        roster: file of the adopted roster; none yet on a new kiosk.
        repeat_s: a second punch of one person within this time is marked a repeat.
        line: the broker.
        sources: the terminals.
    """

    kiosk: Annotated[str, Meta(pattern=KIOSK_PATTERN)]
    data: str
    central: Annotated[list[str], Meta(min_length=1)]
    line: Broker
    sources: Annotated[list[SourceOptions], Meta(min_length=1)]
    roster: str = "roster.json"
    repeat_s: Annotated[float, Meta(ge=0, le=86400)] = 120.0

    def __post_init__(self) -> None:
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}; every source needs its own")


class Place(Struct, frozen=True):
    """Settings and where they came from."""

    settings: Settings
    file: Path

    def path(self, said: str) -> Path:
        """Return the path that the settings mean by `said`."""
        return (self.file.parent / said).absolute()

    @property
    def data(self) -> Path:
        """Return the data directory."""
        return self.path(self.settings.data)

    @property
    def socket(self) -> Path:
        """Return the local Unix socket's path."""
        return self.data / "kiosk.sock"

    @property
    def key(self) -> Path:
        """Return the device key's path."""
        return self.data / "device.key"


_AT: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?$", re.DOTALL)


def load(file: Path) -> Place:
    """Read the settings. Raises SettingsError."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{file}: {error.strerror}; write one from config/kiosk.toml"
        ) from error
    try:
        return Place(msgspec.toml.decode(content, type=Settings), file.absolute())
    except msgspec.ValidationError as error:
        raise SettingsError(f"{file}: {_plain(str(error))}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: not TOML: {error}") from error


def _plain(said: str) -> str:
    """Return msgspec's complaint with its place in front: `line.port: Expected int, got str`."""
    match = _AT.match(said)
    if match is None or not match["where"]:
        return said
    return f"{match['where']}: {match['what']}"
