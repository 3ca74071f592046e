"""What the daemon takes of the machine, with 100,000 entries in its journal.

    python bench/footprint.py [--quick] [--directory DIR] [--install-peers]

The real daemon without a camera, with a real broker, central and a simulated terminal as processes
of their own; only the daemon is measured. Prints one JSON line, medians where it says several:

    ready_s                    from exec to READY=1 after a clean end; several starts
    ready_killed_s             the same after kill -9 in a stream, thousands of origins not indexed
    rss_mib, cpu_pct           idle: line up, terminal connected, nobody punches; % of one core
    wakes_per_s                how often its threads wake meanwhile
    cpu_ms_per_event_stream    user and system time of the daemon for one punch, from the terminal
                               to the receipt, at 1,000 a second; several streams
    cpu_ms_per_event_single    the same one at a time, five a second, idle time taken off
    cpu_ms_per_event_in_turn   the same one at a time, each as soon as the last one has its receipt
    rss_loaded_mib             after all of that
    thingsboard_*              thingsboard-gateway, from exec to its first word to the broker, and
                               idle; null where it or mosquitto is not installed
"""

import argparse
import json
import signal
import socket
import statistics
import tempfile
import time
from pathlib import Path

import msgspec
from stand import peers, thingsboard
from stand.office import Office
from stand.watched import Watched

from kiosk.health import Status
from kiosk.local import NoDaemon, ask

ENTRIES = 100_000
SETTLE_S = 5.0
STREAM_RATE = 1000
SINGLE_RATE = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to use")
    parser.add_argument("--install-peers", action="store_true", help="by pip, into .peers/")
    given = parser.parse_args()
    if given.install_peers:
        peers.install(peers.Peer.THINGSBOARD)
    starts, idle_s, singles, streams = (3, 10, 50, 1) if given.quick else (7, 60, 200, 3)
    with (
        tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-footprint-") as name,
        Office(Path(name), free_ports()) as office,
    ):
        office.remember(ENTRIES)
        drained = office.daemon()
        office.receipted(ENTRIES)
        drained.end()
        figures: dict[str, float | None] = {
            "ready_s": starting(office, starts, signal.SIGTERM),
        }
        daemon = office.daemon()
        try:
            figures |= idle(office, daemon, idle_s)
            per_s = (figures["cpu_pct"] or 0) / 100
            figures |= {
                "cpu_ms_per_event_stream": statistics.median(
                    per_event(office, daemon, 5 * STREAM_RATE, STREAM_RATE, 0.0)
                    for _ in range(streams)
                ),
                "cpu_ms_per_event_single": per_event(office, daemon, singles, SINGLE_RATE, per_s),
                "cpu_ms_per_event_in_turn": in_turn(office, daemon, singles),
                "rss_loaded_mib": daemon.rss_mib(),
            }
            daemon.end(signal.SIGKILL)
            figures["ready_killed_s"] = starting(office, starts, signal.SIGKILL)
        finally:
            daemon.end()
        figures |= thingsboard.figures(
            office.bench.data, office.bench.broker_port, idle_s, SETTLE_S
        )
    print(json.dumps({k: v if v is None else round(v, 3) for k, v in figures.items()}))


def starting(office: Office, times: int, end: signal.Signals) -> float:
    """Return the median seconds from exec to READY=1, each run before it ended by `end`."""
    seconds = []
    for _ in range(times + 1):
        one = office.daemon()
        seconds.append(one.ready_s)
        one.end(end)
    return statistics.median(seconds[1:])


def idle(office: Office, daemon: Watched, seconds: float) -> dict[str, float]:
    """Return what the daemon takes while nobody punches."""
    while not settled(office):
        time.sleep(0.5)
    time.sleep(SETTLE_S)
    began, cpu_s, woken = time.monotonic(), daemon.cpu_s(), daemon.switches()
    time.sleep(seconds)
    spent_s, passed_s = daemon.cpu_s() - cpu_s, time.monotonic() - began
    return {
        "rss_mib": daemon.rss_mib(),
        "cpu_pct": 100 * spent_s / passed_s,
        "wakes_per_s": (daemon.switches() - woken) / passed_s,
    }


def settled(office: Office) -> bool:
    """Whether the line is up, the terminal read, everything receipted."""
    try:
        status = now(office)
    except NoDaemon:  # it is ready before its socket is
        return False
    return (
        status.line.state == "up"
        and status.line.waiting == 0
        and status.disk.proved >= ENTRIES  # what it does once, after its start
        and all(one.connected and one.covered for one in status.sources)
    )


def per_event(office: Office, daemon: Watched, count: int, rate: float, idle_per_s: float) -> float:
    """Return the daemon's milliseconds for one punch, from the terminal to its receipt."""
    last = now(office).journal.last + count
    began, cpu_s = time.monotonic(), daemon.cpu_s()
    office.punch(count, rate)
    office.receipted(last)
    spent_s = daemon.cpu_s() - cpu_s - idle_per_s * (time.monotonic() - began)
    office.punched()
    return 1000 * spent_s / count


def in_turn(office: Office, daemon: Watched, count: int) -> float:
    """Return the daemon's milliseconds for one punch, each made when the last one is receipted."""
    last, cpu_s = now(office).journal.last, daemon.cpu_s()
    for n in range(1, count + 1):
        office.punch(1, STREAM_RATE)
        office.receipted(last + n)
        office.punched()
    return 1000 * (daemon.cpu_s() - cpu_s) / count


def now(office: Office) -> Status:
    """Return how the daemon is."""
    return msgspec.json.decode(next(ask(office.bench.socket, "status")), type=Status)


def free_ports() -> tuple[int, int, int]:
    """Return ports on which nothing listens."""
    probes = [socket.socket() for _ in range(3)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    broker, web, terminal = (probe.getsockname()[1] for probe in probes)
    for probe in probes:
        probe.close()
    return broker, web, terminal


if __name__ == "__main__":
    main()
