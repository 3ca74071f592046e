"""`kiosk sim fingerprint` and `kiosk sim reader`: serial devices, told by lines what people do."""

import argparse
import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from drivers.sim.fingerprint import PROFILES, FingerprintModule, Pty, Quality, TcpPort
from drivers.sim.reader import (
    PATTERN_26,
    TERMINATORS,
    SimulatedReader,
    id20la,
    line,
    rdm6300,
    wiegand26,
)
from kiosk.cli.exits import Exit, Refused
from kiosk.cli.sim_visitor import Visitor, come_again, obey

FINGER_LINES: Final = """lines that it takes on stdin:
  place NAME [QUALITY]   a finger of that name lies there: ok, dry, wet, smudge, partial, none
  lift                   nothing lies there any more
  power                  its power goes and comes back: all but library and notepad is gone
  unplug, replug         the port goes; it comes back under another name of its own
  show                   whose fingers are in which slots

example:
  kiosk sim fingerprint --profile r503-1.2.2 --port /tmp/fp0
  place siti
  lift
"""

READER_LINES: Final = """lines that it takes on stdin:
  tag NUMBER             a tag comes near (rdm6300, id20la); its number in decimal digits
  away                   it goes
  code TEXT              a code is scanned (qr)
  card FACILITY,NUMBER   a card is shown (wiegand)
  keys KEYS              keys are pressed (pinpad)
  unplug, replug         the port goes; it comes back under another name of its own

example:
  kiosk sim reader --format rdm6300 --port /tmp/tags
  tag 0004821377
  away
"""

FORMATS: Final = ("rdm6300", "id20la", "qr", "wiegand", "pinpad")


class Unclear(ValueError):
    """A line that says nothing the simulator knows."""


def configure(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare both kinds and their options."""
    finger = kinds.add_parser(
        "fingerprint",
        help="a fingerprint module (R30x, R50x) at a serial port",
        description="A fingerprint module at a pseudo-terminal, or behind TCP. Nobody's finger is "
        "in it: a name is a finger.",
        epilog=FINGER_LINES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    finger.add_argument(
        "--profile", choices=PROFILES, default="r503-1.2.2", help="which model (%(default)s)"
    )
    finger.add_argument("--serial", default="SIM00001", help="serial number (%(default)s)")
    where = finger.add_mutually_exclusive_group(required=True)
    where.add_argument("--port", type=Path, metavar="PATH", help="the port, made there as a link")
    where.add_argument("--tcp", type=int, metavar="PORT", help="listen there instead, on loopback")
    finger.add_argument("--fast", action="store_true", help="without a real module's pauses")
    finger.add_argument("--obey", type=Path, metavar="SOCKET",
                        help="a kiosk's socket: somebody does what it asks for")  # fmt: skip
    finger.add_argument("--finger", default="siti", metavar="NAME", help="whose, for --obey")
    finger.add_argument("--every", type=float, default=0, metavar="S",
                        help="and comes by themselves every so many seconds")  # fmt: skip
    reader = kinds.add_parser(
        "reader",
        help="a reader of tags, codes or PINs at a serial port",
        description="A reader at a pseudo-terminal, that sends what is shown to it.",
        epilog=READER_LINES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reader.add_argument("--format", choices=FORMATS, required=True, help="what it sends")
    reader.add_argument(
        "--port", type=Path, metavar="PATH", required=True, help="the port, made there as a link"
    )
    reader.add_argument(
        "--terminator", choices=TERMINATORS, default="cr", help="what ends a line (%(default)s)"
    )


def serve_fingerprint(
    arguments: argparse.Namespace,
    lines: Iterator[str],
    say: Callable[[str], None],
    wait: Callable[[], object],
) -> int:
    """Be a module and do what the lines say; at their end, until `wait` returns."""
    by_tcp = arguments.tcp is not None
    port = TcpPort(arguments.tcp) if by_tcp else Pty(arguments.port.absolute())
    module = FingerprintModule(
        arguments.profile, port, serial=arguments.serial, realistic=not arguments.fast
    )
    with _plugged(module, arguments):
        where = f"socket://{port.host}:{port.port}" if isinstance(port, TcpPort) else port.link
        say(_block("fingerprint", f"{where}"))
        over = threading.Event()
        _people(module, arguments, over)
        try:
            _obey(lines, lambda words: _to_module(module, words, say), say, FINGER_LINES)
            wait()
        finally:
            over.set()
    return Exit.OK


def _people(
    module: FingerprintModule, arguments: argparse.Namespace, over: threading.Event
) -> None:
    """Have somebody stand there, in threads that end with the process."""
    visitor = Visitor(module, arguments.finger)
    if arguments.obey is not None:
        threading.Thread(target=obey, args=(arguments.obey, visitor), daemon=True).start()
    if arguments.every:
        threading.Thread(
            target=come_again, args=(visitor, arguments.every, over), daemon=True
        ).start()


def serve_reader(
    arguments: argparse.Namespace,
    lines: Iterator[str],
    say: Callable[[str], None],
    wait: Callable[[], object],
) -> int:
    """Be a reader and do what the lines say; at their end, until `wait` returns."""
    kinds = {"rdm6300": "tag", "id20la": "tag", "qr": "code", "wiegand": "line", "pinpad": "pinpad"}
    kind = kinds[arguments.format]
    reader = SimulatedReader(Pty(arguments.port.absolute()))
    with _plugged(reader, arguments):
        more = f"\npattern = '{PATTERN_26}'" if arguments.format == "wiegand" else ""
        say(_block(kind, f"{reader.port.link}", more))
        _obey(lines, lambda words: _to_reader(reader, words, arguments), say, READER_LINES)
        wait()
    return Exit.OK


def _block(kind: str, port: str, more: str = "") -> str:
    """Return what to write into kiosk.toml, and an empty line behind it."""
    return f'for kiosk.toml:\n[[sources]]\nkind = "{kind}"\nname = "sim"\nport = "{port}"{more}\n'


@contextlib.contextmanager
def _plugged(
    device: FingerprintModule | SimulatedReader, arguments: argparse.Namespace
) -> Iterator[None]:
    try:
        device.start()
    except OSError as error:
        where = arguments.port or f"127.0.0.1:{arguments.tcp}"
        raise Refused(f"{where}: {error.strerror}; choose another port", Exit.UNAVAILABLE) from None
    try:
        yield
    finally:
        device.stop()


def _obey(
    lines: Iterator[str],
    do: Callable[[list[str]], object],
    say: Callable[[str], None],
    known: str,
) -> None:
    """Do what each line says; one that says nothing known is answered by those that do."""
    for text in lines:
        words = text.split(maxsplit=1)
        if not words:
            continue
        try:
            do(words)
        except Unclear:
            say(f"{text.strip()}: not understood\n{known}")
        except ValueError as error:
            say(f"{text.strip()}: {error}")


def _to_module(module: FingerprintModule, words: list[str], say: Callable[[str], None]) -> None:
    match words:
        case ["place", who]:
            name, _, quality = who.strip().partition(" ")
            module.place(name, Quality(quality.strip() or "ok"))
        case ["lift"]:
            module.lift()
        case ["power"]:
            module.power_cycle()
        case ["unplug"]:
            module.unplug()
        case ["replug"]:
            module.replug()
        case ["show"]:
            there = [f"{page}: {' and '.join(names)}" for page, names in module.library.items()]
            say(", ".join(there) or "nobody")
        case _:
            raise Unclear


def _to_reader(reader: SimulatedReader, words: list[str], arguments: argparse.Namespace) -> None:
    what = arguments.format
    match words:
        case ["tag", number] if what in ("rdm6300", "id20la"):
            encode = rdm6300 if what == "rdm6300" else id20la
            reader.hold(encode(number.strip()))
        case ["away"]:
            reader.away()
        case ["code", text] if what == "qr":
            reader.say(line(text.rstrip("\r\n"), arguments.terminator))
        case ["card", numbers] if what == "wiegand":
            facility, _, card = numbers.partition(",")
            reader.say(wiegand26(int(facility), int(card), arguments.terminator))
        case ["keys", pressed] if what == "pinpad":
            reader.keys(pressed.strip())
        case ["unplug"]:
            reader.unplug()
        case ["replug"]:
            reader.replug()
        case _:
            raise Unclear


def typed(told_to_stop: Callable[[], bool]) -> Iterator[str]:
    """Yield the lines that come on stdin, until it ends or it is told to stop."""
    pending = b""
    while not told_to_stop():
        if not select.select([sys.stdin], [], [], 0.2)[0]:
            continue
        read = os.read(sys.stdin.fileno(), 4096)
        if not read:
            if pending:
                yield pending.decode(errors="replace")
            return
        *whole, pending = (pending + read).split(b"\n")
        yield from (one.decode(errors="replace") for one in whole)
