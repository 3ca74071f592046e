"""A process that is watched from outside: when it was ready, what it takes of the machine."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

READY_WITHIN_S = 60.0
END_WITHIN_S = 20.0
WATCHDOG_S = 90  # as in systemd/presensi-kiosk.service

_SCHEDULED = 2  # CPUCLOCK_SCHED of <linux/posix-timers.h>: user and system time, nanoseconds


class Watched:
    """One run of a program in a session of its own, as systemd would start and watch it.

    `log` takes what it prints. `ready_s` is from exec to READY=1, if it `notifies` at all.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        log: Path,
        *,
        notifies: bool = True,
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notices.bind("")  # the kernel picks a name in the abstract namespace
        self._notices.settimeout(READY_WITHIN_S)
        said = {
            "NOTIFY_SOCKET": "@" + self._notices.getsockname()[1:].decode(),
            "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000),
        }
        with log.open("ab") as printed:
            began = time.monotonic()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=printed,
                env=os.environ | said | (more or {}),
                start_new_session=True,
            )
        while notifies and b"READY=1" not in self._notices.recv(4096).splitlines():
            pass
        self.ready_s = time.monotonic() - began
        self._notices.settimeout(None)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        """Take what it says, or its next word would wait for room in the socket."""
        while b"STOPPING=1" not in self._notices.recv(4096).splitlines():
            pass

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def cpu_s(self) -> float:
        """Return its processor time so far, user and system, threads that ended included."""
        return time.clock_gettime(~self.pid << 3 | _SCHEDULED)

    def rss_mib(self) -> float:
        """Return its resident memory."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def switches(self) -> int:
        """Return how often its threads have gone to sleep so far."""
        return sum(
            int(line.split()[1])
            for task in Path(f"/proc/{self.pid}/task").iterdir()
            for line in (task / "status").read_text().splitlines()
            if line.startswith("voluntary_ctxt_switches")
        )

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it and wait for its end; may be called twice."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            try:
                self._process.wait(END_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
