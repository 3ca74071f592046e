"""A roster changes at central while the kiosk runs, and without a line; and the day is judged.

Real processes: iotcore, central on SQLite, the simulated terminal, the daemon.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from kiosk.cli.demo import Demo
from kiosk.cli.demo_setup import Bench, Part
from kiosk.health import Status
from kiosk.local import ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WITHIN_S = 60.0


@pytest.fixture
def demo(tmp_path: Path, free_ports: Callable[[int], list[int]]) -> Iterator[Demo]:
    broker, web, terminal = free_ports(3)
    one = Demo(
        Bench(
            data=tmp_path,
            people=12,
            rate=600,
            broker_port=broker,
            web_port=web,
            terminal_port=terminal,
        )
    )
    yield one
    one.end()


def status(demo: Demo) -> Status:
    [line] = ask(demo.bench.socket, "status")
    return msgspec.json.decode(line, type=Status)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def hire(demo: Demo, number: int) -> Path:
    """Write the sheets of somebody new; return where."""
    sheets = demo.bench.data / f"new-{number}"
    sheets.mkdir()
    person = f"2026{number:04}"
    (sheets / "people.csv").write_text(f"person,name\n{person},Baru {number}\n")
    (sheets / "members.csv").write_text(f"person,unit\n{person},dinas-contoh\n")
    (sheets / "credentials.csv").write_text(
        f"person,unit,credential,user\n{person},dinas-contoh,terminal_user,{9000 + number}\n"
    )
    return sheets


def test_a_roster_comes_by_the_line_and_by_a_stick_and_the_day_is_judged(demo: Demo) -> None:
    demo.prepare()
    demo.start()
    until(lambda: status(demo).roster.people == 12)
    demo.bench.central("roster", "import", hire(demo, 1))
    until(lambda: status(demo).roster.people == 13)  # central asks for a hello by itself
    audits = demo.bench.kiosk("journal", "tail", "-n", 200)
    assert "roster adopted" in audits
    until(lambda: "not adopted yet" not in demo.bench.central("kiosks", "list"))

    # Without a line: a stick goes there and comes back.
    demo.kill(Part.BROKER)
    demo.bench.central("roster", "import", hire(demo, 2))
    stick, answer = demo.bench.data / "to.stick", demo.bench.data / "back.answer"
    demo.bench.kiosk("journal", "export", stick)
    demo.bench.central("import", stick, "--answer", answer)
    assert "a new roster is in force" in demo.bench.kiosk("import", answer)
    assert status(demo).roster.people == 14
    assert "not adopted yet" in demo.bench.central("kiosks", "list")  # it cannot say so yet

    # Nobody is absent: the day is not over, or nothing was read after it yet.
    today = datetime.now(UTC) + timedelta(hours=7)
    [day, *_] = json.loads(demo.bench.central("recap", f"{today:%Y-%m-%d}", "--json"))
    assert day["staff"] + day["free"] == 14
    assert "tanpa keterangan" not in day["words"]
