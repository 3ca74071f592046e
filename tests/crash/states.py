"""Rebuild what a power cut can leave of a journal, moment by moment, and judge each state.

    python tests/crash/states.py [--scenario NAME ...] [--states N] [--seed S] [--names strict]

Run by the distribution's Python (.peers/crash, made by tests/system/peers/install.py): see
recorder.py. Each scenario runs once, recorded; then `N` states, spread evenly over the scenarios,
are drawn from all (moment, cut) pairs of its tape, or every one of them with `--states all`.
Prints one JSON line and ends with 1 if anything acknowledged was lost, doubled or otherwise wrong;
each failing state is printed with what it takes to see it again:

    python tests/crash/states.py --scenario live --seed 7 --only 118,3 --keep DIRECTORY

`--weak NORMAL` and `--liar` prove that the lab can fail.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
from disk import CUTS, Names
from msgspec import Struct, field
from promises import Promises
from recorder import one_sqlite, recording
from scenarios import SCENARIOS
from stage import Stage, small
from tape import Replay, Tape, What
from verdict import judge

RAM = Path("/dev/shm")  # thousands of small files: nothing here needs to last
SHOWN_MOST = 20
"""How many failures are printed in full."""


Moment = tuple[int, int]
"""A crash: after so many events of the tape, with that one of `CUTS`."""


class Result(Struct):
    """What a run found; `acked` counts every acknowledged entry in every state it was held to."""

    sqlite: dict[str, str]
    states: int = 0
    acked: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    repeated: int = 0
    syncs: int = 0
    seconds: float = 0.0
    by_scenario: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Run(Struct, frozen=True):
    """How to run: see the options."""

    seed: int
    names: Names
    weak: str | None
    liar: bool
    keep: Path | None
    only: set[Moment]


def record(name: str, run: Run, directory: Path) -> Tape:
    """Return the tape of one scenario."""
    journal = directory / "journal"
    tape = Tape(directory, obey=not run.liar)
    with small(run.weak), recording(tape):
        SCENARIOS[name](Stage(journal, Random(f"{run.seed}/{name}"), tape))
    if not tape.count(What.WRITE):
        raise RuntimeError(f"{name}: nothing was recorded: SQLite did not write through the VFS")
    return tape


def rebuild(
    name: str, tape: Tape, run: Run, wanted: set[Moment], directory: Path, result: Result
) -> None:
    """Judge the `wanted` states of a tape."""
    whole = Promises(event.mark for event in tape.events if event.what is What.MARK)
    replay = Replay(run.names)
    left = directory / "left"
    for after, event in enumerate(tape.events, start=1):
        replay.play(event)
        for at, cut in enumerate(CUTS):
            if (after, at) not in wanted:
                continue
            promised = Promises(replay.marks)
            replay.crash(cut, Random(f"{run.seed}/{name}/{after}/{at}"), left)
            if run.keep is not None:
                shutil.copytree(left, run.keep, dirs_exist_ok=True)
            with small():
                verdict = judge(left / "journal", promised, whole)
            shutil.rmtree(left)
            result.states += 1
            result.by_scenario[name] += 1
            result.acked += len(promised.entries)
            result.lost += len(verdict.lost)
            result.doubled += len(verdict.doubled)
            result.wrong += len(verdict.wrong)
            result.repeated += verdict.repeated
            if not verdict:
                said = [*verdict.lost[:3], *verdict.doubled[:3], *verdict.wrong[:3]]
                again = f"--seed {run.seed} --names {run.names.value} --scenario {name}"
                result.failures.append(f"{again} --only {after},{at} ({cut}): {said}")


def draw(tape: Tape, number: int | None, random: Random) -> set[Moment]:
    """Return the states to judge, `number` of them or all."""
    # What the medium places together comes together.
    placing = [event.what is What.PLACE for event in tape.events]
    moments = (
        after
        for after in range(tape.start + 1, len(tape.events) + 1)
        if not all(placing[after - 1 : after + 1]) or after == len(tape.events)
    )
    every = [(after, cut) for after in moments for cut in range(len(CUTS))]
    return set(every if number is None else random.sample(every, min(number, len(every))))


def examine(run: Run, names: Sequence[str], most: int | None, result: Result) -> None:
    """Run each of the scenarios once and judge `most` states of them together, or all."""
    for at, name in enumerate(names):
        with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as home:
            tape = record(name, run, Path(home))
            result.syncs += tape.count(What.SYNC)
            share = None if most is None else (most - result.states) // (len(names) - at)
            wanted = draw(tape, share, Random(f"{run.seed}/{name}"))
            rebuild(name, tape, run, run.only or wanted, Path(home), result)


def main() -> int:
    """Run the lab."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--states", default="100", help="how many in all, or `all`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--names", type=Names, default=Names.STRICT, help="strict or journalled")
    parser.add_argument("--only", metavar="MOMENT,CUT")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY", help="copy the state there")
    parser.add_argument("--weak", choices=["OFF", "NORMAL"], help="commit with less than FULL")
    parser.add_argument("--liar", action="store_true", help="the disk ignores every sync")
    words = parser.parse_args()
    result = Result(one_sqlite())
    began = time.monotonic()
    most = None if words.states == "all" else int(words.states)
    only: set[Moment] = set()
    if words.only:
        after, cut = map(int, words.only.split(","))
        only, most = {(after, cut)}, 1
    seed = words.seed
    while seed == words.seed or (most is not None and result.states < most):
        run = Run(seed, words.names, words.weak, words.liar, words.keep, only)
        examine(run, words.scenario or list(SCENARIOS), most, result)
        seed += 1  # more states than one run of each scenario has: run them again, differently
    for failure in result.failures[:SHOWN_MOST]:
        print(failure, file=sys.stderr)
    result.seconds = round(time.monotonic() - began, 1)
    code = 1 if result.failures else 0
    result.failures.clear()
    print(msgspec.json.encode(result).decode())
    return code


if __name__ == "__main__":
    sys.exit(main())
