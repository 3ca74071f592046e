"""Holds the documents to the code: links, commands, settings, verbs.

    python docs/check_docs.py           everything that can be seen without running anything
    python docs/check_docs.py --run     and runs those quoted commands that change nothing, for real

Every relative link and anchor leads somewhere, and so does every `docs/NAME.md` that a text or the
code names. Every command that stands in a document, in a verb's examples or in a sentence of the
code is one that the real parsers take. Every verb is in docs/COMMANDS.md, every setting in the
samples in config/ or in a document. Each check returns what is wrong, a line each.
"""

import argparse
import ast
import contextlib
import io
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from kiosk.cli import parser_of
from sync.central.cli import parser_of_all
from sync.manpage import actions, walk

ROOT = Path(__file__).parents[1]
PROGRAMS = {"kiosk": parser_of(), "presensi-central": parser_of_all()}

NO_COMMANDS = {
    "kiosk backed up",
    "kiosk restored",
    "kiosk retiring",
    "kiosk -> drivers",
    "kiosk -> sync",
}
"""What is quoted and begins like a command: actions of entries, directions of imports."""

SOURCES = ("kiosk", "drivers", "sync")


def documents() -> list[Path]:
    """Return every document of ours."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "tests").glob("*/*.md")]
    return sorted(found)


def named(path: Path) -> str:
    """Return a path as it is said in a complaint."""
    return str(path.relative_to(ROOT))


# Links.

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)
_DOCUMENT = re.compile(r"\bdocs/[A-Za-z_]+\.(?:md|py|json|yaml)\b")


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    plain = re.sub(r"`|\*", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def broken_links() -> Iterator[str]:
    """Yield links of documents, and documents named anywhere, that lead nowhere."""
    for document in documents():
        text = document.read_text()
        for target in _LINK.findall(_without_code(text)):
            if re.match(r"[a-z]+:", target):
                continue
            file, _, anchor = target.partition("#")
            path = (document.parent / file).resolve() if file else document
            if not path.exists():
                yield f"{named(document)}: {target}: there is no such file"
            elif anchor and anchor not in map(slug, _HEADING.findall(path.read_text())):
                yield f"{named(document)}: {target}: there is no such heading"
    code = [path for name in SOURCES for path in (ROOT / name).rglob("*.py")]
    config = [path for path in (ROOT / "config").rglob("*") if path.is_file()]
    units = (path for path in (ROOT / "systemd").rglob("*") if path.is_file())
    for path in [*documents(), *code, *config, *units, ROOT / "Makefile"]:
        for mentioned in sorted(set(_DOCUMENT.findall(path.read_text(errors="replace")))):
            if not (ROOT / mentioned).exists():
                yield f"{named(path)}: {mentioned}: there is no such document"


def _without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


# Commands.


def quoted(text: str, indent: int = 4) -> Iterator[str]:
    """Yield whole commands: lines of code that begin with one, continued lines put together.

    Code stands between fences, or is indented by `indent`.
    """
    joined = re.sub(r"\\\n\s*", " ", text)
    is_fenced = False
    for line in joined.splitlines():
        if line.startswith("```"):
            is_fenced = not is_fenced
        least = 0 if is_fenced else indent
        match = re.match(r"^( *)(?:\$ |sudo )?((?:kiosk|presensi-central) .*)$", line)
        if match and len(match[1]) >= least:
            yield match[2]


def words_of(command: str) -> list[str]:
    """Return a command's words, without what a shell or a reader's remark adds."""
    command = re.split(r"\s{2,}(?![-\"'])|\s+#|\s*[;|]\s|\s+2?>+\s*\S|\s*\(docs/", command)[0]
    return shlex.split(command.strip().rstrip(",;"))


def refusal(words: list[str]) -> str:
    """Return why the real parser does not take a command; "" where it does."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            PROGRAMS[words[0]].parse_args(words[1:])
    except SystemExit as end:
        if end.code:
            return said.getvalue().strip().splitlines()[-1]
    return ""


def wrong_commands() -> Iterator[str]:
    """Yield whole commands, in documents and examples, that the parsers do not take."""
    for document in documents():
        for command in quoted(document.read_text()):
            yield from _judged(named(document), command)
    for program, root in PROGRAMS.items():
        for path, parser in walk(root):
            for command in quoted(parser.epilog or "", 2):
                yield from _judged(f"{' '.join((program, *path))} --help", command)


def _judged(where: str, command: str) -> Iterator[str]:
    """Yield why a command is none; what stands in brackets may be left out."""
    for one in dict.fromkeys((re.sub(r"\[.*?\]", "", command), re.sub(r"[\[\]]", "", command))):
        try:
            words = words_of(one)
        except ValueError as error:
            yield f"{where}: {command}: {error}"
            continue
        if why := refusal(words):
            yield f"{where}: {' '.join(words)}: {why}"


_MENTION = re.compile(r"`((?:kiosk|presensi-central) [^`]+)`")


def wrong_mentions() -> Iterator[str]:
    """Yield verbs and options that are named in a sentence and do not exist."""
    for document in documents():
        for mention in _MENTION.findall(document.read_text()):
            plain = re.sub(r"\s+", " ", mention.replace("\\|", "|"))
            if plain not in NO_COMMANDS:
                yield from (f"{named(document)}: `{plain}`: {why}" for why in _unknown(plain))
    for name in SOURCES:
        for path in sorted((ROOT / name).rglob("*.py")):
            for text in _texts(path):
                for mention in _said(text):
                    yield from (f"{named(path)}: {mention}: {why}" for why in _unknown(mention))


def _texts(path: Path) -> Iterator[str]:
    """Yield the texts in a file of Python; what is put into one stands as a blank."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
             for part in node.values}  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield "" if id(node) in parts else node.value


def _said(text: str) -> Iterator[str]:
    """Yield what in a sentence reads like a command of ours: a program, a verb, more words."""
    for match in re.finditer(r"(?<![\w-])(kiosk|presensi-central) ((?:[\w./|\[\]-]+ ?)+)", text):
        program, rest = match.groups()
        verbs = {path[0] for path, _ in walk(PROGRAMS[program]) if path}
        if rest.split()[0] in verbs:
            yield f"{program} {' '.join(_led(program, rest.split()))}"


def _led(program: str, words: list[str]) -> Iterator[str]:
    """Yield the verbs that words begin with, and options right behind them."""
    parser = PROGRAMS[program]
    for word in words:
        below = _below(parser)
        if below and word in below:
            parser = below[word]
        elif not word.startswith("--"):
            return
        yield word.rstrip(".")


def _below(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the verbs below a parser, by name."""
    for action in actions(parser):
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _unknown(mention: str) -> Iterator[str]:
    """Yield what in a mention does not exist: `kiosk vault seal|export --by NAME`."""
    program, *words = re.sub(r"[\[\]]", " ", mention).split()
    parsers = [PROGRAMS[program]]
    free = False  # whether what stands here is an option's value or an argument
    for word in words:
        below = {name: one for parser in parsers for name, one in _below(parser).items()}
        alternatives = word.split("|")
        if word.startswith("--"):
            taken = {o for parser in parsers for _, one in walk(parser) for a in actions(one)
                     for o in a.option_strings}  # fmt: skip
            unknown = [one for one in alternatives if one.split("=")[0] not in taken]
            yield from (f"there is no option {one}" for one in unknown)
            free = True
        elif below and not free and word.islower():
            unknown = [one for one in alternatives if one not in below]
            yield from (f"there is no verb {one!r}" for one in unknown)
            parsers = [below[one] for one in alternatives if one in below]
            if not parsers:
                return
        else:
            choices = {str(c) for parser in parsers for a in actions(parser)
                       if not a.option_strings and a.choices for c in a.choices}  # fmt: skip
            if choices and not free and word.islower():
                unknown = [one for one in alternatives if one not in choices]
                yield from (f"there is no {one!r} there" for one in unknown)
            free = True


def unlisted_verbs() -> Iterator[str]:
    """Yield verbs that docs/COMMANDS.md does not name, with all that lead to them."""
    text = (ROOT / "docs" / "COMMANDS.md").read_text().replace("\\|", "|")
    mentions = [re.sub(r"[\[\]]", " ", one).split() for one in _MENTION.findall(text)]
    for program, root in PROGRAMS.items():
        for path, _ in walk(root):
            if path and not any(_names(one, (program, *path)) for one in mentions):
                yield f"docs/COMMANDS.md: {' '.join((program, *path))} is not there"


def _names(mention: list[str], path: tuple[str, ...]) -> bool:
    return len(mention) >= len(path) and all(
        wanted in said.split("|") for said, wanted in zip(mention, path, strict=False)
    )


def main() -> int:
    from check_running import failing_commands
    from check_settings import unwritten_settings

    checks = {
        "links": broken_links,
        "commands": wrong_commands,
        "mentions": wrong_mentions,
        "verbs": unlisted_verbs,
        "settings": unwritten_settings,
    }
    if "--run" in sys.argv[1:]:
        checks["running"] = failing_commands
    wrong = 0
    for name, check in checks.items():
        found = list(check())
        wrong += len(found)
        print(f"{name}: {'well' if not found else f'{len(found)} wrong'}")
        for one in found:
            print(f"  {one}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
