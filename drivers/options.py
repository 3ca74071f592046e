"""What each kind of terminal may be told: declared here and nowhere else."""

from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

SourceName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class Transport(StrEnum):
    """How a 4370 terminal is spoken to: units before about 2014 know UDP only."""

    TCP = "tcp"
    UDP = "udp"


class Backend(StrEnum):
    """Which client reads a 4370 terminal."""

    NATIVE = "native"
    PYZK = "pyzk"


class Users(StrEnum):
    """What is done about a terminal's users where they are not those of the roster."""

    OFF = "off"  # nothing; nobody looks
    REPORT = "report"  # the difference is told
    ADD = "add"  # and people are made known, under the name that they have
    MIRROR = "mirror"  # and those who have gone are removed, with their fingers


KeepDays = Annotated[int, Meta(ge=0, le=3650)]


class ZkTerminal(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="zkteco",
):
    """A ZKTeco terminal, read over its port 4370.

    Attributes:
        name: how this source is called in entries, logs and on screens.
        timezone: IANA zone of the terminal's naive clock.
        comm_key: the terminal's communication key; 0 where none is set.
        timeout_s: longest silence in the middle of an exchange.
        check_s: how often the terminal's record count is compared with what has been read.
        users: what is done about its users where they are not those of the roster.
        users_keep_days: with "mirror", whoever's time has ended stays so much longer.
        backend: our own client, or pyzk (docs/ZK.md shows what each can read).
        pyzk_python: the Python that has pyzk, if it is not the one that runs the kiosk.
    """

    name: SourceName
    host: str
    timezone: str = "Asia/Jakarta"
    port: Annotated[int, Meta(ge=1, le=65535)] = 4370
    transport: Transport = Transport.TCP
    comm_key: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] = 0
    timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0
    check_s: Annotated[float, Meta(gt=0, le=86400)] = 60.0
    users: Users = Users.REPORT
    users_keep_days: KeepDays = 31
    backend: Backend = Backend.NATIVE
    pyzk_python: str = ""


class ZkPush(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="kind",
    tag="zkpush",
):
    """A ZKTeco terminal that calls us (PUSH, ADMS, "cloud server"); `PushListener` is where.

    Attributes:
        name: how this source is called in entries, logs and on screens.
        serial: by which it is known; the terminal shows it under System Info.
        timezone: IANA zone of the terminal's naive clock.
        comm_key: what it must show when it starts, as its own settings have it; "" for nothing.
        silent_s: a terminal that does not call for so long is missing.
        users: what is done about its users where they are not those of the roster.
        users_keep_days: with "mirror", whoever's time has ended stays so much longer.
    """

    name: SourceName
    serial: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
    timezone: str = "Asia/Jakarta"
    comm_key: Annotated[str, Meta(max_length=64)] = ""
    silent_s: Annotated[float, Meta(ge=1, le=86400)] = 300.0
    users: Users = Users.REPORT
    users_keep_days: KeepDays = 31

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"there is no time zone {self.timezone!r}; use an IANA name: Asia/Jakarta, "
                "Asia/Makassar or Asia/Jayapura"
            ) from None


SourceOptions = ZkTerminal | ZkPush


PRIVATE: Final = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
"""The networks that no router passes on."""


class PushListener(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where terminals of kind `zkpush` call, in plain HTTP.

    Attributes:
        host: the address to listen on, best the one in the terminals' own network.
        networks: who may connect at all.
    """

    host: str = "0.0.0.0"  # noqa: S104 - `networks` says who may
    port: Annotated[int, Meta(ge=0, le=65535)] = 8081
    networks: Annotated[tuple[str, ...], Meta(min_length=1)] = PRIVATE

    def __post_init__(self) -> None:
        for one in self.networks:
            ip_network(one)
