"""Where a check looks: files below a root, and what programs say. Only looks."""

import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from kiosk.facts import Fact, State

PROGRAM_MOST_S: Final = 5.0
"""So long a program may take; one that hangs says nothing."""

Run = Callable[[Sequence[str]], str | None]
"""Runs a program; returns what it wrote, None where it is not there, fails or hangs."""


def run_program(words: Sequence[str]) -> str | None:
    """Implement `Run`."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words of ours
            words, capture_output=True, text=True, timeout=PROGRAM_MOST_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


class Machine:
    """This machine, or what a test has made of one."""

    def __init__(self, root: Path = Path("/"), run: Run = run_program) -> None:
        self.root = root
        self.run = run

    def path(self, name: str) -> Path:
        """Return where an absolute name is below the root."""
        return self.root / name.lstrip("/")

    def name(self, path: Path) -> str:
        """Return the absolute name of a path below the root."""
        return f"/{path.relative_to(self.root)}"

    def text(self, name: str) -> str | None:
        """Return what a file says; None where there is none, or it cannot be read."""
        try:
            return self.path(name).read_text(errors="replace").strip("\0\n ")
        except OSError:
            return None

    def number(self, name: str, base: int = 10) -> int | None:
        """Return the number that a file says; None where it says none."""
        try:
            return int(self.text(name) or "", base)
        except ValueError:
            return None

    def all(self, pattern: str) -> list[Path]:
        """Return the paths that a pattern finds below the root, in order."""
        return sorted(self.root.glob(pattern.lstrip("/")))


def fact(title: str, said: str, advice: Iterable[str] = (), *, bad: bool = False) -> Fact:
    """Return a finding: good where there is nothing to be done about it."""
    words = [one for one in advice if one]
    state = State.GOOD if not words else State.BAD if bad else State.LOOK
    return Fact(title=title, state=state, said=said, advice=words)
