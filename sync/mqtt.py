"""The line: one MQTT 5 connection. The only door to paho, used by both ends.

A `Connection` lives once: open, send and receive, close; the next attempt is a new object, because
paho keeps a queue in memory that must not outlive the connection it was meant for. Nothing here
retries: its owner's worker does. Nothing here is delivery either: a broker's answer to a publish
says that the broker has it, or why not; only central's receipt says more.
"""

import queue
import socket
import ssl
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import paho.mqtt.client as paho
from msgspec import Meta, Struct
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

_NO_MATCHING_SUBSCRIBERS: Final = 0x10
_FAILURE_FROM: Final = 0x80
_SESSION_TAKEN_OVER: Final = 0x8E

_MOST_UNANSWERED: Final = 65535  # MQTT 5, 3.2.2.3.3: what no Receive Maximum means

MAX_PACKET_BYTES: Final = 320 * 1024
"""Largest packet we accept: an unpacked batch at its limit, and its topic and properties."""

_ENCODING: Final = "encoding"


class LineError(Exception):
    """The line cannot be used. `hint` is the next step for a technician."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message}. {hint}" if hint else message)
        self.hint = hint


class LineDown(LineError):
    """The broker cannot be reached, or the connection ended: wait and try again."""


class LineRefused(LineError):
    """The broker is there and does not let us in: a person must look."""


class TakenOver(LineError):
    """Another client connected with our client id: two kiosks with one identity?"""


class Tls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files of a mutually authenticated TLS line, PEM."""

    ca: str
    certificate: str
    key: str


class Broker(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the line goes."""

    host: str
    port: Annotated[int, Meta(ge=1, le=65535)] = 8883
    tls: Tls | None = None
    keepalive_s: Annotated[int, Meta(ge=5, le=3600)] = 30
    connect_timeout_s: Annotated[float, Meta(gt=0, le=120)] = 10.0


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


class _Publish(NamedTuple):
    topic: str
    payload: bytes
    retain: bool
    properties: Properties


class _Acknowledged(NamedTuple):
    """The broker answered paho's packet; whose it was is looked up by who receives it."""

    packet: int
    verdict: Verdict
    reason: str


Event = Message | Answered | Lost | Woken


class Connection:
    """One MQTT 5 connection: clean start, no session, QoS 1, acknowledged by hand.

    `send`, `confirm` and `wake` may be called from any thread, the rest from one.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        subscriptions: Sequence[Subscription],
        *,
        will: Will | None = None,
        receive_maximum: int = 64,
    ) -> None:
        self._broker = broker
        self._subscriptions = subscriptions
        self._receive_maximum = receive_maximum
        self._events: queue.SimpleQueue[Event | _Acknowledged] = queue.SimpleQueue()
        self._handshake: queue.SimpleQueue[LineError | None] = queue.SimpleQueue()
        self._closing = False
        # paho forgets the broker's Receive Maximum (paho#492), so publishes are held back here.
        self._sending = threading.RLock()
        self._window = 1
        self._unanswered: dict[int, int] = {}  # paho's packet number -> our ticket
        self._held: deque[tuple[int, _Publish]] = deque()
        self._tickets = count(1)
        self._client = client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(_MOST_UNANSWERED)
        client.connect_timeout = broker.connect_timeout_s
        client.on_socket_open = _no_delay
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)

    @property
    def _where(self) -> str:
        return f"broker {self._broker.host}:{self._broker.port}"

    def open(self) -> None:
        """Connect and subscribe.

        Raises:
            LineDown: no broker there, or no answer within `connect_timeout_s`.
            LineRefused: the broker refuses the connection or a subscription.
        """
        broker = self._broker
        if broker.tls is not None:
            self._client.tls_set_context(_tls_context(broker.tls))
        asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        asked.SessionExpiryInterval = 0
        asked.ReceiveMaximum = self._receive_maximum
        asked.MaximumPacketSize = MAX_PACKET_BYTES
        try:
            self._client.connect(
                broker.host, broker.port, broker.keepalive_s, clean_start=True, properties=asked
            )
        except ssl.SSLError as error:
            raise LineRefused(
                f"{self._where}: TLS failed: {error}",
                hint="Check the line's certificates, and the clock",
            ) from error
        except OSError as error:
            raise LineDown(
                f"{self._where}: {error}", hint="Is the network up, and the broker running?"
            ) from error
        self._client.loop_start()
        self._await_handshake("connection")
        if self._subscriptions:
            options = SubscribeOptions(qos=1)
            self._client.subscribe([(one.filter, options) for one in self._subscriptions])
            self._await_handshake("subscription")

    def _await_handshake(self, what: str) -> None:
        try:
            error = self._handshake.get(timeout=self._broker.connect_timeout_s)
        except queue.Empty:
            error = LineDown(
                f"{self._where}: no answer to the {what} within "
                f"{self._broker.connect_timeout_s:g} s",
                hint="Is it an MQTT 5 broker? Version 3.1.1 alone is not enough",
            )
        if error is not None:
            self.close()
            raise error

    def send(
        self,
        topic: str,
        payload: bytes,
        *,
        encoding: str = "",
        retain: bool = False,
        expiry_s: int | None = None,
    ) -> int:
        """Publish at QoS 1 and return a ticket; an `Answered` will name it.

        What exceeds the broker's Receive Maximum waits for an answer to what went before.
        Raises LineDown when the connection is gone; nothing is kept for the next one.
        """
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if encoding:
            properties.UserProperty = (_ENCODING, encoding)
        if expiry_s is not None:
            properties.MessageExpiryInterval = expiry_s
        with self._sending:
            ticket = next(self._tickets)
            self._held.append((ticket, _Publish(topic, payload, retain, properties)))
            self._release()
        return ticket

    def _release(self) -> None:
        """Publish what the window allows. Called with `_sending` held."""
        while self._held and len(self._unanswered) < self._window:
            ticket, one = self._held.popleft()
            said = self._client.publish(
                one.topic, one.payload, qos=1, retain=one.retain, properties=one.properties
            )
            if said.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise LineDown(f"{self._where}: {paho.error_string(said.rc)}")
            self._unanswered[said.mid] = ticket

    def receive(self, wait_s: float) -> Event | None:
        """Return the next event, waiting up to `wait_s` seconds; None when there was none."""
        try:
            event = self._events.get(timeout=max(wait_s, 0.0))
        except queue.Empty:
            return None
        return self._settle(event) if isinstance(event, _Acknowledged) else event

    def _settle(self, said: _Acknowledged) -> Answered:
        """Return whose publish was answered, and let go of the next that was held back.

        Not done in paho's thread: while that calls us it holds the lock that `publish` waits for,
        and `send` waits for `publish` with `_sending` held.
        """
        with self._sending:
            ticket = self._unanswered.pop(said.packet, 0)
            # When the connection has just gone, `_on_disconnect` says so; nothing to release then.
            with suppress(LineDown):
                self._release()
        return Answered(ticket, said.verdict, said.reason)

    def confirm(self, message: Message) -> None:
        """Acknowledge `message`: what it asked for is done, the broker may forget it."""
        self._client.ack(message.packet, 1)

    def wake(self) -> None:
        """Make a waiting `receive` return `Woken`."""
        self._events.put(Woken())

    def close(self) -> None:
        """Disconnect and end the network thread. May be called twice."""
        if self._closing:
            return
        self._closing = True
        self._client.disconnect()
        self._client.loop_stop()

    # paho's thread calls what follows.

    def _on_connect(
        self, _: paho.Client, __: Any, ___: Any, reason: ReasonCode, said: Properties | None
    ) -> None:
        if reason.is_failure:
            self._handshake.put(
                LineRefused(
                    f"{self._where} refuses the connection: {reason}",
                    hint="Check this client's certificate and the broker's log",
                )
            )
            return
        self._window = getattr(said, "ReceiveMaximum", _MOST_UNANSWERED)
        self._handshake.put(None)

    def _on_subscribe(
        self, _: paho.Client, __: Any, ___: int, reasons: list[ReasonCode], ____: Any
    ) -> None:
        refused = [
            f"{one.filter}: {reason}"
            for one, reason in zip(self._subscriptions, reasons, strict=False)
            if reason.is_failure
        ]
        self._handshake.put(
            LineRefused(
                f"{self._where} refuses to be listened to: {', '.join(refused)}",
                hint="Check the broker's ACL",
            )
            if refused
            else None
        )

    def _on_message(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        pairs = getattr(message.properties, "UserProperty", [])
        encoding = next((value for name, value in pairs if name == _ENCODING), "")
        self._events.put(Message(message.topic, bytes(message.payload), encoding, message.mid))

    def _on_publish(
        self, _: paho.Client, __: Any, packet: int, reason: ReasonCode, ___: Any
    ) -> None:
        if reason.value >= _FAILURE_FROM:
            verdict = Verdict.REFUSED
        elif reason.value == _NO_MATCHING_SUBSCRIBERS:
            verdict = Verdict.NOBODY
        else:
            verdict = Verdict.TAKEN
        self._events.put(_Acknowledged(packet, verdict, str(reason)))

    def _on_disconnect(
        self, _: paho.Client, __: Any, ___: Any, reason: ReasonCode, ____: Any
    ) -> None:
        error: LineError
        if reason.value == _SESSION_TAKEN_OVER:
            error = TakenOver(
                f"{self._where}: another client connected as this one",
                hint="Two devices carry one identity; retire one of them",
            )
        else:
            error = LineDown(f"{self._where}: the connection ended: {reason}")
        self._handshake.put(error)
        self._events.put(Lost(error))


def _no_delay(_: paho.Client, __: Any, sock: Any) -> None:
    # Without it, Nagle's algorithm and delayed acknowledgements cost 40 ms a message.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    for path in (tls.ca, tls.certificate, tls.key):
        if not Path(path).is_file():
            raise LineRefused(f"line.tls: no file {path}", hint="Enrol this device first")
    context = ssl.create_default_context(cafile=tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except ssl.SSLError as error:
        raise LineRefused(
            f"line.tls: {tls.certificate} and {tls.key} do not fit together: {error}"
        ) from error
    return context
