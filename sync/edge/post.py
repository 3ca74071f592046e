"""A POST to central's web server, bounded in time and size. The edge's only HTTP client.

Neither redirects nor proxies are followed. With https nobody looks at the certificate: what is sent
is public, and whatever is answered is believed for its own signature and code, never for the road
it came on; a Pi whose clock stands in 1970 could not look at dates either.
"""

import http.client
import ssl
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

TIMEOUT_S: Final = 10.0
"""Longest silence."""

WHOLE_S: Final = 60.0
"""Longest whole exchange, however slowly it drips."""

_CHUNK: Final = 16 << 10


class Reply(Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes

    @property
    def said(self) -> str:
        """Return the first line of a text, for people: at most 200 plain characters of it."""
        line = self.body[:800].decode(errors="replace").strip().partition("\n")[0]
        return "".join(one for one in line if one.isprintable())[:200]


class Unreachable(Exception):
    """No answer came: try again."""


def post(
    url: str,
    body: bytes,
    most_bytes: int,
    timeout_s: float = TIMEOUT_S,
    now: Callable[[], float] = time.monotonic,
) -> Reply:
    """Return what `url` (http or https) answers. Raises Unreachable."""
    parts = urlsplit(url)
    assert parts.hostname is not None  # noqa: S101 - whoever has an address has checked it
    by = now() + WHOLE_S
    line = _line(parts.scheme, parts.hostname, parts.port, timeout_s)
    try:
        line.request("POST", parts.path, body, {"Content-Type": "application/octet-stream"})
        reply = line.getresponse()
        found = bytearray()
        while chunk := reply.read1(_CHUNK):
            found += chunk
            if len(found) > most_bytes:
                raise Unreachable(f"{url}: it answers more than {most_bytes} bytes: is it central?")
            if now() > by:
                raise Unreachable(f"{url}: the answer did not end within {WHOLE_S:.0f} s")
        if reply.length:
            raise Unreachable(f"{url}: the answer broke off {reply.length} bytes before its end")
        return Reply(reply.status, bytes(found))
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unreachable(f"{parts.netloc}: {why}") from error
    finally:
        line.close()


def _line(scheme: str, host: str, port: int | None, timeout_s: float) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout_s)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
