"""The channel between daemon and recognizer."""

import socket
import threading
from collections.abc import Iterator

import pytest

from drivers.camera.wire import Asked, Calibrate, Channel, Ended, Failed, Learn
from drivers.errors import Refused, Unreachable

Pair = tuple[Channel, Channel]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    ends: Pair = Channel(one, Asked), Channel(other, Asked)
    yield ends
    for end in ends:
        end.close()


def test_messages_arrive_in_their_order(pair: Pair) -> None:
    here, there = pair
    for number in range(3):
        here.send(Calibrate(number), 1.0)
    assert [there.receive(1.0) for _ in range(3)] == [Calibrate(0), Calibrate(1), Calibrate(2)]
    assert there.receive(0.0) is None


def test_a_large_gallery_arrives_while_it_is_read(pair: Pair) -> None:
    here, there = pair
    rows = tuple((f"p{number}", bytes(512)) for number in range(20_000))
    sending = threading.Thread(target=here.send, args=(Learn(rows), 5.0))
    sending.start()
    learnt = there.receive(10.0)
    sending.join()
    assert isinstance(learnt, Learn)
    assert len(learnt.rows) == 20_000


def test_who_takes_nothing_is_gone(pair: Pair) -> None:
    here, _ = pair
    with pytest.raises(Ended, match="takes no message"):
        here.send(Learn((("p1", bytes(8 << 20)),)), 0.1)


def test_who_hung_up_is_gone(pair: Pair) -> None:
    here, there = pair
    there.close()
    with pytest.raises(Ended):
        here.receive(1.0)
    with pytest.raises(Ended):
        here.send(Calibrate(1), 1.0)


def test_an_impossible_length_is_no_message(pair: Pair) -> None:
    here, there = pair
    here._end.send(b"\xff\xff\xff\xff")
    with pytest.raises(Ended, match="4294967295 bytes"):
        there.receive(1.0)


def test_an_error_is_the_same_at_the_other_end() -> None:
    raised = Failed.of(Refused("no", hint="Ask again")).raised("source pintu")
    assert type(raised) is Refused
    assert str(raised) == "source pintu: no. Ask again"
    assert type(Failed("NoSuchError", "no", "").raised("x")).__name__ == "Garbled"
    assert isinstance(Failed.of(Unreachable("away")).raised("x"), Unreachable)
