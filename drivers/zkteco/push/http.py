"""HTTP as terminals speak it, from bytes to requests and back; the one door of h11.

No socket, no clock. h11 is strict and old firmware is not: a request line with spaces in its query,
lines that end in LF alone and a missing Host are mended before h11 sees them. All else that is no
HTTP is `Declined`, and the connection ends.
"""

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final

import h11
from msgspec import Struct

from drivers.zkteco.push.answers import Answer
from drivers.zkteco.push.declined import Declined

HEAD_MOST_BYTES: Final = 16_384
"""Longest request line and headers."""

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_METHOD: Final = re.compile(rb"[A-Za-z]{1,16}")
_VERSION: Final = re.compile(rb"HTTP/\d\.\d")
_NOT_IN_TARGET: Final = re.compile(rb"[^\x21-\x7e]")


class Head(Struct, frozen=True):
    """A request's head. `is_framed`: it says how long its body is."""

    method: str
    target: str
    is_framed: bool


class End(Enum):
    """What may come instead of bytes."""

    REQUEST = "the request is whole"
    CONNECTION = "nothing comes any more"


class Conversation:
    """One connection's requests, one after the other.

    `feed` what arrives, then `next` until it wants more: a Head, pieces of its body, its end; then
    `answer`, and if `goes_on` the next one.
    """

    def __init__(self) -> None:
        self._ahead = b""  # bytes in front of a whole head
        self._searched = 0  # how many of them hold no head's end: a head may come byte by byte
        self._line = self._fresh()
        self._has_head = False
        self._wants_no_body = False  # HEAD: h11 takes none for it
        self._is_over = False

    def feed(self, data: bytes) -> None:
        """Take what arrived; b"" is the end."""
        if not data:
            self._is_over = True
        if self._has_head:
            self._line.receive_data(data)
        else:
            self._ahead += data

    def next(self) -> Head | bytes | End | None:
        """Return what comes next; None when more has to arrive. Raises Declined."""
        if not self._has_head and not self._find_head():
            if not self._is_over:
                return None
            if self._ahead.strip(b"\r\n"):
                raise Declined(400, "the request was cut off")
            return End.CONNECTION
        try:
            event = self._line.next_event()
        except h11.RemoteProtocolError as error:
            # What h11 says quotes the bytes, and those may be anything.
            raise Declined(error.error_status_hint, "this is not HTTP") from None
        match event:
            case h11.Request():
                framed = {b"content-length", b"transfer-encoding"}
                self._wants_no_body = event.method == b"HEAD"
                return Head(
                    event.method.decode(),
                    event.target.decode(),
                    any(name in framed for name, _ in event.headers),
                )
            case h11.Data():
                return bytes(event.data)
            case h11.EndOfMessage():
                return End.REQUEST
            case h11.ConnectionClosed():
                return End.CONNECTION
            case _:
                return None

    def interim(self) -> bytes:
        """Return what a terminal that waits for leave to send its body is to be told, else b""."""
        if not self._line.they_are_waiting_for_100_continue:
            return b""
        return self._line.send(h11.InformationalResponse(status_code=100, headers=[])) or b""

    def answer(self, answer: Answer, date: str = "") -> bytes:
        """Return the bytes of an answer, with a Date only where one is given."""
        body = answer.text.encode()
        headers: list[tuple[str, str]] = [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(body))),
        ]
        if date:
            headers.append(("Date", date))
        if self._line.their_state is not h11.DONE:
            headers.append(("Connection", "close"))  # nobody reads what else comes
        return self._sent(answer.status, headers, body)

    def _sent(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> bytes:
        send = self._line.send
        parts = [
            send(h11.Response(status_code=status, headers=list(headers))),
            send(h11.Data(data=b"" if self._wants_no_body else body)),
            send(h11.EndOfMessage()),
        ]
        return b"".join(part or b"" for part in parts)

    def goes_on(self) -> bool:
        """Make ready for the next request; return whether there may be one."""
        line = self._line
        if not line.our_state is line.their_state is h11.DONE:
            return False
        self._ahead, self._is_over = line.trailing_data
        self._line, self._has_head = self._fresh(), False
        return True

    @staticmethod
    def _fresh() -> h11.Connection:
        return h11.Connection(h11.SERVER, max_incomplete_event_size=2 * HEAD_MOST_BYTES)

    def _find_head(self) -> bool:
        """Hand a whole head to h11, mended, and what came behind it; return whether there is one.

        Raises Declined.
        """
        self._ahead = self._ahead.lstrip(b"\r\n")
        end = _HEAD_END.search(self._ahead, max(0, self._searched - 3))
        self._searched = len(self._ahead) if end is None else 0
        if (len(self._ahead) if end is None else end.end()) > HEAD_MOST_BYTES:
            raise Declined(431, f"a head of more than {HEAD_MOST_BYTES} bytes")
        if end is None:
            return False
        head, rest = self._ahead[: end.start()], self._ahead[end.end() :]
        self._ahead, self._has_head = b"", True
        self._line.receive_data(_mended(head))
        if rest:
            self._line.receive_data(rest)
        if self._is_over:
            self._line.receive_data(b"")
        return True


def _mended(head: bytes) -> bytes:
    """Return a head as h11 wants it. Raises Declined."""
    first, *headers = [line.rstrip(b"\r") for line in head.split(b"\n")]
    # Not by one pattern: with many blanks it would try all ways to share them out.
    method, _, rest = first.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    target = target.strip(b" ")
    if not (_METHOD.fullmatch(method) and target and _VERSION.fullmatch(version)):
        raise Declined(400, "no HTTP request line")
    target = _NOT_IN_TARGET.sub(lambda octet: b"%%%02X" % octet[0][0], target)
    if not any(line.lower().startswith(b"host:") for line in headers):
        headers.append(b"Host: kiosk")
    return b"\r\n".join([b" ".join((method.upper(), target, version)), *headers, b"", b""])
