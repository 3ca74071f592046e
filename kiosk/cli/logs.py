"""`kiosk logs`: what the kiosk's services have said lately, in words to act on."""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from kiosk.cli.exits import Exit, Refused
from kiosk.logs import Level, Line, Wanted, from_file, from_journal, shown, since, together

HELP = "show what the kiosk has said lately, from systemd's journal or a file"
EXAMPLES = """examples:
  kiosk logs                                     the last day
  kiosk logs --since 2h --level warning          what was wrong in the last two hours
  kiosk logs --source lobi --since 2026-11-24
  kiosk logs --follow                            as it comes, until Ctrl-C
  kiosk logs --file demo-data/kiosk.log          where no systemd keeps it (make run)

--since takes 30m, 2h, 3d, today, 07:30 or a date, by this machine's clock. It stands beside every
line what systemd's words mean. No names and no numbers of people are in a log (docs/PRIVACY.md).

exit codes: 0 done, 2 words, 4 there is no log to read"""

UNITS: Final = "presensi-*"
_FOLLOW_EVERY_S: Final = 0.5
_NO_UNIT: Final = "Failed to add filter for units"  # none of ours has ever said anything
_LEVELS: Final = {one.name.lower(): one for one in Level}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--follow", action="store_true", help="go on as it grows, until Ctrl-C")
    parser.add_argument("--since", default="1d", metavar="WHEN", help="default: 1d")
    parser.add_argument("--source", default="", metavar="NAME", help="what names this source")
    parser.add_argument("--level", choices=list(_LEVELS), default="info",
                        help="as grave as this, or graver (default: info)")  # fmt: skip
    parser.add_argument("--file", type=Path, metavar="FILE", help="a file of the daemon's stderr")
    parser.add_argument("--json", action="store_true", help="a JSON object for each line")


def run(arguments: argparse.Namespace) -> int:
    """Print what is wanted of the log."""
    now = datetime.now().astimezone()
    try:
        start = since(arguments.since, now)
    except (ValueError, OverflowError) as error:
        raise Refused(
            f"--since {arguments.since}: say 30m, 2h, 3d, today, 07:30 or 2026-11-24", Exit.USAGE
        ) from error
    wanted = Wanted(
        level=_LEVELS[arguments.level],
        source=arguments.source,
        since=int(start.timestamp() * 1000),
    )
    if arguments.file is not None:
        lines = of_file(arguments.file, follow=arguments.follow)
    else:
        lines = _of_journal(start, follow=arguments.follow)
    found = filter(wanted.has, lines)
    said = 0
    for line in found if arguments.follow else together(found):
        words = msgspec.json.encode(line).decode() if arguments.json else shown(line, unit=True)
        sys.stdout.write(words + "\n")
        said += 1
        if arguments.follow:
            sys.stdout.flush()
    if not said and not arguments.follow:
        sys.stderr.write(f"nothing since {start:%Y-%m-%d %H:%M}{_elsewhere(arguments)}\n")
    return Exit.OK


def _elsewhere(arguments: argparse.Namespace) -> str:
    if arguments.file is not None or arguments.source or arguments.level != "info":
        return ""
    return (
        ". Only root and the group `systemd-journal` read all of it: sudo kiosk logs. A daemon "
        "that was started by hand says it to its own terminal: kiosk logs --file FILE, if that "
        "was kept"
    )


def _of_journal(start: datetime, *, follow: bool) -> Iterator[Line]:
    """Yield what systemd has of our units. Raises Refused."""
    program = shutil.which("journalctl")
    if program is None:
        raise Refused(
            "there is no systemd journal on this machine: the daemon's log goes to its stderr. "
            "Keep that in a file (kiosk run ... 2>> kiosk.log) and say --file kiosk.log",
            Exit.UNAVAILABLE,
        )
    words = [program, "--output=json", "--no-pager", "--quiet", f"--unit={UNITS}"]
    words += [f"--since=@{int(start.timestamp())}", *(["--follow"] if follow else [])]
    with subprocess.Popen(  # noqa: S603 - fixed words of ours
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None  # noqa: S101 - a pipe was asked for
        assert child.stderr is not None  # noqa: S101 - the same
        try:
            for octets in child.stdout:
                if (line := from_journal(octets)) is not None:
                    yield line
            trouble = child.stderr.read().decode(errors="replace").strip()
        finally:
            child.terminate()
    if child.returncode not in (0, -15) and trouble and _NO_UNIT not in trouble:
        raise Refused(f"journalctl: {trouble.splitlines()[0]}", Exit.UNAVAILABLE)


def of_file(path: Path, *, follow: bool) -> Iterator[Line]:
    """Yield what a file has, and with `follow` what it grows by. Raises Refused."""
    try:
        with path.open("rb") as file:
            begun = b""
            while True:
                begun += file.read()
                whole, newline, begun = begun.rpartition(b"\n")
                text = whole + newline
                if not follow:  # then a last line that nobody ends is one too
                    text, begun = text + begun, b""
                yield from from_file(text.decode(errors="replace").splitlines())
                if not follow:
                    return
                time.sleep(_FOLLOW_EVERY_S)
                if path.stat().st_size < file.tell():  # it was begun anew
                    file.seek(0)
                    begun = b""
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", Exit.UNAVAILABLE) from error
