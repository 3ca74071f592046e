"""Rebuild what a power cut can leave of the vault, moment by moment, and judge each state.

    python tests/crash/vault_states.py [--states N] [--seed S] [--names strict] [--weak OFF]

As states.py does for the journal: a kiosk enrols, forgets, and tells its journal, recorded write by
write; then states are drawn from all (moment, cut) pairs. In each the vault is opened by the real
start. After an acknowledged enrolment the templates are there, whole; after an acknowledged
forgetting they are not, the tombstone is, and no file has a piece of their ciphertext. What was
under way is either done or not begun, never half. And each change that is there has its words for
the journal. Prints one JSON line and ends with 1 if anything was wrong.
"""

import argparse
import shutil
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import NamedTuple
from unittest.mock import patch

import msgspec
import uninstalled  # noqa: F401 - before kiosk
from disk import CUTS, Names
from msgspec import Struct, field
from recorder import one_sqlite, recording
from tape import Replay, Tape, What

from drivers.faces import Enrolled, Shot
from drivers.store import Secret
from kiosk.faces import vaultfile
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultkey import CREDENTIALS, FILE, KeyPlace
from kiosk.faces.vaultwords import About, Erasure, Tell

RAM = Path("/dev/shm")
MODEL = "sface:0ba9fbfa01b5"
PEOPLE = 12
STEPS = 36
PIECE_BYTES = 16
"""A run of ciphertext that cannot be there by chance."""


class Asked(NamedTuple):
    """Something was asked of the vault: `n` numbers the requests."""

    n: int
    what: str
    person: str


class Acknowledged(NamedTuple):
    """Request `n` was acknowledged; the ciphertext of what it destroyed, and of what it made."""

    n: int
    what: str
    person: str
    destroyed: tuple[bytes, ...] = ()


class Result(Struct):
    """What a run found."""

    sqlite: dict[str, str]
    states: int = 0
    held: int = 0
    searched_bytes: int = 0
    wrong: int = 0
    syncs: int = 0
    failures: list[str] = field(default_factory=list)
    by_what: Counter[str] = field(default_factory=Counter)


class Town:
    """A vault in `directory`, and what is done to it."""

    def __init__(self, directory: Path, key: Path, tape: Tape, random: Random) -> None:
        self._vault = vault_of(directory, key)
        self._tape = tape
        self._random = random
        self._n = 0

    def live(self) -> None:
        """Enrol, forget, keep pictures and end them, tell, start anew; seeded."""
        self._vault.open()
        for _ in range(STEPS):
            person = f"p{self._random.randrange(PEOPLE)}"
            what = self._random.choices(
                ["enrol", "forget", "pictures", "tell", "again"], [8, 5, 1, 2, 1]
            )[0]
            self._n += 1
            self._tape.mark(Asked(self._n, what, person))
            before = self._sealed(person)
            self._do(what, person)
            gone = tuple(before - self._sealed(person)) if what == "forget" else ()
            self._tape.mark(Acknowledged(self._n, what, person, gone))
        self._vault.close()

    def _do(self, what: str, person: str) -> None:
        vault, n = self._vault, self._n
        if what == "enrol":
            about = About(notice=f"{n}", basis="public-task", by="r", at=n)
            tell = Tell("r", "face enrolled", {"person": person, "n": f"{n}"})
            vault.put(person, self._shots(n), about, tell, pictures_until=n + 5 if n % 3 else 0)
        elif what == "forget":
            one = Erasure(id=f"e{n}", person=person, generation=0, by="r", reason=f"{n}", at=n)
            vault.forget(one, Tell("r", "person forgotten", {"person": person, "n": f"{n}"}))
        elif what == "pictures":
            vault.end_pictures(n)
        elif what == "tell":
            if untold := vault.untold():
                vault.told(untold[len(untold) // 2][0])
        else:
            vault.close()
            vault.open()

    def _shots(self, n: int) -> Enrolled:
        octets = self._random.randbytes(512)
        shots = [
            Shot(
                template=Secret(octets + bytes([n % 251, shot])),
                quality=1.0,
                yaw=0.0,
                picture=Secret(self._random.randbytes(self._random.choice([1500, 6000]))),
            )
            for shot in range(3)
        ]
        return Enrolled(model=MODEL, shots=tuple(shots))

    def _sealed(self, person: str) -> set[bytes]:
        return {row[4] for row in self._vault.records() if row[1] == person}


def vault_of(directory: Path, key: Path) -> Vault:
    return Vault(directory, KeyPlace(directory, {CREDENTIALS: str(key)}))


class Promises:
    """What had been acknowledged by some moment, and what was under way then."""

    def __init__(self, marks: Iterable[Asked | Acknowledged]) -> None:
        self.enrolled: dict[str, int] = {}  # whose enrolment of which request must be there
        self.forgotten: set[str] = set()
        self.destroyed: list[bytes] = []
        self.under_way: Asked | None = None
        for mark in marks:
            if isinstance(mark, Asked):
                self.under_way = mark
                continue
            self.under_way = None
            self.destroyed += mark.destroyed
            if mark.what == "enrol":
                self.enrolled[mark.person] = mark.n
                self.forgotten.discard(mark.person)
            elif mark.what == "forget":
                self.enrolled.pop(mark.person, None)
                self.forgotten.add(mark.person)


def judge(left: Path, key: Path, promised: Promises, result: Result) -> list[str]:
    """Return what is wrong with what a crash left."""
    vault = vault_of(left, key)
    # Before the start mends anything: nothing that was acknowledged as destroyed is in any file.
    wrong = _remnants(left, promised, result)
    try:
        vault.open()
        there = {one.person: one for one in vault.people()}
        rows = Counter(person for person, _ in vault.known(MODEL).rows)
        dead = vault.tombstones()
        untold = [tell.detail.get("n") for _, tell in vault.untold()]
        erasures = {one.reason for one in vault.erasures()}
        if vault.trouble or vault.locked:
            wrong.append(f"trouble: {vault.trouble or vault.locked}")
        moved = promised.under_way.person if promised.under_way else ""
        number = str(promised.under_way.n) if promised.under_way else ""
        for person, n in promised.enrolled.items():
            if person == moved:
                continue
            result.held += 1
            if person not in there or there[person].about.notice != str(n) or rows[person] != 3:
                wrong.append(f"{person}: enrolled by {n}, and is {there.get(person)}")
        for person in promised.forgotten - {moved}:
            result.held += 1
            if person in there or rows[person] or person not in dead:
                wrong.append(f"{person}: forgotten, and is {there.get(person)}, tombstone {dead}")
        for person, one in there.items():
            if rows[person] != 3 or one.generation <= dead.get(person, 0):
                wrong.append(f"{person}: half there: {one}, {rows[person]} rows, {dead}")
        if promised.under_way is not None and promised.under_way.what in ("enrol", "forget"):
            # Done or not begun, and if done, then with its words and its tombstone.
            done = (
                moved in there and there[moved].about.notice == number
                if promised.under_way.what == "enrol"
                else number in erasures
            )
            result.by_what["done" if done else "not begun"] += 1
            if done != (number in untold):
                wrong.append(f"request {number}: done {done}, told {untold}")
            if done and promised.under_way.what == "forget" and moved in there:
                wrong.append(f"{moved}: an erasure stands, and so do they")
            if not done and moved in promised.enrolled:
                before = str(promised.enrolled[moved])
                if moved not in there or there[moved].about.notice != before:
                    wrong.append(f"{moved}: was enrolled by {before}, and is {there.get(moved)}")
        if not vault.is_washed:
            wrong.append("the start did not wash the file")
        wrong += _goes_on(vault)
    except VaultError as error:
        wrong.append(f"it does not start: {error}")
    finally:
        vault.close()
    return wrong + _remnants(left, promised, result)


def _goes_on(vault: Vault) -> list[str]:
    about = About(notice="on", basis="public-task", by="r", at=1)
    shots = tuple(Shot(template=Secret(bytes(512)), quality=1.0, yaw=0.0) for _ in range(3))
    vault.put("next", Enrolled(model=MODEL, shots=shots), about, Tell("r", "face enrolled", {}))
    rows = [person for person, _ in vault.known(MODEL).rows]
    return [] if rows.count("next") == 3 else ["nobody can be enrolled any more"]


def _remnants(left: Path, promised: Promises, result: Result) -> list[str]:
    """Return whose acknowledged destruction left a piece in any file."""
    content = b"".join(path.read_bytes() for path in sorted(left.rglob("*")) if path.is_file())
    result.searched_bytes += len(content)
    pieces = {content[at : at + PIECE_BYTES] for at in range(len(content) - PIECE_BYTES + 1)}
    return [
        f"a piece of destroyed ciphertext {one[:8].hex()} is still in a file"
        for one in promised.destroyed
        for at in range(0, len(one) - PIECE_BYTES + 1, PIECE_BYTES)
        if one[at : at + PIECE_BYTES] in pieces
    ][:3]


def examine(words: argparse.Namespace, seed: int, most: int, result: Result) -> None:
    """Record one life and judge `most` of its states."""
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as home:
        base = Path(home) / "disk"
        key = Path(home) / "key"
        base.mkdir()
        key.mkdir()
        (key / FILE).write_bytes(Random(seed).randbytes(32))
        tape = Tape(base, obey=not words.liar)
        with recording(tape):
            Town(base / "data", key, tape, Random(seed)).live()
        result.syncs += tape.count(What.SYNC)
        moments = [
            (after, cut) for after in range(1, len(tape.events) + 1) for cut in range(len(CUTS))
        ]
        wanted = set(Random(seed).sample(moments, min(most, len(moments))))
        replay = Replay(words.names)
        left = Path(home) / "left"
        for after, event in enumerate(tape.events, start=1):
            replay.play(event)
            for at, cut in enumerate(CUTS):
                if (after, at) not in wanted:
                    continue
                replay.crash(cut, Random(f"{seed}/{after}/{at}"), left)
                found = judge(left / "data", key, Promises(replay.marks), result)
                shutil.rmtree(left)
                result.states += 1
                result.wrong += bool(found)
                if found:
                    result.failures.append(
                        f"--seed {seed} moment {after},{at} ({cut}): {found[:3]}"
                    )


def main() -> int:
    """Run the lab."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--states", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--names", type=Names, default=Names.STRICT)
    parser.add_argument("--weak", choices=["OFF", "NORMAL", "FULL"], help="less than EXTRA")
    parser.add_argument("--unwashed", action="store_true", help="what was erased is not washed out")
    parser.add_argument("--liar", action="store_true", help="the disk ignores every sync")
    words = parser.parse_args()
    result = Result(one_sqlite())
    connect = vaultfile.connect

    def weaker(path: Path, vault_id: str) -> sqlite3.Connection:
        db = connect(path, vault_id)
        if words.weak:
            db.execute(f"PRAGMA synchronous = {words.weak}")
        if words.unwashed:
            db.execute("PRAGMA secure_delete = OFF")
        return db

    with patch.object(vaultfile, "connect", weaker):
        if words.unwashed:
            with patch.object(Vault, "wash", lambda self: None):
                examine(words, words.seed, words.states, result)
        else:
            seed = words.seed
            while result.states < words.states:
                examine(words, seed, min(words.states - result.states, 400), result)
                seed += 1
    for failure in result.failures[:10]:
        print(failure, file=sys.stderr)
    code = 1 if result.failures else 0
    result.failures.clear()
    print(msgspec.json.encode(result).decode())
    return code


if __name__ == "__main__":
    sys.exit(main())
