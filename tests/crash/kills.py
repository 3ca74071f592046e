"""Kill the whole daemon at random moments, and hold its journal to what it acknowledged.

    python tests/crash/kills.py [--kills N] [--seed S] [--names strict]

People punch at a simulated terminal, `kiosk run` records on a disk that can lose its power. At a
seeded random moment of its life, from its first instruction on, the daemon is killed (-9), stopped,
or loses its power with none or half of its unsynced writes kept, or its disk is full for a while
before one of these. Then the files are read, before it starts again: every `Recorded` that it said
on its socket and every punch that it confirmed to the terminal must be there, once, in a chain that
verifies. A kiosk begins anew every `LIVES` kills, after it was left in peace to read the terminal's
whole log, each punch of which must then be there once.

Prints one JSON line and ends with 1 if anything was lost, doubled or otherwise wrong.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
from machine import Machine
from msgspec import Struct, field

from sync.journal.errors import JournalError
from sync.journal.names import files
from sync.journal.reader import Reader
from sync.protocol import entry

LIVES = 25
"""So many deaths of one kiosk; then a new one, lest the terminal's log only grow."""

LIVES_AT_MOST_S = 0.9
"""How long the daemon lives, at random: from before its first import to well past its start."""

READS_WITHIN_S = 30.0


class Result(Struct):
    """What a run found. `acked` counts distinct acknowledged entries."""

    kills: int = 0
    acked: int = 0
    confirmed: int = 0
    punches: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    seconds: float = 0.0
    by_kind: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Kills:
    """One kiosk, mistreated; see the head of this file."""

    def __init__(self, machine: Machine, name: str, result: Result) -> None:
        self.machine = machine
        self.name = name
        self.result = result
        self._failed: set[str] = set()
        self._kinds: dict[str, Callable[[], None]] = {
            "kill -9": machine.kill,
            "stop": self._stop,
            "power cut": lambda: machine.cut_power(0),
            "power cut, half kept": lambda: machine.cut_power(50),
            "full": self._full,
            "full at the start": self._full_at_the_start,
        }

    def round(self, number: int) -> None:
        """Start the daemon, let it live a while, end it, look at what is left."""
        machine, random = self.machine, self.machine.random
        kind = random.choice(list(self._kinds))
        if kind != "full at the start":
            machine.start()
            machine.people_come(random.uniform(0, LIVES_AT_MOST_S))
        self._kinds[kind]()
        self.result.kills += 1
        self.result.by_kind[kind] += 1
        self.look(f"{self.name}, round {number}, {kind}")

    def _stop(self) -> None:
        self._says("a clean stop ends with", self.machine.stop(), (0, -15))  # -15: before its start

    def _full(self) -> None:
        """The disk runs full while people punch; the daemon dies while it is, or just after."""
        machine, random = self.machine, self.machine.random
        size = machine.disk.do("size")["bytes"]
        machine.disk.do("limit", bytes=size + random.choice([0, 512, 4_000, 20_000]))
        machine.people_come(random.uniform(0, 0.4))
        if random.random() < 0.5:
            machine.disk.do("limit", bytes=None)
            machine.people_come(random.uniform(0, 0.3))
        random.choice([machine.kill, machine.stop, lambda: machine.cut_power(0)])()
        machine.disk.do("limit", bytes=None)

    def _full_at_the_start(self) -> None:
        machine, random = self.machine, self.machine.random
        size = machine.disk.do("size")["bytes"]
        machine.disk.do("limit", bytes=size + random.choice([0, 512, 4_000, 20_000]))
        machine.start()
        machine.people_come(random.uniform(0.3, LIVES_AT_MOST_S))
        machine.kill()
        machine.disk.do("limit", bytes=None)

    def settle(self) -> None:
        """Leave the daemon in peace until it has read the terminal's whole log, and look."""
        machine = self.machine
        machine.start()
        if not machine.until(machine.has_read_everything, READS_WITHIN_S):
            self._wrong(f"{self.name}: the log is not read in {READS_WITHIN_S:g} s")
        self._says("a clean stop ends with", machine.stop(), (0,))
        recorded = self.look(f"{self.name}, at the end")
        log = machine.terminal.log
        missing = [one for one in log if not recorded[machine.terminal.origin(one)]]
        for record in missing:
            self._lost(f"{record.user_id} {record.time}", f"{self.name}: in the terminal only")

    def count(self) -> None:
        """Add up what this kiosk promised."""
        machine = self.machine
        self.result.punches += len(machine.terminal.log)
        self.result.confirmed += len(machine.terminal.confirmed)
        self.result.acked += len({(one.epoch, one.seq) for one in machine.acknowledged})

    def look(self, where: str) -> Counter[bytes]:
        """Read the journal's files, hold them to what was promised, and return every origin."""
        machine = self.machine
        entries: dict[tuple[str, int], bytes] = {}
        recorded: Counter[bytes] = Counter()
        with tempfile.TemporaryDirectory() as copies:
            for path in files(machine.data / "journal"):
                copy = Path(copies) / path.name
                for suffix in ("", "-wal"):
                    if (part := path.with_name(path.name + suffix)).exists():
                        shutil.copyfile(part, copy.with_name(copy.name + suffix))
                reader = Reader(copy)
                try:
                    life = reader.open()
                    reader.verify()
                    rows = {row.seq: row.body or b"" for row in reader.rows(1)}
                except JournalError as error:
                    self._wrong(f"{where}: {error}")
                    continue
                finally:
                    reader.close()
                entries |= {(life.epoch, seq): body for seq, body in rows.items()}
                recorded += self._origins(where, list(rows.values()))
        for one in machine.acknowledged:
            body = entries.get((one.epoch, one.seq))
            if body is None or entry.decode(body) != one.presence:
                self._lost(f"entry {one.seq} of {one.epoch}", f"{where}: acknowledged, {body!r}")
        for record in machine.terminal.confirmed:
            if not recorded[machine.terminal.origin(record)]:
                self._lost(f"{record.user_id} {record.time}", f"{where}: confirmed")
        if list((machine.data / "journal").glob("*.damaged")):
            self._wrong(f"{where}: a journal was taken for damaged")
        return recorded

    def _origins(self, where: str, bodies: list[bytes]) -> Counter[bytes]:
        """Return how often each origin stands in one epoch; twice, or false coverage, is wrong."""
        found: Counter[bytes] = Counter()
        for body in bodies:
            said = entry.decode(body)
            if isinstance(said, entry.Presence):
                found[said.origin] += 1
            elif isinstance(said, entry.Coverage) and said.records > len(found):
                self._wrong(f"{where}: {len(found)} of {said.records} covered rows are recorded")
        for origin, times in found.items():
            if times > 1 and origin.hex() not in self._failed:
                self._failed.add(origin.hex())
                self.result.doubled += 1
                self.result.failures.append(f"{where}: origin {origin.hex()} {times} times")
        return found

    def _lost(self, what: str, said: str) -> None:
        """Count `what` once, however often it is missed."""
        if what not in self._failed:
            self._failed.add(what)
            self.result.lost += 1
            self.result.failures.append(f"{what}: {said}")

    def _wrong(self, said: str) -> None:
        self.result.wrong += 1
        self.result.failures.append(said)

    def _says(self, what: str, code: int, wanted: tuple[int, ...]) -> None:
        if code not in wanted:
            self._wrong(f"{self.name}: {what} {code}, not {wanted}")


def one_kiosk(home: Path, words: argparse.Namespace, first: int, result: Result) -> None:
    """Mistreat one kiosk `LIVES` times, or as often as is still to be done; stop at a failure."""
    name = f"--seed {words.seed}, kiosk {first // LIVES}"
    machine = Machine(home / f"{first}", f"SIM{first:06}", name, words.names)
    try:
        if words.liar:
            machine.disk.do("obey", syncs=False)
        kills = Kills(machine, name, result)
        for number in range(first, min(words.kills, first + LIVES)):
            kills.round(number)
            if result.failures:
                break
        else:
            kills.settle()
        kills.count()
    finally:
        machine.close()
        if result.failures or sys.exc_info()[0]:
            sys.stderr.write(machine.log.read_text()[-3000:])


def main() -> int:
    """Run the lab."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--names", choices=["strict", "journalled"], default="strict")
    parser.add_argument("--liar", action="store_true", help="the disk ignores every sync")
    words = parser.parse_args()
    result = Result()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        for first in range(0, words.kills, LIVES):
            one_kiosk(Path(home), words, first, result)
            if result.failures:
                break
    for failure in result.failures[:20]:
        print(failure, file=sys.stderr)
    result.seconds = round(time.monotonic() - began, 1)
    code = 1 if result.failures else 0
    result.failures.clear()
    print(msgspec.json.encode(result).decode())
    return code


if __name__ == "__main__":
    sys.exit(main())
