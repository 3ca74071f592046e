"""What both ends know of a line: where it goes, what may happen on it, what may go wrong.

Types only; the line itself is sync/mqtt.py.

LineError            what was tried, what came of it; `hint` is the next step for a technician
|-- LineDown         nobody there, or the connection ended: wait and try again
|-- LineRefused      somebody is there and does not let us in: a person must look
|   `-- CertificateExpired   by the broker's word ours has run out: another one opens the line
`-- TakenOver        another client connected with our client id: two devices, one identity?
"""

from enum import Enum
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta, Struct


class LineError(Exception):
    """The line cannot be used. `hint` is the next step for a technician."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message}. {hint}" if hint else message)
        self.hint = hint


class LineDown(LineError):
    """The broker cannot be reached, or the connection ended: wait and try again."""


class LineRefused(LineError):
    """The broker is there and does not let us in: a person must look."""


class CertificateExpired(LineRefused):
    """By the broker's word our certificate has run out."""


class TakenOver(LineError):
    """Another client connected with our client id: two kiosks with one identity?

    `wait_s` is the least to wait then: two that throw each other out in turn get nothing done.
    """

    wait_s: Final = 60.0


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files of a mutually authenticated TLS line, PEM.

    Attributes:
        ca: the authority that signed the broker's certificate.
        certificate, key: our own; "" for a key means that its owner knows where it is.
        crl: the authority's list of revoked certificates, "" for none: against a stolen broker.
    """

    ca: str
    certificate: str
    key: str = ""
    crl: str = ""

    def beside(self, settings: Path, key: Path | None = None) -> "Tls":
        """Return this with paths relative to the settings file, and `key` where none is named."""

        def path(said: str) -> str:
            return str((settings.parent / said).absolute()) if said else ""

        return Tls(
            ca=path(self.ca),
            certificate=path(self.certificate),
            key=path(self.key) or str(key or ""),
            crl=path(self.crl),
        )


class Broker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the line goes.

    Attributes:
        connect_timeout_s: how long each of four steps may take: TCP, TLS, the broker's greeting,
            the subscription. All four fit into the patience with whoever is connecting.
    """

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    tls: Tls | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    connect_timeout_s: Annotated[float, Meta(gt=0, le=14)] = 10.0


class Subscription(Struct, frozen=True):
    """A filter to subscribe to, at QoS 1."""

    filter: str


class Will(Struct, frozen=True):
    """What the broker says for us, retained, when we vanish."""

    topic: str
    payload: bytes


class Verdict(Enum):
    """What the broker made of a publish."""

    TAKEN = "taken"
    NOBODY = "nobody subscribes"
    REFUSED = "refused"


class Message(Struct, frozen=True):
    """Something was said to us. `packet` is for `Connection.confirm`."""

    topic: str
    payload: bytes
    encoding: str
    packet: int


class Answered(Struct, frozen=True):
    """The broker answered the publish with that `ticket`; `reason` is its own word for it."""

    ticket: int
    verdict: Verdict
    reason: str


class Lost(Struct, frozen=True):
    """The connection ended."""

    error: LineError


class Woken(Struct, frozen=True):
    """Another thread called `wake`."""


Event = Message | Answered | Lost | Woken
