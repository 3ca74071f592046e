"""Manual pages made from argparse's own words, so that nothing is in them that is not there.

Pure, and the same bytes for the same parser: no date, no width of anybody's terminal.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct


class About(Struct, frozen=True, kw_only=True):
    """What a page says beside the parser's own words.

    Attributes:
        name: the command.
        brief: what it is, in a line without a full stop.
        version: of the software, at the foot of the page.
        exits: what each exit code means.
        files: what lies where.
        see: other pages and documents.
    """

    name: str
    brief: str
    version: str
    exits: Mapping[int, str]
    files: Mapping[str, str]
    see: Sequence[str]


_HIDDEN: Final = argparse.SUPPRESS
_ESCAPES: Final = {"-": "\\-", "`": "\\(ga", "'": "\\(aq", "|": "|\\:"}
"""Characters that roff would print otherwise; behind the last one a line may break."""


def page(parser: argparse.ArgumentParser, about: About) -> str:
    """Return the manual page of a command, in roff's man macros."""
    lines = [
        '.\\" -*- coding: utf-8 -*-',
        f'.TH {_word(about.name.upper())} 1 "" {_word(about.version)} "Presensi Kiosk"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{_text(about.name)} \\- {_text(about.brief)}",
        ".SH SYNOPSIS",
        f".B {_text(about.name)}",
        "[options] VERB ...",
        ".SH DESCRIPTION",
        _text(parser.description or ""),
        ".SH COMMANDS",
    ]
    for path, one in walk(parser):
        lines += _command((about.name, *path), one, is_root=not path)
    lines.append(".SH EXIT STATUS")
    for code, means in about.exits.items():
        lines += [".TP", f".B {code}", _text(means)]
    lines.append(".SH FILES")
    for path_, what in about.files.items():
        lines += [".TP", f".I {_text(path_)}", _text(what)]
    lines += [".SH SEE ALSO", ",\n".join(_text(one) for one in about.see)]
    return "\n".join(lines) + "\n"


Command = tuple[tuple[str, ...], argparse.ArgumentParser]


def walk(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[Command]:
    """Yield a parser and all below it, each with the words that lead to it."""
    yield path, parser
    for action in actions(parser):
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                yield from walk(one, (*path, name))


def actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return what a parser takes, in its order. Nothing public says so."""
    return list(parser._actions)


def _command(
    path: Sequence[str], parser: argparse.ArgumentParser, *, is_root: bool
) -> Iterator[str]:
    own = [one for one in actions(parser) if not isinstance(one, argparse._HelpAction)]
    families = [one for one in own if isinstance(one, argparse._SubParsersAction)]
    taken = [one for one in own if one not in families and one.help != _HIDDEN]
    if not is_root:
        yield f".SS {_text(' '.join(path))}"
        if parser.description:
            yield _text(parser.description)
            yield ".PP"
        yield f".B {_text(' '.join(path))}"
        yield " ".join([*map(_brief, taken), *(["VERB ..."] if families else [])])
    for one in taken:
        yield ".TP"
        yield f".B {_text(_names(one))}"
        yield _text(_help(one, " ".join(path))) or "\\&"
    if parser.epilog and not is_root:
        yield ".PP"
        yield ".nf"
        yield from (_text(line) or "\\&" for line in parser.epilog.splitlines())
        yield ".fi"


def _brief(action: argparse.Action) -> str:
    """Return an option or argument as it stands in a synopsis."""
    said = _text(_value(action))
    if action.option_strings:
        said = " ".join([_text(action.option_strings[-1]), *([said] if said else [])])
    optional = not action.required or action.nargs in ("?", "*")
    return f"[{said}]" if optional else said


def _names(action: argparse.Action) -> str:
    value = _value(action)
    if not action.option_strings:
        return value
    return ", ".join(action.option_strings) + (f" {value}" if value else "")


def _value(action: argparse.Action) -> str:
    """Return what stands for a value; "" where none is taken."""
    if action.option_strings and action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar:
        return action.metavar
    if action.choices:
        return "|".join(map(str, action.choices))
    return action.dest.upper()


def _help(action: argparse.Action, prog: str) -> str:
    said = (action.help or "") % {**vars(action), "prog": prog}
    if not said and action.default not in (None, False, _HIDDEN):
        said = f"default: {action.default}"
    if action.choices and action.metavar:
        said += f" ({', '.join(map(str, action.choices))})"
    return said


def _text(text: str) -> str:
    """Return text as roff prints it: no line of it is taken for a command."""
    escaped = text.replace("\\", "\\e")
    for plain, roff in _ESCAPES.items():
        escaped = escaped.replace(plain, roff)
    lines = (f"\\&{line}" if line.startswith(".") else line for line in escaped.split("\n"))
    return "\n".join(lines)


def _word(text: str) -> str:
    return '"' + _text(text).replace('"', "\\(dq") + '"'
