"""A bundle for whoever helps from elsewhere: how everything is, without personal data.

doctor.json    every finding
status.json    what the daemon says of itself; troubles.json what went wrong lately
kiosk.toml     the settings without keys and passwords
versions.txt   of Python, SQLite, the kernel, and every package
"""

import io
import platform
import sqlite3
import sys
import tarfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import distributions

import msgspec

from kiosk import VERSION
from kiosk.doctor.scrub import Scrubber
from kiosk.facts import Fact


def pack(
    found: Sequence[Fact], said: Mapping[str, bytes], settings: str, scrubber: Scrubber
) -> bytes:
    """Return the bundle, a tar.gz; `said` are the daemon's answers by the name of their file."""
    files = {
        "doctor.json": scrubber.clean(_shown(msgspec.json.encode(found))),
        **{name: scrubber.clean(_shown(answer)) for name, answer in said.items()},
        "kiosk.toml": scrubber.settings(settings),
        "versions.txt": versions(),
    }
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for name, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(f"presensi-bundle/{name}")
            member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
            tar.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def versions() -> str:
    """Return what runs here, a line each."""
    packages = sorted({(one.name.lower(), one.version) for one in distributions()})
    return "".join(
        f"{name} {version}\n"
        for name, version in (
            ("presensi-kiosk", VERSION),
            ("python", sys.version.split()[0]),
            ("sqlite", sqlite3.sqlite_version),
            ("kernel", f"{platform.release()} {platform.machine()}"),
            *packages,
        )
    )


def _shown(answer: bytes) -> str:
    return msgspec.json.format(answer, indent=1).decode()
