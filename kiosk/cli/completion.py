"""`kiosk completion`: what a shell needs to complete this command's words, and its manual page.

Made from the very parsers, so nothing is completed that is not there.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Final

from kiosk import VERSION
from kiosk.cli.exits import MEANS, Exit
from sync.manpage import About, page

HELP = "print a script by which bash completes kiosk's words, or the manual page"
EXAMPLES = """examples:
  kiosk completion bash | sudo tee /etc/bash_completion.d/kiosk
  source <(kiosk completion bash)
  kiosk completion man | man -l -"""

_FILE = ["FILE", "PATH", "PEM", "DIR", "DIRECTORY", "SOCKET"]
"""What a word is called whose place a file's name takes."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("shell", choices=["bash", "man"])


def run(arguments: argparse.Namespace) -> int:
    """Print the script, or the page."""
    from kiosk.cli import parser_of  # which imports this

    made = {"bash": script, "man": manual}[arguments.shell]
    sys.stdout.write(made(parser_of()))
    return Exit.OK


def manual(parser: argparse.ArgumentParser) -> str:
    """Return the manual page, kiosk(1)."""
    return page(parser, ABOUT)


ABOUT: Final = About(
    name="kiosk",
    brief="staff attendance at the edge: the daemon of an office and its technician's tools",
    version=f"presensi-kiosk {VERSION}",
    exits=MEANS,
    files={
        "/etc/presensi-kiosk/kiosk.toml": "the settings; config/kiosk.toml says what may stand "
        "there",
        "/var/lib/presensi-kiosk": "journal, keys, roster: the data directory where systemd "
        "starts it",
    },
    see=["presensi-central(1)", "journalctl(1)", "docs/README.md of the distribution"],
)


def script(parser: argparse.ArgumentParser) -> str:
    """Return the script for bash."""
    cases = "".join(
        f"    {' '.join(path)!r}) words={' '.join(sorted(words))!r} ;;\n"
        for path, words in _places((), parser)
    )
    files = "|".join(sorted(_takes_file(parser)))
    return _SCRIPT.format(cases=cases, files=files)


Place = tuple[tuple[str, ...], set[str]]


def _places(path: tuple[str, ...], parser: argparse.ArgumentParser) -> Iterator[Place]:
    """Yield each place among the verbs, and the words that may stand there."""
    words: set[str] = set()
    below: list[tuple[str, argparse.ArgumentParser]] = []
    for action in _actions(parser):
        words.update(one for one in action.option_strings if one.startswith("--"))
        if isinstance(action, argparse._SubParsersAction):
            below += action.choices.items()
        elif not action.option_strings and action.choices:
            words.update(map(str, action.choices))
    words.update(name for name, _ in below)
    yield path, words
    for name, one in below:
        yield from _places((*path, name), one)


def _takes_file(parser: argparse.ArgumentParser) -> set[str]:
    """Return the options behind which a file's name stands."""
    found = set()
    for action in _actions(parser):
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                found |= _takes_file(one)
        elif action.metavar in _FILE:
            found.update(one for one in action.option_strings if one.startswith("--"))
    return found


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    # The one place where a parser says what it knows.
    return list(parser._actions)


_SCRIPT = """\
# bash completion of kiosk; made by `kiosk completion bash`
_kiosk() {{
  local here=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} place= words= word
  case $before in
    {files}) COMPREPLY=($(compgen -f -- "$here")); return ;;
  esac
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    [[ $word == -* ]] && continue
    _kiosk_words "${{place:+$place }}$word" && place="${{place:+$place }}$word"
  done
  _kiosk_words "$place"
  COMPREPLY=($(compgen -W "$words" -- "$here"))
  [[ ${{#COMPREPLY[@]}} -gt 0 ]] || COMPREPLY=($(compgen -f -- "$here"))
}}
_kiosk_words() {{
  case $1 in
{cases}    *) return 1 ;;
  esac
}}
complete -o filenames -F _kiosk kiosk
"""
