"""Build what an office installs: a release's directory, a Debian package, a signed bundle.

    build.py lock   --architecture arm64 --out LOCK          what is needed, by version and hash
    build.py tree   --architecture arm64 --out DIR           a release's directory
    build.py deb    --architecture arm64 --out DIR           presensi-kiosk_VERSION_arm64.deb
    build.py bundle --architecture arm64 --out DIR --key K   presensi-kiosk_VERSION_arm64.release

Packages come from wheels only: nothing is compiled, so any machine builds for any other.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(CHECKOUT)]

import debian  # noqa: E402
import wheels  # noqa: E402

from kiosk.faces import vaultfile  # noqa: E402
from kiosk.release.bundle import SUFFIX, listed, pack  # noqa: E402
from kiosk.release.house import PLACE  # noqa: E402
from kiosk.release.release import FILE, Release, publish  # noqa: E402
from kiosk.release.tree import equip, packages  # noqa: E402
from sync.journal import schema  # noqa: E402
from sync.keyfile import load_or_make  # noqa: E402

PLATFORMS = {
    "arm64": ("manylinux2014_aarch64", "manylinux_2_28_aarch64", "manylinux_2_34_aarch64"),
    "amd64": ("manylinux2014_x86_64", "manylinux_2_28_x86_64", "manylinux_2_34_x86_64"),
}
"""Debian's architectures, and the wheels that run on Debian 12 (glibc 2.36)."""

PYTHON = "3.11"
"""Debian 12's; Debian 13 has 3.13."""

LEFT_OUT = {"pip"}
"""What a package asks for and no kiosk does: sqlite-utils would install plug-ins with it."""


def pip(*words: str) -> None:
    """Run pip. Ends the program where it fails."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    done = subprocess.run(command, cwd=CHECKOUT, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: see above")


def platform(architecture: str, python: str) -> list[str]:
    """Return what tells pip for which machine wheels are to be."""
    digits = python.replace(".", "")
    return [
        "--only-binary=:all:",
        *(word for one in PLATFORMS[architecture] for word in ("--platform", one)),
        *("--python-version", python, "--implementation", "cp"),
        *("--abi", f"cp{digits}", "--abi", "abi3", "--abi", "none"),
    ]


def own_wheel(into: Path) -> Path:
    """Build the wheel of this checkout."""
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", str(into), str(CHECKOUT))
    [wheel] = into.glob("presensi_kiosk-*.whl")
    return wheel


def lock(arguments: argparse.Namespace) -> None:
    """Write which packages are needed, each by its version and its wheel's hash."""
    with tempfile.TemporaryDirectory() as name:
        own, found = Path(name, "own"), Path(name, "found")
        wheel = own_wheel(own)
        wanted = f"{wheel}[{','.join(arguments.extras)}]" if arguments.extras else str(wheel)
        pip(
            *("download", "--quiet", "--dest", str(found)),
            *platform(arguments.architecture, arguments.python),
            wanted,
        )
        lines = []
        for one in sorted(found.glob("*.whl")):
            project, version, *_ = one.name.split("-")
            if project not in {"presensi_kiosk", *LEFT_OUT}:
                digest = hashlib.sha256(one.read_bytes()).hexdigest()
                lines.append(f"{project.replace('_', '-')}=={version} --hash=sha256:{digest}\n")
    extras = f" [{','.join(arguments.extras)}]" if arguments.extras else ""
    head = f"# presensi-kiosk{extras} for {arguments.architecture}, Python {arguments.python}: "
    arguments.out.write_text(head + "make locks\n" + "".join(lines))
    sys.stdout.write(f"{arguments.out}: {len(lines)} packages\n")


def download(locked: Path, architecture: str, python: str, into: Path) -> list[Path]:
    """Get the wheels of a lock file, each with the hash that it says."""
    pip(
        *("download", "--quiet", "--require-hashes", "--no-deps", "--dest", str(into)),
        *platform(architecture, python),
        *("--requirement", str(locked)),
    )
    return sorted(into.glob("*.whl"))


def make_tree(out: Path, arguments: argparse.Namespace) -> Release:
    """Make a release's files in `out`, all but its word and what says where it is."""
    place = packages(out, arguments.python)
    with tempfile.TemporaryDirectory() as name:
        own = own_wheel(Path(name, "own"))
        found = download(
            arguments.lock, arguments.architecture, arguments.python, Path(name, "found")
        )
        for wheel in [*found, own]:
            wheels.unpack(wheel, place)
        version = own.name.split("-")[1]
    if not wheels.compile_all(place, arguments.python):
        sys.stderr.write(
            f"this is no Python {arguments.python}: not compiled, starts take longer\n"
        )
    return Release(
        version=version,
        architecture=arguments.architecture,
        python=arguments.python,
        journal=len(schema.MIGRATIONS),
        vault=len(vaultfile.MIGRATIONS),
    )


def tree(arguments: argparse.Namespace) -> None:
    """Make a release's directory that runs where it is."""
    out = arguments.out
    if out.exists():
        raise SystemExit(f"{out} is there already; choose another place")
    said = make_tree(out, arguments)
    (out / FILE).write_bytes(publish(said, listed(out), None))
    equip(out, arguments.place or out.resolve(), arguments.python)


def bundle(arguments: argparse.Namespace) -> None:
    """Make a signed bundle for a stick; the publisher's key is made if there is none."""
    key = load_or_make(arguments.key)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        files = Path(name, "tree")
        said = make_tree(files, arguments)
        found = listed(files)
        out = arguments.out / f"presensi-kiosk_{said.version}_{said.architecture}{SUFFIX}"
        pack(files, publish(said, found, key), found, out, made_at())
    public = arguments.out / "publisher.pem"
    public.write_bytes(key.public.pem)
    sys.stdout.write(
        f"{out}: {out.stat().st_size / 1e6:.1f} MB, {len(found)} files\n"
        f"{public}: for /etc/presensi-kiosk/release-keys of every kiosk\n"
    )


def deb(arguments: argparse.Namespace) -> None:
    """Make a Debian package."""
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        files = root / debian.PAYLOAD.lstrip("/")
        said = make_tree(files, arguments)
        (files / FILE).write_bytes(publish(said, listed(files), None))
        equip(files, PLACE / "releases" / said.version, said.python)
        out = debian.build(root, CHECKOUT, said, arguments.out, made_at())
    sys.stdout.write(f"{out}: {out.stat().st_size / 1e6:.1f} MB\n")


def made_at() -> int:
    """Return the time of the checkout's last commit: the same checkout, the same files."""
    done = subprocess.run(
        ["git", "log", "-1", "--format=%ct"],
        cwd=CHECKOUT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return int(done.stdout) if done.returncode == 0 else 0


def main() -> None:
    """Run one of the words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    for verb in (lock, tree, deb, bundle):
        one = verbs.add_parser(verb.__name__, help=verb.__doc__)
        one.add_argument("--architecture", choices=PLATFORMS, required=True)
        one.add_argument("--python", default=PYTHON, metavar="X.Y")
        one.add_argument("--out", type=Path, required=True)
        one.set_defaults(run=verb)
        if verb is lock:
            one.add_argument("--extras", nargs="*", default=["screen"])
        else:
            one.add_argument("--lock", type=Path, help="default: the one in locks/")
        if verb is bundle:
            one.add_argument("--key", type=Path, required=True, metavar="FILE")
        if verb is tree:
            one.add_argument("--place", type=Path, help="where it will be; default: there")
    arguments = parser.parse_args()
    if getattr(arguments, "lock", ...) is None:
        arguments.lock = HERE / "locks" / f"{arguments.architecture}-{arguments.python}.txt"
    arguments.run(arguments)


if __name__ == "__main__":
    main()
