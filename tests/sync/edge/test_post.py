"""The edge's HTTP client: bounded, and believing nobody."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sync.edge.post import Unreachable, post


@contextmanager
def answering(*parts: bytes) -> Iterator[str]:
    """Answer one call with these bytes, and end."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            line, _ = listening.accept()
            with line:
                asked = b""
                while not asked.endswith(b"\r\n\r\nx"):
                    asked += line.recv(65536)
                for part in parts:
                    line.sendall(part)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/enrol"
        thread.join()


def test_answer() -> None:
    with answering(b"HTTP/1.0 403 No\r\n\r\n", b"another code\x07 was typed\nmore") as url:
        reply = post(url, b"x", 1000)
    assert (reply.status, reply.said) == (403, "another code was typed")


def test_redirect_is_not_followed() -> None:
    with answering(b"HTTP/1.0 302 Go\r\nLocation: http://127.0.0.1:1/\r\n\r\n") as url:
        assert post(url, b"x", 1000).status == 302


def test_long_answer_is_refused() -> None:
    with (
        answering(b"HTTP/1.0 200 OK\r\n\r\n", b"x" * 1001) as url,
        pytest.raises(Unreachable, match="more than 1000 bytes"),
    ):
        post(url, b"x", 1000)


def test_answer_that_never_ends_is_refused() -> None:
    clock = iter(range(0, 10_000, 61))
    with (
        answering(b"HTTP/1.0 200 OK\r\n\r\n", b"x") as url,
        pytest.raises(Unreachable, match="did not end"),
    ):
        post(url, b"x", 1000, now=lambda: float(next(clock)))


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
def test_what_is_no_answer(said: bytes) -> None:
    with answering(said) as url, pytest.raises(Unreachable):
        post(url, b"x", 1000)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        post(f"http://127.0.0.1:{port}/", b"x", 1000)
