"""How long somebody waits at a finger module until their punch is on disk and told to the screen.

    python bench/finger.py [--visits N] [--enrolled N] [--profile NAME ...]

The real daemon, and a simulated module behind a pseudo-terminal that takes the time that makers
tell of such modules (drivers/sim/r30xtimings.py) and sends its bytes as slowly as 57,600 bits a
second let them. A finger is laid down at any moment; measured is until the daemon tells that it is
recorded. `module_ms` is what the module itself takes for one picture, its features and the search,
without a byte on the line: nobody can be faster. One JSON line for each profile:

    visits, enrolled
    p50_ms, p95_ms, most_ms    finger laid down to recorded
    module_ms
    ratio                      p50 over `module_ms`
    core                       of one core, what the daemon takes while it waits for a finger
"""

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drivers.sim.fingerprint import FingerprintModule, Op, Pty  # noqa: E402
from drivers.sim.r30xtimings import pause_s  # noqa: E402
from drivers.sim.zkteco import SimulatedTerminal, simulated_staff  # noqa: E402
from kiosk.local import Alive, Happening, Recorded, ask  # noqa: E402
from tests.system.test_daemon import Daemon, wall_clock  # noqa: E402

WITHIN_S = 30.0
LIFTED_S = 0.6
"""Between two visits: the module has seen an empty glass twice by then."""

IDLE_S = 10.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visits", type=int, default=60)
    parser.add_argument("--enrolled", type=int, default=150)
    parser.add_argument("--profile", nargs="+", default=["r503-1.2.2", "r307", "zfm20"])
    arguments = parser.parse_args()
    for profile in arguments.profile:
        with tempfile.TemporaryDirectory(prefix="bench-finger-") as home:
            found = measure(Path(home), profile, arguments.visits, arguments.enrolled)
        print(json.dumps({"profile": profile, **found}), flush=True)


def measure(home: Path, profile: str, visits: int, enrolled: int) -> dict[str, float]:
    """Return what is printed of one profile."""
    link = home / "finger"
    module = FingerprintModule(profile, Pty(link), realistic=True)
    for slot in range(enrolled):
        module.enrolled(slot, f"person:{slot}")
    with SimulatedTerminal(simulated_staff(1), serial="T1", clock=wall_clock) as terminal, module:
        daemon = Daemon(home / "home", home / "data", {"zk": f"port = {terminal.port}"})
        with daemon.config.open("a") as file:
            file.write(f'[[sources]]\nkind = "fingerprint"\nname = "jari"\nport = "{link}"\n')
        daemon.start()
        try:
            daemon.until("the module is there", lambda: _is_connected(daemon))
            waited = _visits(home / "data" / "kiosk.sock", module, visits, enrolled)
            core = _idle_core(daemon)
        finally:
            daemon.stop()
    own_s = sum(pause_s(op, True, enrolled) for op in (Op.GEN_IMG, Op.IMG2TZ, Op.SEARCH))
    p50 = statistics.median(waited)
    return {
        "visits": visits,
        "enrolled": enrolled,
        "p50_ms": round(1000 * p50),
        "p95_ms": round(1000 * statistics.quantiles(waited, n=20)[-1]),
        "most_ms": round(1000 * max(waited)),
        "module_ms": round(1000 * own_s),
        "ratio": round(p50 / own_s, 2),
        "core": round(core, 4),
    }


def _is_connected(daemon: Daemon) -> bool:
    source = daemon.source("jari")
    return source is not None and source.connected


def _visits(socket: Path, module: FingerprintModule, visits: int, enrolled: int) -> list[float]:
    told = threading.Event()

    def watch() -> None:
        for line in ask(socket, "watch"):
            event = msgspec.json.decode(line, type=Happening | Alive)
            if isinstance(event, Recorded) and event.presence.source == "jari":
                told.set()

    threading.Thread(target=watch, daemon=True).start()
    dice, waited = random.Random(7), []
    for _ in range(visits):
        time.sleep(LIFTED_S + dice.random() * 0.3)
        told.clear()
        began_s = time.perf_counter()
        module.place(f"person:{dice.randrange(enrolled)}")
        if not told.wait(WITHIN_S):
            raise SystemExit("a visit was not recorded")
        waited.append(time.perf_counter() - began_s)
        module.lift()
    return waited


def _idle_core(daemon: Daemon) -> float:
    assert daemon.process is not None
    stat = Path(f"/proc/{daemon.process.pid}/stat")

    def used_s() -> float:
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    before_s = used_s()
    time.sleep(IDLE_S)
    return (used_s() - before_s) / IDLE_S


if __name__ == "__main__":
    main()
