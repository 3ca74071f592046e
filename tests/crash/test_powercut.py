"""The power-cut file system forgets what it must and nothing else; SQLite works on it."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sync.edge.roster import Rosters
from sync.edge.shelf import Shelf
from sync.protocol.roster import Person, Roster
from sync.protocol.rostering import Manifest, Part, RosterPart, digest, encode_manifest

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).with_name("powercut.py")
Do = Callable[..., dict[str, Any]]

INSERTS = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = FULL")
db.execute("CREATE TABLE t (a)")
db.execute(f"PRAGMA synchronous = {sys.argv[2]}")
for n in range(50):
    db.execute("INSERT INTO t VALUES (?)", (n,))
print("acknowledged", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["strict", "journalled"])
def names(request: pytest.FixtureRequest) -> str:
    """Return in turn when a name is safe."""
    return str(request.param)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where it is mounted."""
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


@pytest.fixture
def do(needs_fuse: None, place: Path, names: str) -> Iterator[Do]:
    """Return a function that gives the file system a command."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(place), "--names", names],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    assert json.loads(process.stdout.readline()) == {"mounted": str(place)}

    def give(what: str, **more: object) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer

    yield give
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


def power_cut(do: Do, kept: int = 0) -> None:
    do("cut", kept=kept, seed=1)
    do("power")


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def test_what_was_synced_stays_and_the_rest_goes(do: Do, place: Path) -> None:
    (place / "a").write_bytes(b"safe")
    sync(place / "a")
    sync(place)
    with (place / "a").open("ab") as file:
        file.write(b" and not")
    (place / "b").write_bytes(b"never synced")
    power_cut(do)
    assert [path.name for path in place.iterdir()] == ["a"]
    assert (place / "a").read_bytes() == b"safe"


def test_a_name_is_safe_when_its_directory_is_synced(do: Do, place: Path, names: str) -> None:
    (place / "a").write_bytes(b"content")
    sync(place / "a")
    power_cut(do)
    assert (place / "a").exists() == (names == "journalled")
    (place / "b").write_bytes(b"content")
    sync(place)
    (place / "b").rename(place / "c")
    power_cut(do)
    assert (place / "b").exists()
    assert not (place / "c").exists()
    (place / "b").rename(place / "c")
    sync(place)
    power_cut(do)
    assert not (place / "b").exists()
    assert (place / "c").exists()


def test_without_power_nothing_works_and_without_a_cut_nothing_goes(do: Do, place: Path) -> None:
    (place / "a").write_bytes(b"unsynced")
    do("power")
    assert (place / "a").read_bytes() == b"unsynced"
    do("cut", kept=100, seed=1)
    with pytest.raises(OSError, match="Input/output error"):
        (place / "b").write_bytes(b"too late")
    do("power")
    assert (place / "a").read_bytes() == b"unsynced"


def test_a_full_disk_is_full_until_there_is_room(do: Do, place: Path) -> None:
    do("limit", bytes=5000)
    (place / "a").write_bytes(bytes(4000))
    with pytest.raises(OSError, match="No space left"):
        (place / "b").write_bytes(bytes(2000))
    assert os.statvfs(place).f_bavail * os.statvfs(place).f_frsize < 2000
    do("limit", bytes=None)
    (place / "b").write_bytes(bytes(2000))


def test_a_disk_can_be_made_read_only_while_files_are_open(do: Do, place: Path) -> None:
    with (place / "a").open("wb", buffering=0) as file:
        file.write(b"1")
        do("read only", on=True)
        with pytest.raises(OSError, match="Read-only"):
            file.write(b"2")
        do("read only", on=False)
        file.write(b"3")
    assert (place / "a").read_bytes() == b"13"


@pytest.mark.parametrize(
    ("synchronous", "syncs", "left"), [("FULL", True, 50), ("NORMAL", True, 0), ("FULL", False, 0)]
)
def test_sqlite_keeps_what_it_synced(
    do: Do, place: Path, synchronous: str, syncs: bool, left: int
) -> None:
    file = place / "a.db"
    file.touch()
    sync(place)  # SQLite leaves the name of a database to its user
    do("obey", syncs=syncs)
    with subprocess.Popen(
        [sys.executable, "-c", INSERTS, str(file), synchronous],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "acknowledged\n"
        do("cut", kept=0, seed=1)
        process.kill()
    do("power")
    with closing(sqlite3.connect(file)) as db:
        there = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        assert (db.execute("SELECT count(*) FROM t").fetchone()[0] if there else 0) == left
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_roster_is_the_old_one_or_the_new_one(do: Do, place: Path) -> None:
    """Whenever the power goes, what is in force is whole; once it is adopted, it stays."""

    def started() -> tuple[Shelf, Rosters]:
        rosters = Rosters()
        shelf = Shelf(place / "roster", rosters, lambda _: None)
        shelf.load()
        return shelf, rosters

    def pages(version: int) -> list[bytes]:
        people = [Roster(people=[Person(id=one, name=f"{one} {version}")]) for one in "abc"]
        return [msgspec.json.encode(one) for one in people]

    def tell(shelf: Shelf, version: int, parts: int) -> None:
        names = [digest(page) for page in pages(version)]
        manifest = encode_manifest(Manifest(version=version, pages=names))
        said = [(Part.MANIFEST, manifest), *((Part.PAGE, page) for page in pages(version))]
        for part, plain in said[:parts]:
            line = RosterPart(kiosk="k", version=version, part=part, nonce="", sealed="", key="")
            shelf.take(line, plain, 0.0, latest=True)

    for version in (1, 2, 3):
        for parts in (1, 2, 3, 4):
            shelf, _ = started()
            tell(shelf, version, parts)
            power_cut(do)
            shelf, rosters = started()
            adopted = version if parts == 4 else version - 1
            assert shelf.version == adopted
            assert rosters.current.name("b") == (f"b {adopted}" if adopted else "")
