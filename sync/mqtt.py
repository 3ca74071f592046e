"""The line: one MQTT 5 connection. The only door to paho, used by both ends.

A `Connection` lives once: open, send and receive, close; the next attempt is a new object, because
paho keeps a queue in memory that must not outlive the connection it was meant for. Nothing here
retries: its owner's worker does. Nothing here is delivery either: a broker's answer to a publish
says that the broker has it, or why not; only central's receipt says more.

There is no network thread: who waits in `receive` serves the socket. A punch that is sent and
receipted would else pass through a second thread four times, at a third of the line's whole cost.
So `receive` must be called well within the keepalive, or the broker gives the connection up.
"""

import math
import os
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import count
from typing import Any, Final, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from sync import tls
from sync.line import (
    Answered,
    Broker,
    Event,
    LineDown,
    LineError,
    LineRefused,
    Lost,
    Message,
    Subscription,
    TakenOver,
    Verdict,
    Will,
    Woken,
)

_NO_MATCHING_SUBSCRIBERS: Final = 0x10
_FAILURE_FROM: Final = 0x80
_UNSPECIFIED: Final = 0x80
_SESSION_TAKEN_OVER: Final = 0x8E

_MOST_UNANSWERED: Final = 65535  # MQTT 5, 3.2.2.3.3: what no Receive Maximum means

MAX_PACKET_BYTES: Final = 320 * 1024
"""Largest packet we accept: an unpacked batch at its limit, and its topic and properties."""

LEAST_PACKET_BYTES: Final = 16 * 1024
"""What a broker must accept: the largest single entry in a batch of its own.

Less would do for nearly every entry, and stall the line on the day of a longer one. So less is
refused, on the day when somebody sets the broker up.
"""

_AROUND_BYTES: Final = 512
"""Most of a packet that is not payload: header, topic, properties."""

_NO_LIMIT: Final = 268_435_455 + 5  # MQTT 5, 1.5.5: the largest packet that there can be

LEAVE_S: Final = 0.5
"""How long closing waits for the broker's answer to what was said last."""

_ENCODING: Final = "encoding"
_READ_MOST: Final = 64  # packets that are taken in one turn


class _Publish(NamedTuple):
    topic: str
    payload: bytes
    retain: bool
    properties: "_Packed"


class _Acknowledged(NamedTuple):
    """The broker answered paho's packet; whose it was is looked up by who receives it."""

    packet: int
    verdict: Verdict
    reason: str


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
        check_times: bool = True,
    ) -> None:
        """`check_times` is false while our clock cannot be trusted: see `sync.tls.context`."""
        self._broker = broker
        self._check_times = check_times
        self._socket: tls.WatchedSocket | None = None
        self._subscriptions = subscriptions
        self._receive_maximum = receive_maximum
        self._events: deque[Event | _Acknowledged] = deque()
        self._handshake: deque[LineError | None] = deque()
        self._welcome = False  # the broker has let us in
        self._closing = False
        # Of whoever uses paho: without a network thread it writes in the caller's.
        self._sending = threading.RLock()
        self._waking = threading.Lock()
        self._bell: int | None = None  # eventfd
        self._rung = False
        self._words: dict[int, str] = {}
        # paho forgets the broker's Receive Maximum (paho#492), so publishes are held back here.
        self._window = 1
        self._most_bytes = _NO_LIMIT
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
        client.on_socket_open = self._on_socket_open
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
            self._client.tls_set_context(tls.context(broker.tls, check_times=self._check_times))
        asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        asked.SessionExpiryInterval = 0
        asked.ReceiveMaximum = self._receive_maximum
        asked.MaximumPacketSize = MAX_PACKET_BYTES
        try:
            self._client.connect(
                broker.host, broker.port, broker.keepalive_s, clean_start=True, properties=asked
            )
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError) as error:
            raise LineDown(
                f"{self._where}: it hung up in the middle of the greeting",
                hint="Does a broker run there, does it speak TLS on this port, is it full "
                "(max_connections)? See its log",
            ) from error
        except ssl.SSLError as error:
            raise tls.explained(self._where, error) from error
        except OSError as error:
            raise LineDown(
                f"{self._where}: {error}", hint="Is the network up, and the broker running?"
            ) from error
        with self._waking:
            self._bell = os.eventfd(int(self._rung), os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._await_handshake("connection")
        if self._subscriptions:
            options = SubscribeOptions(qos=1)
            with self._sending:
                self._client.subscribe([(one.filter, options) for one in self._subscriptions])
            self._await_handshake("subscription")

    @property
    def room_bytes(self) -> int:
        """Return the longest payload that the broker accepts; known once the line is open."""
        return self._most_bytes - _AROUND_BYTES

    def _await_handshake(self, what: str) -> None:
        until = time.monotonic() + self._broker.connect_timeout_s
        while not self._handshake and (left := until - time.monotonic()) > 0:
            self._turn(left)
        if self._handshake:
            error = self._handshake.popleft()
        else:
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
        with self._sending:
            ticket = next(self._tickets)
            properties = _packed(encoding, expiry_s)
            self._held.append((ticket, _Publish(topic, payload, retain, properties)))
            self._release()
            kept = self._client.want_write()
        if kept:  # the socket was full; whoever waits in `receive` is to go on with it
            self._ring()
        return ticket

    def _release(self) -> None:
        """Publish what the window allows. Called with `_sending` held."""
        while self._held and len(self._unanswered) < self._window:
            ticket, one = self._held.popleft()
            said = self._client.publish(
                one.topic,
                one.payload,
                qos=1,
                retain=one.retain,
                properties=one.properties,  # type: ignore[arg-type]
            )
            if said.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise LineDown(f"{self._where}: {paho.error_string(said.rc)}")
            self._unanswered[said.mid] = ticket

    def receive(self, wait_s: float) -> Event | None:
        """Return the next event, waiting up to `wait_s` seconds; None when there was none."""
        until = time.monotonic() + wait_s
        while not self._events:
            left = until - time.monotonic()
            self._turn(max(left, 0.0))
            if left <= 0 and not self._events:
                return None
        event = self._events.popleft()
        return self._settle(event) if isinstance(event, _Acknowledged) else event

    def _turn(self, wait_s: float) -> None:
        """Serve the socket once, after waiting up to `wait_s` seconds for something to do."""
        poll = select.poll()
        if self._bell is not None:
            poll.register(self._bell, select.POLLIN)
        with self._sending:
            client, here = self._client, self._client.socket()
            # What is decrypted already, the kernel has nothing to tell of.
            pending = isinstance(here, ssl.SSLSocket) and here.pending() > 0
            if here is not None:
                writing = select.POLLOUT if client.want_write() else 0
                poll.register(here, select.POLLIN | writing)
        ready = dict(poll.poll(0 if pending else math.ceil(wait_s * 1000)))
        if self._bell in ready:
            self._answer_bell()
        with self._sending:
            if here is None or client.socket() is not here:
                return
            if pending or here.fileno() in ready:
                client.loop_read()
                # A ping's answer may stand behind other packets, and `loop_misc` asks for it.
                for _ in range(_READ_MOST):
                    if client.socket() is not here or not _is_readable(here):
                        break
                    client.loop_read()
            if client.socket() is not here:
                return
            if client.want_write():
                client.loop_write()
            client.loop_misc()

    def _settle(self, said: _Acknowledged) -> Answered:
        """Return whose publish was answered, and let go of the next that was held back."""
        with self._sending:
            ticket = self._unanswered.pop(said.packet, 0)
            # When the connection has just gone, `_on_disconnect` says so; nothing to release then.
            with suppress(LineDown):
                self._release()
        return Answered(ticket, said.verdict, said.reason)

    def confirm(self, message: Message) -> None:
        """Acknowledge `message`: what it asked for is done, the broker may forget it."""
        with self._sending:
            self._client.ack(message.packet, 1)

    def wake(self) -> None:
        """Make a waiting `receive` return `Woken`, one for all that called meanwhile."""
        if not self._rung:
            self._rung = True
            self._ring()

    def _ring(self) -> None:
        with self._waking:
            if self._bell is not None:
                os.eventfd_write(self._bell, 1)

    def _answer_bell(self) -> None:
        assert self._bell is not None  # noqa: S101 - it has just rung
        os.eventfd_read(self._bell)
        # In this order: who calls `wake` before it is told so is served by this event.
        if self._rung:
            self._rung = False
            self._events.append(Woken())

    def close(self) -> None:
        """Disconnect, once the broker has answered what was said last. May be called twice."""
        if self._closing:
            return
        self._closing = True
        until = time.monotonic() + LEAVE_S
        # A socket closed over unread bytes takes back what the peer has not read yet.
        while self._open and self._unanswered and (left := until - time.monotonic()) > 0:
            self.receive(left)
        with self._sending:
            self._client.disconnect()
            here = self._client.socket()
            if here is not None:  # it did not even take our goodbye
                here.close()
        with self._waking:
            if self._bell is not None:
                os.close(self._bell)
                self._bell = None

    @property
    def _open(self) -> bool:
        return self._client.socket() is not None

    # paho calls what follows, in the thread that serves the socket.

    def _on_socket_open(self, _: paho.Client, __: Any, sock: Any) -> None:
        # Without it, Nagle's algorithm and delayed acknowledgements cost 40 ms a message.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = sock if isinstance(sock, tls.WatchedSocket) else None

    def _on_connect(
        self, _: paho.Client, __: Any, ___: Any, reason: ReasonCode, said: Properties | None
    ) -> None:
        if reason.is_failure:
            self._handshake.append(
                LineRefused(
                    f"{self._where} refuses the connection: {reason}",
                    hint="Check this client's certificate and the broker's log",
                )
            )
            return
        self._welcome = True
        self._window = getattr(said, "ReceiveMaximum", _MOST_UNANSWERED)
        self._most_bytes = getattr(said, "MaximumPacketSize", _NO_LIMIT)
        self._handshake.append(
            LineRefused(
                f"{self._where} accepts packets of up to {self._most_bytes} bytes only; an entry "
                f"may need {LEAST_PACKET_BYTES}",
                hint="Raise max_packet_size there, best to 327680",
            )
            if self._most_bytes < LEAST_PACKET_BYTES
            else None
        )

    def _on_subscribe(
        self, _: paho.Client, __: Any, ___: int, reasons: list[ReasonCode], ____: Any
    ) -> None:
        refused = [
            f"{one.filter}: {reason}"
            for one, reason in zip(self._subscriptions, reasons, strict=False)
            if reason.is_failure
        ]
        self._handshake.append(
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
        self._events.append(Message(message.topic, bytes(message.payload), encoding, message.mid))

    def _on_publish(
        self, _: paho.Client, __: Any, packet: int, reason: ReasonCode, ___: Any
    ) -> None:
        if reason.value >= _FAILURE_FROM:
            verdict = Verdict.REFUSED
        elif reason.value == _NO_MATCHING_SUBSCRIBERS:
            verdict = Verdict.NOBODY
        else:
            verdict = Verdict.TAKEN
        word = self._words.get(reason.value)
        if word is None:  # a slow look-up in paho, nearly always of the same one
            word = self._words[reason.value] = str(reason)
        self._events.append(_Acknowledged(packet, verdict, word))

    def _on_disconnect(
        self, _: paho.Client, __: Any, ___: Any, reason: ReasonCode, ____: Any
    ) -> None:
        error: LineError
        if reason.value == _SESSION_TAKEN_OVER:
            error = TakenOver(
                f"{self._where}: another client connected as this one",
                hint="Two devices carry one identity; retire one of them",
            )
        elif self._socket is not None and self._socket.refusal is not None:
            error = tls.explained(self._where, self._socket.refusal)
        elif not self._welcome:
            error = LineDown(
                f"{self._where}: it hung up without an answer",
                hint="Is it an MQTT 5 broker? Does it want TLS there (line.tls)? Is it full "
                "(max_connections)?",
            )
        elif reason.value == _UNSPECIFIED:  # so paho calls a connection that just ended
            error = LineDown(f"{self._where}: the connection ended without a word")
        else:
            error = LineDown(f"{self._where}: the connection ended: {reason}")
        self._handshake.append(error)
        self._events.append(Lost(error))
        self._ring()  # it may be a sender who finds the line gone, while another waits


def _is_readable(here: Any) -> bool:  # a socket, as paho names it
    if isinstance(here, ssl.SSLSocket) and here.pending():
        return True
    poll = select.poll()
    poll.register(here, select.POLLIN)
    return bool(poll.poll(0))


class _Packed:
    """MQTT properties, packed: paho's own are looked up by name, anew for every publish."""

    def __init__(self, properties: Properties) -> None:
        self._bytes: bytes = properties.pack()  # type: ignore[no-untyped-call]

    def pack(self) -> bytes:
        """Return them as they travel; all that paho asks."""
        return self._bytes


@lru_cache(maxsize=64)
def _packed(encoding: str, expiry_s: int | None) -> _Packed:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if encoding:
        properties.UserProperty = (_ENCODING, encoding)
    if expiry_s is not None:
        properties.MessageExpiryInterval = expiry_s
    return _Packed(properties)
