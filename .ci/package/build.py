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

import wheels  # noqa: E402

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


def make_tree(out: Path, architecture: str, python: str, locked: Path) -> str:
    """Make a release's files in `out`, all but what says where it is; return its version."""
    from kiosk.release.tree import packages

    place = packages(out, python)
    with tempfile.TemporaryDirectory() as name:
        own = own_wheel(Path(name, "own"))
        for wheel in [*download(locked, architecture, python, Path(name, "found")), own]:
            wheels.unpack(wheel, place)
        version = own.name.split("-")[1]
    if not wheels.compile_all(place, python):
        sys.stderr.write(f"this is not Python {python}: the kiosk compiles at each start\n")
    return version


def tree(arguments: argparse.Namespace) -> None:
    """Make a release's directory that runs where it is."""
    from kiosk.release.tree import equip

    if arguments.out.exists():
        raise SystemExit(f"{arguments.out} is there already; choose another place")
    make_tree(arguments.out, arguments.architecture, arguments.python, arguments.lock)
    equip(arguments.out, arguments.place or arguments.out.resolve(), arguments.python)


def main() -> None:
    """Run one of the words."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    for verb in (lock, tree):
        one = verbs.add_parser(verb.__name__, help=verb.__doc__)
        one.add_argument("--architecture", choices=PLATFORMS, required=True)
        one.add_argument("--python", default=PYTHON, metavar="X.Y")
        one.add_argument("--out", type=Path, required=True)
        one.set_defaults(run=verb)
        if verb is lock:
            one.add_argument("--extras", nargs="*", default=["screen"])
        else:
            one.add_argument("--lock", type=Path)
        if verb is tree:
            one.add_argument("--place", type=Path, help="where it will be; default: there")
    arguments = parser.parse_args()
    if getattr(arguments, "lock", ...) is None:
        arguments.lock = HERE / "locks" / f"{arguments.architecture}-{arguments.python}.txt"
    arguments.run(arguments)


if __name__ == "__main__":
    main()
