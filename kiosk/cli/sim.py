"""`kiosk sim`: simulated terminals, for trying a kiosk without a device on the wall."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from drivers.sim.zkpush import PUSH_PROFILES, PushTerminal
from drivers.sim.zkpush import Record as PushRecord
from drivers.sim.zkteco import (
    PROFILES,
    DamagedState,
    Person,
    Record,
    SimulatedTerminal,
    simulated_staff,
)
from kiosk.cli import sim_camera, sim_serial
from kiosk.cli.exits import Exit, Refused

HELP = "run a simulated terminal"
EXAMPLES = """examples:
  kiosk sim zkteco
      a ZKTeco terminal on 127.0.0.1:4370 with 55 people and 30 punches a minute
  kiosk sim zkteco --port 4371 --serial SIM0002 --state /tmp/sim0002.jsonl
      a second one, whose log survives a restart
  kiosk sim zkteco --rate 600 --limit 100
      100 punches in about ten seconds, then only answers
  kiosk sim zkpush --server 127.0.0.1:8081 --serial PUSH0001
      a ZKTeco terminal that calls the kiosk's [push] port by itself
  kiosk sim camera --picture somebody.jpg --head 224,101,42 --obey kiosk/kiosk.sock
      a network camera before which somebody comes and does what the kiosk's screen says
  kiosk sim fingerprint --profile r503-1.2.2 --port /tmp/fp0
      a fingerprint module; then type: place siti, lift, power, unplug, replug
  kiosk sim reader --format rdm6300 --port /tmp/tags
      a reader of tags; then type: tag 0004821377, away
"""

METHODS: Final = (1, 1, 1, 15, 2)
"""Fingerprint mostly, sometimes a face or a card."""

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
"""What ends the simulator."""

UNDEFINED: Final = 255
"""The state that most terminals send, because nobody presses the in/out key."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the kinds of terminal and their options."""
    kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
    zkteco = kinds.add_parser(
        "zkteco",
        help="a ZKTeco terminal on port 4370, TCP and UDP",
        description="A ZKTeco terminal on port 4370, TCP and UDP, at which staff punch at random.",
    )
    zkteco.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    zkteco.add_argument(
        "--port", type=_port, default=4370, help="port, 0 for any that is free (%(default)s)"
    )
    zkteco.add_argument(
        "--people", type=_whole, default=55, metavar="N", help="staff it knows (%(default)s)"
    )
    zkteco.add_argument(
        "--rate", type=_rate, default=30.0, metavar="R", help="punches per minute (%(default)s)"
    )
    zkteco.add_argument(
        "--limit", type=_whole, metavar="N", help="stop punching after N, keep answering"
    )
    zkteco.add_argument(
        "--seed", type=int, default=1, metavar="N", help="who punches when (%(default)s)"
    )
    zkteco.add_argument("--serial", default="SIM0001", help="serial number (%(default)s)")
    zkteco.add_argument(
        "--comm-key", type=_whole, metavar="KEY", help="ask clients for this communication key"
    )
    zkteco.add_argument(
        "--profile", choices=PROFILES, default="f19", help="kind of terminal (%(default)s)"
    )
    zkteco.add_argument(
        "--timezone", type=_zone, metavar="ZONE", help="its clock's zone (this machine's)"
    )
    zkteco.add_argument("--state", type=Path, metavar="FILE", help="keep serial and log in FILE")
    _configure_push(kinds)
    sim_camera.configure(kinds)
    sim_serial.configure(kinds)


def _configure_push(kinds: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    push = kinds.add_parser(
        "zkpush",
        help="a ZKTeco terminal that calls the kiosk (PUSH, ADMS)",
        description="A ZKTeco terminal that calls a kiosk over HTTP, at which staff punch at "
        "random. What the kiosk refuses it keeps and sends again.",
    )
    push.add_argument(
        "--server", type=_server, default=("127.0.0.1", 8081), metavar="HOST:PORT",
        help="where the kiosk's [push] listens (127.0.0.1:8081)",
    )  # fmt: skip
    push.add_argument("--people", type=_whole, default=55, metavar="N", help="staff (%(default)s)")
    push.add_argument(
        "--rate", type=_rate, default=30.0, metavar="R", help="punches per minute (%(default)s)"
    )
    push.add_argument(
        "--limit", type=_whole, metavar="N", help="stop punching after N, keep calling"
    )
    push.add_argument(
        "--seed", type=int, default=1, metavar="N", help="who punches when (%(default)s)"
    )
    push.add_argument("--serial", default="PUSH0001", help="serial number (%(default)s)")
    push.add_argument("--comm-key", default="", metavar="KEY", help="show this key at the start")
    push.add_argument(
        "--profile", choices=PUSH_PROFILES, default="2.4", help="kind of terminal (%(default)s)"
    )
    push.add_argument(
        "--timezone", type=_zone, metavar="ZONE", help="its clock's zone (this machine's)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Serve, or call, until SIGTERM or Ctrl-C."""
    match arguments.kind:
        case "camera":
            with _signals_held():
                return sim_camera.serve(arguments, lambda: signal.sigwait(STOPPING), _say)
        case "fingerprint" | "reader":
            return _be_serial(arguments)
        case "zkpush":
            return _call(arguments)
        case _:
            return _serve(arguments)


def _be_serial(arguments: argparse.Namespace) -> int:
    """Be a serial device that does what is typed."""
    serve = (
        sim_serial.serve_fingerprint if arguments.kind == "fingerprint" else sim_serial.serve_reader
    )
    with _signals_held():
        told: list[bool] = []  # a signal is seen once

        def is_told() -> bool:
            if _told_to_stop(0):
                told.append(True)
            return bool(told)

        return serve(
            arguments,
            sim_serial.typed(is_told),
            _say,
            lambda: told or signal.sigwait(STOPPING),
        )


def _call(arguments: argparse.Namespace) -> int:
    """Be a terminal that calls."""
    staff = simulated_staff(arguments.people)
    host, port = arguments.server
    terminal = PushTerminal(
        host,
        port,
        serial=arguments.serial,
        profile=PUSH_PROFILES[arguments.profile],
        staff=staff,
        clock=lambda: datetime.now(arguments.timezone).replace(tzinfo=None),
        comm_key=arguments.comm_key,
    )
    with _signals_held():
        _say(f"{terminal.serial} ({terminal.profile.model}) calls {host}:{port}")
        terminal.start()
        try:
            if _punch_until_limit(terminal, staff, arguments):
                signal.sigwait(STOPPING)
        finally:
            terminal.stop()
    _say(f"{terminal.sent} of {len(terminal.log)} punches were answered 200")
    return Exit.OK


def _serve(arguments: argparse.Namespace) -> int:
    """Be a terminal that is called."""
    staff = simulated_staff(arguments.people)
    terminal = SimulatedTerminal(
        staff,
        serial=arguments.serial,
        profile=PROFILES[arguments.profile],
        comm_key=arguments.comm_key,
        clock=lambda: datetime.now(arguments.timezone).replace(tzinfo=None),
        state=arguments.state,
        host=arguments.host,
        port=arguments.port,
    )
    with _signals_held(), _switched_on(terminal):
        _say(_where(terminal, arguments))
        if _punch_until_limit(terminal, staff, arguments):
            signal.sigwait(STOPPING)
    return Exit.OK


def _punch_until_limit(
    terminal: SimulatedTerminal | PushTerminal, staff: list[Person], arguments: argparse.Namespace
) -> bool:
    """Let people punch at random; return True at the limit, False when told to stop."""
    # Not for secrets: the same seed must give the same day.
    random = Random(arguments.seed)  # noqa: S311
    limit = arguments.limit if staff and arguments.rate else 0
    made = 0
    while limit is None or made < limit:
        if _told_to_stop(random.expovariate(arguments.rate / 60)):
            return False
        person = random.choice(staff)
        try:
            record = terminal.punch(person.user_id, random.choice(METHODS), UNDEFINED)
        except OSError as error:
            raise Refused(
                f"{arguments.state}: {error.strerror}; free some space there", Exit.STORAGE
            ) from error
        _say(_punch_line(record, person))
        made += 1
    return True


@contextmanager
def _switched_on(terminal: SimulatedTerminal) -> Iterator[None]:
    try:
        terminal.start()
    except DamagedState as error:
        raise Refused(str(error), Exit.STORAGE) from None
    except OSError as error:
        if error.filename is not None:
            raise Refused(f"{error.filename}: {error.strerror}", Exit.STORAGE) from None
        raise Refused(
            f"cannot listen on {terminal.host}:{terminal.port}: {error.strerror}; "
            "choose another with --host and --port",
            Exit.UNAVAILABLE,
        ) from None
    try:
        yield
    finally:
        terminal.stop()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold SIGTERM and Ctrl-C back, here and in threads begun inside, for `_told_to_stop`.

    A handler that sets an Event would do, but for one thing: it may interrupt the very wait on
    that Event while it holds its lock, and never return.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        while signal.sigtimedwait(STOPPING, 0):  # `timeout` and impatient people say it twice
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _told_to_stop(within_s: float) -> bool:
    """Wait up to `within_s` seconds for SIGTERM or Ctrl-C; say whether one came."""
    return signal.sigtimedwait(STOPPING, within_s) is not None


def _where(terminal: SimulatedTerminal, arguments: argparse.Namespace) -> str:
    profile = PROFILES[arguments.profile]
    carried = " and ".join(
        name for name, there in (("TCP", profile.tcp), ("UDP", profile.udp)) if there
    )
    transport = "" if profile.tcp else ', transport = "udp"'
    key = "" if arguments.comm_key is None else f", comm_key = {arguments.comm_key}"
    return (
        f"{terminal.serial} ({profile.device_name}) listens on {terminal.host}:{terminal.port}, "
        f"{carried}, {arguments.people} people; in kiosk.toml: "
        f'sources = [{{ kind = "zkteco", name = "sim", host = "{terminal.host}", '
        f"port = {terminal.port}{transport}{key} }}]"
    )


def _punch_line(record: Record | PushRecord, person: Person) -> str:
    return f"{record.time.isoformat()}  {record.user_id}  {person.name}  method {record.method}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # whoever pipes us wants each punch when it happens


def _number(least: int, most: int, what: str) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not {what}")
        return int(text)

    return parse


_port = _number(0, 65535, "a port (0 to 65535)")
_whole = _number(0, 0xFFFFFFFF, "a whole number from 0 to 4294967295")


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 60_000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 60000")
    return rate


def _server(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, as 127.0.0.1:8081 is")
    return host, _port(port)


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time zone, as Asia/Jakarta is") from error
