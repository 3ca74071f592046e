"""Twenty terminals on one kiosk: one hangs, one lies, one flaps, one is foreign; sixteen work on.

Each source has its own worker, state and back-off, so whatever is wrong with one is said of that
one, and no punch at another waits for it. How long they do wait is bench/terminals.py's to tell.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from drivers.sim.zkteco import Breakage, Faults, Foreign, SimulatedTerminal, simulated_staff
from tests.system.test_daemon import WITHIN_S, Daemon, daemons, wall_clock

pytestmark = pytest.mark.slow

__all__ = ["daemons"]  # the fixture

STAFF = simulated_staff(30)
TERMINALS = 20
ROUNDS = 10
FLAP_S = 0.3

TROUBLE = {
    "t16": Faults(bulk=Breakage.SILENCE),  # hangs in the middle of its log
    "t17": Faults(announces_bytes=5_000_000),  # lies about its size
    "t18": Faults(),  # flaps
    "t19": Faults(foreign=Foreign.WEB_SERVER),
}


@pytest.fixture
def terminals() -> Iterator[dict[str, SimulatedTerminal]]:
    with ExitStack() as stack:
        made = {}
        for n in range(TERMINALS):
            name = f"t{n}"
            made[name] = stack.enter_context(
                SimulatedTerminal(
                    STAFF,
                    serial=f"S{n}",
                    faults=TROUBLE.get(name, Faults()),
                    clock=wall_clock,
                )
            )
            for person in STAFF:
                made[name].punch(person.user_id)
        yield made


def flapping(terminal: SimulatedTerminal, stop: threading.Event) -> None:
    while not stop.wait(FLAP_S):
        terminal.drop_clients()


def test_sixteen_work_whatever_the_other_four_do(
    tmp_path: Path, daemons: list[Daemon], terminals: dict[str, SimulatedTerminal]
) -> None:
    good = {name: one for name, one in terminals.items() if name not in TROUBLE}
    sources = {name: f"port = {one.port}" for name, one in terminals.items()}
    daemon = Daemon(tmp_path / "home", tmp_path / "data", sources)
    daemons.append(daemon)
    daemon.start()
    stop = threading.Event()
    flaps = threading.Thread(target=flapping, args=(terminals["t18"], stop))
    flaps.start()
    try:
        for one in good.values():
            assert one.wait_until(lambda t: t.listeners == 1, WITHIN_S)
        for round_ in range(ROUNDS):
            for one in good.values():
                one.punch(STAFF[round_].user_id)
            for name, one in good.items():
                # Acknowledged to the terminal, so on disk.
                assert one.wait_until(lambda t: t.acked > round_, WITHIN_S), name  # noqa: B023
        for name in good:
            daemon.until(f"{name} is whole", daemon.recorded(name, len(STAFF) + ROUNDS))
        for name, words in {
            "t16": "transfer stopped at",
            "t17": "another size than asked",
            "t19": "web server",
        }.items():
            daemon.until(f"{name} is said", said(daemon, name, words))
    finally:
        stop.set()
        flaps.join()
    # Once it is left alone, what it had is there too, each punch once.
    daemon.until("the flapping one is whole", daemon.recorded("t18", len(STAFF)))
    terminals["t16"].faults = terminals["t17"].faults = Faults()
    for name in ("t16", "t17"):
        daemon.until(f"{name} is whole", daemon.recorded(name, len(STAFF)))
    assert daemon.stop() == 0


def said(daemon: Daemon, name: str, words: str) -> Callable[[], bool]:
    def holds() -> bool:
        one = daemon.source(name)
        return one is not None and not one.connected and words in one.error

    return holds
