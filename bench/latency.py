"""How long a single punch takes from the journal's commit to central's receipt, with the line up.

    python bench/latency.py [--quick] [--directory DIR]

The real daemon, mosquitto with `set_tcp_nodelay true`, presensi-central on PostgreSQL and a
simulated terminal as processes of their own, over loopback; each punch is made when the last one
has its receipt. Measured at the daemon's local socket, which tells of both. Prints one JSON line:

    p50_ms, p95_ms     punch committed to receipt processed
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from footprint import free_ports, now
from stand.office import Office
from stand.postgres import Server

from kiosk.local import Alive, Happening, NoDaemon, Receipted, Recorded, ask

WITHIN_S = 20.0
BEFORE = 20  # punches until everything is warm
RATE = 1000  # the terminal does not wait


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to use")
    given = parser.parse_args()
    punches = 50 if given.quick else 400
    server = Server()
    try:
        server.start()
        with (
            tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-latency-") as name,
            Office(Path(name), free_ports(), server.make("central")) as office,
        ):
            daemon = office.daemon()
            try:
                waited_ms = sorted(measured(office, BEFORE + punches)[BEFORE:])
            finally:
                daemon.end()
    finally:
        server.remove()
    p95 = statistics.quantiles(waited_ms, n=20)[-1]
    print(json.dumps({"p50_ms": round(statistics.median(waited_ms), 2), "p95_ms": round(p95, 2)}))


def measured(office: Office, count: int) -> list[float]:
    """Return the milliseconds from each punch's commit to its receipt."""
    await_line(office)
    happenings = watched(office)
    next(happenings)  # from here on, all is told
    waited_ms = []
    for _ in range(count):
        office.punch(1, RATE)
        waited_ms.append(waited(happenings))
        office.punched()
    return waited_ms


def waited(happenings: Iterator[tuple[float, Happening | Alive]]) -> float:
    """Return the milliseconds from the next punch's commit to its receipt.

    They are told by two threads: word of the receipt may be first.
    """
    committed, seq, receipts = 0.0, 0, []
    until = time.perf_counter() + WITHIN_S
    for at, one in happenings:
        match one:
            case Recorded():
                committed, seq = at, one.seq
            case Receipted():
                receipts.append((one.through, at))
        came = [at for through, at in receipts if seq and through >= seq]
        if came:
            return max(0.0, 1000 * (came[0] - committed))
        if at > until:
            raise TimeoutError(f"entry {seq}: no receipt within {WITHIN_S:g} s")
    raise NoDaemon("it hung up")


def watched(office: Office) -> Iterator[tuple[float, Happening | Alive]]:
    """Yield what the daemon tells, and when."""
    for line in ask(office.bench.socket, "watch"):
        at = time.perf_counter()
        yield at, msgspec.json.decode(line, type=Happening | Alive)


def await_line(office: Office) -> None:
    """Wait until the line is up and the terminal connected."""
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        with suppress(NoDaemon):  # it is ready before its socket is
            status = now(office)
            sources = all(one.connected and one.covered for one in status.sources)
            if status.line.state == "up" and status.line.waiting == 0 and sources:
                return
        time.sleep(0.1)
    raise TimeoutError(f"the line is not up within {WITHIN_S:g} s")


if __name__ == "__main__":
    main()
