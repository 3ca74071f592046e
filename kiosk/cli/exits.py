"""Exit codes of `kiosk`, documented in docs/COMMANDS.md, and the error that carries one."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """What a verb's exit code means."""

    OK = 0
    FAILED = 1  # the verb ran and found something wrong (a broken chain, a lost child)
    USAGE = 2  # the command's words are off (argparse)
    SETTINGS = 3  # a settings file is missing, unreadable or wrong
    UNAVAILABLE = 4  # something it needs is not there: an occupied port, a daemon, a terminal
    STORAGE = 5  # the data directory is full, read-only, damaged or in use


MEANS: Final[Mapping[int, str]] = {
    Exit.OK: "done, or told to stop",
    Exit.FAILED: "it ran and found something wrong (a broken chain)",
    Exit.USAGE: "the command's words are off",
    Exit.SETTINGS: "a settings or key file is missing, unreadable or wrong",
    Exit.UNAVAILABLE: "something it needs is not there: an occupied port, no daemon",
    Exit.STORAGE: "the data directory is full, read-only, damaged or in use",
    75: "the daemon wants to be started again (systemd does)",
}
"""What each code means, for whoever reads it in a log; 75 is `kiosk run`'s."""


class Refused(Exception):
    """A verb cannot go on: one line that says what, where and what to do next."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code
