"""`kiosk completion bash`, asked as a shell asks it."""

import shlex
import shutil
import subprocess

import pytest

from kiosk.cli import VERBS, parser_of
from kiosk.cli.completion import script

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")


@pytest.fixture(scope="module")
def completion() -> str:
    return script(parser_of())


def complete(completion: str, *words: str) -> list[str]:
    """Return what bash offers for the last of these words."""
    said = " ".join(map(shlex.quote, ("kiosk", *words)))
    asked = (
        f"{completion}\nCOMP_WORDS=({said}); COMP_CWORD={len(words)}; _kiosk; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", asked], capture_output=True, text=True, check=True, cwd="/"
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_verbs(completion: str) -> None:
    assert set(complete(completion, "")) >= set(VERBS)
    assert complete(completion, "fing") == ["fingers"]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["enrol", "f"], {"face", "finger"}),
        (["enrol", "finger", "--no"], {"--notice"}),
        (["enrol", "finger", "1980", "--by", "rudi", "--so"], {"--source"}),
        (["fingers", "remove", "--s"], {"--slot", "--source"}),
        (["journal", "ver"], {"verify"}),
        (["status", "--w"], {"--watch"}),
        (["completion", "b"], {"bash"}),
    ],
)
def test_words_of_a_place(completion: str, words: list[str], offered: set[str]) -> None:
    assert set(complete(completion, *words)) == offered


def test_files_where_a_file_stands(completion: str) -> None:
    assert "/etc" in complete(completion, "status", "--config", "/et")
