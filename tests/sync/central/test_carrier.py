"""The carrier: one kiosk at a time, the latest hello of each, no pages twice over a slow line."""

import threading
import time

from sync.central import carrier
from sync.central.carrier import Carrier

PATIENCE_S = 10.0


class Pages:
    """A downlink that answers with a hello's own bytes."""

    def __init__(self) -> None:
        self.answered = []
        self.complaints = []
        self.may = threading.Event()

    def answer(self, hello):
        self.may.wait(PATIENCE_S)
        self.answered.append(hello)
        if hello == b"bad":
            raise ValueError("a row that nobody can read")
        return [hello]

    def complain(self, kiosk, error):
        self.complaints.append((kiosk, str(error)))

    def outdated(self, kiosks):
        return ()


class Mouth:
    def __init__(self) -> None:
        self.said = []

    def say_roster(self, kiosk, parts):
        self.said.append((kiosk, *parts))

    def ask_again(self, kiosk):
        raise AssertionError(kiosk)


def turn_until(carried, mouth, is_so):
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        carried.turn(mouth)
        time.sleep(0.005)


def test_only_the_latest_hello_is_answered_and_one_kiosk_after_the_other():
    pages, mouth = Pages(), Mouth()
    with Carrier(pages, lambda: (), lambda: None) as carried:
        carried.greeted("a", b"1", 0)
        carried.turn(mouth)
        carried.greeted("b", b"2", 0)
        carried.greeted("b", b"3", 0)
        carried.turn(mouth)
        pages.may.set()
        turn_until(carried, mouth, lambda: len(mouth.said) == 2)
    assert mouth.said == [("a", b"1"), ("b", b"3")]
    assert pages.answered == [b"1", b"3"]


def test_pages_are_not_repeated_while_they_may_be_under_way(monkeypatch):
    """Else each hello that a slow line delays puts another roster before its own receipt."""
    monkeypatch.setattr(carrier, "SLOWEST_BYTES_S", 10)
    pages, mouth = Pages(), Mouth()
    pages.may.set()
    with Carrier(pages, lambda: (), lambda: None) as carried:
        carried.greeted("a", b"12345", 0)
        turn_until(carried, mouth, lambda: len(mouth.said) == 1)
        began = time.monotonic()
        for hello in (b"2", b"3", b"4"):
            carried.greeted("a", hello, 0)
            carried.turn(mouth)
        turn_until(carried, mouth, lambda: len(mouth.said) == 2)
        assert time.monotonic() - began > 0.4
        monkeypatch.setattr(carrier, "SLOWEST_BYTES_S", 0.001)
        carried.greeted("b", b"5", 0)
        turn_until(carried, mouth, lambda: len(mouth.said) == 3)
        carried.greeted("b", b"6", 7)  # it has them: what is new comes at once
        turn_until(carried, mouth, lambda: len(mouth.said) == 4)
    assert mouth.said == [("a", b"12345"), ("a", b"4"), ("b", b"5"), ("b", b"6")]


def test_what_fails_is_tried_again_and_holds_up_nobody(monkeypatch):
    monkeypatch.setattr(carrier, "RETRY_S", 0.05)
    pages, mouth = Pages(), Mouth()
    pages.may.set()
    with Carrier(pages, lambda: (), lambda: None) as carried:
        carried.greeted("a", b"bad", 0)
        carried.greeted("b", b"2", 0)
        turn_until(carried, mouth, lambda: pages.answered.count(b"bad") == 3)
    assert mouth.said == [("b", b"2")]
    assert pages.complaints == [("a", "a row that nobody can read")] * 3
