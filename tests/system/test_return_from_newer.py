"""Back from a newer release while central knows more of the journal than its copy: nothing twice.

The copy ends where the newer release began. What that recorded, central has in part; the rest waits
in a file that this release cannot read as it is. Real processes throughout.
"""

import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.cli.demo import Demo
from kiosk.cli.demo_setup import Bench, Part
from kiosk.cli.run import WANTS_RESTART
from kiosk.release import copies
from sync.journal import names, schema
from tests.system.test_kills import counted, more_arrive, terminal_log, until, waiting

PUNCHES = 300

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def demo(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Demo]:
    broker, web, terminal = free_ports(3)
    bench = Bench(
        data=tmp_path,
        people=25,
        rate=300,
        limit=PUNCHES,  # a minute: on a slow machine too they are not over before the line is cut
        broker_port=broker,
        web_port=web,
        terminal_port=terminal,
    )
    one = Demo(bench)
    yield one
    one.end()


def stop(demo: Demo) -> None:
    """Tell the daemon to stop, as systemd does, and wait for it."""
    demo._running[Part.KIOSK].send_signal(signal.SIGTERM)
    demo._running[Part.KIOSK].wait(30)


def test_central_counts_each_punch_once(demo: Demo) -> None:
    data = demo.bench.data / "kiosk"
    demo.prepare()
    demo.start()
    more_arrive(demo, 10)
    stop(demo)
    copies.make(data, "0.2.0")

    # The newer release: some of what it records reaches central, some does not.
    demo.begin(Part.KIOSK)
    more_arrive(demo, 10)
    demo.kill(Part.BROKER)
    until(demo, "some wait for the line", lambda: (waiting(demo) or 0) >= 10)
    stop(demo)
    for path in names.files(data / "journal"):
        with closing(sqlite3.connect(path)) as db:
            db.execute("ALTER TABLE epoch ADD COLUMN more TEXT")
            db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    copies.restore(data, "0.2.0")

    demo.begin(Part.BROKER)
    demo.begin(Part.KIOSK)
    assert len(names.files(data / "journal")) >= 2, "it goes on in an epoch of its own"

    def is_whole() -> bool:
        if demo.ended().get(Part.KIOSK) == WANTS_RESTART:  # systemd starts it again
            demo.begin(Part.KIOSK)
        punched = terminal_log(demo)
        return punched.total() == PUNCHES and counted(demo) == punched and waiting(demo) == 0

    until(demo, "everything that was punched is counted once", is_whole)
    log = demo.bench.log(Part.KIOSK).read_text()
    assert "returned from release 0.2.0" in log
    assert "is not what its hash says" not in log
    assert (data / "journal-of-0.2.0.taken").is_dir()
