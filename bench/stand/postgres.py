"""A PostgreSQL server of its own, as Debian packs it, with its defaults: fsync is on.

It refuses to run as root; then it runs as the user that Debian made for it, or as nobody.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

WITHIN_S = 30.0


class NoServer(RuntimeError):
    """PostgreSQL is not installed, or does not start; the message says which."""


def programs() -> Path:
    """Return the directory of the newest server's programs. Raises NoServer."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if not found:
        raise NoServer("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    return found[-1].parent


def _version(program: Path) -> int:
    return int(program.parts[-3])


class Server:
    """One server, listening on a socket in its directory, from `start` to `remove`."""

    def __init__(self, more: str = "") -> None:
        self._bin = programs()
        # Not below a test's directory: a socket's path may have 107 bytes, and root's is closed.
        self.home = Path(tempfile.mkdtemp(prefix="presensi-pg-"))
        self._user = _unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            os.chown(self.home, self._user.pw_uid, self._user.pw_gid)
        self._run("initdb", "-D", self.home / "data", "-U", "presensi", "-A", "trust",
                  "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        with (self.home / "data" / "postgresql.conf").open("a") as conf:
            conf.write(f"listen_addresses = ''\nunix_socket_directories = '{self.home}'\n{more}\n")

    def start(self) -> None:
        """Start it; returns once it answers. Raises NoServer."""
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self.home / "data"],
                stdout=log, stderr=log, cwd=self.home, **self._as_user(),
            )  # fmt: skip
        until_s = time.monotonic() + WITHIN_S
        ready = [self._bin / "pg_isready", "-q", "-h", self.home]
        while subprocess.run(ready, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > until_s:
                raise NoServer(f"PostgreSQL does not start: {(self.home / 'log').read_text()}")
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT breaks every connection, SIGQUIT is a crash. May be called twice."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(WITHIN_S)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove all that it held."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def make(self, name: str, *, template: str = "template1") -> str:
        """Make a database and return its URL."""
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def url(self, name: str) -> str:
        """Return a database's URL."""
        return f"postgresql://presensi@/{name}?host={self.home}"

    def sql(self, name: str, statement: str) -> str:
        """Run a statement; return what it says, a line for each row."""
        return self._run("psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.home,
                         "-U", "presensi", "-d", name, "-c", statement)  # fmt: skip

    def _run(self, program: str, *words: object) -> str:
        done = subprocess.run(
            [self._bin / program, *map(str, words)],
            capture_output=True, text=True, check=False, cwd=self.home, **self._as_user(),
        )  # fmt: skip
        if done.returncode:
            raise NoServer(f"{program}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _as_user(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _unprivileged() -> pwd.struct_passwd | None:
    """Return who runs it, None for ourselves."""
    if os.geteuid() != 0:
        return None
    names = {one.pw_name: one for one in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]
