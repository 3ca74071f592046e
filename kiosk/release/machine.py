"""This machine for a release: its programs are run, systemd is told. The door to systemctl."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kiosk.release.errors import Failed
from kiosk.release.trial import Look

DAEMON: Final = "presensi-kiosk.service"
WATCHED: Final = "presensi-trial.timer"

UNITS: Final = ("presensi-screen.service", DAEMON)
"""What runs a release's programs, in the order in which it is stopped."""

_MOST_S: Final = 120.0
"""A Pi under load takes 10 s for `kiosk doctor`; systemd gives a unit 10 s to stop."""

_ARCHITECTURES: Final = {"aarch64": "arm64", "x86_64": "amd64", "armv7l": "armhf"}

Run = Callable[[Sequence[str]], "Done"]


class Done(Struct, frozen=True):
    """What a program has said. `code` is None where it could not be run or did not end."""

    code: int | None
    out: bytes
    err: str


def run(words: Sequence[str]) -> Done:
    """Run a program."""
    try:
        done = subprocess.run(  # noqa: S603 - words of ours
            words, capture_output=True, timeout=_MOST_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Done(None, b"", f"{error}")
    return Done(done.returncode, done.stdout, done.stderr.decode(errors="replace").strip())


class _Status(Struct):
    software: str


class _Fact(Struct):
    title: str
    state: str


class ThisMachine:
    """What Steps wants to know: see its `Machine`."""

    def __init__(self, current: Path, settings: Path, run: Run = run) -> None:
        """`current` is the directory of the release that holds, whichever that is."""
        self.architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
        self.python = f"{sys.version_info.major}.{sys.version_info.minor}"
        self._kiosk = current / "bin" / "kiosk"
        self._settings = settings
        self._run = run

    def look(self) -> Look:
        """Look at the kiosk through the release that holds."""
        answer = self._run([f"{self._kiosk}", "status", "--json", "--config", f"{self._settings}"])
        found = self._run(
            [f"{self._kiosk}", "doctor", "--running", "--json", "--config", f"{self._settings}"]
        )
        restarts = self._run(["systemctl", "show", "--value", "--property=NRestarts", DAEMON])
        return Look(
            boot=Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
            up_s=time.clock_gettime(time.CLOCK_BOOTTIME),
            version=_version(answer),
            bad=_bad(found),
            restarts=int(restarts.out) if restarts.out.strip().isdigit() else 0,
        )

    def fits(self, tree: Path) -> str:
        """Return why a release cannot run with the settings as they are; "" if it can."""
        program = tree / "bin" / "kiosk"
        done = self._run([f"{program}", "config", "check", "--config", f"{self._settings}"])
        if done.code == 0:
            return ""
        return done.err.splitlines()[-1] if done.err else f"{program} ended with {done.code}"

    def utc(self) -> int:
        """Return milliseconds by the machine's clock, for people."""
        return time.time_ns() // 1_000_000


def _version(answer: Done) -> str:
    if answer.code != 0:
        return ""
    try:
        said = msgspec.json.decode(answer.out, type=_Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return said.software.rpartition(" ")[2]


def _bad(found: Done) -> tuple[str, ...]:
    """Return the titles of what is bad; a doctor that cannot even look is bad itself."""
    try:
        facts = msgspec.json.decode(found.out, type=list[_Fact])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ("kiosk doctor",)
    return tuple(one.title for one in facts if one.state == "bad")


class Systemd:
    """What Steps tells systemd: see its `Units`."""

    def __init__(self, run: Run = run) -> None:
        self._run = run

    def stop(self) -> None:
        """Stop everything of the kiosk. Raises Failed."""
        self._tell("stop", *UNITS)

    def start(self) -> None:
        """Start what is to run here, by the units of the release that holds. Raises Failed."""
        self._tell("daemon-reload")
        wanted = [one for one in UNITS if self._is_enabled(one)]
        # Not waited for: a release that does not come up is what the trial is about.
        self._tell("start", "--no-block", *({DAEMON, *wanted}))

    def watch(self) -> None:
        """Have `kiosk release check` called again and again. Raises Failed."""
        self._tell("start", WATCHED)

    def rest(self) -> None:
        """Have it called no more. Raises Failed."""
        self._tell("stop", WATCHED)

    def _is_enabled(self, unit: str) -> bool:
        return self._run(["systemctl", "is-enabled", "--quiet", unit]).code == 0

    def _tell(self, *words: str) -> None:
        done = self._run(["systemctl", *words])
        if done.code != 0:
            raise Failed(
                f"systemctl {' '.join(words)}: {done.err or done.code}; "
                f"{'are you root?' if os.geteuid() else 'systemctl status says more'}"
            )
