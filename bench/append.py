"""One durable append, chain hash included, against a bare 4 KiB append and fdatasync.

    python bench/append.py [--quick] [--directory DIR] [--install-peers]

Prints one JSON line of medians over rounds, in each of which all take turns on one disk:

    single_ratio           one appender: bare seconds over ours
    group10_ratio_delayed  ten appenders where a sync takes 2.5 ms; null without cc
    group10_ratio_raw      ten appenders on the disk as it is
    bytes_per_punch        written for a live punch through its receipt, as /proc/self/io counts, in
                           a journal of 100,000 and at one punch in two seconds; with its share of
                           checkpoints, of the origin index and of the saved cursor
    persist_queue_ratio    one put of persist-queue's SQLiteQueue; null where it is not installed

The WAL is that of a daemon which has run for a while: made, and written over from its beginning.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from itertools import count
from pathlib import Path
from unittest import mock

from stand import peers, slow_sync
from stand.floor import bare
from stand.punches import draft, fill

from sync.journal import journal as journals
from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life

APPENDERS = 10
SYNC_US = 2500  # what the field notes measured of a busy disk
WARM_UP = 600  # live punches that take the WAL through its first checkpoint
ENTRIES = 100_000
LIVE = 32_768  # live punches of which the bytes are counted: one writing of the origin index
PUNCH_MS = 2000
SAVED_EVERY = 30  # punches in the minute after which the cursor may be saved

PERSIST_QUEUE = """
import json, statistics, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from stand.floor import bare
from persistqueue import SQLiteQueue

directory, rounds, number = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
queue = SQLiteQueue(str(directory / "queue"), auto_commit=True)
body, ratios = json.loads(sys.argv[5]), []
for _ in range(rounds):
    floor, began = bare(directory / "bare", number), time.perf_counter()
    for _ in range(number):
        queue.put(body)
    ratios.append(floor * number / (time.perf_counter() - began))
print(statistics.median(ratios))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to measure")
    parser.add_argument("--install-peers", action="store_true", help="by pip, into .peers/")
    parser.add_argument("--group-only", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    rounds, number = (5, 200) if given.quick else (25, 400)
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-append-") as name:
        directory = Path(name)
        if given.group_only:
            print(json.dumps(in_turns(directory, rounds=5, number=100)))
            return
        if given.install_peers:
            peers.install(peers.Peer.PERSIST_QUEUE)
        figures = in_turns(directory, rounds, number)
        figures["group10_ratio_delayed"] = delayed(directory)
        figures["bytes_per_punch"] = bytes_per_punch(directory)
        figures["persist_queue_ratio"] = persist_queue(directory, rounds, number)
    print(json.dumps(figures))


def in_turns(directory: Path, rounds: int, number: int) -> dict[str, float | None]:
    """Return the median ratios of one appender and of ten."""
    singles, groups = [], []
    journal = opened(directory / "turns.db")
    drafts = map(draft, count())
    single(journal, [next(drafts) for _ in range(WARM_UP)])
    for _ in range(rounds):
        alone, together = ([next(drafts) for _ in range(number)] for _ in range(2))
        floor = bare(directory / "bare", number)
        singles.append(floor / single(journal, alone))
        groups.append(floor / group(journal, together))
    journal.close()
    return {
        "single_ratio": round(statistics.median(singles), 2),
        "group10_ratio_raw": round(statistics.median(groups), 2),
    }


def opened(path: Path) -> Journal:
    """Return a new journal."""
    Journal.make(path, Life("k1", "00112233aabbccdd", 1, b"key"))
    journal = Journal(path)
    journal.open()
    return journal


def single(journal: Journal, drafts: list[Draft]) -> float:
    """Return the seconds of one append by one appender."""
    began = time.perf_counter()
    for one in drafts:
        journal.append([one])
    return (time.perf_counter() - began) / len(drafts)


def group(journal: Journal, drafts: list[Draft]) -> float:
    """Return the seconds per append of ten appenders together."""
    shares = [drafts[n::APPENDERS] for n in range(APPENDERS)]
    threads = [threading.Thread(target=single, args=(journal, share)) for share in shares]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - began) / len(drafts)


def delayed(directory: Path) -> float | None:
    """Return the ratio of ten appenders where every sync, the bare one's too, takes 2.5 ms."""
    try:
        slow = slow_sync.environment(directory, SYNC_US)
    except slow_sync.CannotSlow as error:
        sys.stderr.write(f"group10_ratio_delayed: {error}\n")
        return None
    done = subprocess.run(
        [sys.executable, __file__, "--group-only", "--directory", directory],
        env=os.environ | slow,
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(json.loads(done.stdout)["group10_ratio_raw"])


def bytes_per_punch(directory: Path) -> int:
    """Return the bytes written for one live punch, until its receipt is noted."""
    journal = opened(directory / "bytes.db")
    fill(journal, range(ENTRIES))
    now_ms = time.time_ns() // 1_000_000
    journal.receipted(ENTRIES, now_ms)
    before = written()
    for n in range(LIVE):
        [seq] = journal.append([draft(ENTRIES + n)])
        # The minute after which the cursor is saved passes in punches, not in seconds.
        over = 0.0 if n % SAVED_EVERY == 0 else float("inf")
        with mock.patch.object(journals, "CURSOR_EVERY_S", over):
            journal.receipted(seq or 0, now_ms + n * PUNCH_MS)
    size = written() - before
    journal.close()
    return round(size / LIVE)


def written() -> int:
    """Return the bytes that this process has caused to be written to a disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def persist_queue(directory: Path, rounds: int, number: int) -> float | None:
    """Return the ratio of one put, the journal's body as its item."""
    if not peers.Peer.PERSIST_QUEUE.installed:
        return None
    python, body = peers.Peer.PERSIST_QUEUE.python, json.dumps(draft(0).body.decode())
    bench = Path(__file__).parent
    done = subprocess.run(
        [python, "-c", PERSIST_QUEUE, bench, directory, str(rounds), str(number), body],
        stdout=subprocess.PIPE,
        check=True,
    )
    return round(float(done.stdout), 2)


if __name__ == "__main__":
    main()
