"""Every setting of central, once: typed, with its unit in its name, read from one TOML file.

A mistake is one line that says where it is: `web.port: Expected int <= 65535`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, structs

from sync.central.derive import zone_named
from sync.central.store.address import BadAddress, address
from sync.central.store.proposals import Kind
from sync.line import Broker
from sync.protocol.topics import KIOSK_PATTERN
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


class Mail(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename={"sender": "from"}
):
    """How the head of the night is mailed.

    Attributes:
        host, port: the server that takes it; starttls: whether it is then spoken to by TLS.
        ca: PEM file that the server's certificate is checked against; "" for the system's.
        sender, to: addresses.
        user, password_file: how central logs in there; "" for not at all.
    """

    host: str
    sender: str
    to: Annotated[Sequence[str], Meta(min_length=1)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 25
    starttls: bool = False
    ca: str = ""
    user: str = ""
    password_file: str = ""

    def __post_init__(self) -> None:
        if self.user and not (self.password_file and self.starttls):
            raise ValueError("a `user` needs a `password_file`, and `starttls = true` to hide it")


class Timestamp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who witnesses when the head of the night was there.

    Attributes:
        url: of an authority that speaks RFC 3161.
        certificate: PEM file with the certificate of its root, and any between that and its own.
    """

    url: Annotated[str, Meta(pattern="^https?://")]
    certificate: str


class Audit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an auditor will want to see.

    Attributes:
        journal: what central's own journal is called; no kiosk may be.
        night: when the head of the night is made, `HH:MM` in `web.timezone`.
        directory: where it is written as a file, out of central's reach; "" for nowhere.
        mail, timestamp: whom it is sent to, and who says when.
    """

    journal: Annotated[str, Meta(pattern=KIOSK_PATTERN)] = "central"
    night: Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "02:00"
    directory: str = ""
    mail: Mail | None = None
    timestamp: Timestamp | None = None


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who decides what on the pages.

    Attributes:
        second: kinds of proposals that a second account must approve; of a closed month all do.
    """

    second: Sequence[Kind] = (Kind.PAPER, Kind.TIME)


class Enrolment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What new kiosks are told.

    Attributes:
        host, port: where they reach the broker; "" and 0 for where central does.
        claim_minutes: so long a claim code is good, where nobody says otherwise.
    """

    host: str = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0
    claim_minutes: Annotated[int, Meta(ge=1, le=10080)] = 15


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
    audit: Audit = Audit()
    decisions: Approval = Approval()
    enrolment: Enrolment = Enrolment()
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

    def path(self, name: str) -> Path:
        """Return the path of a file that the settings name."""
        return (self.file.parent / name).absolute()

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
