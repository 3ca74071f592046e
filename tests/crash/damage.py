"""Damage the journal's files under a daemon that is off, and see what its next start makes of them.

    python tests/crash/damage.py [--rounds N] [--seed S] [--kind KIND]

One kiosk, one terminal. Each round people punch, the daemon ends by kill -9 or cleanly, the medium
does one kind of damage to the live epoch's file or its log, the daemon starts again and is left in
peace until it has read the terminal's log. Then:

    lost      a punch of the terminal's log that no epoch has
    doubled   a punch that one epoch has twice; but where bits were flipped in the file, "again":
              one in a key of the origin index is not seen, and central counts that punch once
    wrong     the daemon does not get to reading the log, though started again whenever it asks; or
              a chain does not verify

What was damaged can be lost as an entry: the punch comes back from the terminal. "readable" counts
the acknowledged entries whose exact bytes still stood somewhere in the damaged files, "carried"
those of them that an epoch has afterwards, "gone" the others by kind of damage; they differ where
the way to them through SQLite's pages is damaged. tests/sync/journal/test_salvage.py has the same
of the journal alone, without a terminal that says everything again.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import msgspec
from machine import Machine
from msgspec import Struct, field

from sync.journal.errors import JournalError
from sync.journal.names import files
from sync.journal.reader import Reader
from sync.protocol import entry

READS_WITHIN_S = 30.0
FINDS_WITHIN_S = 0.3
STARTS_MOST = 4
"""So often the daemon may ask to be started again, having found damage while it ran."""

LOG = "-wal"


class Result(Struct):
    """What a run found. `carried` of `readable` acknowledged entries went on, byte for byte."""

    rounds: int = 0
    punches: int = 0
    readable: int = 0
    carried: int = 0
    salvaged: int = 0
    lost: int = 0
    doubled: int = 0
    again: int = 0
    wrong: int = 0
    seconds: float = 0.0
    by_kind: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def flip(content: bytes, random: Random) -> bytes:
    """One bit."""
    flipped = bytearray(content)
    flipped[random.randrange(len(flipped))] ^= 1 << random.randrange(8)
    return bytes(flipped)


def flips(content: bytes, random: Random) -> bytes:
    """Twenty bits, anywhere."""
    for _ in range(20):
        content = flip(content, random)
    return content


def cut_short(content: bytes, random: Random) -> bytes:
    """The end is missing."""
    return content[: random.randrange(len(content))]


def blank(content: bytes, random: Random) -> bytes:
    """A block of the medium reads as zeros."""
    at = random.randrange(len(content)) // 4096 * 4096
    return content[:at] + bytes(min(4096, len(content) - at)) + content[at + 4096 :]


def gone(content: bytes, random: Random) -> bytes:
    """Nothing is left of it."""
    return b""


SPOIL: dict[str, Callable[[bytes, Random], bytes]] = {
    one.__name__: one for one in (flip, flips, cut_short, blank, gone)
}
KINDS = [*SPOIL, *(f"{name} log" for name in SPOIL), "older copy", "older file, newer log"]


class Damage:
    """One kiosk whose medium is bad."""

    def __init__(self, machine: Machine, copies: Path, result: Result, keep: Path | None) -> None:
        self.machine = machine
        self.keep = keep
        self.result = result
        self._copies = copies
        self._older: dict[str, dict[str, bytes]] = {}

    @property
    def _journal(self) -> Path:
        return self.machine.data / "journal"

    def round(self, kind: str, where: str) -> None:
        """Let people punch, do the damage, let it start, look."""
        machine, random = self.machine, self.machine.random
        self._starts(where)
        machine.people_come(random.uniform(0.1, 0.3))
        machine.until(machine.has_acknowledged_everything, READS_WITHIN_S)
        # After a clean end there is no log to damage.
        if kind.endswith("log") or random.random() < 0.5:
            machine.kill()
        else:
            machine.stop()
        live = files(self._journal)[-1]
        before = {part.name: part.read_bytes() for part in (live, log_of(live)) if part.exists()}
        left = self._spoil(kind, live, before)
        self._older[live.name] = before
        self.result.rounds += 1
        self.result.by_kind[kind] += 1
        if self.keep is not None:
            shutil.rmtree(self.keep, ignore_errors=True)
            shutil.copytree(self._journal, self.keep)
        self._starts(where)
        machine.stop()
        self._look(where, b"".join(left.values()))

    def _spoil(self, kind: str, live: Path, before: dict[str, bytes]) -> dict[str, bytes]:
        """Do the damage; return what the files then say."""
        log = log_of(live)
        left = dict(before)
        older = self._older.get(live.name, before)
        if kind == "older copy":
            left = dict(older)
        elif kind == "older file, newer log":
            left[live.name] = older[live.name]
        else:
            name, _, part = kind.partition(" ")
            victim = log.name if part else live.name
            left[victim] = SPOIL[name](before[victim], self.machine.random)
        for part in (live, log):
            part.unlink(missing_ok=True)
            if part.name in left:
                part.write_bytes(left[part.name])
        live.with_name(live.name + "-shm").unlink(missing_ok=True)
        return left

    def _starts(self, where: str) -> None:
        """Start the daemon, again if it asks for that, until it has read everything."""
        machine = self.machine
        said = machine.log.stat().st_size if machine.log.exists() else 0
        for _ in range(STARTS_MOST):
            machine.start()
            machine.until(
                lambda: machine.has_read_everything() or machine.wants_restart(), READS_WITHIN_S
            )
            # What it does with the log after reading it may find damage too.
            if not machine.until(machine.wants_restart, FINDS_WITHIN_S):
                break
        if not machine.has_read_everything():
            lines = machine.log.read_bytes()[said:].decode().splitlines()
            self._wrong(f"{where}: it does not go on; it says {lines[-3:]}")

    def _look(self, where: str, readable: bytes) -> None:
        machine = self.machine
        bodies: set[bytes] = set()
        recorded: set[bytes] = set()
        for path in files(self._journal):
            rows = self._read(where, path)
            found = Counter(
                said.origin
                for body in rows
                if isinstance(said := entry.decode(body), entry.Presence)
            )
            for origin, times in found.items():
                if times > 1 and where.endswith((", flip", ", flips")):
                    self.result.again += times - 1
                elif times > 1:
                    self.result.doubled += 1
                    self.result.failures.append(f"{where}: {times} times {origin.hex()}, {path}")
            recorded |= found.keys()
            bodies.update(rows)
        log = machine.terminal.log
        for record in log:
            if machine.terminal.origin(record) not in recorded:
                self._lost(f"{where}: {record} stands in the terminal's log only")
        self.result.punches = len(log)
        for body in {entry.encode(one.presence) for one in machine.acknowledged}:
            if body in readable:
                self.result.readable += 1
                self.result.carried += body in bodies
                self.result.gone[where.rpartition(", ")[2]] += body not in bodies
        self.result.salvaged = len(list(self._journal.glob("*.db.salvaged")))

    def _read(self, where: str, path: Path) -> list[bytes]:
        """Return the bodies of a journal's file, read from a copy, its chain verified."""
        copy = self._copies / path.name
        for suffix in ("", LOG):
            part = path.with_name(path.name + suffix)
            if part.exists():
                shutil.copyfile(part, copy.with_name(copy.name + suffix))
        reader = Reader(copy)
        try:
            reader.open()
            reader.verify()
            return [row.body for row in reader.rows(1) if row.body is not None]
        except JournalError as error:
            self._wrong(f"{where}: {error}")
            return []
        finally:
            reader.close()
            for part in self._copies.iterdir():
                part.unlink()

    def _lost(self, said: str) -> None:
        self.result.lost += 1
        self.result.failures.append(said)

    def _wrong(self, said: str) -> None:
        self.result.wrong += 1
        self.result.failures.append(said)


def log_of(path: Path) -> Path:
    """Return the WAL of the database at `path`."""
    return path.with_name(path.name + LOG)


def main() -> int:
    """Run the lab."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=len(KINDS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--keep", type=Path, help="copy the damaged journal there before the start")
    words = parser.parse_args()
    result = Result()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as copies:
        machine = Machine(Path(home) / "kiosk", "SIM1", f"{words.seed}", "journalled")
        damage = Damage(machine, Path(copies), result, words.keep)
        try:
            for number in range(words.rounds):
                kind = words.kind or KINDS[number % len(KINDS)]
                damage.round(kind, f"--seed {words.seed}, round {number}, {kind}")
                if result.failures:
                    break
        finally:
            machine.close()
            if result.failures or sys.exc_info()[0]:
                sys.stderr.write(machine.log.read_text()[-3000:])
    for failure in result.failures[:20]:
        print(failure, file=sys.stderr)
    result.seconds = round(time.monotonic() - began, 1)
    code = 1 if result.failures else 0
    result.failures.clear()
    print(msgspec.json.encode(result).decode())
    return code


if __name__ == "__main__":
    sys.exit(main())
