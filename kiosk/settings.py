"""Every setting of the kiosk, once: typed, with its unit in its name, read from one TOML file.

A mistake is one line that says where it is: `sources[2].port: expected int, got str`.
"""

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from drivers.options import Camera, PushListener, SerialLine, SourceOptions, ZkPush
from sync.line import Broker
from sync.protocol.topics import KIOSK_PATTERN
from sync.settingsfile import read

TAKEN: Final = frozenset(
    {"line", "local", "upkeep", "clock", "calendar", "push", "users", "faces", "certificate"}
)
"""Names of the kiosk's own workers (app.py): status and log tell workers apart by name."""


class Language(StrEnum):
    """A language of the screen."""

    INDONESIAN = "id"
    ENGLISH = "en"


class ShowNames(StrEnum):
    """How much of a name stands on the screen for everybody who waits to read."""

    FULL = "full"
    MASKED = "masked"  # Siti R***


LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class TechnicianPage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The technician's page, served beside the screen, behind a log-in.

    Attributes:
        host, port: where it is served, 0 for nowhere; beyond this machine only by HTTPS.
        certificate, key: PEM files for that; "" for plain HTTP on this machine.
        idle_minutes: without a click for so long, a log-in ends.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8091
    certificate: str = ""
    key: str = ""
    idle_minutes: Annotated[int, Meta(ge=1, le=480)] = 15

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("the technician's page needs both, a `certificate` and its `key`")
        if self.host not in LOOPBACK and not self.certificate:
            raise ValueError(
                f"passwords do not travel in the clear: to be served on {self.host!r} the "
                "technician's page needs a `certificate` and a `key` (docs/SCREEN.md), or stay on "
                "127.0.0.1 and come through ssh -L"
            )


class Screen(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The employee's screen, `kiosk screen`: a page for a browser on this machine.

    Attributes:
        host, port: where it is served; only on this machine, for it has no log-in.
        office: what stands on top; "" for the kiosk's id.
        language: the one it is in; a touch shows the other for half a minute.
        sound: whether a result is heard as well.
        result_s: how long a result stays unless the next person comes.
        technician: the page for technicians.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65535)] = 8090
    office: str = ""
    language: Language = Language.INDONESIAN
    sound: bool = True
    show_names: ShowNames = ShowNames.FULL
    result_s: Annotated[float, Meta(ge=1, le=10)] = 2.5
    technician: TechnicianPage = TechnicianPage()

    def __post_init__(self) -> None:
        if self.port == self.technician.port:
            raise ValueError(f"the screen and the technician's page cannot share port {self.port}")
        if self.host not in LOOPBACK:
            raise ValueError(
                f"the screen has no log-in and is served on this machine only: host must be "
                f"127.0.0.1, got {self.host!r}; from elsewhere look at it through ssh -L"
            )


class Faces(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of those who are enrolled by face. Templates are, as long as they belong here.

    Attributes:
        keep_pictures_days: so long the pictures of an enrolment are kept, encrypted, if the
            site's rules want them at all; 0 discards them at once.
    """

    keep_pictures_days: Annotated[int, Meta(ge=0, le=3650)] = 0


class Fingers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be done with the templates of those who are enrolled by finger.

    Attributes:
        may_be_carried: whether templates may leave a module, sealed, to another of its model.
    """

    may_be_carried: bool = False


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a kiosk is told.

    Relative paths are relative to the settings file.

    Attributes:
        kiosk: this kiosk's id, unique in the city; its certificate's CN.
        data: directory for the journal, the device key and the local socket.
        central: PEM files of the public keys whose receipts count.
        central_web: central's address for browsers, where a certificate that has run out is
            renewed; "" for nowhere.
        repeat_s: a second punch of one person within this time is marked a repeat.
        mirror: directory on a second medium for what central does not have yet; "" for none.
        retention_days: an entry that central has is kept here for so long, on central's time.
        line: the broker; `line.tls.key` is the device key unless it says otherwise.
        sources: the terminals.
        screen: the employee's screen.
        push: where terminals of kind `zkpush` call; without it none can.
        faces: what is kept of those who are enrolled by face.
        fingers: what may be done with templates of fingers.
    """

    kiosk: Annotated[str, Meta(pattern=KIOSK_PATTERN)]
    data: str
    central: Annotated[list[str], Meta(min_length=1)]
    line: Broker
    sources: Annotated[list[SourceOptions], Meta(min_length=1)]
    central_web: Annotated[str, Meta(pattern=r"^(https?://[^/?#@\s]+)?$")] = ""
    repeat_s: Annotated[float, Meta(ge=0, le=86400)] = 120.0
    mirror: str = ""
    retention_days: Annotated[int, Meta(ge=1, le=3650)] = 90
    push: PushListener | None = None
    screen: Screen = Screen()
    faces: Faces = Faces()
    fingers: Fingers = Fingers()

    def __post_init__(self) -> None:
        check(self.sources)
        if self.push is None and any(isinstance(one, ZkPush) for one in self.sources):
            raise ValueError("terminals of kind 'zkpush' need a [push] section: where they call")


def has_secrets(settings: Settings) -> bool:
    """Return whether somebody who reads the settings learns a key or a password."""
    named = ("comm_key", "password")
    return any(bool(getattr(one, name, 0)) for one in settings.sources for name in named) or any(
        "@" in one.capture for one in settings.sources if isinstance(one, Camera)
    )


def check(sources: Sequence[SourceOptions]) -> None:
    """Raise ValueError where two sources have one name, one port, or one terminal that calls."""
    names = [source.name for source in sources]
    for name in names:
        if name in TAKEN:
            raise ValueError(
                f"a source cannot be called {name!r}: a part of the kiosk is; choose another name"
            )
        if names.count(name) > 1:
            raise ValueError(f"two sources are called {name!r}; every source needs its own")
    ports = [source.port for source in sources if isinstance(source, SerialLine)]
    for port in ports:
        if ports.count(port) > 1:
            raise ValueError(f"two sources have the port {port}; one port has one reader")
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
    def media(self) -> list[Path]:
        """Return the directories of both media, the one that the kiosk works in first."""
        return [self.data, *([] if self.mirror is None else [self.mirror])]

    @property
    def socket(self) -> Path:
        """Return the local Unix socket's path."""
        return self.data / "kiosk.sock"

    @property
    def key(self) -> Path:
        """Return the device key's path."""
        return self.data / "device.key"

    @property
    def models(self) -> Path:
        """Return the directory of weights; the first medium's as long as that can be read.

        They are the one thing that is not copied to the second: they can be had again.
        """
        first = self.path(self.settings.data) / "models"
        try:
            return first if first.is_dir() else self.data / "models"
        except OSError:  # the medium that is stood in for
            return self.data / "models"

    @property
    def line(self) -> Broker:
        """Return the broker, with the paths of its files; the certificate is the device key's."""
        line = self.settings.line
        if line.tls is None:
            return line
        tls = line.tls.beside(self.file, self.key)
        own = {name: str(self.kept(getattr(tls, name))) for name in ("ca", "certificate", "crl")
               if getattr(tls, name)}  # fmt: skip
        return structs.replace(line, tls=structs.replace(tls, **own))

    @property
    def central(self) -> list[Path]:
        """Return the files of central's public keys."""
        return [self.kept(said) for said in self.settings.central]

    def spare(self, path: Path) -> Path | None:
        """Return where a file of the data directory has its copy on the second medium, if any."""
        first = self.path(self.settings.data)
        if self.mirror is None or not path.is_relative_to(first):
            return None
        return self.mirror / path.relative_to(first)

    def kept(self, said: str) -> Path:
        """Return a path as `path` does, or its copy where the first medium cannot be read."""
        path = self.path(said)
        spare = self.spare(path)
        if spare is None or os.access(path, os.R_OK) or not os.access(spare, os.R_OK):
            return path
        return spare


def load(file: Path) -> Place:
    """Read the settings. Raises SettingsError."""
    return Place(read(file, Settings, "config/kiosk.toml"), file.absolute())
