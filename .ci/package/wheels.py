"""Wheels put into a release's directory, with nothing of the machine that builds it."""

import base64
import csv
import hashlib
import io
import sys
import zipfile
from pathlib import Path, PurePosixPath
from py_compile import PycInvalidationMode
from py_compile import compile as compile_file

_WHERE = {"purelib": "", "platlib": "", "data": "../../../"}
"""What a wheel's `.data` directory has, seen from the packages."""


def unpack(wheel: Path, packages: Path) -> None:
    """Put a wheel's files into `packages`, and what it shares beside it; no programs."""
    record, rows = None, []
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith("/"):
                continue
            head, _, rest = name.partition("/")
            if head.endswith(".dist-info") and rest == "RECORD":
                record = name
                continue
            if head.endswith(".data"):
                kind, _, rest = rest.partition("/")
                if kind not in _WHERE:  # programs are made where it is installed
                    continue
                name_here = _WHERE[kind] + rest
            else:
                name_here = name
            if ".." in PurePosixPath(name).parts or name.startswith("/") or rest.startswith("/"):
                raise SystemExit(f"{wheel.name}: {name} leads out of the packages")
            content = archive.read(name)
            there = packages / name_here
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.append((name_here, f"sha256={digest.decode()}", str(len(content))))
    if record is None:
        raise SystemExit(f"{wheel.name}: no RECORD; is it a wheel?")
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([*rows, (record, "", "")])
    (packages / record).write_text(written.getvalue())


def compile_all(packages: Path, python: str) -> bool:
    """Compile every module, valid whatever its file's time; False where this is another Python.

    Nobody may write into a release, so a kiosk would compile everything anew at each start.
    """
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        return False
    for source in sorted(packages.rglob("*.py")):
        compile_file(
            str(source),
            dfile=str(source.relative_to(packages)),
            quiet=2,
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
    return True
