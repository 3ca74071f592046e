"""How long a punch at a ZK terminal waits while a camera looks at full load.

    python bench/camera_load.py [--engine sface] [--rounds N] [--punches N]

The real daemon over loopback, a simulated ZK terminal, and a camera: a folder of frames at 30 a
second in which a face stands, sways and turns. With engine dlib, which takes 0.1 s for a frame, the
recognizer never rests. Measured at the terminal: from the punch to the acknowledgement, which the
daemon sends once it is on disk. With the camera and without it, in turns; prints one JSON line:

    punches                    of each kind
    p50_ms, p95_ms             without a camera
    camera_p50_ms, camera_p95_ms
    ratio_p95                  with, over without: the median of the rounds
    camera_core                of one core, what the recognizer took
"""

import argparse
import json
import math
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2
from stand.models import models
from stand.portraits import headed

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drivers.sim.camera import Scene, Side  # noqa: E402
from drivers.sim.zkteco import SimulatedTerminal, simulated_staff  # noqa: E402
from tests.system.test_daemon import Daemon, wall_clock  # noqa: E402

STAFF = simulated_staff(5)
WITHIN_S = 60.0
RATE = 30
FRAMES = 60
GAP_S = 0.05
"""Between two punches: nobody is faster than that."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", default="dlib", help="dlib takes a whole core (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--punches", type=int, default=100)
    arguments = parser.parse_args()
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    cores: list[float] = []
    with tempfile.TemporaryDirectory(prefix="bench-camera-") as home:
        pictures = Path(home) / "pictures"
        _paint(pictures, models("sface"))
        for number in range(arguments.rounds):
            place = Path(home) / str(number)
            alone.append(_round(place / "alone", arguments, None)[0])
            waited, core = _round(place / "beside", arguments, pictures)
            beside.append(waited)
            cores.append(core)
    found = {"punches": arguments.rounds * arguments.punches}
    for prefix, rounds in (("", alone), ("camera_", beside)):
        waited = [one for each in rounds for one in each]
        found[f"{prefix}p50_ms"] = round(statistics.median(waited), 2)
        found[f"{prefix}p95_ms"] = round(_p95(waited), 2)
    ratios = [_p95(b) / _p95(a) for a, b in zip(alone, beside, strict=True)]
    found["ratio_p95"] = round(statistics.median(ratios), 2)
    found["camera_core"] = round(statistics.median(cores), 2)
    print(json.dumps(found))


def _paint(directory: Path, weights: Path) -> None:
    """Write frames in which somebody stands and turns a little."""
    directory.mkdir()
    scene = Scene([headed("official", weights)])
    scene.frame(0.0)
    for number in range(FRAMES):
        at_s = 1.0 + number / 20
        if number % 20 == 0:
            scene.tell(Side.LEFT if math.sin(number) > 0 else Side.RIGHT, at_s)
        cv2.imwrite(str(directory / f"{number:03d}.jpg"), scene.frame(at_s))


def _round(
    home: Path, arguments: argparse.Namespace, pictures: Path | None
) -> tuple[list[float], float]:
    """Return each punch's wait in milliseconds, and how much of a core the recognizer took."""
    home.mkdir(parents=True)
    terminal = SimulatedTerminal(STAFF, serial="LOAD1", clock=wall_clock)
    terminal.start()
    daemon = Daemon(home / "home", home / "data", {"zk": f"port = {terminal.port}"})
    if pictures is not None:
        with daemon.config.open("a") as file:
            file.write(
                f'[[sources]]\nkind = "camera"\nname = "kamera"\nrate = {RATE}\n'
                f'capture = "folder:{pictures}"\nengine = "{arguments.engine}"\n'
            )
        (home / "data").mkdir()
        (home / "data" / "models").symlink_to(models(arguments.engine))
    daemon.start()
    try:
        assert terminal.wait_until(lambda t: t.listeners == 1, WITHIN_S)
        pid = _recognizer(daemon) if pictures is not None else 0
        began_s, used_s = time.perf_counter(), _cpu_s(pid)
        waited = [_waited_ms(terminal, number) for number in range(arguments.punches)]
        took_s = time.perf_counter() - began_s
        return waited, (_cpu_s(pid) - used_s) / took_s
    finally:
        daemon.stop()
        terminal.stop()


def _recognizer(daemon: Daemon) -> int:
    """Return the process id of the recognizer, once it looks."""
    daemon.until("the camera looks", lambda: (one := daemon.source("kamera")) and one.connected)
    assert daemon.process is not None
    children = Path(f"/proc/{daemon.process.pid}/task").glob("*/children")
    found = [int(pid) for file in children for pid in file.read_text().split()]
    return found[0]


def _cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, seconds; 0 of none."""
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _waited_ms(terminal: SimulatedTerminal, number: int) -> float:
    time.sleep(GAP_S)
    before, began_s = terminal.acked, time.perf_counter()
    terminal.punch(STAFF[number % len(STAFF)].user_id)
    assert terminal.wait_until(lambda t: t.acked > before, WITHIN_S)
    return (time.perf_counter() - began_s) * 1000


def _p95(waited: list[float]) -> float:
    return statistics.quantiles(waited, n=20)[-1]


if __name__ == "__main__":
    main()
