"""A Debian machine that boots for a test: systemd as its first process, in systemd-nspawn.

Its root is made once and kept in .peers; each machine writes into a layer of its own. The data
directory is a file system of its own, so that it can be frozen, as a failing card freezes. The
network is this machine's: what listens on 127.0.0.1 here is there too.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec import structs

from kiosk.release.bundle import listed, pack
from kiosk.release.release import FILE, publish, read_unverified
from sync.protocol.identity import PrivateKey

CHECKOUT = Path(__file__).parents[2]
BUILD = CHECKOUT / ".ci" / "package" / "build.py"
ROOT = CHECKOUT / ".peers" / "debian"

SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}
"""The Debian whose Python is this one."""

WITHIN_S = 60.0

OPT = "/opt/presensi-kiosk"
KIOSK = f"{OPT}/current/bin/kiosk"
SHARE = f"{OPT}/current/share/presensi-kiosk"
UNITS = ("presensi-kiosk.service", "presensi-screen.service")


def why_not() -> str:
    """Return why no machine can boot here; "" if one can."""
    if os.geteuid() != 0:
        return "systemd-nspawn wants root"
    for program in ("systemd-nspawn", "mmdebstrap", "mkfs.ext4", "fsfreeze", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is not installed: make debian"
    if sys.version_info[:2] not in SUITES:
        return f"no Debian has Python {sys.version_info.major}.{sys.version_info.minor}"
    return ""


def said(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def debian() -> Path:
    """Return a bare Debian's root; skip the test where none can be made or entered."""
    if reason := why_not():
        pytest.skip(reason)
    suite = SUITES[sys.version_info[:2]]
    root = ROOT.with_name(f"debian-{suite}")
    if not root.is_dir():
        draft = root.with_name(f"{root.name}.{os.getpid()}")
        draft.parent.mkdir(exist_ok=True)
        done = subprocess.run(
            ["mmdebstrap", "--variant=minbase", "--include=systemd-sysv,dbus,python3",
             suite, draft], capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            shutil.rmtree(draft, ignore_errors=True)
            pytest.skip(f"no Debian can be had here: {done.stderr[-300:]}")
        with contextlib.suppress(OSError):  # somebody was faster
            draft.rename(root)
    tried = subprocess.run(
        ["systemd-nspawn", "-q", "--volatile=overlay", "--register=no", "--keep-unit",
         "-D", root, "/bin/true"],
        env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if tried.returncode:
        pytest.skip(f"this machine forbids systemd-nspawn: {tried.stderr.strip()[-300:]}")
    return root


class Booted:
    """One machine. `prepare`, put into `root` what it is to have, `boot`, and `end` in any case."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.root = place / "root"
        self.data = place / "data"
        self.log = place / "console"
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._first = 0
        self._mounted: list[Path] = []

    def prepare(self, base: Path) -> None:
        """Make the root and the data's file system."""
        layer = self._place / "layer"
        for one in (self.root, self.data, layer / "upper", layer / "work"):
            one.mkdir(parents=True)
        # A layer of a layer is refused: the writable one is in memory.
        said("mount", "-t", "tmpfs", "-o", "size=1g", "presensi-test", layer)
        self._mounted.append(layer)
        for one in ("upper", "work"):
            (layer / one).mkdir()
        options = f"lowerdir={base},upperdir={layer}/upper,workdir={layer}/work"
        said("mount", "-t", "overlay", "-o", options, "presensi-test", self.root)
        self._mounted.append(self.root)
        disk = self._place / "disk"
        with disk.open("wb") as file:
            file.truncate(64 << 20)
        said("mkfs.ext4", "-q", disk)
        said("mount", "-o", "loop", disk, self.data)
        self._mounted.append(self.data)

    def put(self, path: str, content: str | bytes) -> None:
        """Write a file of the machine."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)

    def link(self, path: str, to: str) -> None:
        """Make a link of the machine."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(to)

    def install(self, tree: Path, version: str) -> None:
        """Put a release where the package puts it, as the one that holds, with its units."""
        shutil.copytree(tree, self.root / OPT[1:] / "releases" / version, symlinks=True)
        for name in ("current", "earlier"):
            self.link(f"{OPT}/{name}", f"releases/{version}")
        units = tree / "share" / "presensi-kiosk" / "systemd"
        for one in [*units.glob("*.service"), *units.glob("*.timer")]:
            share = SHARE.replace("current", "earlier") if "trial" in one.name else SHARE
            self.link(f"/etc/systemd/system/{one.name}", f"{share}/systemd/{one.name}")
        for one in UNITS:
            wants = "/etc/systemd/system/multi-user.target.wants"
            self.link(f"{wants}/{one}", f"{SHARE}/systemd/{one}")
        for kind in ("sysusers", "tmpfiles"):
            name = f"{kind}.d/presensi-kiosk.conf"
            self.link(f"/usr/lib/{name}", f"{SHARE}/systemd/presensi-kiosk.{kind}")

    def boot(self) -> None:
        """Start it, and wait until systemd has started what it is to start."""
        with self.log.open("wb") as log:
            self._nspawn = subprocess.Popen(
                ["systemd-nspawn", "-q", "-b", "-D", self.root, "--register=no", "--keep-unit",
                 "--console=pipe", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
                 f"--bind={self.data}:/var/lib/presensi-kiosk"],
                env=os.environ | {"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children")

        def is_up() -> bool:
            assert self._nspawn is not None
            assert self._nspawn.poll() is None, self.log.read_text(errors="replace")
            self._first = int((children.read_text().split() or ["0"])[0])
            answer = self.try_("systemctl", "is-system-running").stdout.strip()
            return answer in ("running", "degraded", "starting")

        self.until("it boots", is_up)

    def try_(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program in it."""
        return subprocess.run(
            ["nsenter", "-t", str(self._first), "-a", "--", *words],
            env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def run(self, *words: str) -> str:
        """Run a program in it, which must succeed; return what it says."""
        done = self.try_(*words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}\n{self.journal()}"
        return done.stdout

    def unit(self, name: str, what: str) -> str:
        """Return one property of a unit."""
        return self.try_("systemctl", "show", "--value", "-p", what, name).stdout.strip()

    def journal(self, *words: str) -> str:
        return self.try_("journalctl", "--no-pager", "-o", "short-monotonic", *words).stdout[-6000:]

    def until(self, what: str, condition: Callable[[], bool], within_s: float = WITHIN_S) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}\n" + (
                self.journal() if self._first else self.log.read_text(errors="replace")
            )
            time.sleep(0.1)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Have everything that writes into the data directory wait, as a failing card does."""
        said("fsfreeze", "--freeze", self.data)
        try:
            yield
        finally:
            said("fsfreeze", "--unfreeze", self.data)

    def end(self) -> None:
        """Power it off and leave nothing of it."""
        if self._nspawn is not None:
            if self._first:
                self.try_("systemctl", "poweroff", "--force")
            try:
                self._nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self._nspawn.send_signal(signal.SIGKILL)
                self._nspawn.wait()
        for one in reversed(self._mounted):
            subprocess.run(["umount", "--lazy", one], check=False)


def build_tree(out: Path) -> Path:
    """Build this checkout's release for this machine; the place is where the package puts it."""
    machine = said("dpkg", "--print-architecture").strip()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    said(sys.executable, BUILD, "tree", "--architecture", machine, "--python", python,
         "--out", out, "--place", f"{OPT}/releases/0.1.0")  # fmt: skip
    return out


def later(tree: Path, version: str, key: PrivateKey, runs: str = "") -> bytes:
    """Return the bundle of a later release: `tree` under another version.

    `runs` is a module's text in the place of `kiosk run`; "" for what it is.
    """
    place = tree.with_name(f"tree-{version}")
    shutil.copytree(tree, place, copy_function=os.link, symlinks=True)
    [packages] = place.glob("lib/python3.*/site-packages")
    [metadata] = packages.glob("presensi_kiosk-*.dist-info/METADATA")
    text = metadata.read_text().replace("Version: 0.1.0", f"Version: {version}", 1)
    _rewrite(metadata, text)
    if runs:
        _rewrite(packages / "kiosk" / "cli" / "run.py", runs)
        for compiled in (packages / "kiosk" / "cli" / "__pycache__").glob("run.*"):
            compiled.unlink()
    said, _ = read_unverified((tree / FILE).read_bytes())
    out = tree.with_name(f"{version}.release")
    files = listed(place)
    word = publish(structs.replace(said, version=version), files, key)
    pack(place, word, files, out, preset=0)
    return out.read_bytes()


def _rewrite(file: Path, text: str) -> None:
    file.unlink()  # it is a link to the other release's
    file.write_text(text)
