"""Exit codes of `presensi-central` (docs/COMMANDS.md), and the error that carries one."""

from collections.abc import Collection, Mapping
from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What a verb's exit code means."""

    OK = 0
    FAILED = 1  # the verb ran and found something wrong
    USAGE = 2  # the command's words are off (argparse)
    SETTINGS = 3  # a settings file is missing, unreadable or wrong
    UNAVAILABLE = 4  # something it needs is not there: an occupied port
    STORAGE = 5  # the data directory is full, read-only, damaged or of another version


MEANS: Final[Mapping[int, str]] = {
    Exit.OK: "done",
    Exit.FAILED: "it ran and found something wrong",
    Exit.USAGE: "the command's words are off",
    Exit.SETTINGS: "a settings file is missing, unreadable or wrong",
    Exit.UNAVAILABLE: "something it needs is not there: an occupied port",
    Exit.STORAGE: "the data directory is full, read-only, damaged or of another version",
}
"""What each code means."""


class Refused(Exception):
    """A verb cannot go on: one line that says what, where and what to do next."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code


def no_such_unit(unit: str, known: Collection[str]) -> Refused:
    """Return the refusal of a unit that the roster does not have; ids differ by capitals too."""
    meant = [one for one in known if one.casefold() == unit.casefold()]
    hint = f"is {meant[0]} meant?" if meant else "`roster export` shows those there are"
    return Refused(f"no unit is called {unit!r}; {hint}")
