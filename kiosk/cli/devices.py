"""`kiosk devices`: the terminals of this kiosk, and what a technician does with them.

Everything but `ports` goes through the running daemon, which holds each terminal's only session.
"""

import argparse
import sys
from collections.abc import Callable
from getpass import getpass
from pathlib import Path
from typing import Final

import msgspec

from drivers.store import Facts, Privilege
from kiosk.cli import ports
from kiosk.cli.exits import Exit, Refused
from kiosk.cli.status import another, answer, carried_out, proved
from kiosk.devices import LOOK_S, WRITE_S, Listed, Proposed
from kiosk.health import SourceStatus, Status

HELP = "list, test, read and write the terminals; say that one was replaced"
EXAMPLES = """examples:
  kiosk devices --config kiosk.toml
  kiosk devices ports                               serial ports, and how to name them
  kiosk devices identify lobi                       which one is it? It plays a sound
  kiosk devices test lobi
  kiosk devices read lobi                           the whole record, again
  kiosk devices replace lobi --by rudi              the terminal that answers now is the successor
  kiosk devices users lobi [--json]                 whom it knows, and who should not be there
  kiosk devices copy lobi gerbang --dry-run         what copying people would change
  kiosk devices copy lobi gerbang --user 1001 --by rudi
  kiosk devices remove gerbang 1001 --by rudi
  kiosk devices roster lobi --dry-run               how its users differ from the roster
  kiosk devices roster lobi --as mirror --by rudi   write and remove what is shown
  kiosk devices roster lobi --settle 17 --by rudi   I looked: 17 is whose number that is today
  kiosk devices set-clock lobi --by rudi
  kiosk devices restart lobi --by rudi
  kiosk devices comm-key lobi --by rudi             asks for the key: no shell remembers it

A source is bound to the terminal that answered first. Another one under the same address is heard
and recorded, but nobody is known by its users until `replace` says that it is the successor; rows
of the old terminal that were brought along are recognised. Nothing is written to a stranger.

Copying is keyed by user id and never removes anybody. What it would change is shown first, and only
exactly that is written, then read back. Menu rights are not copied. Whatever is written is recorded
with the name given. The roster is brought to a terminal in the same way, as far as `users` of its
source says (report, add, mirror) or --as."""

_CONFIG: Final = Path("/etc/presensi-kiosk/kiosk.toml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    _common(parser)
    parser.set_defaults(do=_list)
    verbs = parser.add_subparsers(metavar="VERB")

    def verb(name: str, what: str, do: Callable[[argparse.Namespace], int]) -> Verb:
        one = verbs.add_parser(name, help=what, description=what)
        one.set_defaults(do=do)
        _common(one)
        return one

    verb("ports", "the serial ports of this machine, and what to call them", _ports)
    verb("test", "what a terminal says of itself; nothing is written", _test).add_argument("source")
    verb("identify", "have it play a sound: which one is it?", _identify).add_argument("source")
    verb("read", "have a terminal's whole record read again", _read).add_argument("source")
    verb("users", "whom a terminal knows", _users).add_argument("source")
    replace = verb("replace", "the terminal that answers now is the successor", _replace)
    copy = verb("copy", "bring people and fingers from one terminal to another", _copy)
    copy.add_argument("origin", metavar="FROM")
    copy.add_argument("source", metavar="TO")
    copy.add_argument("--user", action="append", default=[], metavar="ID", help="only these")
    copy.add_argument("--dry-run", action="store_true", help="show what would change, no more")
    copy.add_argument("--yes", action="store_true", help="do not ask before writing")
    copy.add_argument("--by", default="", metavar="NAME", help="who does it; it is recorded")
    roster = verb(
        "roster", "how a terminal's users differ from the roster; make them equal", _roster
    )
    roster.add_argument("source")
    roster.add_argument("--as", dest="policy", default="", choices=["report", "add", "mirror"],
                        help="how far to go; else what the settings say")  # fmt: skip
    roster.add_argument("--settle", action="append", default=[], metavar="ID",
                        help="who is under this number is who has it today: I looked")  # fmt: skip
    roster.add_argument("--dry-run", action="store_true", help="show what would change, no more")
    roster.add_argument("--yes", action="store_true", help="do not ask before writing")
    roster.add_argument("--by", default="", metavar="NAME", help="who does it; it is recorded")
    remove = verb("remove", "remove one user and their fingers", _remove)
    set_clock = verb("set-clock", "set a terminal's clock to ours", _set_clock)
    restart = verb("restart", "restart a terminal", _restart)
    comm_key = verb("comm-key", "set the key that the next connection must bring", _comm_key)
    for one in (replace, remove, set_clock, restart, comm_key):
        one.add_argument("source")
        one.add_argument("--by", required=True, metavar="NAME", help="who does it; it is recorded")
    remove.add_argument("user", metavar="ID")
    remove.add_argument("--sure", action="store_true", help="even one with menu rights")


Verb = argparse.ArgumentParser


def _common(parser: argparse.ArgumentParser) -> None:
    # No default and no option twice: what stands before a verb counts as well as after it.
    parser.add_argument("--config", type=Path, default=argparse.SUPPRESS, metavar="FILE")
    parser.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    code: int = arguments.do(arguments)
    return code


# Only looking.


def _list(arguments: argparse.Namespace) -> int:
    sources = msgspec.json.decode(answer(_config(arguments), "status"), type=Status).sources
    if _as_json(arguments):
        sys.stdout.write(msgspec.json.encode(sources).decode() + "\n")
    else:
        sys.stdout.write("".join(_lines(one) for one in sources))
    return Exit.OK


def _ports(arguments: argparse.Namespace) -> int:
    config: Path | None = getattr(arguments, "config", None)
    if config is None and _CONFIG.exists():
        config = _CONFIG
    return ports.show(config, as_json=_as_json(arguments))


def _test(arguments: argparse.Namespace) -> int:
    said = _asked(arguments, "test", LOOK_S)
    if _as_json(arguments):
        sys.stdout.write(f"{said}\n")
        return Exit.OK
    facts = msgspec.json.decode(said, type=Facts)
    of = "" if facts.capacity is None else f" of {facts.capacity}"
    if facts.shown is None and facts.records is None:  # it keeps fingers, and nothing else
        sys.stdout.write(
            f"{arguments.source} answers\n"
            f"  slots      {_or_unknown(facts.users)}{of} in use\n"
            f"  state      {facts.state or 'not told'}\n"
        )
        return Exit.OK
    sys.stdout.write(
        f"{arguments.source} answers\n"
        f"  clock      {facts.shown or 'no real date'}\n"
        f"  users      {_or_unknown(facts.users)}\n"
        f"  record     {_or_unknown(facts.records)}{of} rows\n"
        f"  state      {facts.state or 'not told'}\n"
    )
    return Exit.OK


def _read(arguments: argparse.Namespace) -> int:
    return _say(_asked(arguments, "read", LOOK_S))


def _identify(arguments: argparse.Namespace) -> int:
    return _say(_asked(arguments, "identify", LOOK_S))


def _users(arguments: argparse.Namespace) -> int:
    said = _asked(arguments, "users", LOOK_S)
    if _as_json(arguments):
        sys.stdout.write(f"{said}\n")
        return Exit.OK
    listed = msgspec.json.decode(said, type=list[Listed])
    for one in sorted(listed, key=lambda one: (len(one.user), one.user)):
        has = [f"{one.fingers} fingers"] if one.fingers else []
        has += [word for word, there in (("card", one.card), ("password", one.password)) if there]
        marks = [] if one.in_roster else ["NOT IN THE ROSTER"]
        if one.privilege != Privilege.USER:
            marks.append(f"MENU RIGHTS: {one.privilege}")
        row = f"{one.user:>10}  {one.name:<24}  {', '.join(has) or 'nothing':<28}"
        sys.stdout.write(f"{row}  {'; '.join(marks)}".rstrip() + "\n")
    return Exit.OK


# Writing.


def _replace(arguments: argparse.Namespace) -> int:
    return _say(_asked(arguments, "replace", LOOK_S))


def _copy(arguments: argparse.Namespace) -> int:
    said = {"from": arguments.origin, "users": ",".join(arguments.user)}
    shown = msgspec.json.decode(_asked(arguments, "copy", LOOK_S * 2, **said), type=Proposed)
    sys.stdout.write("".join(f"{line}\n" for line in shown.lines))
    if not shown.plan:
        return _say("nothing to write")
    if arguments.dry_run:
        return _say("nothing is written: --dry-run")
    if not arguments.by:
        raise Refused("who does it? Say --by NAME: it is recorded", Exit.USAGE)
    if not arguments.yes and not _agreed(f"write this to {arguments.source}? [y/N] "):
        return _say("nothing is written")
    written = _asked(arguments, "copy", WRITE_S, plan=shown.plan, **said)
    return _say(msgspec.json.decode(written, type=Proposed).done)


def _roster(arguments: argparse.Namespace) -> int:
    said = {"policy": arguments.policy}
    settle = ",".join(arguments.settle)
    # A terminal that calls takes its time, and is looked at thrice where something is settled.
    asked = _asked(arguments, "roster", LOOK_S * (6 if settle else 2), settle=settle, **said)
    shown = msgspec.json.decode(asked, type=Proposed)
    if _as_json(arguments) and not arguments.yes:
        return _say(asked)
    if not _as_json(arguments):
        sys.stdout.write("".join(f"{line}\n" for line in shown.lines))
    if not shown.plan:
        return _say(asked if _as_json(arguments) else shown.done or "nothing differs")
    if arguments.dry_run:
        return _say("nothing is written: --dry-run")
    if not arguments.by:
        raise Refused("who does it? Say --by NAME: it is recorded", Exit.USAGE)
    if not arguments.yes and not _agreed(f"do this to {arguments.source}? [y/N] "):
        return _say("nothing is written")
    done = _asked(arguments, "roster", WRITE_S, plan=shown.plan, **said)
    if _as_json(arguments):
        return _say(done)
    left = msgspec.json.decode(done, type=Proposed)
    sys.stdout.write("".join(f"left: {line}\n" for line in left.lines))
    return _say(left.done)


def _remove(arguments: argparse.Namespace) -> int:
    sure = "yes" if arguments.sure else "no"
    return _say(_asked(arguments, "remove", WRITE_S, user=arguments.user, sure=sure))


def _set_clock(arguments: argparse.Namespace) -> int:
    return _say(_asked(arguments, "set clock", WRITE_S))


def _restart(arguments: argparse.Namespace) -> int:
    return _say(_asked(arguments, "restart", WRITE_S))


def _comm_key(arguments: argparse.Namespace) -> int:
    # Not as an argument: every user of this machine could read it, and the shell writes it down.
    try:
        key = getpass("new comm key, 0 to 4294967295 (0 is none): ")
    except EOFError as error:
        raise Refused("nobody is there to say the key", Exit.USAGE) from error
    return _say(_asked(arguments, "comm key", WRITE_S, key=key))


# How.


def _asked(arguments: argparse.Namespace, wanted: str, within_s: float, **said: str) -> str:
    """Return what the daemon has done. Raises Refused."""
    said["source"] = arguments.source
    said["by"] = getattr(arguments, "by", "")
    return carried_out(_config(arguments), wanted, said, within_s + 5)


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise Refused("nobody is there to agree; say --yes", Exit.USAGE)
    return input(question).strip().lower() in ("y", "yes")


def _config(arguments: argparse.Namespace) -> Path:
    config: Path = getattr(arguments, "config", _CONFIG)
    return config


def _as_json(arguments: argparse.Namespace) -> bool:
    return bool(getattr(arguments, "json", False))


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return Exit.OK


def _or_unknown(number: int | None) -> str:
    return "not told" if number is None else str(number)


def _lines(source: SourceStatus) -> str:
    state = "connected" if source.connected else source.phase
    drift = "?" if source.drift_ms is None else f"{source.drift_ms / 1000:+.1f} s"
    lines = [
        f"{source.name}   {state}",
        f"  {'terminal' if source.has_clock else 'reader  '}   {source.model or '?'}, serial "
        f"{source.serial or '?'}",
    ]
    if source.has_clock:
        lines += [
            f"  clock      {drift} from ours",
            f"  record     {source.records} rows, read completely to {source.covered or 'never'}",
        ]
    else:
        lines.append(f"  record     none; {proved(source)}")
    lines += [f"  {said}" for said in (source.error, another(source), *source.warnings) if said]
    return "\n".join(lines) + "\n"
