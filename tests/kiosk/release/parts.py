"""Releases made for a test: small trees with a signed word, and a machine that obeys."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.release.bundle import listed, pack
from kiosk.release.errors import Failed
from kiosk.release.house import Releases
from kiosk.release.release import FILE, Release, publish
from kiosk.release.trial import Look
from sync.journal import names, schema
from sync.protocol.identity import PrivateKey

KEY = PrivateKey.generate()
JOURNAL = len(schema.MIGRATIONS)


def tree(place: Path, version: str, text: str = "") -> Path:
    """Make the files of a release."""
    for path, content in {
        "lib/python3.11/site-packages/kiosk/__init__.py": f"VERSION = {version!r}\n{text}",
        "lib/python3.11/site-packages/cv2.py": "\0\1" * 5000,
        "share/presensi-kiosk/systemd/presensi-kiosk.service": "[Unit]\n",
    }.items():
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return place


def word(place: Path, version: str, key: PrivateKey | None = KEY, **more: object) -> bytes:
    said = {"architecture": "arm64", "python": "3.11", "journal": JOURNAL, "vault": 1} | more
    return publish(Release(version=version, **said), listed(place), key)  # type: ignore[arg-type]


def bundle(at: Path, version: str, key: PrivateKey = KEY, **more: object) -> Path:
    """Make a bundle, and return its file."""
    place = tree(at / f"tree-{version}", version)
    out = at / f"{version}.release"
    pack(place, word(place, version, key, **more), listed(place), out)
    shutil.rmtree(place)
    return out


def installed(releases: Releases, version: str, **more: object) -> None:
    """Put a release where the package does."""
    place = tree(releases.tree(version), version)
    (place / FILE).write_bytes(word(place, version, None, **more))


class Machine:
    """A machine on which a daemon runs, as the release that holds is made; and its systemd.

    `answers` has, by version, the daemon that comes up: what it is called, and what is bad.
    """

    architecture, python = "arm64", "3.11"

    def __init__(self, releases: Releases, data: Path) -> None:
        self._releases = releases
        self.data = data
        self.up_s = 1000.0
        self.boot = "boot-1"
        self.runs = ""
        self.watches = False
        self.restarts = 0
        self.answers: dict[str, tuple[str, ...] | None] = {}
        self.schemas: dict[str, int] = {}
        self.unfit = ""
        self.does_not_stop = False

    def look(self) -> Look:
        bad = self.answers.get(self.runs, ())
        return Look(
            boot=self.boot,
            up_s=self.up_s,
            version="" if bad is None else self.runs,
            bad=bad or (),
            restarts=self.restarts,
        )

    def fits(self, tree: Path) -> str:
        return self.unfit

    def utc(self) -> int:
        return 1_764_230_000_000

    def stop(self) -> None:
        if self.does_not_stop:
            raise Failed("systemctl stop: it does not; systemctl status says more")
        self.runs = ""

    def start(self) -> None:
        """A daemon comes up, and migrates or refuses what it finds."""
        self.runs = self._releases.current
        for path in names.files(self.data / "journal"):
            with closing(sqlite3.connect(path)) as db:
                [found] = db.execute("PRAGMA user_version").fetchone()
                mine = self.schemas.get(self.runs, JOURNAL)
                if found > mine:
                    self.runs = ""  # it says which release is needed, and ends
                    return
                db.execute(f"PRAGMA user_version = {mine}")

    def watch(self) -> None:
        self.watches = True

    def rest(self) -> None:
        self.watches = False

    def power_cut(self) -> None:
        """The machine goes off and on: systemd starts what holds, and the timer."""
        self.boot, self.up_s = f"{self.boot}+", 0.0
        self.start()
        self.watches = self._releases.trial() is not None


class PowerCut(BaseException):
    """The power fails."""


class Power:
    """Fails before the nth call of whatever it may fail in."""

    def __init__(self, nth: int, patched: pytest.MonkeyPatch) -> None:
        self._left = nth
        self._patched = patched

    def may_fail_in(self, where: object, *names: str) -> None:
        for name in names:
            self._patched.setattr(where, name, self._wrapped(getattr(where, name)))

    def _wrapped(self, call: Callable[..., object]) -> Callable[..., object]:
        def made(*words: object, **more: object) -> object:
            self._left -= 1
            if self._left == 0:
                raise PowerCut
            return call(*words, **more)

        return made
