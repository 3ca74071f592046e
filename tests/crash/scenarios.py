"""What the journal is made to do while every write is recorded. Seeded; the real code throughout.

A scenario takes a `Stage`, on which an `Epochs` plays, and does to it what a kiosk does in months,
in small.
"""

import contextlib
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from promises import Acknowledged, Asked, Began, Committed, Ended, Receipted, Rotted
from stage import Stage, note, punch

from sync.journal import schema
from sync.journal.commit import Draft, Position
from sync.journal.journal import Journal
from sync.protocol import entry

V1_FILE = Path(__file__).resolve().parents[1] / "sync" / "journal" / "files" / "v1.db"
V1_EPOCH, V1_POSITION, V1_CURSOR = "00112233aabbccdd", Position("lobi", b"p12"), 9


def live(stage: Stage) -> None:
    """One punch, one commit; now and then one that is known already."""
    stage.open()
    for n in range(30):
        stage.append(*stage.punches())
        if n % 7 == 6:
            stage.append(punch(n - 3))
    stage.close()


def shared(stage: Stage) -> None:
    """Several sources at once: whoever commits takes the others along."""
    stage.open()

    def source(drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            stage.append(draft, punch(1_000_000))  # one punch that all of them bring

    threads = [threading.Thread(target=source, args=(stage.punches(8),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stage.close()


def positions(stage: Stage) -> None:
    """Pages of a backlog, each with how far its source has been read."""
    stage.open()
    for n in range(12):
        source = stage.random.choice(["lobi", "gudang"])
        drafts = stage.punches(stage.random.randint(0, 9))
        stage.append(*drafts, position=Position(source, f"{n:04}".encode()))
    stage.close()


def flushes(stage: Stage) -> None:
    """The origin index is written and forgotten, and the whole log read again."""
    stage.open()
    for n in range(14):
        stage.append(*stage.punches(stage.random.randint(1, 6)))
        if n % 5 == 4:
            stage.append(*(punch(user) for user in range(0, 20)))
    stage.again()
    stage.append(*stage.punches(3))
    stage.close()


def receipts(stage: Stage) -> None:
    """The cursor moves, alone and with a flush, and is saved at a clean end."""
    stage.open()
    for n in range(18):
        stage.append(*stage.punches(2))
        if n % 2:
            stage.receipted(stage.random.randint(1, 2 * n))
        if n == 9:
            stage.again()
    stage.close()


def checkpoints(stage: Stage) -> None:
    """The WAL is taken into the file in every way there is, a reader beside it or not."""
    stage.open()
    for n in range(20):
        stage.append(*stage.punches(stage.random.randint(1, 3)))
        how = stage.random.choice(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])
        with contextlib.closing(schema.connect(stage.live.path)) as beside:
            if n % 3 == 0:
                beside.execute("BEGIN")
                beside.execute("SELECT count(*) FROM entry").fetchone()
                how = "PASSIVE"
            stage.live._db.execute(f"PRAGMA wal_checkpoint({how})")
        if n % 8 == 7:
            stage.again()
    stage.close()


def beside(stage: Stage) -> None:
    """A second process appends to the same file."""
    stage.open()
    other = Journal(stage.live.path)
    other.open()
    stage.listen(other)
    for n in range(12):
        stage.append(*stage.punches())
        stage.append(*stage.punches(), punch(n), to=other)
    other.close()
    stage.close()


def epoch_change(stage: Stage) -> None:
    """An epoch ends undelivered, its successor takes over, every terminal is read anew."""
    stage.open()
    for n in range(3):
        stage.append(note(f"begin {n}"), *stage.punches(4))
        if n == 1:
            stage.receipted(stage.live.span().last - 2)
        stage.mark(Ended(stage.live.life.epoch))
        stage.live.end()
        stage.again()
        stage.append(*stage.made())
    stage.close()


def retention_(stage: Stage) -> None:
    """Central's days pass, and what it has had for three of them goes, a page at a time."""
    stage.open()
    for day in range(14):
        stage.append(*stage.punches(stage.random.randint(1, 4)))
        stage.receipted(stage.live.span().last - stage.random.randint(0, 2), day)
        if day % 3 == 2:
            stage.retain(3)
        if day == 8:
            stage.prune(stage.live.cursor)
            stage.append(*stage.made())
            stage.again()
    stage.append(*stage.made())
    stage.close()


def destruction(stage: Stage) -> None:
    """Bodies are destroyed after their legal time; digests stay, and the chain holds."""
    stage.open()
    for n in range(6):
        stage.append(note(f"n {n}"), *stage.punches(3))
        stage.receipted(stage.live.span().last)
        stage.destroy(4 * n + stage.random.randint(1, 4))
        if n == 3:
            stage.prune(6)
    stage.append(*stage.made())
    stage.close()


def migration(stage: Stage) -> None:
    """A file as version 1 left it at a kill, opened by this version."""
    stage.directory.mkdir(exist_ok=True)
    for suffix in ("", "-wal"):
        path = stage.directory / f"epoch-0001-{V1_EPOCH}.db{suffix}"
        stage.medium.place(path, V1_FILE.with_name(V1_FILE.name + suffix).read_bytes())
    drafts = tuple(Draft(body, origin) for body, origin in _bodies(V1_FILE))
    stage.mark(Began(V1_EPOCH))
    stage.mark(Asked(V1_EPOCH, drafts, V1_POSITION))
    stage.mark(Acknowledged(V1_EPOCH, drafts, tuple(range(1, len(drafts) + 1)), V1_POSITION))
    stage.mark(Committed(V1_EPOCH, len(drafts)))
    stage.mark(Receipted(V1_EPOCH, V1_CURSOR))
    stage.medium.begin()
    stage.open()
    stage.append(*stage.punches(3), *drafts)
    stage.again()
    stage.append(*stage.punches(2), *drafts)
    stage.close()


def rot(stage: Stage) -> None:
    """A bit of a body flips in the file; the start salvages it. Then in the successor's."""
    stage.open()
    for n in range(2):
        for _ in range(6):
            stage.append(note(f"{n} {stage._users}"), *stage.punches(2))
        if stage.random.random() < 0.5:
            stage.receipted(stage.random.randint(1, 10))
        file, life = stage.live.path, stage.live.life
        last = stage.live.span().last
        stage.close()
        rotten = stage.random.choice(stage.made())
        _flip(stage, file, rotten.body, Rotted(life.epoch, frozenset({rotten.body})), last)
        stage.open()
        stage.append(*stage.made())
    stage.close()


def rot_in_the_log(stage: Stage) -> None:
    """A bit flips in the WAL that a kill left, with commits behind it."""
    stage.open()
    stage.append(*stage.punches(5))
    stage.again()
    for _ in range(5):
        stage.append(*stage.punches(1))
    path, life = stage.live.path, stage.live.life
    log = path.with_name(path.name + "-wal")
    left = {part: part.read_bytes() for part in (path, log)}
    stage.close()
    for part, content in left.items():  # as if it had been killed
        stage.medium.place(part, content)
    rotten = punch(stage.random.choice([6, 7]))
    _flip(stage, log, rotten.body, Rotted(life.epoch, frozenset({rotten.body})), 0)
    stage.open()
    stage.append(*stage.made())
    stage.close()


def _flip(stage: Stage, file: Path, body: bytes, mark: Rotted, last: int) -> None:
    """Flip a bit in every copy of `body` that `file` holds; where it has none, nothing rots."""
    content = bytearray(file.read_bytes())
    at = content.find(body)
    if at < 0:
        return
    stage.mark(mark)
    while at >= 0:
        content[at + stage.random.randrange(len(body))] ^= 1 << stage.random.randrange(8)
        at = content.find(body)
    stage.medium.place(file, bytes(content))


def _bodies(path: Path) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield (body, origin) of every entry of a journal of any version, read from a copy."""
    with tempfile.TemporaryDirectory() as directory:
        for suffix in ("", "-wal"):
            shutil.copyfile(path.with_name(path.name + suffix), Path(directory) / f"c.db{suffix}")
        with contextlib.closing(sqlite3.connect(Path(directory) / "c.db")) as db:
            for (body,) in db.execute("SELECT body FROM entry ORDER BY seq").fetchall():
                said = entry.decode(body)
                yield body, said.origin if isinstance(said, entry.Presence) else None


SCENARIOS: dict[str, Callable[[Stage], None]] = {
    one.__name__.strip("_"): one
    for one in (
        live, shared, positions, flushes, receipts, checkpoints, beside, epoch_change,
        retention_, destruction, migration, rot, rot_in_the_log,
    )
}  # fmt: skip
