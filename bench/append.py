"""One durable append, chain hash included, against a bare 4 KiB append and fdatasync.

    python bench/append.py [--quick] [--directory DIR]

Rounds of each in turn on the same disk; prints one JSON line with the medians of the ratios:
"single_ratio" one appender, "group10_ratio_raw" ten, "bytes_per_punch" as /proc/self/io counts.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path

from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life
from sync.protocol import entry

APPENDERS = 10


def draft(n: int) -> Draft:
    """Return an entry such as a live punch at a 40-byte terminal makes."""
    one = entry.Presence(
        at=entry.Stamp(wall=time.time_ns() // 1_000_000, up=n, boot="0" * 32, synced=True, error=5),
        source="lobi",
        terminal="CEXA180860012",
        credential="terminal_user",
        user=str(1000 + n % 55),
        time=f"2026-11-24T{n // 3600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}",
        ordinal=1 + n // 86_400,
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
        method="fingerprint",
        drift=-1200,
        person=f"19800101{n % 55:010}",
        roster=1,
        raw=os.urandom(4).hex() * 10,
    )
    return Draft(entry.encode(one), one.origin)


def bare(path: Path, count: int) -> float:
    """Return the seconds of one bare append and fdatasync."""
    with path.open("wb", buffering=0) as file:
        began = time.perf_counter()
        for _ in range(count):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
        return (time.perf_counter() - began) / count


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


def written() -> int:
    """Return the bytes this process has caused to be written to the disk."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--directory", type=Path, default=Path.cwd())
    arguments = parser.parse_args()
    rounds, count = (3, 100) if arguments.quick else (9, 500)
    singles, groups, sizes = [], [], []
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        path = Path(directory)
        Journal.make(path / "j.db", Life("k1", "00112233aabbccdd", 1, b"key"))
        journal = Journal(path / "j.db")
        journal.open()
        for number in range(rounds):
            start = number * 2 * count
            drafts = [draft(n) for n in range(start, start + 2 * count)]
            floor = bare(path / "bare", count)
            before = written()
            singles.append(floor / single(journal, drafts[:count]))
            sizes.append((written() - before) / count)
            groups.append(floor / group(journal, drafts[count:]))
        journal.close()
    print(
        json.dumps(
            {
                "single_ratio": round(statistics.median(singles), 2),
                "group10_ratio_raw": round(statistics.median(groups), 2),
                "bytes_per_punch": round(statistics.median(sizes)),
                "rounds": rounds,
            }
        )
    )


if __name__ == "__main__":
    main()
