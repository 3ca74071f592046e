"""Every setting of central, once: typed, with its unit in its name, read from one TOML file.

A mistake is one line that says where it is: `web.port: Expected int <= 65535`.
"""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, structs

from sync.central.derive import zone_named
from sync.central.store.address import BadAddress, address
from sync.line import Broker
from sync.settingsfile import read


class Web(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page.

    Attributes:
        host, port: where it listens; a proxy that speaks TLS stands before it elsewhere.
        https: whether people reach it by HTTPS; their log-in then never travels without.
        idle_minutes: without a click for so long, a log-in ends.
        timezone: IANA zone of central's own times on the page; punches keep their terminal's.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    https: bool = False
    idle_minutes: Annotated[int, Meta(ge=1, le=1440)] = 30
    timezone: str = "Asia/Jakarta"

    def __post_init__(self) -> None:
        if zone_named(self.timezone) is None:
            raise ValueError(f"timezone {self.timezone!r} is none that is known")

    @property
    def zone(self) -> ZoneInfo:
        """Return the zone of central's own times."""
        return ZoneInfo(self.timezone)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What central is told.

    Attributes:
        data: directory for central's key and its database, relative to the settings file.
        broker: where kiosks are heard.
        database: "" for a file in `data`, or a PostgreSQL server's URL.
    """

    data: str
    broker: Broker
    web: Web = Web()
    database: str = ""

    def __post_init__(self) -> None:
        if self.database:
            try:
                address(self.database)
            except BadAddress as error:
                raise ValueError(f"database: {error}") from error


class Place(Struct, frozen=True):
    """Settings and where they came from."""

    settings: Settings
    file: Path

    @property
    def data(self) -> Path:
        """Return the data directory."""
        return (self.file.parent / self.settings.data).absolute()

    @property
    def database(self) -> Path | str:
        """Return the database's path, or its URL."""
        return self.settings.database or self.data / "central.db"

    @property
    def broker(self) -> Broker:
        """Return the broker, with the paths of its files relative to the settings file."""
        broker = self.settings.broker
        if broker.tls is None:
            return broker
        return structs.replace(broker, tls=broker.tls.beside(self.file))


def load(file: Path) -> Place:
    """Read the settings. Raises SettingsError."""
    return Place(read(file, Settings, "config/central.toml"), file.absolute())
