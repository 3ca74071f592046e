"""docs/WORKTIME.md: each row that it shows is one, each word of a screen is explained."""

import json
import re
import typing
from pathlib import Path

import msgspec
import pytest

from sync.worktime.rules import Reason, RuleBook
from sync.worktime.verdicts import Verdict

TEXT = (Path(__file__).parents[3] / "docs" / "WORKTIME.md").read_text()
ROWS = {name: typing.get_args(kind)[0] for name, kind in typing.get_type_hints(RuleBook).items()}


def examples() -> list[dict[str, object]]:
    """Return the JSON objects in indented blocks."""
    blocks = re.findall(r"(?:^    .*\n)+", TEXT, re.MULTILINE)
    found = []
    for block in blocks:
        rest = block.strip()
        while rest.startswith("{"):
            row, end = json.JSONDecoder().raw_decode(rest)
            found.append(row)
            rest = rest[end:].strip()
    return found


@pytest.mark.parametrize("row", examples(), ids=str)
def test_each_row_shown_is_one(row: dict[str, object]) -> None:
    kinds = [kind for kind in ROWS.values() if row.keys() <= set(kind.__struct_fields__)]
    for kind in kinds:
        try:
            msgspec.convert(row, kind)
        except msgspec.ValidationError:
            continue
        return
    pytest.fail(f"no kind of row says {row}")


def test_each_kind_of_row_is_shown() -> None:
    assert len(examples()) >= len(ROWS)
    assert [name for name in ROWS if f"**{name}**" not in TEXT] == []


@pytest.mark.parametrize("word", [*Verdict, *Reason])
def test_each_word_is_explained(word: str) -> None:
    assert word in " ".join(TEXT.split())
