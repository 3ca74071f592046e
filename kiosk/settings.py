"""Every setting of the kiosk, once: typed, with its unit in its name, read from one TOML file.

A mistake is one line that says where it is: `sources[2].port: expected int, got str`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from drivers.options import PushListener, SourceOptions, ZkPush
from sync.line import Broker
from sync.protocol.topics import KIOSK_PATTERN
from sync.settingsfile import read

TAKEN: Final = frozenset({"line", "local", "upkeep", "clock", "calendar", "push", "users"})
"""Names of the kiosk's own workers (app.py): status and log tell workers apart by name."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a kiosk is told.

    Relative paths are relative to the settings file.

    Attributes:
        kiosk: this kiosk's id, unique in the city; its certificate's CN.
        data: directory for the journal, the device key and the local socket.
        central: PEM files of the public keys whose receipts count.
        repeat_s: a second punch of one person within this time is marked a repeat.
        mirror: directory on a second medium for what central does not have yet; "" for none.
        retention_days: an entry that central has is kept here for so long, on central's time.
        line: the broker; `line.tls.key` is the device key unless it says otherwise.
        sources: the terminals.
        push: where terminals of kind `zkpush` call; without it none can.
    """

    kiosk: Annotated[str, Meta(pattern=KIOSK_PATTERN)]
    data: str
    central: Annotated[list[str], Meta(min_length=1)]
    line: Broker
    sources: Annotated[list[SourceOptions], Meta(min_length=1)]
    repeat_s: Annotated[float, Meta(ge=0, le=86400)] = 120.0
    mirror: str = ""
    retention_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    push: PushListener | None = None

    def __post_init__(self) -> None:
        check(self.sources)
        if self.push is None and any(isinstance(one, ZkPush) for one in self.sources):
            raise ValueError("terminals of kind 'zkpush' need a [push] section: where they call")


def check(sources: Sequence[SourceOptions]) -> None:
    """Raise ValueError where two sources have one name, or one terminal would call two sources."""
    names = [source.name for source in sources]
    for name in names:
        if name in TAKEN:
            raise ValueError(
                f"a source cannot be called {name!r}: the kiosk has a part of its own so"
            )
        if names.count(name) > 1:
            raise ValueError(f"two sources are called {name!r}; every source needs its own")
    serials = [source.serial for source in sources if isinstance(source, ZkPush)]
    for serial in serials:
        if serials.count(serial) > 1:
            raise ValueError(f"two zkpush sources have the serial {serial!r}; keep one of them")


class Place(Struct, frozen=True):
    """Settings and where they came from, and whether the second medium stands in for the first."""

    settings: Settings
    file: Path
    stands_in: bool = False

    def path(self, said: str) -> Path:
        """Return the path that the settings mean by `said`."""
        return (self.file.parent / said).absolute()

    @property
    def data(self) -> Path:
        """Return the data directory: on the first medium, or where the second one stands in."""
        if self.stands_in and self.mirror is not None:
            return self.mirror / "standby"
        return self.path(self.settings.data)

    @property
    def mirror(self) -> Path | None:
        """Return the directory on the second medium, if there is to be one."""
        return self.path(self.settings.mirror) if self.settings.mirror else None

    @property
    def socket(self) -> Path:
        """Return the local Unix socket's path."""
        return self.data / "kiosk.sock"

    @property
    def key(self) -> Path:
        """Return the device key's path."""
        return self.data / "device.key"

    @property
    def line(self) -> Broker:
        """Return the broker, with the paths of its files; the certificate is the device key's."""
        line = self.settings.line
        if line.tls is None:
            return line
        return structs.replace(line, tls=line.tls.beside(self.file, self.key))


def load(file: Path) -> Place:
    """Read the settings. Raises SettingsError."""
    return Place(read(file, Settings, "config/kiosk.toml"), file.absolute())
