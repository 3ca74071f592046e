"""The Debian package around a release: what dpkg owns, and what is done when it comes and goes.

dpkg owns the payload. What runs is a copy of it in /opt, by hard links: another package takes the
payload's place, and the release before stays where it is, to be returned to. Nothing is fetched.
"""

import os
import subprocess
from pathlib import Path

from kiosk.release.release import Release

PAYLOAD = "/usr/lib/presensi-kiosk/release"

_OPT = "/opt/presensi-kiosk"

_ENABLED = (
    *("presensi-setup.service", "presensi-kiosk.service", "presensi-screen.service"),
    *("presensi-doctor.timer", "presensi-trial.timer"),
)

_CONTROL = """\
Package: presensi-kiosk
Version: {version}
Architecture: {architecture}
Maintainer: Presensi Kiosk <root@localhost>
Installed-Size: {size}
Depends: python3 (>= {python}), python3 (<< {next_python}), libc6, systemd (>= 252)
Recommends: udev, dbus
Suggests: cage, xwayland, chromium, cog
Section: misc
Priority: optional
Description: the edge of a staff-attendance system
 Reads terminals, keeps every presence in a durable, hash-chained journal and
 delivers it to a central server. Its Python packages are its own.
"""


def build(root: Path, checkout: Path, said: Release, out: Path, mtime: int) -> Path:
    """Make the package of the files in `root`, and return it."""
    for unit in sorted((checkout / "systemd").glob("presensi-*.*")):
        if unit.suffix in (".service", ".timer"):
            # A release has its own units; a trial is judged by the release before.
            of = "earlier" if unit.stem == "presensi-trial" else "current"
            to = f"{_OPT}/{of}/share/presensi-kiosk/systemd/{unit.name}"
            _link(root / "lib/systemd/system" / unit.name, to)
    for kind in ("sysusers", "tmpfiles"):
        to_file = root / f"usr/lib/{kind}.d/presensi-kiosk.conf"
        _copy(checkout / "systemd" / f"presensi-kiosk.{kind}", to_file)
    for rules in (checkout / "config" / "udev").glob("*.rules"):
        _copy(rules, root / "lib/udev/rules.d" / rules.name)
    _copy(checkout / "LICENSE", root / "usr/share/doc/presensi-kiosk/copyright")
    for program in ("kiosk", "presensi-central"):
        _link(root / "usr/bin" / program, f"{_OPT}/current/bin/{program}")
    _about(root, said)
    _rights(root)
    file = out / f"presensi-kiosk_{said.version}_{said.architecture}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, file],
        env=os.environ | {"SOURCE_DATE_EPOCH": f"{mtime}"},
        stdout=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    return file


def _about(root: Path, said: Release) -> None:
    """Write what dpkg is told."""
    size = sum(one.lstat().st_size for one in root.rglob("*") if one.is_file()) // 1024
    about = root / "DEBIAN"
    about.mkdir()
    major, minor = said.python.split(".")
    (about / "control").write_text(
        _CONTROL.format(
            version=said.version,
            architecture=said.architecture,
            size=size,
            python=said.python,
            next_python=f"{major}.{int(minor) + 1}",
        )
    )
    for script in sorted((Path(__file__).parent / "scripts").iterdir()):
        text = script.read_text()
        for word, value in (
            ("@VERSION@", said.version),
            ("@PAYLOAD@", PAYLOAD),
            ("@ENABLED@", " ".join(_ENABLED)),
        ):
            text = text.replace(word, value)
        (about / script.name).write_text(text)


def _rights(root: Path) -> None:
    """Give every file the same rights, whoever builds it."""
    for one in [root, *root.rglob("*")]:
        if one.is_symlink():
            continue
        runs = one.is_dir() or one.parent.name == "bin"
        runs |= one.parent.name == "DEBIAN" and one.name != "control"
        one.chmod(0o755 if runs else 0o644)


def _link(place: Path, to: str) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(to)


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_bytes(file.read_bytes())
