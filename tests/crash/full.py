"""Fill the disk at every step of a journal's life, and go on once there is room again.

    python tests/crash/full.py [--step BYTES] [--seed S]

The same life is led again and again on a disk that has room for `step` bytes more each time: it
runs full while the first epoch is made, in an append, a checkpoint, the flush of the index, a
receipt, retention, destruction, a restart. What is refused is refused with StorageFull and nothing
else; then there is room, the same process goes on, and at last the power is cut or the journal
closed, in turn. Nothing acknowledged is lost and nothing doubled, as verdict.py holds it to.
"""

import argparse
import gc
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import msgspec
from disk import Names
from mounted import Disk
from msgspec import Struct, field
from promises import Mark, Promises
from stage import Stage, note, small
from verdict import judge

from sync.journal.commit import Position
from sync.journal.durable import sync_directory
from sync.journal.errors import JournalError

STARTS_MOST = 400
"""So many steps are far more than the life has bytes; beyond it something never ends."""


ROOMY_BYTES = 4_000_000
"""Room enough for everything, and small enough for the ballast to be laid in no time."""


class Result(Struct):
    """What was found. `steps` disks ran full in `refused` different requests."""

    steps: int = 0
    refused: int = 0
    acked: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    seconds: float = 0.0
    by_request: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Marks:
    """A medium that only remembers what is said."""

    def __init__(self) -> None:
        self.said: list[Mark] = []
        self.mark = self.said.append

    def place(self, file: Path, content: bytes) -> None:
        file.write_bytes(content)

    def begin(self) -> None:
        """Nothing is recorded here."""


def life(stage: Stage) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what a kiosk asks of its journal, one request at a time."""
    yield "start", stage.open
    for day in range(3):
        yield "ballast", lambda: stage.epochs.ballast.lay() and None
        for n in range(5):
            yield "append", lambda: stage.append(*stage.punches(2))
            at = f"{day:02}{n:02}".encode()
            yield "position", lambda at=at: stage.append(position=Position("lobi", at))
        yield "note", lambda day=day: stage.append(note(f"day {day}"))
        yield "receipt", lambda day=day: stage.receipted(stage.live.span().last, 4 * day)
        yield "retain", lambda: stage.retain(3)
        yield "destroy", lambda: stage.destroy(stage.live.span().last)
        yield "read again", lambda: stage.append(*stage.made())
        yield "start", stage.close
        yield "start", stage.open


def lead(stage: Stage, where: str, result: Result) -> int:
    """Lead a life; return how many requests were refused. What was not started is not asked."""
    stage.close()
    refused = 0
    for name, request in life(stage):
        if not stage.epochs.journals and name != "start":
            continue
        try:
            request()
        except JournalError as error:
            refused += 1
            result.by_request[f"{name}: {type(error).__name__}"] += 1
            if type(error).__name__ != "StorageFull":
                result.wrong += 1
                result.failures.append(f"{where}: {name}: {error}")
        except (IndexError, ValueError):
            pass  # there is nothing yet to retain or to destroy
    return refused


def step(disk: Disk, number: int, room: int, words: argparse.Namespace, result: Result) -> bool:
    """Lead one life on a disk with so much room; return whether it ever ran full."""
    where = f"--step {words.step}, {room} bytes of room"
    directory = disk.place / f"{number}" / "journal"
    directory.parent.mkdir()
    sync_directory(disk.place)
    marks = Marks()
    stage = Stage(directory, Random(number), marks)
    disk.do("limit", bytes=disk.do("size")["bytes"] + room)
    refused = lead(stage, where, result)
    disk.do("limit", bytes=disk.do("size")["bytes"] + ROOMY_BYTES)
    if lead(stage, f"{where}, later", result):
        result.wrong += 1
        result.failures.append(f"{where}: there is room again, and it still refuses")
    if number % 2:
        disk.do("cut", kept=0, seed=number)
        stage.close()
        gc.collect()  # a refused start may leave a connection to the collector
        disk.do("power")
    else:
        stage.close()
    promised = Promises(marks.said)
    verdict = judge(directory, promised, promised)
    result.steps += 1
    result.refused += refused
    result.acked += len(promised.entries)
    result.lost += len(verdict.lost)
    result.doubled += len(verdict.doubled)
    result.wrong += len(verdict.wrong)
    said = [*verdict.lost[:2], *verdict.doubled[:2], *verdict.wrong[:2]]
    result.failures += [f"{where}: {one}" for one in said]
    return refused > 0


def main() -> int:
    """Run the lab."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--step", type=int, default=2048)
    words = parser.parse_args()
    result = Result()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, small():
        disk = Disk(Path(home) / "disk", Names.STRICT.value)
        try:
            for number in range(STARTS_MOST):
                if not step(disk, number, number * words.step, words, result):
                    break
            else:
                result.wrong += 1
                result.failures.append(f"{STARTS_MOST} steps, and the disk still runs full")
        finally:
            disk.close()
    for failure in result.failures[:20]:
        print(failure, file=sys.stderr)
    result.seconds = round(time.monotonic() - began, 1)
    code = 1 if result.failures else 0
    result.failures.clear()
    print(msgspec.json.encode(result).decode())
    return code


if __name__ == "__main__":
    sys.exit(main())
