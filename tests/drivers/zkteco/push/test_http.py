"""HTTP of old firmware: any split of the bytes gives the same requests, and junk is declined."""

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zkteco.push.answers import Answer
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.http import HEAD_MOST_BYTES, Conversation, End, Head

POST = b"POST /iclock/cdata?SN=S1 HTTP/1.1\r\nHost: k\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /iclock/cdata?SN=S2 HTTP/1.1\r\nHost: k\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
)
GET = b"GET /iclock/ping?SN=S3 HTTP/1.1\nUser-Agent: iClock Proxy/1.09\n\n"


def drain(talk: Conversation) -> None:
    """Take what comes until the request or the connection ends, or more is wanted."""
    while talk.next() not in (End.REQUEST, End.CONNECTION, None):
        pass


def heard(pieces: list[bytes]) -> list[tuple[str, bytes]]:
    """Return (target, body) of every request, each answered as it ends."""
    talk, found, target, body = Conversation(), [], "", b""
    for piece in pieces:
        talk.feed(piece)
        while (event := talk.next()) is not None:
            if isinstance(event, Head):
                target, body = event.target, b""
            elif isinstance(event, bytes):
                body += event
            elif event is End.REQUEST:
                found.append((target, body))
                talk.answer(Answer(200, "OK"))
                assert talk.goes_on()
            else:
                return found
    return found


@given(st.lists(st.integers(1, 60), max_size=20))
def test_any_split_gives_the_same_requests(sizes: list[int]) -> None:
    stream, pieces, at = POST + CHUNKED + GET + POST, [], 0
    for size in sizes:
        pieces.append(stream[at : at + size])
        at += size
    pieces = [one for one in (*pieces, stream[at:]) if one]
    assert heard(pieces) == [
        ("/iclock/cdata?SN=S1", b"hello"),
        ("/iclock/cdata?SN=S2", b"hello"),
        ("/iclock/ping?SN=S3", b""),
        ("/iclock/cdata?SN=S1", b"hello"),
    ]


def test_a_query_with_spaces_and_no_host() -> None:
    [(target, _)] = heard([b"GET /iclock/getrequest?SN=1&INFO=Ver 8.0,\xe5 HTTP/1.1\r\n\r\n"])
    assert target == "/iclock/getrequest?SN=1&INFO=Ver%208.0,%E5"


def test_a_head_says_whether_it_has_a_body() -> None:
    for text, framed in ((POST, True), (CHUNKED, True), (GET, False)):
        talk = Conversation()
        talk.feed(text)
        head = talk.next()
        assert isinstance(head, Head)
        assert head.is_framed is framed


def test_a_date_only_where_one_is_given() -> None:
    for date in ("", "Thu, 26 Nov 2026 07:28:00 GMT"):
        talk = Conversation()
        talk.feed(GET)
        talk.next(), talk.next()
        answer = talk.answer(Answer(200, "OK"), date)
        assert (b"date:" in answer.lower()) is bool(date)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"\r\n\r\nOK")


def test_an_answer_before_the_body_ends_the_connection() -> None:
    talk = Conversation()
    talk.feed(POST[:-2])
    assert isinstance(talk.next(), Head)
    assert b"connection: close" in talk.answer(Answer(403, "no")).lower()
    assert not talk.goes_on()


def test_leave_to_send_a_body() -> None:
    talk = Conversation()
    talk.feed(POST[:-5].replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
    talk.next()
    assert talk.interim().startswith(b"HTTP/1.1 100")


def test_http_1_0_ends_after_one_request() -> None:
    talk = Conversation()
    talk.feed(b"GET /iclock/ping?SN=1 HTTP/1.0\r\n\r\n")
    assert isinstance(talk.next(), Head)
    assert talk.next() is End.REQUEST
    talk.answer(Answer(200, "OK"))
    assert not talk.goes_on()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x50\x50\x82\x7d\x08\x00\x00\x00\r\n\r\n", 400),  # a 4370 packet
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),  # TLS
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"GET /" + b"a" * HEAD_MOST_BYTES, 431),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 4000 + b"\r\n", 431),
        (POST.replace(b"Content-Length: 5", b"Transfer-Encoding: gzip"), 501),
        (CHUNKED.replace(b"2\r\nhe", b"zz\r\nhe"), 400),
    ],
)
def test_what_is_no_http_is_declined_and_answered(sent: bytes, status: int) -> None:
    talk = Conversation()
    talk.feed(sent)
    with pytest.raises(Declined) as declined:
        drain(talk)
    assert declined.value.status == status
    assert b"connection: close" in talk.answer(Answer(status, "no")).lower()
    assert not talk.goes_on()


@pytest.mark.parametrize("whole", [POST, CHUNKED])
def test_a_request_that_is_cut_off_is_declined(whole: bytes) -> None:
    for length in range(1, len(whole) - 1):
        talk = Conversation()
        talk.feed(whole[:length])
        talk.feed(b"")
        with pytest.raises(Declined):
            drain(talk)


def test_a_caller_that_only_hangs_up() -> None:
    talk = Conversation()
    talk.feed(b"")
    assert talk.next() is End.CONNECTION


@given(
    st.lists(
        st.binary(max_size=40) | st.sampled_from([GET, POST, CHUNKED, b"\r\n\r\n"]), max_size=8
    )
)
def test_junk_is_requests_or_declined(pieces: list[bytes]) -> None:
    talk = Conversation()
    with suppress(Declined):
        for piece in [*filter(None, pieces), b""]:
            talk.feed(piece)
            while (event := talk.next()) is not None:
                if event is End.REQUEST:
                    talk.answer(Answer(200, "OK"))
                    if not talk.goes_on():
                        return
                if event is End.CONNECTION:
                    return
    assert talk.answer(Answer(400, "no")).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "line", [b"GET" + b" " * 16_000, b"GET" + b" " * 8000 + b"x" + b" " * 8000 + b"H"]
)
def test_a_request_line_of_blanks_takes_no_time(line: bytes) -> None:
    talk = Conversation()
    talk.feed(line + b"\r\n\r\n")
    began_s = time.perf_counter()
    with pytest.raises(Declined):
        talk.next()
    assert time.perf_counter() - began_s < 0.2


def test_a_head_that_comes_byte_by_byte_takes_no_time() -> None:
    talk, head = Conversation(), GET.rstrip(b"\n") + b"\nA: b" * 3100 + b"\n\n"
    began_s = time.process_time()
    for octet in head[:-1]:
        talk.feed(bytes([octet]))
        assert talk.next() is None
    assert time.process_time() - began_s < 1
    talk.feed(head[-1:])
    assert isinstance(talk.next(), Head)


def test_a_head_request_is_answered_without_a_body() -> None:
    talk = Conversation()
    talk.feed(b"HEAD /iclock/ping?SN=S1 HTTP/1.1\r\n\r\n")
    drain(talk)
    assert talk.answer(Answer(405, "no")).endswith(b"\r\n\r\n")
