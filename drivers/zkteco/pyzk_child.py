"""pyzk's end of the pyzk backend: a program of its own, which may be killed at any moment.

    python pyzk_child.py

It imports pyzk and nothing of ours, and runs under whichever Python has it. Line 1 of its input
says which terminal; each further line asks for something and is answered with lines, JSON all of
them. While nothing is asked it says live events as pyzk gives them.

pyzk is GPL-2.0 and no part of this distribution.
"""

import ctypes
import json
import select
import signal
import sys
from typing import Any

LOOK_S = 1
"""How often pyzk's live capture looks up, seconds."""


def main() -> None:
    """Connect, then answer until the input ends."""
    # pyzk can spin for ever in a cut transfer: when the daemon is killed, so is this.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    where = json.loads(sys.stdin.readline())
    try:
        from zk import ZK
    except ImportError:
        say(failed="absent", text=f"{sys.executable} has no pyzk")
        return
    try:
        terminal = ZK(
            where["host"],
            port=where["port"],
            timeout=where["timeout_s"],
            password=where["comm_key"],
            force_udp=where["udp"],
            ommit_ping=True,
        ).connect()
        say(
            serial=terminal.get_serialnumber(),
            model=terminal.get_device_name(),
            firmware=terminal.get_firmware_version(),
            platform=terminal.get_platform(),
        )
        serve(terminal)
        terminal.disconnect()
    except Exception as error:  # noqa: BLE001 - whatever pyzk dies of is told, and its end is ours
        say(failed=type(error).__name__, text=str(error))


def serve(terminal: Any) -> None:
    """Answer, and say live events between."""
    while True:
        if not asked() and not hear(terminal):
            continue
        line = sys.stdin.readline()
        if not line:
            return
        if json.loads(line) == "log":
            say_log(terminal)
        else:
            say(sizes=sizes(terminal))


def hear(terminal: Any) -> bool:
    """Say live events until something is asked."""
    for event in terminal.live_capture(new_timeout=LOOK_S):
        if event is not None:
            say(event=row(event))
        if asked():
            terminal.end_live_capture = True
    return asked()


def say_log(terminal: Any) -> None:
    """Say the whole log, with the clock and the counts around it."""
    clock, before = terminal.get_time().isoformat(), sizes(terminal)
    rows = [row(one) for one in terminal.get_attendance()]
    say(clock=clock, before=before, after=sizes(terminal), rows=rows)


def sizes(terminal: Any) -> list[int]:
    """Return users, records and capacity."""
    terminal.read_sizes()
    return [terminal.users, terminal.records, terminal.rec_cap]


def row(one: Any) -> list[Any]:
    """Return one punch."""
    return [str(one.user_id), one.timestamp.isoformat(), one.status, one.punch]


def asked() -> bool:
    """Return whether a line waits, or the input has ended."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def say(**words: Any) -> None:
    """Say one line."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
