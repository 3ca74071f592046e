"""Documents are held to the code: what `make docs` sees without running anything, and itself."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import check_docs
import check_running
import check_settings
import pytest

from sync.manpage import actions, walk

ROOT = Path(__file__).parents[1]
FAMILY = {"--config", "--json", "--by"}
"""Options that every verb has in the same meaning; docs/COMMANDS.md says what."""


@pytest.mark.parametrize(
    "check",
    [
        check_docs.broken_links, check_docs.wrong_commands, check_docs.wrong_mentions,
        check_docs.unlisted_verbs, check_settings.unwritten_settings,
    ],
)  # fmt: skip
def test_the_documents_say_what_is(check: Callable[[], Iterator[str]]) -> None:
    assert list(check()) == []


def test_the_readme_is_two_screens() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_every_document_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for path in (ROOT / "docs").glob("*.md"):
        assert path.name == "README.md" or f"]({path.name})" in index


def test_every_option_says_what_it_is_for() -> None:
    said = (ROOT / "docs" / "COMMANDS.md").read_text()
    assert all(f"`{option}" in said for option in FAMILY)
    for program, root in check_docs.PROGRAMS.items():
        for path, parser in walk(root):
            for one in actions(parser):
                if one.option_strings and one.option_strings[-1] not in FAMILY:
                    assert one.help, f"{program} {' '.join(path)} {one.option_strings[-1]}"


# The checks themselves.


@pytest.mark.parametrize(
    "mention",
    [
        "kiosk statu", "kiosk vault seal|exprot", "kiosk status --wach", "kiosk journal tale",
        "presensi-central kiosks admitt KIOSK", "kiosk devices [frob]",
    ],
)  # fmt: skip
def test_what_does_not_exist_is_noticed(mention: str) -> None:
    assert list(check_docs._unknown(mention))


@pytest.mark.parametrize(
    "mention",
    [
        "kiosk status [--json|--watch]", "kiosk vault seal|export", "kiosk enrol face PERSON",
        "kiosk journal tail|verify", "kiosk forget PERSON --by WHO --reason TEXT",
        "presensi-central --config central.toml kiosks list",
    ],
)  # fmt: skip
def test_what_exists_is_let_be(mention: str) -> None:
    assert list(check_docs._unknown(mention)) == []


def test_commands_are_found_and_taken_apart() -> None:
    text = "`kiosk x` no\n    kiosk status --json     a remark\n"
    text += "```\n$ kiosk forget A \\\n  --by B\n```\n"
    found = list(check_docs.quoted(text))
    assert [check_docs.words_of(one) for one in found] == [
        ["kiosk", "status", "--json"],
        ["kiosk", "forget", "A", "--by", "B"],
    ]
    assert check_docs.words_of("kiosk identity > kiosk.pem  # by hand") == ["kiosk", "identity"]
    assert list(check_docs._judged("here", "kiosk status [--jason]"))
    assert check_docs.refusal(["kiosk", "vault"]) != ""
    assert check_docs.refusal(["kiosk", "status", "--help"]) == ""


def test_links_are_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "systemd").mkdir()
    (tmp_path / "Makefile").write_text("# docs/NONE.md")
    (tmp_path / "README.md").write_text(
        "[a](docs/A.md#the-2nd-way-by-kiosk) [b](docs/A.md#none) [c](none.md) [d](x://y) `[e](f)`"
    )
    (tmp_path / "docs" / "A.md").write_text("# The 2nd way, by `kiosk`\n")
    monkeypatch.setattr(check_docs, "ROOT", tmp_path)
    assert [one.split(": ")[1] for one in check_docs.broken_links()] == [
        *("docs/A.md#none", "none.md", "docs/NONE.md"),
    ]


def test_sentences_of_the_code_are_read() -> None:
    said = list(check_docs._said("stop it; kiosk vault seal --unit-key PEM. The kiosk is on"))
    assert said == ["kiosk vault seal --unit-key"]


def test_every_field_of_the_settings_is_walked() -> None:
    names = {place + name for place, name in check_settings.fields(check_settings.kiosk.Settings)}
    assert {
        "line.tls.crl",
        "sources.comm_key",
        "sources.pattern",
        "screen.technician.port",
    } <= names


def test_what_is_run_is_quoted_right_and_changes_nothing() -> None:
    for words in check_running.commands().values():
        assert check_docs.refusal(words) == ""
        assert not check_running.TOUCHES & set(words)
    assert not check_running._looks(["kiosk", "devices", "set-clock", "lobi"])
    assert check_running._looks(["kiosk", "status", "--json"])


# The code's own words.


@pytest.mark.parametrize("package", ["kiosk", "drivers", "sync"])
def test_whatever_is_public_says_what_it_is(package: str) -> None:
    silent = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in _silent(ast.parse(path.read_text()), path.stem)
    ]
    assert silent == []


def _silent(node: ast.Module | ast.ClassDef, name: str) -> Iterator[str]:
    """Yield what has no docstring: a module, a class, a public function or method.

    A method whose body is `...` is a line of a contract: whoever implements it says what it does.
    """
    if not ast.get_docstring(node):
        yield name
    for one in node.body:
        if isinstance(one, ast.ClassDef) and not one.name.startswith("_"):
            yield from _silent(one, one.name)
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            is_setter = any(isinstance(by, ast.Attribute) for by in one.decorator_list)
            bare = ast.unparse(one.body[0]) == "..."
            needs = not (one.name.startswith("_") or is_setter or bare)
            if needs and not ast.get_docstring(one):
                yield f"{name}.{one.name}"
