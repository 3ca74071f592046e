"""Every part is killed in turn while people punch; then the card is lost. Each punch counts once.

Real processes throughout: iotcore, central on SQLite, the simulated terminal, the daemon. The
terminal's own log, which its flash keeps, is the truth that central is held against.
"""

import json
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from kiosk.cli.demo import Demo
from kiosk.cli.demo_setup import Bench, Part
from kiosk.health import Status
from kiosk.local import NoDaemon, ask
from sync.journal.names import files
from sync.journal.reader import Reader

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WITHIN_S = 90.0


@pytest.fixture
def demo(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Demo]:
    broker, web, terminal, screen = free_ports(4)
    one = Demo(
        Bench(
            data=tmp_path,
            people=25,
            rate=900,
            broker_port=broker,
            web_port=web,
            terminal_port=terminal,
            screen_port=screen,
        )
    )
    yield one
    one.end()


def until(demo: Demo, what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        if time.monotonic() > deadline:
            logs = "\n".join(
                f"== {part.value}\n{demo.bench.log(part).read_text()[-1500:]}"
                for part in demo.bench.parts
            )
            raise AssertionError(f"not within {WITHIN_S:g} s: {what}\n{logs}")
        time.sleep(0.05)


def central_rows(demo: Demo, where: str = "1") -> list[tuple[str, str, int]]:
    with closing(sqlite3.connect(demo.bench.data / "central" / "central.db")) as db:
        return db.execute(f"SELECT user, time, again FROM presence WHERE {where}").fetchall()


def terminal_log(demo: Demo) -> Counter[tuple[str, str]]:
    """Return how often each (user, time) stands in the terminal's own log."""
    lines = (demo.bench.data / "terminal.jsonl").read_text().splitlines()[1:]
    return Counter((user, when) for user, when, *_ in map(json.loads, lines))


def counted(demo: Demo) -> Counter[tuple[str, str]]:
    return Counter((user, when) for user, when, _ in central_rows(demo, "again = 0"))


def waiting(demo: Demo) -> int | None:
    try:
        [line] = ask(demo.bench.socket, "status")
    except (NoDaemon, ValueError):
        return None
    return msgspec.json.decode(line, type=Status).line.waiting


def more_arrive(demo: Demo, number: int = 15) -> None:
    before = len(central_rows(demo))
    until(demo, f"{number} more presences", lambda: len(central_rows(demo)) >= before + number)


def its_end(demo: Demo) -> tuple[int, str]:
    """Return where the kiosk's chain ends, proved from its beginning."""
    [journal] = files(demo.bench.data / "kiosk" / "journal")
    reader = Reader(journal)
    reader.open()
    span = reader.verify()
    reader.close()
    return span.last, span.head.hex()


def central_end(demo: Demo) -> tuple[int, str]:
    """Return where central's prefix of the kiosk's epoch ends."""
    [journal] = files(demo.bench.data / "kiosk" / "journal")
    stats = json.loads(demo.bench.central("stats", "--json"))
    [mine] = [one for one in stats["kiosks"] if one["epoch"] == journal.name[11:27]]
    return mine["through"], mine["head"]


def test_whatever_is_killed_each_punch_counts_once(demo: Demo) -> None:
    demo.prepare()
    demo.start()
    more_arrive(demo)
    demo.kill(Part.SCREEN)
    more_arrive(demo)  # nobody who punches needs it
    demo.begin(Part.SCREEN)
    for victim in (Part.KIOSK, Part.BROKER, Part.CENTRAL, Part.TERMINAL):
        demo.kill(victim)
        # Life goes on without it for a moment: that is what must not be lost.
        time.sleep(1.0)
        demo.begin(victim)
        more_arrive(demo)

    demo.kill(Part.KIOSK)
    shutil.rmtree(demo.bench.data / "kiosk")  # a new card: no journal, no key
    demo.admit()
    demo.begin(Part.KIOSK)
    more_arrive(demo)

    # People go home; the terminal keeps its log.
    demo.kill(Part.TERMINAL)
    demo.bench = msgspec.structs.replace(demo.bench, rate=0)
    demo.begin(Part.TERMINAL)
    truth = terminal_log(demo)
    assert truth.total() > 75
    until(demo, "central has the whole log", lambda: counted(demo) == truth)
    until(demo, "every entry has its receipt", lambda: waiting(demo) == 0)
    assert counted(demo) == truth
    # The new card read everything again: stored, so that its chain is whole, and not counted.
    assert any(again for _, _, again in central_rows(demo))

    stats = json.loads(demo.bench.central("stats", "--json"))
    assert stats["lost"] == 0
    assert stats["counted"] == truth.total()
    # The day's head, signed by the calendar, may be under way; then the ends agree a moment later.
    until(demo, "central has the chain's end", lambda: its_end(demo) == central_end(demo))

    began = time.monotonic()
    demo.end()
    assert time.monotonic() - began < 3.0
    assert set(demo.ended()) == set(demo.bench.parts)
