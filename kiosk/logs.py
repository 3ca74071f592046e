"""The log as a technician reads it: lines of systemd's journal or of a file, and what they mean.

Pure: whoever has the lines gives them, one at a time. What the daemon says of itself says already
what to do next; what systemd says of the daemon does not, and is explained here.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final

import msgspec
from msgspec import Struct, structs


class Level(IntEnum):
    """How grave a line is, by syslog's numbers."""

    ERROR = 3
    WARNING = 4
    INFO = 6
    DEBUG = 7


WORDS: Final = {
    Level.ERROR: "ERROR",
    Level.WARNING: "look ",
    Level.INFO: "     ",
    Level.DEBUG: "debug",
}
"""What stands in front of a line."""


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a log.

    Attributes:
        at: milliseconds UTC by the machine's clock.
        unit: which of our services; "" where a file does not say.
        meaning: what systemd's own words mean and what to do; "" for the daemon's, which say it.
        again: how often the same was said again right behind it, the last time at `until`.
    """

    at: int
    level: Level
    text: str
    unit: str = ""
    meaning: str = ""
    again: int = 0
    until: int = 0


class Wanted(Struct, frozen=True, kw_only=True):
    """Which lines are asked for.

    Attributes:
        level: as grave as this or graver.
        source: only those that name this source; "" for all.
        since: milliseconds UTC.
    """

    level: Level = Level.INFO
    source: str = ""
    since: int = 0

    def has(self, line: Line) -> bool:
        """Return whether a line is wanted."""
        if line.level > self.level or line.at < self.since:
            return False
        named = rf"(?<![\w-]){re.escape(self.source)}(?![\w-])"
        return not self.source or re.search(named, line.text) is not None


class _Journal(Struct, frozen=True):
    """A line of `journalctl -o json`, as far as it is read."""

    at: str = msgspec.field(name="__REALTIME_TIMESTAMP", default="0")
    message: str | list[int] | None = msgspec.field(name="MESSAGE", default=None)
    priority: str = msgspec.field(name="PRIORITY", default="6")
    unit: str = msgspec.field(name="_SYSTEMD_UNIT", default="")
    of: str = msgspec.field(name="UNIT", default="")  # what systemd speaks of


_MEANINGS: Final = (
    (r"watchdog timeout", "it gave no sign of life and was ended; it starts again by itself. If "
     "that comes again: kiosk doctor --bundle FILE, for whoever helps"),
    (r"oom-?kill|out of memory", "the memory was full; kiosk doctor says what takes it"),
    (r"code=exited, status=75", "the daemon asked to be started again; the line before says why"),
    (r"code=exited, status=3\b", "its settings or a key file cannot be used: kiosk config check"),
    (r"code=exited, status=4\b", "something it needs is not there: the line before says what"),
    (r"code=exited, status=5\b", "the data directory is full, read-only, damaged or in use: kiosk "
     "doctor"),
    (r"code=exited, status=1\b", "it ended on an error of its own: kiosk doctor --bundle FILE, for "
     "whoever helps"),
    (r"code=killed|code=dumped", "somebody or the system ended it; what was shown as counted is on "
     "disk, and it starts again by itself"),
    (r"Failed to (load|set up) .*credential", "the vault's key was not given: docs/KEYS.md, the "
     "vault's key"),
    (r"status=2\d\d/", "systemd could not even start it: systemctl status presensi-kiosk"),
)  # fmt: skip
"""What systemd says of our services, and what it means; the first that fits."""

_MOMENT: Final = re.compile(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) (CRITICAL|ERROR|WARNING|INFO|DEBUG) (.*)$",
    re.DOTALL,
)
_LEVELS: Final = {
    "CRITICAL": Level.ERROR,
    "ERROR": Level.ERROR,
    "WARNING": Level.WARNING,
    "INFO": Level.INFO,
    "DEBUG": Level.DEBUG,
}
_SPANS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def from_journal(line: bytes) -> Line | None:
    """Return a line of `journalctl -o json`; None for what is none, or says nothing."""
    try:
        said = msgspec.json.decode(line, type=_Journal)
        at, priority = int(said.at) // 1000, int(said.priority)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        return None
    message = said.message
    if isinstance(message, list):  # bytes that are no UTF-8
        message = bytes(one & 0xFF for one in message).decode(errors="replace")
    if not message:
        return None
    unit = said.of or said.unit
    return Line(
        at=at,
        level=_level(priority),
        text=message.rstrip(),
        unit=unit.removesuffix(".service"),
        meaning=meaning(message) if said.of else "",
    )


def _level(priority: int) -> Level:
    """Return the level of a syslog priority: there are more of them than of ours."""
    return next(level for level in Level if priority <= level or level is Level.DEBUG)


def meaning(message: str) -> str:
    """Return what systemd's words mean and what to do; "" where there is nothing to do."""
    return next((said for what, said in _MEANINGS if re.search(what, message, re.IGNORECASE)), "")


def from_file(lines: Iterable[str]) -> Iterator[Line]:
    """Yield the lines of a file that the daemon's stderr went to, by the machine's local time.

    What follows a line without a time of its own (where an error came from) belongs to it.
    """
    waiting: Line | None = None
    for text in lines:
        match = _MOMENT.match(text.rstrip("\n"))
        if match is None:
            if waiting is not None and text.strip():
                waiting = structs.replace(waiting, text=f"{waiting.text}\n{text.rstrip()}")
            continue
        if waiting is not None:
            yield waiting
        moment, thousandths, level, words = match.groups()
        at = datetime.strptime(moment, "%Y-%m-%d %H:%M:%S").astimezone()
        waiting = Line(
            at=int(at.timestamp()) * 1000 + int(thousandths), level=_LEVELS[level], text=words
        )
    if waiting is not None:
        yield waiting


def together(lines: Iterable[Line]) -> Iterator[Line]:
    """Yield the lines, those that say the same again put into one."""
    held: Line | None = None
    for line in lines:
        if held is not None and (held.text, held.unit) == (line.text, line.unit):
            held = structs.replace(held, again=held.again + 1, until=line.at)
            continue
        if held is not None:
            yield held
        held = line
    if held is not None:
        yield held


def shown(line: Line, *, unit: bool = False) -> str:
    """Return a line as it is printed; with `unit`, which service says it."""
    at = _moment(line.at)
    who = f"{line.unit.removeprefix('presensi-')}: " if unit and line.unit else ""
    first, *more = line.text.split("\n")
    rows = [f"{at:%d %b %H:%M:%S}  {WORDS[line.level]}  {who}{first}"]
    indent = " " * len(f"{at:%d %b %H:%M:%S}  {WORDS[line.level]}  ")
    rows += [f"{indent}{one}" for one in more]
    if line.again:
        times = "time" if line.again == 1 else "times"
        rows.append(f"{indent}... {line.again} more {times}, until {_moment(line.until):%H:%M:%S}")
    if line.meaning:
        rows.append(f"{indent}-> {line.meaning}")
    return "\n".join(rows)


def _moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).astimezone()


def since(said: str, now: datetime) -> datetime:
    """Return the moment that a technician means: `30m`, `2h`, `3d`, `today`, a date, a time.

    `now` has a zone, which is that of what is said. Raises ValueError.
    """
    if said == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    if match := re.fullmatch(r"(\d{1,5})([mhdw])", said):
        return now - timedelta(**{_SPANS[match[2]]: int(match[1])})
    if re.fullmatch(r"\d\d?:\d\d", said):
        hour, minute = map(int, said.split(":"))
        return now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return datetime.fromisoformat(said).replace(tzinfo=now.tzinfo)
