"""Run histories and count the broken ones.

    python tests/histories/run.py --n N [--seed S] [--parts models|real] [--trace] [--seen]

History number i of seed S is seed S + i: `--n 1 --seed X` replays it. Prints one JSON line
{"histories", "broken", "events"}, with `--trace` a digest of what became of everything, with
`--seen` in how many histories each situation came about. Broken ones are named on stderr, and it
ends with 1.
"""

import argparse
import json
import logging
import multiprocessing
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import signatures
from cards import RealCard
from ledgers import ModelCard
from sabotage import SABOTAGE
from shelf import ModelStore
from stores import RealStore
from world import Parts, World

PAGE = 250  # histories that a process runs before it says how they went


class Ran(NamedTuple):
    """What became of some histories."""

    histories: int
    events: int
    broken: list[str]
    trace: str
    seen: dict[str, int]


def run_page(first: int, number: int, real: bool, traced: bool) -> Ran:
    """Run histories `first` and on."""
    events, broken, trace, seen = 0, [], sha256(), Counter[str]()
    for seed in range(first, first + number):
        with directory() if real else nullcontext("") as home:
            world = World(seed, real_parts(Path(home)) if real else MODELS)
            try:
                world.run()
            except Exception as error:  # noqa: BLE001 - whatever it is, it broke this history
                where = "".join(traceback.format_exception(error)[-2:])
                broken.append(f"--seed {seed} ({type(error).__name__}: {error})\n{where}")
            events += world.events
            if traced:
                trace.update(what_became_of(world))
            seen.update(world.seen.keys())
            for kiosk in world.kiosks:
                kiosk.power_off(cut=False)
            world.central.database.store.close()
    return Ran(number, events, broken, trace.hexdigest(), dict(seen))


MODELS = Parts(ModelCard, ModelStore)


def directory() -> AbstractContextManager[str]:
    """Return a directory of its own for a history, in memory where there is such a place."""
    memory = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)


def real_parts(home: Path) -> Parts:
    """Return the real journal and store, in a directory."""
    return Parts(
        lambda kiosk, key, fresh_name: RealCard(home, kiosk, key, fresh_name),
        lambda: RealStore(home),
    )


def what_became_of(world: World) -> bytes:
    """Return a digest of a history's end: what every card and central hold, to the byte."""
    said = sha256()
    for kiosk in world.kiosks:
        for journal in kiosk.card.journals:
            said.update(f"{journal.life} {journal.cursor}".encode())
            for seq, body, hash_ in journal.bodies():
                said.update(b"%d %s %s" % (seq, body or b"-", hash_))
    store = world.central.database.store
    for place, line in sorted(store.lines().items()):
        said.update(f"{place} {line} {sorted(store.linked(place).items())}".encode())
    said.update(
        f"{sorted(store.counted().items())} {store.lost()} {sorted(store.alarms())}".encode()
    )
    said.update(f"{world.now} {world.rng.random()}".encode())
    return said.digest()


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", choices=("models", "real"), default="models")
    parser.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--p256", action="store_true", help="with real signatures")
    parser.add_argument("--spoil", choices=tuple(SABOTAGE), help="make a mistake, to see it found")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--seen", action="store_true")
    words = parser.parse_args()
    logging.disable()  # what clocks and files are warned of here is not for people
    real = words.parts == "real"
    pages = [
        (first, min(PAGE, words.seed + words.n - first), real, words.trace)
        for first in range(words.seed, words.seed + words.n, PAGE)
    ]
    if not words.p256:
        signatures.make_cheap()
    if words.spoil:
        SABOTAGE[words.spoil]()
    if words.workers == 1 or len(pages) == 1:
        ran = [run_page(*page) for page in pages]
    else:
        with multiprocessing.get_context("fork").Pool(words.workers) as pool:
            ran = pool.starmap(run_page, pages, chunksize=1)
    broken = [one for page in ran for one in page.broken]
    for one in broken[:20]:
        print(one, file=sys.stderr)
    said: dict[str, Any] = {
        "histories": sum(page.histories for page in ran),
        "broken": len(broken),
        "events": sum(page.events for page in ran),
    }
    if words.trace:
        said["trace"] = sha256("".join(page.trace for page in ran).encode()).hexdigest()
    if words.seen:
        seen = Counter[str]()
        for page in ran:
            seen.update(page.seen)
        said["seen"] = dict(seen.most_common())
    print(json.dumps(said))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
