"""Install the package on a Debian of another architecture, under qemu, and have it work.

    debtest.py dist/presensi-kiosk_0.1.0_arm64.deb

A bare Debian 12 is made once and kept in .peers. The package is installed without a network and
without systemd running, as on an image that is being made; then its daemon reads a simulated ZK
terminal and delivers to a broker and to central, which run here. Wants root, mmdebstrap and
qemu-user-static.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT)]

import msgspec  # noqa: E402

from kiosk.cli import demo  # noqa: E402
from kiosk.cli.demo import Demo  # noqa: E402
from kiosk.cli.demo_setup import Bench, Part  # noqa: E402
from kiosk.health import Status  # noqa: E402
from kiosk.local import NoDaemon, ask  # noqa: E402

PUNCHES = 12
WITHIN_S = 300.0
MACHINES = {"arm64": "aarch64", "amd64": "x86_64"}

OPT, ETC = "opt/presensi-kiosk", "etc/presensi-kiosk"


class Emulated(Bench, frozen=True, kw_only=True):
    """A bench whose kiosk is the one installed in `root`, where the bench's files are too."""

    root: Path

    def command(self, part: Part) -> list[str]:
        if part is not Part.KIOSK:
            return super().command(part)
        return ["chroot", f"{self.root}", "kiosk", "run", "--config", f"{self.kiosk_toml}"]

    def kiosk(self, *words: object, stdin: str = "") -> str:
        command = ["kiosk", *map(str, words), "--config", f"{self.kiosk_toml}"]
        return run(["chroot", f"{self.root}", *command])


def run(command: Sequence[str | Path]) -> str:
    """Run a program and return what it says. Ends this one where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = " ".join(map(str, command))
        raise SystemExit(f"{words}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


@contextmanager
def timed(what: str) -> Iterator[None]:
    began_s = time.monotonic()
    sys.stdout.write(f"{what} ...")
    sys.stdout.flush()
    yield
    sys.stdout.write(f" {time.monotonic() - began_s:.0f} s\n")


def debian(architecture: str) -> Path:
    """Return a bare Debian 12's root, made if there is none."""
    root = CHECKOUT / ".peers" / f"debian-{architecture}"
    if not root.is_dir():
        draft = root.with_name(f"{root.name}.{os.getpid()}")
        draft.parent.mkdir(exist_ok=True)
        with timed(f"a bare Debian 12 for {architecture}"):
            run(["mmdebstrap", f"--architectures={architecture}", "--variant=minbase",
                 "--include=python3,systemd", "bookworm", draft])  # fmt: skip
        draft.rename(root)
    return root


@contextmanager
def layered(base: Path, place: Path) -> Iterator[Path]:
    """Have a root that is written to without `base` being."""
    root, layer = place / "root", place / "layer"
    root.mkdir()
    layer.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=2g", "presensi-test", layer])
    try:
        (layer / "upper").mkdir()
        (layer / "work").mkdir()
        options = f"lowerdir={base},upperdir={layer}/upper,workdir={layer}/work"
        run(["mount", "-t", "overlay", "-o", options, "presensi-test", root])
        try:
            for kind, where in (("proc", "proc"), ("tmpfs", "tmp")):
                run(["mount", "-t", kind, "presensi-test", root / where])
            run(["mount", "--bind", "/dev", root / "dev"])
            yield root
        finally:
            for one in ("dev", "tmp", "proc", ""):
                subprocess.run(["umount", "--lazy", root / one], check=False)
    finally:
        subprocess.run(["umount", "--lazy", layer], check=False)


def install(root: Path, package: Path) -> None:
    """Install the package, with no network at all."""
    shutil.copy(package, root / "tmp" / package.name)
    run(["unshare", "--net", "chroot", root, "dpkg", "--install", f"/tmp/{package.name}"])
    version = run(["chroot", root, "dpkg-query", "-f", "${Version}", "-W", "presensi-kiosk"])
    current = (root / OPT / "current").readlink()
    assert current == Path("releases") / version, current
    for unit in ("presensi-setup.service", "presensi-kiosk.service", "presensi-screen.service"):
        wants = root / "etc/systemd/system/multi-user.target.wants" / unit
        assert wants.is_symlink(), f"{unit} is not enabled"
    assert not (root / ETC / "kiosk.toml").exists(), "set-up would take a sample for settings"
    assert "presensi-screen:" in (root / "etc/passwd").read_text()
    said = run(["chroot", root, "kiosk", "release", "verify"])
    sys.stdout.write(f"  {said}")


def works(root: Path, place: Path) -> None:
    """Have punches go from a simulated terminal through the installed daemon to central."""
    data = place / "bench"
    there = root / f"{data}".lstrip("/")
    data.mkdir()
    there.mkdir(parents=True)
    run(["mount", "--bind", data, there])
    try:
        [broker, web, terminal] = free_ports(3)
        bench = Emulated(
            data=data, people=5, rate=120.0, limit=PUNCHES, root=root,
            broker_port=broker, web_port=web, terminal_port=terminal,
        )  # fmt: skip
        parts = Demo(bench)
        demo.READY_WITHIN_S = WITHIN_S  # type: ignore[misc] # an emulated processor takes its time
        try:
            with timed("  keys, central, broker, the daemon under qemu"):
                parts.prepare()
                parts.start()
            with timed(f"  {PUNCHES} punches to central's receipt"):
                until_s = time.monotonic() + WITHIN_S
                while not delivered(bench):
                    if time.monotonic() > until_s:
                        raise SystemExit(f"not delivered: {bench.log(Part.KIOSK).read_text()}")
                    time.sleep(0.5)
        finally:
            parts.end()
    finally:
        subprocess.run(["umount", "--lazy", there], check=False)


def delivered(bench: Bench) -> bool:
    """Return whether central has receipted every punch."""
    try:
        status = msgspec.json.decode(next(ask(bench.socket, "status")), type=Status)
    except (NoDaemon, StopIteration):
        return False
    [source] = status.sources
    return source.recorded == PUNCHES and not status.line.waiting


def free_ports(number: int) -> list[int]:
    """Return ports of 127.0.0.1 that nobody uses now."""
    with ExitStack() as open_ones:
        probes = [open_ones.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def remove(root: Path) -> None:
    """Purge it: programs go, keys and punches stay."""
    (root / "var/lib/presensi-kiosk/journal").mkdir(parents=True, exist_ok=True)
    (root / ETC / "kiosk.toml").touch()
    run(["chroot", root, "dpkg", "--purge", "presensi-kiosk"])
    assert not (root / OPT).exists()
    assert (root / ETC / "kiosk.toml").exists()
    assert (root / "var/lib/presensi-kiosk/journal").is_dir()


def main() -> None:
    """Do all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path)
    package = parser.parse_args().package
    architecture = package.stem.rpartition("_")[2]
    if os.geteuid() != 0:
        raise SystemExit("this wants root: it mounts and changes roots")
    if subprocess.run(["arch-test", architecture], capture_output=True, check=False).returncode:
        raise SystemExit(
            f"programs of {architecture} do not run here: apt-get install qemu-user-static "
            "arch-test; mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc; "
            f"update-binfmts --enable qemu-{MACHINES[architecture]}"
        )
    base = debian(architecture)
    with tempfile.TemporaryDirectory() as name, layered(base, Path(name)) as root:
        with timed(f"{package.name}, {package.stat().st_size / 1e6:.1f} MB, installed"):
            install(root, package)
        told = "import platform; print(platform.machine(), platform.python_version())"
        said = run(["chroot", root, f"/{OPT}/current/bin/python3", "-c", told])
        sys.stdout.write(f"  {said}")
        works(root, Path(name))
        with timed("purged"):
            remove(root)
    sys.stdout.write("all is well\n")


if __name__ == "__main__":
    main()
