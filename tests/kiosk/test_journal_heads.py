"""Signed heads: a history that was rewritten, hashes and all, is found and named."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.upkeep import Upkeep
from sync.journal import schema
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft, Journal
from sync.journal.names import files
from sync.journal.salvage import beside
from sync.keyfile import load_or_make
from sync.protocol import chain, dayhead, entry
from sync.protocol.identity import PrivateKey

SETTINGS = """
kiosk = "k1"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
"""
DAY = 86_400_000
MIDNIGHT = int(datetime(2026, 11, 24, tzinfo=ZoneInfo("Asia/Jakarta")).timestamp() * 1000)


def stamp(day: int) -> entry.Stamp:
    return entry.Stamp(wall=MIDNIGHT + day * DAY + 8 * 3_600_000, up=1, boot="b", synced=True)


class Office:
    """A data directory that lives through some days: three entries a day, then the head."""

    def __init__(self, home: Path) -> None:
        self.config = home / "kiosk.toml"
        self.config.write_text(SETTINGS)
        (home / "central.pem").write_bytes(PrivateKey.generate().public.pem)
        self.key = load_or_make(home / "data" / "device.key")
        self.directory = home / "data" / "journal"
        self._day = 0

    def live(self, days: int, meanwhile: Callable[[Journal], object] = lambda _: None) -> Path:
        """Return the live epoch's file after `days` more days."""
        epochs = Epochs(self.directory, "k1", self.key.public.der)
        epochs.open()
        epochs.take_over(lambda: stamp(self._day))
        upkeep = Upkeep(epochs, self, self.key, "Asia/Jakarta", 90, lambda *_: None)
        for _ in range(days):
            for what in "abc":
                said = entry.Audit(at=self.stamp(), actor="kiosk", action=f"{what}-{self._day}")
                epochs.live.append([Draft(entry.encode(said))])
            upkeep.sign_head()
            self._day += 1
        meanwhile(epochs.live)
        path = epochs.live.path
        epochs.close()
        return path

    def stamp(self) -> entry.Stamp:
        return stamp(self._day)

    def now(self) -> None:
        raise AssertionError("nobody asks")

    def run(self, *words: str) -> int:
        return main(["journal", *words, "--config", str(self.config)])


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a command, expects an exit code, and returns what it printed."""

    def ask(office: Office, *words: str, code: Exit = Exit.OK) -> str:
        assert office.run(*words) == code
        return capsys.readouterr().out

    return ask


def rewrite(path: Path, seq: int, resign: PrivateKey | None = None) -> None:
    """Change entry `seq` and recompute every hash after it; with a key, sign the heads anew."""
    with closing(sqlite3.connect(path)) as db, db:
        rows = db.execute("SELECT seq, body FROM entry WHERE seq >= ? ORDER BY seq", (seq,))
        [head] = db.execute("SELECT hash FROM entry WHERE seq = ?", (seq - 1,)).fetchone()
        for at, old in rows.fetchall():
            said = entry.decode(old)
            assert isinstance(said, entry.Audit)
            if at == seq:
                said = msgspec.structs.replace(said, action="as I like it")
            elif said.action == dayhead.ACTION and resign is not None:
                signed, _ = dayhead.decode(said.detail["signed"].encode())
                signed = msgspec.structs.replace(signed, head=head.hex())
                detail = said.detail | {"signed": dayhead.encode(signed, resign).decode()}
                said = msgspec.structs.replace(said, detail=detail)
            body = entry.encode(said)
            head = chain.link(head, body)
            db.execute("UPDATE entry SET body = ?, hash = ? WHERE seq = ?", (body, head, at))


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_heads_that_are_printed_can_be_checked_later(
    office: Office, printed: Callable[..., str], tmp_path: Path, form: tuple[str, ...]
) -> None:
    path = office.live(3)
    text = printed(office, "heads", *form)
    assert all(day in text for day in ("2026-11-24", "2026-11-25", "2026-11-26"))
    assert office.key.public.fingerprint in text
    quoted = "".join(f"> {line}\r\n" for line in text.splitlines())  # as mail programs do
    office.live(2)
    for content in (text, quoted):
        (tmp_path / "kept").write_text(content)
        said = printed(office, "verify", "--heads", str(tmp_path / "kept"))
        assert f"{path.name}: entries 1 to 20 hold" in said
        assert "signed heads in the journal: 5 agree, 0 do not\n" in said
        assert "kept: 3 agree, 0 do not\n" in said


def test_there_is_nothing_to_print_before_the_first_day(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    office.live(0)
    assert office.run("heads") == Exit.OK
    assert "no head is signed yet" in capsys.readouterr().err
    assert office.run("verify") == Exit.OK


def test_a_rewritten_history_contradicts_the_journals_own_heads(
    office: Office, printed: Callable[..., str]
) -> None:
    path = office.live(4)
    rewrite(path, 10)  # on the third day
    said = printed(office, "verify", code=Exit.FAILED)
    assert f"{path.name}: entries 1 to 16 hold" in said  # the chain alone does not tell
    assert f"{path.name} entry 12: entry 11 of epoch" in said
    assert "is not what the head of 2026-11-26 says" in said
    assert "something from entry 8 to 11 was changed" in said
    assert "2 agree, 2 do not" in said
    assert "Copy" in said
    lines = map(json.loads, printed(office, "verify", "--json", code=Exit.FAILED).splitlines())
    wrong = [(one["day"], one["seq"]) for one in lines if one.get("holds") is False]
    assert wrong == [("2026-11-26", 11), ("2026-11-27", 15)]


def test_one_whose_heads_were_signed_anew_contradicts_those_kept_elsewhere(
    office: Office, printed: Callable[..., str], tmp_path: Path
) -> None:
    path = office.live(4)
    (tmp_path / "kept").write_text(printed(office, "heads"))
    rewrite(path, 10, resign=office.key)
    assert "4 agree, 0 do not" in printed(office, "verify")
    said = printed(office, "verify", "--heads", str(tmp_path / "kept"), code=Exit.FAILED)
    assert "signed heads in the journal: 4 agree, 0 do not" in said
    assert "kept: 2 agree, 2 do not" in said
    assert "entry 11 of epoch" in said
    assert "from entry 8 to 11" in said


def test_an_end_that_was_cut_off_is_missed(
    office: Office, printed: Callable[..., str], tmp_path: Path
) -> None:
    path = office.live(3)
    (tmp_path / "kept").write_text(printed(office, "heads"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM entry WHERE seq > 9")
    assert "entries 1 to 9 hold" in printed(office, "verify")
    said = printed(office, "verify", "--heads", str(tmp_path / "kept"), code=Exit.FAILED)
    assert "entry 11, of which the head of 2026-11-26 speaks, is missing" in said
    assert "the epoch ends at 9" in said


def test_what_retention_and_erasure_took_leaves_the_rest_verifiable(
    office: Office, printed: Callable[..., str], tmp_path: Path
) -> None:
    office.live(4)
    (tmp_path / "kept").write_text(printed(office, "heads"))

    def let_go(journal: Journal) -> None:
        journal.receipted(14, DAY)
        journal.destroy(9)
        journal.prune(5)

    path = office.live(0, let_go)
    said = printed(office, "verify", "--heads", str(tmp_path / "kept"))
    assert f"{path.name}: entries 6 to 16 hold" in said
    assert "kept: 3 agree, 0 do not, 1 speak of entries that are not here any more" in said
    rewrite(path, 10)
    said = printed(office, "verify", "--heads", str(tmp_path / "kept"), code=Exit.FAILED)
    assert "from entry 8 to 11" in said


def test_another_card_has_nothing_to_hold_the_heads_against(
    office: Office, printed: Callable[..., str], tmp_path: Path
) -> None:
    path = office.live(2)
    (tmp_path / "kept").write_text(printed(office, "heads"))
    path.unlink()
    office.live(1)
    said = printed(office, "verify", "--heads", str(tmp_path / "kept"))
    assert "kept: 0 agree, 0 do not, 2 speak of entries that are not here" in said


def test_heads_that_nobody_signed_so_are_wrong(
    office: Office, printed: Callable[..., str], tmp_path: Path
) -> None:
    office.live(1)
    epoch = files(office.directory)[0].name[11:27]
    true = printed(office, "heads").split("\n")[3:5]
    head, _ = dayhead.decode("\n".join(true).encode())
    stranger = PrivateKey.generate()

    def signed(by: PrivateKey, **changes: object) -> str:
        changed = msgspec.structs.replace(head, **changes)
        return dayhead.encode(changed, by).decode()

    for text, words in {
        true[0].replace("2026-11-24", "2026-11-25") + "\n" + true[1]: "signature is not by key",
        signed(stranger, key=stranger.public.fingerprint): "which is not this kiosk's",
        signed(office.key, kiosk="k2"): "a head of kiosk 'k2'",
        signed(office.key, seq=99): "is missing",
        signed(office.key, head="00" * 32): f"entry 3 of epoch {epoch} is not what",
        '{"kiosk":"k1"}\n' + true[1]: "missing required field",
        true[0]: "no signature line",
    }.items():
        (tmp_path / "kept").write_text(f"\nfrom an archive:\n{text}\n")
        said = printed(office, "verify", "--heads", str(tmp_path / "kept"), code=Exit.FAILED)
        assert words in said
        assert "kept line 3: " in said


@pytest.mark.parametrize("content", [None, "", "a letter\n", b"\xff\xfe{"])
def test_a_file_without_heads_is_said(
    office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str | bytes | None
) -> None:
    office.live(1)
    file = tmp_path / "kept"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    assert office.run("verify", "--heads", str(file)) == Exit.UNAVAILABLE
    assert str(file) in capsys.readouterr().err


def test_a_forged_entry_is_no_head(office: Office, printed: Callable[..., str]) -> None:
    """Whoever may append but has no key: what is recorded as a head is checked like any."""
    said = entry.Audit(
        at=stamp(0),
        actor="kiosk",
        action=dayhead.ACTION,
        detail={"day": "2026-11-24", "signed": "{}\nAAAA"},
    )
    forged = [Draft(entry.encode(said))]
    office.live(1, lambda journal: journal.append(forged))
    assert printed(office, "heads").count("2026-11-24") == 2  # the line for people, and the signed
    assert "1 agree, 1 do not" in printed(office, "verify", code=Exit.FAILED)


def test_files_that_were_set_aside_are_named_and_not_verified(
    office: Office, printed: Callable[..., str], tmp_path: Path
) -> None:
    path = office.live(2)
    (tmp_path / "kept").write_text(printed(office, "heads"))
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE entry SET body = CAST('{}' AS BLOB) WHERE seq = 6")
        db.execute("UPDATE epoch SET cursor = 2")
    assert "entry 6 is not what its hash says" in printed(office, "verify", code=Exit.FAILED)
    office.live(1)
    said = printed(office, "verify", "--heads", str(tmp_path / "kept"))
    assert f"{path.name}.salvaged: set aside after damage" in said
    assert "salvaged-wal" not in said
    assert f"{path.name}: entries 1 to 5 hold" in said
    assert "kept: 1 agree, 0 do not, 1 speak of entries that are not here" in said


def test_a_file_that_is_no_database_does_not_hide_the_others(
    office: Office, printed: Callable[..., str]
) -> None:
    path = office.live(1)
    (office.directory / "epoch-0000-0011223344556677.db").write_bytes(b"rubbish" * 1000)
    said = printed(office, "verify", code=Exit.FAILED)
    assert "file is not a database" in said
    assert f"{path.name}: entries 1 to 4 hold" in said


def test_damage_in_the_log_is_not_taken_for_its_end(
    office: Office, printed: Callable[..., str], tmp_path: Path
) -> None:
    def torn_away(journal: Journal) -> None:
        """Leave the files as a power cut does, then let a bit flip in an early frame."""
        at = tmp_path / "copy"
        at.mkdir()
        for part in office.directory.glob("epoch-*"):
            (at / part.name).write_bytes(part.read_bytes())

    path = office.live(2, torn_away)
    for part in office.directory.glob("epoch-*"):
        part.unlink()
    for part in (tmp_path / "copy").glob("epoch-*[!m]"):
        (office.directory / part.name).write_bytes(part.read_bytes())
    assert "entries 1 to 8 hold" in printed(office, "verify")
    log = beside(path, "-wal")
    content = bytearray(log.read_bytes())
    content[len(content) // 2 + schema.PAGE_BYTES] ^= 1
    log.write_bytes(content)
    beside(path, "-shm").unlink(missing_ok=True)
    said = printed(office, "verify", code=Exit.FAILED)
    assert "its write-ahead log is broken: what follows entry" in said
