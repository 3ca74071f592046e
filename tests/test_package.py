"""What an office installs: wheels put in place, a Debian package, and what its packages are."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import debian
import pytest
import wheels

from kiosk.release.release import Release
from kiosk.release.tree import equip, packages

CHECKOUT = Path(__file__).parents[1]
PACKAGE = CHECKOUT / ".ci" / "package"
SAID = Release(version="0.2.0", architecture="arm64", python="3.11", journal=2, vault=1)


def wheel(at: Path, files: dict[str, str], record: bool = True) -> Path:
    out = at / "presensi_kiosk-0.2.0-py3-none-any.whl"
    about = "presensi_kiosk-0.2.0.dist-info"
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: presensi-kiosk\n")
        if record:
            archive.writestr(f"{about}/RECORD", "")
    return out


def test_a_wheel_is_found_where_it_was_put(tmp_path: Path) -> None:
    made = wheel(
        tmp_path,
        {
            "kiosk/__init__.py": "",
            "presensi_kiosk-0.2.0.data/data/share/presensi-kiosk/config/models.toml": "x",
            "presensi_kiosk-0.2.0.data/scripts/kiosk": "#!python",
        },
    )
    place = packages(tmp_path / "tree", "3.11")
    wheels.unpack(made, place)
    assert not list((tmp_path / "tree").rglob("scripts"))
    assert not (tmp_path / "tree" / "bin").exists()
    found = Distribution.at(place / "presensi_kiosk-0.2.0.dist-info")
    located = {f"{one}": Path(str(one.locate())) for one in found.files or ()}
    # As drivers/camera/weights.py looks for it.
    [shared] = [at for name, at in located.items() if name.endswith("config/models.toml")]
    assert shared.resolve() == tmp_path / "tree/share/presensi-kiosk/config/models.toml"
    assert all(at.exists() for at in located.values())


@pytest.mark.parametrize("name", ["../evil.py", "x-1.data/data/../../../../evil", "x.data/data//e"])
def test_a_wheel_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SystemExit, match="leads out"):
        wheels.unpack(wheel(tmp_path, {name: ""}), packages(tmp_path / "tree", "3.11"))
    with pytest.raises(SystemExit, match="no RECORD"):
        wheels.unpack(wheel(tmp_path, {}, record=False), packages(tmp_path / "tree", "3.11"))


def test_what_is_compiled_is_valid_whatever_the_files_time(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("A = 1\n")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert wheels.compile_all(tmp_path, python)
    [compiled] = (tmp_path / "__pycache__").glob("module.*.pyc")
    assert compiled.read_bytes()[4:8] == b"\1\0\0\0", "by hash, and not looked at"
    assert str(tmp_path).encode() not in compiled.read_bytes()
    assert not wheels.compile_all(tmp_path, "3.0")


def test_a_release_runs_from_where_it_will_be(tmp_path: Path) -> None:
    tree = tmp_path / "begun"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    site = packages(tree, python)
    (site / "kiosk" / "cli").mkdir(parents=True)
    (site / "kiosk" / "__init__.py").touch()
    (site / "kiosk" / "cli" / "__init__.py").write_text(
        "import sys\ndef main():\n    print(sys.prefix, sys.flags.isolated)\n    return 3\n"
    )
    home = Path(sys._base_executable).parent  # type: ignore[attr-defined]
    equip(tree, tmp_path / "0.2.0", python, home)
    tree.rename(tmp_path / "0.2.0")
    done = subprocess.run(
        [tmp_path / "0.2.0" / "bin" / "kiosk"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, f"{tmp_path / '0.2.0'} 1\n"), done.stderr
    assert "system-site-packages = false" in (tmp_path / "0.2.0" / "pyvenv.cfg").read_text()
    (packages(tmp_path / "0.2.0", python) / "cv2").mkdir()
    equip(tmp_path / "0.2.0", tmp_path / "0.2.0", python, home)
    assert "system-site-packages = true" in (tmp_path / "0.2.0" / "pyvenv.cfg").read_text()


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg here")
def test_the_package(tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    payload = root / debian.PAYLOAD.lstrip("/")
    (payload / "bin").mkdir(parents=True)
    (payload / "bin" / "kiosk").write_text("#!/bin/sh\n")
    (payload / "lib").mkdir()
    (payload / "lib" / "module.py").write_text("A = 1\n")
    out.mkdir()
    previous = os.umask(0o077)
    try:
        made = debian.build(root, CHECKOUT, SAID, out, 1_700_000_000)
    finally:
        os.umask(previous)
    listed = subprocess.run(
        ["dpkg-deb", "--contents", made], capture_output=True, text=True, check=True
    ).stdout
    rows = {row.split(maxsplit=5)[5]: row.split()[:2] for row in listed.splitlines()}
    opt = "/opt/presensi-kiosk"
    for one in sorted((CHECKOUT / "systemd").glob("presensi-*.*")):
        if one.suffix in (".service", ".timer"):
            of = "earlier" if "trial" in one.name else "current"
            assert (
                f"./lib/systemd/system/{one.name} -> "
                f"{opt}/{of}/share/presensi-kiosk/systemd/{one.name}"
            ) in rows
    assert rows[f".{debian.PAYLOAD}/bin/kiosk"] == ["-rwxr-xr-x", "root/root"]
    assert rows[f".{debian.PAYLOAD}/lib/module.py"] == ["-rw-r--r--", "root/root"]
    assert "./lib/udev/rules.d/70-presensi-serial.rules" in rows
    field = {
        name: subprocess.run(
            ["dpkg-deb", "--field", made, name], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name in ("Architecture", "Version", "Depends")
    }
    assert (field["Architecture"], field["Version"]) == ("arm64", "0.2.0")
    assert "python3 (>= 3.11), python3 (<< 3.12)" in field["Depends"]
    about = root / "DEBIAN"
    for script in ("postinst", "prerm", "postrm"):
        text = (about / script).read_text()
        assert "@" not in re.sub(r'"\$@"', "", text), "every word is filled in"
        assert not re.search(r"\b(pip|curl|wget|apt)\b", text), "nothing is fetched"
        subprocess.run(["sh", "-n", about / script], check=True)
        assert (about / script).stat().st_mode & 0o777 == 0o755
    for unit in debian._ENABLED:
        text = (CHECKOUT / "systemd" / unit).read_text()
        assert "[Install]" in text, f"{unit} is enabled and says not for what"


LOCKS = sorted((PACKAGE / "locks").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda one: one.stem)
def test_a_lock_has_what_the_kiosk_asks_for_each_with_its_hash(lock: Path) -> None:
    said = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    extras = ["screen", *(["camera"] if "camera" in lock.stem else [])]
    asked = [*said["dependencies"]]
    for extra in extras:
        asked += said["optional-dependencies"][extra]
    names = {re.split(r"[<>=~\[; ]", one)[0].lower() for one in asked}
    locked = {}
    for line in lock.read_text().splitlines():
        if not line.startswith("#"):
            found = re.fullmatch(r"([a-z0-9.-]+)==(\S+) --hash=sha256:[0-9a-f]{64}", line.lower())
            assert found, line
            locked[found[1]] = found[2]
    assert names <= locked.keys()
    assert "pip" not in locked


def test_there_is_a_lock_for_every_machine() -> None:
    assert {one.stem for one in LOCKS} == {
        f"{architecture}-{python}{camera}"
        for architecture in ("amd64", "arm64")
        for python in ("3.11", "3.13")
        for camera in ("", "-camera")
    }
