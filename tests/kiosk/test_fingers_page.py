"""docs/FINGERS.md: its commands are commands, its settings are settings, its figures the code's.

The commands of docs/SERIAL.md as well; its settings are in tests/drivers/readers.
"""

import re
import shlex
from pathlib import Path

import msgspec
import pytest

from drivers.fingerprint.link import BAUDS
from drivers.fingerprint.source import GIVEN_UP_S
from drivers.options import FingerModule, SourceOptions
from drivers.pending import COVER_EVERY_S
from kiosk.cli import main
from kiosk.fingers.enrolment import MINIMUM
from kiosk.settings import Fingers

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "FINGERS.md").read_text(encoding="utf-8")
SERIAL = (DOCS / "SERIAL.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:^    .*\n)+", TEXT, re.MULTILINE)
COMMANDS = [
    re.split(r"\s{3,}", line.strip())[0]
    for line in (TEXT + SERIAL).splitlines()
    if line.startswith("    kiosk ")
]
IN_TEXT = [" ".join(one.split()) for one in re.findall(r"`(kiosk [^`]+)`", TEXT + SERIAL)]
WHOLE = [one for one in IN_TEXT if " --" in one]


WITHOUT_SETTINGS = ("kiosk devices ports", "kiosk devices ports --json", "kiosk forget PERSON ...")
"""Commands that need none, and one that is shortened: they are asked for help only."""


@pytest.mark.parametrize("command", sorted({*COMMANDS, *WHOLE} - {*WITHOUT_SETTINGS}))
def test_a_command_is_a_command(command: str, tmp_path: Path, capsys) -> None:
    """Its words are understood: what stops it is that there are no settings."""
    words = shlex.split(command)[1:]
    assert main([*words, "--config", str(tmp_path / "none.toml")]) != 0
    assert "usage:" not in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted({*COMMANDS, *IN_TEXT}))
def test_its_verbs_have_help(command: str, capsys) -> None:
    words = shlex.split(command)[1:]
    verb = [word for word in words[:2] if word.islower() and word.isalpha()]
    if verb[0] in ("forget", "status", "journal"):
        verb = verb[:1]
    with pytest.raises(SystemExit) as ended:
        main([*verb, "--help"])
    assert ended.value.code == 0
    assert f"kiosk {' '.join(verb)}" in capsys.readouterr().out


def test_its_settings_are_settings() -> None:
    [block] = [block for block in BLOCKS if "[[sources]]" in block]
    lines = [line.strip() for line in block.splitlines()]
    (said,) = msgspec.toml.decode("\n".join(lines[lines.index("[[sources]]") :]))["sources"]
    assert isinstance(msgspec.convert(said, SourceOptions), FingerModule)
    [others] = [line for line in lines if line.startswith("# password")]
    named = set(re.findall(r"[a-z]+", others.partition(":")[0].replace("(1 loose to 5)", "")))
    assert named == {"password", "address", "security"} <= set(FingerModule.__struct_fields__)
    assert "`[fingers] may_be_carried = true`" in TEXT
    assert not Fingers().may_be_carried


def test_its_figures_are_the_codes() -> None:
    assert f"`--minimum` ({MINIMUM})" in TEXT
    assert f"within {GIVEN_UP_S:g} seconds" in TEXT
    assert COVER_EVERY_S == 15 * 60
    assert "every quarter of an hour" in TEXT
    assert len(BAUDS) == 5
    assert "five speeds" in TEXT
