"""Two workers of one central: one is killed at the worst point, the other goes on."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from line_ends import until

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("line_worker.py")

TOML = """\
data = "central"
[broker]
host = "localhost"
port = {port}
[broker.tls]
ca = "central/ca.pem"
certificate = "central/line.crt"
key = "central/line.key"
"""


class Workers:
    """Processes of central's intake on one database."""

    def __init__(self, town: Any, stack: ExitStack) -> None:
        self._stack = stack
        self._config = town.post.home / "central.toml"
        self._config.write_text(TOML.format(port=town.broker.port))
        town.office.path = town.post.house.place.database
        self._log = stack.enter_context((town.post.home / "workers.log").open("ab"))

    def start(self, *fate: object) -> "subprocess.Popen[bytes]":
        command = [sys.executable, str(PROGRAM), str(self._config), *map(str, fate)]
        made = subprocess.Popen(command, stdout=self._log, stderr=self._log)

        def end() -> None:
            made.kill()
            made.wait()

        self._stack.callback(end)
        return made


@pytest.fixture
def workers(town: Any) -> Iterator[Workers]:
    town.secure()
    with ExitStack() as stack:
        yield Workers(town, stack)


@pytest.mark.parametrize("point", ["commit", "receipt", "confirm"])
def test_a_worker_killed_at_the_worst_point_costs_nothing(
    town: Any, workers: Workers, point: str
) -> None:
    town.edge.record(3000)
    doomed = workers.start(point, 3)
    town.edge.worker.start()
    until("it is killed", lambda: doomed.poll() is not None)
    assert doomed.returncode == -signal.SIGKILL
    workers.start()
    town.office.agrees_with(town.edge)


@pytest.mark.parametrize("point", ["receipt", "confirm"])
def test_the_other_worker_goes_on_at_once(town: Any, workers: Workers, point: str) -> None:
    workers.start()
    town.edge.record(1)
    town.edge.worker.start()
    town.office.agrees_with(town.edge)
    doomed = [workers.start(point, number) for number in (1, 3)]

    def all_killed() -> bool:
        town.edge.record(400)
        town.office.agrees_with(town.edge)
        return all(one.poll() is not None for one in doomed)

    until("they have their share, and their end", all_killed)
    assert [one.returncode for one in doomed] == [-signal.SIGKILL] * 2
    town.office.agrees_with(town.edge)
