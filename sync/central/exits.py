"""Exit codes of `presensi-central`, documented in README.md, and the error that carries one."""

from enum import IntEnum


class Exit(IntEnum):
    """What a verb's exit code means."""

    OK = 0
    FAILED = 1  # the verb ran and found something wrong
    USAGE = 2  # the command's words are off (argparse)
    SETTINGS = 3  # a settings file is missing, unreadable or wrong
    UNAVAILABLE = 4  # something it needs is not there: an occupied port
    STORAGE = 5  # the data directory is full, read-only, damaged or of another version


class Refused(Exception):
    """A verb cannot go on: one line that says what, where and what to do next."""

    def __init__(self, message: str, code: Exit = Exit.FAILED) -> None:
        super().__init__(message)
        self.code = code
