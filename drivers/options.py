"""What each kind of terminal may be told: declared here and nowhere else."""

from enum import StrEnum
from typing import Annotated

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
    backend: Backend = Backend.NATIVE
    pyzk_python: str = ""


SourceOptions = ZkTerminal
