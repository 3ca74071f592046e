"""The words of `presensi-central card`."""

import argparse
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sync.central.exits import Exit

if TYPE_CHECKING:
    from sync.central.house import House

    Adding = Callable[..., argparse.ArgumentParser]


def add_cards(
    verb: "Adding", family: object, reason: "Callable[[argparse.ArgumentParser], None]"
) -> None:
    """Add the verbs to `family`; the others are the command's ways to add words."""
    issue = verb(
        family,
        "issue",
        "make employees' cards with a signed QR, to be printed; a new one replaces the one before",
        _issue,
        "examples:\n  presensi-central card issue 198503152010011007 --out kartu\n"
        "  presensi-central card issue 198503152010011007 --until 2028-12-31 "
        "--reason 'the old one is lost'\n\n"
        "Whoever photographs a card has its code: it proves no more than a borrowed card does.",
    )
    issue.add_argument("person", metavar="PERSON", nargs="+", help="their ids in the roster")
    issue.add_argument(
        "--until", type=date.fromisoformat, metavar="DATE", help="last day (default: two years)"
    )
    issue.add_argument("--png", action="store_true", help="the QR only; else the card as SVG")
    issue.add_argument(
        "--out", type=Path, default=Path(), metavar="DIRECTORY", help="where to (default: here)"
    )
    reason(issue)


def _issue(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import employeecards

    done = employeecards.issue(
        house,
        arguments.person,
        arguments.until,
        arguments.out,
        as_png=arguments.png,
        reason=arguments.reason,
    )
    sys.stdout.write(done)
    return Exit.OK
