"""Whether a terminal with a full log makes people at other terminals wait.

    python bench/busy_terminals.py [--quick] [--records N] [--users N] [--layout NAME]

The real daemon without a line, three terminals at which somebody punches several times a second,
and one with 200,000 rows and 10,000 users that is read and recorded from the daemon's start on. A
punch's time is from the terminal to the terminal: it is acknowledged when it is on disk. Prints one
JSON line:

    records, users, layout
    read_and_recorded_s    from the daemon's start until the whole log is on disk
    busy_p50_ms, _p95, _max    punches at the other terminals meanwhile
    quiet_p50_ms, _p95, _max   and after it
    punches_busy, punches_quiet
    daemon_peak_mib
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from stand.watched import Watched

from drivers.sim.zkteco import LogLayout, SimulatedTerminal, simulated_staff
from kiosk.cli.demo_setup import program
from kiosk.health import Status
from kiosk.local import NoDaemon, ask
from sync.protocol.identity import PrivateKey

LIVE = 3
EVERY_S = 0.15
QUIET_S = 20.0
WITHIN_S = 600.0


class Lobby:
    """A terminal at which somebody punches, again and again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waited_ms: list[tuple[float, float]] = []
        self.terminal = SimulatedTerminal(
            simulated_staff(55),
            serial=name.upper(),
            clock=lambda: datetime.now(UTC).replace(tzinfo=None),
        )
        self._made = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._punch)

    @contextmanager
    def open(self) -> Iterator[None]:
        """Let people punch inside the `with`."""
        with self.terminal:
            self._thread.start()
            try:
                yield
            finally:
                self._stopping.set()
                self._thread.join()

    def _punch(self) -> None:
        self.terminal.wait_until(lambda it: it.listeners == 1, WITHIN_S)
        while not self._stopping.wait(EVERY_S):
            user = str(1001 + self._made % 55)
            self._made += 1
            began = time.perf_counter()
            self.terminal.punch(user)
            if not self.terminal.wait_until(lambda it: it.acked >= self._made, WITHIN_S):
                raise TimeoutError(f"{self.name}: punch {self._made} was not confirmed")
            now = time.perf_counter()
            self.waited_ms.append((began, 1000 * (now - began)))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="20,000 records")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--layout", choices=LogLayout.__members__, default="TFT_40")
    parser.add_argument("--directory", type=Path, default=Path.cwd(), help="on the disk to use")
    given = parser.parse_args()
    records = 20_000 if given.quick else given.records
    quiet_s = 5.0 if given.quick else QUIET_S
    with (
        tempfile.TemporaryDirectory(dir=given.directory, prefix="bench-busy-") as name,
        full_terminal(records, given.users, given.layout) as full,
        ExitStack() as lobbies,
    ):
        live = [Lobby(f"lobby{n}") for n in range(LIVE)]
        for lobby in live:
            lobbies.enter_context(lobby.open())
        ports = {lobby.name: lobby.terminal.port for lobby in live} | {"full": full}
        began = time.perf_counter()
        daemon = Watched(*started(Path(name), ports))
        try:
            socket = Path(name) / "data" / "kiosk.sock"
            while (status := now(socket)) is None or recorded(status) < records:
                if time.perf_counter() - began > WITHIN_S:
                    raise TimeoutError(f"not recorded within {WITHIN_S:g} s: {status}")
                time.sleep(0.2)
            done = time.perf_counter()
            time.sleep(quiet_s)
            peak_mib = peak(daemon.pid)
        finally:
            lobbies.close()
            daemon.end()
    waited = [one for lobby in live for one in lobby.waited_ms]
    busy = [ms for at, ms in waited if at < done]
    quiet = [ms for at, ms in waited if at > done + 1]
    figures = {
        "records": records,
        "users": given.users,
        "layout": given.layout,
        "read_and_recorded_s": round(done - began, 2),
        **spread("busy", busy),
        **spread("quiet", quiet),
        "punches_busy": len(busy),
        "punches_quiet": len(quiet),
        "daemon_peak_mib": round(peak_mib, 1),
    }
    print(json.dumps(figures))


@contextmanager
def full_terminal(records: int, users: int, layout: str) -> Iterator[int]:
    """Run the terminal with the full log; gives its port."""
    program = Path(__file__).parent / "stand" / "full_terminal.py"
    command = [sys.executable, program, str(records), str(users), layout]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


def started(home: Path, ports: dict[str, int]) -> tuple[list[str | Path], Path]:
    """Write a daemon's settings; return its command and its log."""
    (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
    config = home / "kiosk.toml"
    config.write_text(
        f'kiosk = "k1"\ndata = "{home / "data"}"\ncentral = ["central.pem"]\n'
        'mirror = ""\n[line]\nhost = "127.0.0.1"\nport = 1\n'
        + "".join(
            f'[[sources]]\nkind = "zkteco"\nname = "{name}"\nhost = "127.0.0.1"\n'
            f'port = {port}\ntimezone = "UTC"\ntimeout_s = 60.0\ncheck_s = 60.0\n'
            for name, port in ports.items()
        )
    )
    return [program("kiosk"), "run", "--config", config], home / "log"


def now(socket: Path) -> Status | None:
    """Return how the daemon is, None while it does not say."""
    with suppress(NoDaemon, StopIteration):
        return msgspec.json.decode(next(ask(socket, "status")), type=Status)
    return None


def recorded(status: Status) -> int:
    """Return how many rows of the full log are on disk."""
    return next((one.recorded for one in status.sources if one.name == "full"), 0)


def spread(name: str, waited_ms: list[float]) -> dict[str, float]:
    """Return the median, the 95th percentile and the longest."""
    return {
        f"{name}_p50_ms": round(statistics.median(waited_ms), 2),
        f"{name}_p95_ms": round(statistics.quantiles(waited_ms, n=20)[-1], 2),
        f"{name}_max_ms": round(max(waited_ms), 2),
    }


def peak(pid: int) -> float:
    """Return the most resident MiB that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line[:5] == "VmHWM") / 1024


if __name__ == "__main__":
    main()
