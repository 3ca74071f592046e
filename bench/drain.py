"""How fast a backlog drains: from a kiosk's journal into central's PostgreSQL, receipts and all.

    python bench/drain.py [--quick] [--directory DIR] [--install-peers]

The real daemon, a real mosquitto, a real presensi-central and a real PostgreSQL as processes of
their own, all with their defaults. Prints one JSON line:

    events_per_s              of 100,000 entries (5,000 with --quick), from the first receipt to the
                              last: each says that central has committed
    raw_events_per_s          the same bodies by bench/stand/raw.py: no signature, no chain, nothing
                              derived, one table; through the same broker and server
    thingsboard_events_per_s  as many events out of thingsboard-gateway's storage to the broker,
                              nobody's COMMIT; null where it is not installed
    ratio_raw, ratio_thingsboard
    wire_bytes_per_event      what the daemon's socket carries, both ways, in a drain of its own
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from footprint import free_ports
from stand import peers, thingsboard
from stand.counted import Wire
from stand.office import MOSQUITTO, MOSQUITTO_CONF, Office
from stand.postgres import Server

ENTRIES = 100_000
WIRE_ENTRIES = 20_000
WITHIN_S = 120.0
RAW = Path(__file__).parent / "stand" / "raw.py"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to use")
    parser.add_argument("--install-peers", action="store_true", help="by pip, into .peers/")
    parser.add_argument("--rounds", type=int, default=0, help="of ours and the raw one, in turn")
    given = parser.parse_args()
    if given.install_peers:
        peers.install(peers.Peer.THINGSBOARD)
    count = 5_000 if given.quick else ENTRIES
    rounds = given.rounds or (1 if given.quick else 3)
    ours, raws = [], []
    with ExitStack() as ends:
        server = Server()
        ends.callback(server.remove)
        server.start()
        home = Path(
            ends.enter_context(
                tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-drain-")
            )
        )
        for n in range(rounds):
            with Office(home / f"office{n}", free_ports(), server.make(f"ours{n}")) as office:
                office.remember(count)
                raws.append(raw(office, server.make(f"raw{n}"), count))
                ours.append(drained(office, count))
        few = min(count, WIRE_ENTRIES)
        with Office(home / "wire", free_ports(), server.make("wire")) as office:
            office.remember(few)
            with Wire(office.bench.broker_port) as wire:
                office.through_port(wire.port)
                drained(office, few)
                carried = wire.count
        peer = thingsboards(ends, home, count)
    ratio = statistics.median(one / floor for one, floor in zip(ours, raws, strict=True))
    figures = {
        "events_per_s": round(statistics.median(ours)),
        "raw_events_per_s": round(statistics.median(raws)),
        "ratio_raw": round(ratio, 2),
        "thingsboard_events_per_s": None if peer is None else round(peer),
        "ratio_thingsboard": None if peer is None else round(statistics.median(ours) / peer, 2),
        "wire_bytes_per_event": round(carried / few, 1),
    }
    print(json.dumps(figures))


def drained(office: Office, count: int) -> float:
    """Return the entries a second that the daemon delivers after its start."""
    daemon = office.daemon()
    try:
        return office.drained(count)
    finally:
        daemon.end()


def raw(office: Office, url: str, count: int) -> float:
    """Return the entries a second of the raw prototype, from the same journal."""
    port = str(office.bench.broker_port)
    central = subprocess.Popen(
        [sys.executable, RAW, "central", port, url], stdout=subprocess.PIPE, text=True
    )
    try:
        assert central.stdout is not None
        central.stdout.readline()  # it listens
        edge = [sys.executable, RAW, "edge", port, office.journal, str(count)]
        said = subprocess.run(edge, capture_output=True, text=True, check=True, timeout=WITHIN_S)
        seconds, entries = json.loads(said.stdout)
        return float(entries / seconds)
    finally:
        central.kill()
        central.communicate()


def thingsboards(ends: ExitStack, home: Path, count: int) -> float | None:
    """Return the events a second of thingsboard-gateway; null where it or mosquitto is missing."""
    if MOSQUITTO is None:
        return None
    port, *_ = free_ports()
    conf = home / "thingsboard.conf"
    conf.write_text(MOSQUITTO_CONF.format(port=port))

    def broker() -> None:
        process = subprocess.Popen([MOSQUITTO, "-c", str(conf)], stderr=subprocess.DEVNULL)
        ends.callback(process.wait)
        ends.callback(process.kill)
        thingsboard.await_port(port)

    return thingsboard.drain(home, port, broker, count)


if __name__ == "__main__":
    main()
