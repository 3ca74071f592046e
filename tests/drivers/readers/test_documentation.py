"""docs/SERIAL.md: its settings are settings, and its table of cards is what the code says."""

import re
from pathlib import Path

import msgspec
import pytest

from drivers.options import CodeReader, LineReader, PinPad, SourceOptions, TagReader
from drivers.readers.cards import card_of, card_of_halves
from drivers.readers.source import REFUSALS_A_MINUTE, STRANGERS_A_MINUTE
from kiosk.codes import SLACK_S
from kiosk.pins import LEAST_DIGITS, MOST_DIGITS, WRONG_MOST, WRONG_S
from sync.central.web.code import RENEW_S, SHOWN_MOST
from sync.protocol.employeecode import ONCE_HOLDS_S

TEXT = (Path(__file__).parents[3] / "docs" / "SERIAL.md").read_text(encoding="utf-8")


def test_its_settings_are_settings() -> None:
    found = [
        msgspec.convert(one, SourceOptions)
        for block in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
        for one in msgspec.toml.decode(block)["sources"]
    ]
    assert {type(one) for one in found} >= {TagReader, LineReader, CodeReader, PinPad}


ROWS = re.findall(r"^\| (.*?) \| .*? \| `(\d+)` \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("said", "card"), ROWS)
def test_a_card_is_called_as_it_says(said: str, card: str) -> None:
    *_, number = re.findall(r"`([0-9A-F ]+)`", said)
    if "facility" in said:
        facility, number = re.findall(r"`(\d+)`", said)
        assert card_of_halves(int(facility), int(number)) == card
    else:
        assert card_of(int(number.replace(" ", ""), 10 if "decimal" in said else 16)) == card


def test_its_figures_are_the_codes() -> None:
    assert len(ROWS) == 6
    assert STRANGERS_A_MINUTE == REFUSALS_A_MINUTE == 6
    assert (ONCE_HOLDS_S, RENEW_S, RENEW_S * SHOWN_MOST) == (60, 30, 300)
    assert SLACK_S == 30
    assert (LEAST_DIGITS, MOST_DIGITS, WRONG_MOST, WRONG_S) == (6, 12, 5, 600)
    for words in ("five minutes", "six a minute", "six to\ntwelve digits", "five wrong PINs"):
        assert words in TEXT
