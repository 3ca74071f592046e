"""The manual pages: what the commands say, all of it, and roff without a warning."""

import argparse
import os
import shutil
import subprocess

import make_man
import pytest

from kiosk.cli import VERBS, main, parser_of
from sync.central.cli import parser_of_all
from sync.manpage import About, actions, page, walk

PAGES = make_man.pages()
ABOUT = About(name="x", brief="y", version="1", exits={0: "done"}, files={}, see=[])


def test_the_pages_in_the_repository_are_what_the_commands_say() -> None:
    for path, text in PAGES.items():
        assert path.read_text() == text, f"{path.name}: make man"


@pytest.mark.parametrize(
    ("name", "parser"), [("kiosk.1", parser_of()), ("presensi-central.1", parser_of_all())]
)
def test_every_verb_and_option_is_on_its_page(name: str, parser: argparse.ArgumentParser) -> None:
    text = next(text for path, text in PAGES.items() if path.name == name)
    plain = text.replace("\\-", "-").replace("\\(ga", "`").replace("\\(aq", "'").replace("\\:", "")
    for path, one in walk(parser):
        assert path == () or f".SS {name[:-2]} {' '.join(path)}\n" in plain
        for action in actions(one):
            for option in action.option_strings:
                assert option in ("-h", "--help") or option in plain


@pytest.mark.skipif(shutil.which("man") is None, reason="no man on this machine")
@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_man_has_nothing_to_complain_of(path: os.PathLike[str]) -> None:
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", path],
        capture_output=True,
        text=True,
        env={**os.environ, "MANWIDTH": "80", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"},
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "EXIT STATUS" in done.stdout


def test_no_text_is_taken_for_a_command_of_roff() -> None:
    parser = argparse.ArgumentParser(description=".so /etc/passwd\n'x \\n(.g `a`")
    parser.add_argument("--a-b", help="100%% of \\fB")
    made = page(parser, ABOUT)
    assert "\\&.so /etc/passwd\n\\(aqx \\en(.g \\(gaa\\(ga" in made
    assert "100% of \\efB" in made


def test_kiosk_prints_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "man"]) == 0
    said = capsys.readouterr().out
    assert said == next(text for path, text in PAGES.items() if path.name == "kiosk.1")
    assert all(f".SS kiosk {verb}\n" in said for verb in VERBS)
