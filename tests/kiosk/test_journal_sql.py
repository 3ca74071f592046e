"""The journal asked in SQL: what it says, that nothing is changed, and beside the daemon."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.journalviews import ABOUT, QueryError, Views
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.journal.schema import Closed
from sync.protocol import entry
from tests.kiosk.test_commands import SETTINGS

AT = entry.Stamp(wall=1_795_471_200_000, up=2, boot="b", synced=True)
MORE = {"at": AT, "source": "lobi", "terminal": "T1", "zone": "Asia/Jakarta"}


def punch(user: str, time: str = "2026-11-24T07:28:41") -> entry.Presence:
    return entry.Presence(
        **MORE, credential="terminal_user", user=user, time=time, mark=entry.Mark.KNOWN
    )


ENTRIES = (
    punch("17"),
    punch("18"),
    entry.Coverage(**MORE, through="2026-11-24T07:30:00", records=2),
    entry.Gap(at=AT, what="terminal", reason="it was cleared", source="lobi"),
    entry.Unwatched(at=AT, source="lobi", terminal="T1", since=AT),
    entry.Clock(at=AT, utc=5, error=6, anchor=entry.Anchor.NTP),
    entry.Terminal(at=AT, source="lobi", serial="T1", model="SF400"),
    entry.Audit(at=AT, actor="rudi", action="witness", detail={"verdict": "it's so"}),
)


@pytest.fixture
def epochs(tmp_path: Path) -> Epochs:
    made = Epochs(tmp_path / "data" / "journal", "k1", b"key")
    made.open()
    for one in ENTRIES:
        made.live.append([Draft(entry.encode(one), entry.origin_of(one))])
    return made


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "kiosk.toml").write_text(SETTINGS)
    return tmp_path / "kiosk.toml"


def rows(epochs: Epochs, query: str) -> list[dict[str, object]]:
    with Views([one.path for one in epochs.journals]) as views:
        return list(views.ask(query))


def test_every_kind_of_entry_has_its_view(epochs: Epochs) -> None:
    counts = {name: rows(epochs, f"SELECT count(*) n FROM {name}")[0]["n"] for name in ABOUT}
    assert counts == {
        **dict.fromkeys(ABOUT, 1),
        **{"entries": len(ENTRIES), "undelivered": len(ENTRIES), "presences": 2},
    }
    said = rows(epochs, "SELECT user, method, ordinal, person, at FROM presences ORDER BY seq")
    assert said[0] == {
        "user": "17",
        "method": "unknown",
        "ordinal": 1,
        "person": None,
        "at": "2026-11-23T22:00:00Z",
    }
    [audit] = rows(epochs, "SELECT detail FROM audit")
    assert json.loads(str(audit["detail"])) == {"verdict": "it's so"}
    epochs.close()


def test_each_column_is_a_field_of_the_entry(epochs: Epochs) -> None:
    with Views([epochs.live.path]) as views:
        columns = views.columns()
    for name in entry.Presence.__struct_fields__:
        assert name in columns["presences"]
    epochs.close()


def test_what_is_with_central_is_not_undelivered(epochs: Epochs) -> None:
    epochs.live.receipted(6, 1)
    epochs.live.end(Closed.SETTLED)
    epochs.close()
    again = Epochs(epochs.directory, "k1", b"key")
    again.open()
    again.live.append([Draft(entry.encode(punch("19")))])
    assert [one["seq"] for one in rows(again, "SELECT seq FROM undelivered")] == [7, 8, 1]
    held = rows(again, "SELECT last, receipted FROM epochs ORDER BY epoch = 0")
    assert {(one["last"], one["receipted"]) for one in held} == {(8, 6), (1, 0)}
    again.close()


def test_a_body_that_was_destroyed_or_is_none_is_passed_over(epochs: Epochs) -> None:
    epochs.live.append([Draft(b"\xff no JSON")])
    epochs.live.receipted(9, 1)
    epochs.live.destroy(1)
    assert len(rows(epochs, "SELECT * FROM presences")) == 1
    assert len(rows(epochs, "SELECT * FROM entries")) == len(ENTRIES) + 1
    epochs.close()


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM e{epoch}.entry",
        "UPDATE e{epoch}.epoch SET cursor = 99",
        "CREATE TABLE x (y)",
        "ATTACH 'other.db' AS other",
        "PRAGMA e{epoch}.user_version = 9",
        "PRAGMA query_only = OFF",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM presences",
        "SELEC",
        "",
        "SELECT load_extension('x')",
    ],
)
def test_nothing_but_a_question_is_answered(
    epochs: Epochs, query: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    life = epochs.live.life.epoch
    with pytest.raises(QueryError):
        rows(epochs, query.format(epoch=life))
    assert not (tmp_path / "other.db").exists()
    assert epochs.live.span().last == len(ENTRIES)
    epochs.close()


def test_a_question_without_end_is_ended(epochs: Epochs) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    with Views([epochs.live.path], within_s=0.2) as views, pytest.raises(QueryError, match="less"):
        list(views.ask(endless))
    epochs.close()


def test_the_daemon_goes_on_meanwhile(epochs: Epochs) -> None:
    with Views([epochs.live.path]) as views:
        asked = views.ask("SELECT seq FROM entries")
        next(asked)
        epochs.live.append([Draft(entry.encode(punch("20")))])
        assert len(list(asked)) == len(ENTRIES) - 1  # of one moment
    epochs.close()


def test_only_the_newest_epochs_are_asked_and_that_is_said(
    tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(11):
        one = Epochs(tmp_path / "data" / "journal", "k1", b"key")
        one.open()
        one.live.append([Draft(entry.encode(punch("17")))])
        one.live.end(Closed.SETTLED)
        one.close()
    assert main(["journal", "sql", "SELECT count(*) n FROM entries", "--json",
                 "--config", str(config)]) == Exit.OK  # fmt: skip
    out, err = capsys.readouterr()
    assert json.loads(out) == {"n": 9}
    assert "2 older epochs are not asked" in err


def test_the_command(epochs: Epochs, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str, code: Exit = Exit.OK) -> str:
        assert main(["journal", "sql", *words, "--config", str(config)]) == code
        return "".join(capsys.readouterr())

    assert all(name in said("--list") for name in ABOUT)
    table = said("SELECT user, time FROM presences ORDER BY seq").splitlines()
    assert [line.split() for line in table] == [
        ["user", "time"],
        ["17", "2026-11-24T07:28:41"],
        ["18", "2026-11-24T07:28:41"],
    ]
    assert said("SELECT user FROM presences WHERE user = 'x'") == "no rows\n"
    assert "--list" in said(code=Exit.USAGE)
    assert "no such column" in said("SELECT x FROM audit", code=Exit.USAGE)
    out = config.parent / "out.csv"
    assert "who was where" in said("SELECT user, time FROM presences", "--out", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    with out.open(newline="") as file:
        assert [one["user"] for one in csv.DictReader(file)] == ["17", "18"]
    assert "name another" in said(
        "SELECT 1", "--out", str(config.parent / "no" / "x.csv"), code=Exit.STORAGE
    )
    epochs.close()


def test_a_file_that_is_no_journal_is_named(
    epochs: Epochs, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = epochs.live.path
    epochs.close()
    path.unlink()
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE x (y)")
    assert main(["journal", "sql", "SELECT 1", "--config", str(config)]) == Exit.STORAGE
    assert "not a journal" in capsys.readouterr().err
