"""The words of `presensi-central closings` and `presensi-central proposals`, and what they do."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sync.central.exits import Exit, Refused

if TYPE_CHECKING:
    from sync.central.closing import Standing
    from sync.central.house import House

    Adding = Callable[..., argparse.ArgumentParser]


def add_closings(verb: "Adding", family: object) -> None:
    """Add the verbs to `family`; `verb` is the command's own way to add words."""
    verb(family, "list", "list the months that are closed", _list)
    show = verb(
        family,
        "show",
        "say what a closed month came to, and each signed difference since",
        _show,
        "example:\n  presensi-central closings show RSUD 2026-10",
    )
    _month(show)
    check = verb(
        family,
        "verify",
        "check the signatures, the chain and the content of closed months: all that are held, or "
        "files that `export` wrote",
        _verify,
        "examples:\n  presensi-central closings verify\n"
        "  presensi-central closings verify RSUD-2026-10-*.closing",
    )
    check.add_argument("file", metavar="FILE", nargs="*", type=Path, help="of one month, in order")
    write = verb(
        family,
        "export",
        "write a closed month's signed messages, a file each, for whoever checks them elsewhere",
        _export,
        "example:\n  presensi-central closings export RSUD 2026-10 --out arsip",
    )
    _month(write)
    write.add_argument(
        "--out", type=Path, default=Path(), metavar="DIRECTORY", help="where to (default: here)"
    )


def add_proposals(verb: "Adding", family: object) -> None:
    """Add the verbs to `family`, as `add_closings`."""
    listed = verb(family, "list", "list what waits for a second account's word", _proposals)
    listed.add_argument("--all", action="store_true", help="and what was decided, the newest first")
    listed.add_argument("--json", action="store_true", help="a line of JSON for each")
    verb(
        family,
        "verify",
        "hold central's journal of decisions against the database: what was decided and has no "
        "effect, and what was done that no decision says",
        _held,
        "The exit code is 1 where the database has what no decision says.",
    )


def _month(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("unit", metavar="UNIT")
    parser.add_argument("month", metavar="MONTH", help="2026-10")


def _list(house: "House", _: argparse.Namespace) -> int:
    from sync.central.present import moment

    zone = house.place.settings.web.zone
    with house.store.reading() as tx:
        found = tx.closings.latest()
    for one in found:
        since = f", {one.number} differences since" if one.number else ""
        words = f"{one.month}  {one.unit}: {one.actor}, {moment(one.made_at, zone)}{since}"
        sys.stdout.write(f"{words}\n")
    return Exit.OK


def _show(house: "House", arguments: argparse.Namespace) -> int:
    found = _standing(house, arguments.unit, arguments.month)
    was = found.frozen
    out = [f"{was.unit} {was.month}: {len(was.rows)} duties of {len(was.people)} people"]
    out += [f"closed by {was.actor}: {was.reason}"]
    out += [f"although {len(was.unclear)} were open: {was.despite}"] if was.unclear else []
    out += [f"    {one.person} {one.day}: {one.word}" for one in was.unclear]
    for said in found.said[1:]:
        content = said.content
        out.append(f"difference {said.closing.head.number} by {content.actor}: {content.reason}")
        for one in getattr(content, "changes", ()):
            before, after = (
                "; ".join(str(row["word"]) for row in rows) or "no duty"
                for rows in (one.before, one.after)
            )
            out.append(f"    {one.person} {one.day}: {before} -> {after}")
    sys.stdout.write("".join(f"{line}\n" for line in out))
    return Exit.OK


def _verify(house: "House", arguments: argparse.Namespace) -> int:
    from sync.central import closing
    from sync.protocol.errors import ProtocolError

    keys, wrong = house.authority.keys, 0
    if arguments.file:
        try:
            months = {"files": [file.read_bytes() for file in arguments.file]}
        except OSError as error:
            raise Refused(f"{error.filename}: {error.strerror}") from error
    else:
        with house.store.reading() as tx:
            months = {
                f"{one.unit} {one.month}": closing.messages(tx.closings.of(one.unit, one.month))
                for one in tx.closings.latest()
            }
    for name, messages in months.items():
        try:
            found = closing.standing(messages, keys)
        except ProtocolError as error:
            wrong += 1
            sys.stdout.write(f"{name}: DOES NOT HOLD: {error}\n")
            continue
        last = found.said[-1].closing
        sys.stdout.write(
            f"{last.head.unit} {last.head.month}: holds up to number {last.head.number}, "
            f"{len(found.rows)} duties, SHA-256 {last.digest}\n"
        )
    return Exit.FAILED if wrong else Exit.OK


def _export(house: "House", arguments: argparse.Namespace) -> int:
    from sync.keyfile import KeyFileError, write_durably

    unit, month = arguments.unit, arguments.month
    found = _standing(house, unit, month)
    with house.store.reading() as tx:
        closed = tx.closings.of(unit, month)
    safe = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in unit)
    names = [arguments.out / f"{safe}-{month}-{one.number}.closing" for one in closed]
    house.decide_alone("export closing", f"{unit} {month}", detail={"file": str(arguments.out)})
    try:
        arguments.out.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, one in zip(names, closed, strict=True):
            write_durably(name, one.message, 0o600)
    except (OSError, KeyFileError) as error:
        raise Refused(f"{arguments.out}: {error}") from error
    out = [str(name) for name in names]
    out.append(f"{len(found.said)} messages; `closings verify` checks them in this order")
    sys.stdout.write("".join(f"{line}\n" for line in out))
    return Exit.OK


def _standing(house: "House", unit: str, month: str) -> "Standing":
    """Return a closed month, verified. Raises Refused."""
    from sync.central import closing
    from sync.protocol.errors import ProtocolError

    with house.store.reading() as tx:
        closed = tx.closings.of(unit, month)
    if not closed:
        raise Refused(f"{unit} {month} is not closed; `closings list` shows those that are")
    try:
        return closing.standing(closing.messages(closed), house.authority.keys)
    except ProtocolError as error:
        raise Refused(f"{unit} {month} does not hold: {error}") from error


def _held(house: "House", _: argparse.Namespace) -> int:
    from sync.central.carried import hold_against

    with house.store.reading() as tx:
        held = hold_against(tx, house.decisions.read())
    faults = held.faults if house.decisions.is_alone else []
    notes = [*held.notes, *([] if house.decisions.is_alone else held.faults)]
    out = [f"DOES NOT HOLD: {one}" for one in faults]
    out += [f"look at: {one}" for one in notes]
    if notes and not house.decisions.is_alone:
        out.append("centrals that share a database have a journal each: it may stand in another's")
    out.append(
        f"{held.proposals} proposals, {held.names} names, {held.times} times and "
        f"{held.closings} closings as decided"
    )
    sys.stdout.write("".join(f"{line}\n" for line in out))
    return Exit.FAILED if faults else Exit.OK


def _proposals(house: "House", arguments: argparse.Namespace) -> int:
    import msgspec

    from sync.central.present import moment
    from sync.central.store.proposals import Stage
    from sync.central.wishes import body_of

    zone = house.place.settings.web.zone
    states = list(Stage) if arguments.all else [Stage.WAITING]
    with house.store.reading() as tx:
        found = tx.proposals.listed(states)
    for one in found:
        if arguments.json:
            said = msgspec.to_builtins(one) | {"body": msgspec.to_builtins(body_of(one))}
            sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
            continue
        whom = one.person or one.unit or "several"
        words = f"{one.id}  {one.kind} {whom}: {one.state}, by {one.author}, {one.reason}"
        sys.stdout.write(f"{words}  ({moment(one.made_at, zone)})\n")
    return Exit.OK
