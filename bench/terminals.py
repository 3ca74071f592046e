"""How long a punch waits for its acknowledgement, with twenty terminals on one kiosk.

    python bench/terminals.py [--quick]

The real daemon and twenty simulated terminals over loopback: sixteen good ones, at which somebody
punches in turn, and four that hang in the middle of their log, lie about its size, drop their
connection three times a second, or are no terminal at all. Measured at the terminal: from the punch
to the acknowledgement, which the daemon sends once it is on disk. First without the four, then with
them. Prints one JSON line:

    terminals, punches
    calm_p50_ms, calm_p95_ms   only the good ones are there
    p50_ms, p95_ms             all twenty
"""

import argparse
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drivers.sim.zkteco import SimulatedTerminal  # noqa: E402
from tests.system.test_daemon import Daemon, wall_clock  # noqa: E402
from tests.system.test_twenty_terminals import STAFF, TERMINALS, TROUBLE, flapping  # noqa: E402

WITHIN_S = 30.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="shorter")
    rounds = 3 if parser.parse_args().quick else 25
    calm, busy = measured(rounds, trouble=False), measured(rounds, trouble=True)
    found = {"terminals": TERMINALS, "punches": len(busy)}
    for prefix, waited in (("calm_", calm), ("", busy)):
        found[f"{prefix}p50_ms"] = round(statistics.median(waited), 2)
        found[f"{prefix}p95_ms"] = round(statistics.quantiles(waited, n=20)[-1], 2)
    print(json.dumps(found))


def measured(rounds: int, *, trouble: bool) -> list[float]:
    """Return each punch's wait, milliseconds."""
    names = [f"t{n}" for n in range(TERMINALS) if trouble or f"t{n}" not in TROUBLE]
    terminals = {
        name: SimulatedTerminal(STAFF, serial=name, faults=TROUBLE.get(name), clock=wall_clock)
        for name in names
    }
    for one in terminals.values():
        one.start()
        for person in STAFF:
            one.punch(person.user_id)
    stop = threading.Event()
    with tempfile.TemporaryDirectory(prefix="bench-terminals-") as home:
        place = Path(home)
        daemon = Daemon(
            place / "home", place / "data", {n: f"port = {t.port}" for n, t in terminals.items()}
        )
        daemon.start()
        if trouble:
            threading.Thread(target=flapping, args=(terminals["t18"], stop), daemon=True).start()
        try:
            good = [one for name, one in terminals.items() if name not in TROUBLE]
            for one in good:
                assert one.wait_until(lambda t: t.listeners == 1, WITHIN_S)
            return [waited_ms(one, n) for n in range(rounds) for one in good]
        finally:
            stop.set()
            daemon.stop()
            for one in terminals.values():
                one.stop()


def waited_ms(terminal: SimulatedTerminal, n: int) -> float:
    """Let somebody punch, the `n`-th time; return how long the acknowledgement took."""
    before, began = terminal.acked, time.perf_counter()
    terminal.punch(STAFF[n % len(STAFF)].user_id)
    assert terminal.wait_until(lambda t: t.acked > before, WITHIN_S)
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
