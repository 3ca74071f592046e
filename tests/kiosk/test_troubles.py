"""What went wrong lately: the latest, each once, and a slip of whoever logs fails nobody."""

import logging

import msgspec
import pytest

from kiosk.troubles import LONGEST, MOST, Trouble, Troubles


@pytest.fixture
def troubles() -> Troubles:
    return Troubles()


def say(troubles: Troubles, text: str, *values: object, level: int = logging.WARNING) -> None:
    troubles.handle(logging.LogRecord("k", level, __file__, 1, text, values, None))


def told(troubles: Troubles) -> list[Trouble]:
    return msgspec.json.decode(troubles.told({}), type=list[Trouble])


def test_the_latest_comes_first_and_no_more_than_so_many(troubles: Troubles) -> None:
    for n in range(MOST + 5):
        say(troubles, "trouble %d", n)
    assert [one.text for one in told(troubles)] == [f"trouble {n}" for n in range(MOST + 4, 4, -1)]


def test_what_is_said_again_takes_no_place_of_others(troubles: Troubles) -> None:
    say(troubles, "the disk is failing", level=logging.ERROR)
    for _ in range(10 * MOST):
        say(troubles, "lobi: no answer")
    assert [(one.text, one.times, one.grave) for one in told(troubles)] == [
        ("lobi: no answer", 10 * MOST, False),
        ("the disk is failing", 1, True),
    ]


def test_a_slip_in_a_format_fails_nobody(
    troubles: Troubles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    say(troubles, "%d entries", "no")
    say(troubles, "%s and %s", 1)
    assert told(troubles) == []


def test_a_long_line_is_cut(troubles: Troubles) -> None:
    say(troubles, "x" * 2 * LONGEST)
    [one] = told(troubles)
    assert len(one.text) == LONGEST
