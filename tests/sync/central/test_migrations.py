"""How a database comes to this version, and which ones are left alone."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text
from sqlalchemy.dialects import sqlite

from sync.central.errors import StoreError, WrongSchema
from sync.central.store import Store, schema, tables
from sync.central.store.address import address
from sync.central.store.pages import Filter
from sync.protocol.roster import Member, Person, Unit

FILES = Path(__file__).with_name("files")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a database that a central from before alembic left behind."""
    return Path(shutil.copy(FILES / "v1.db", tmp_path / "central.db"))


def ask(path: Path, statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as db:
        rows = db.execute(statement).fetchall()
    db.close()
    return rows


def test_head_is_the_last_of_the_migrations():
    script = ScriptDirectory(str(schema.MIGRATIONS))
    assert script.get_heads() == [schema.HEAD]
    assert {one.revision for one in script.walk_revisions()} == schema._KNOWN


def test_the_migrations_make_the_tables_that_the_code_knows(central):
    with central.store.writing() as tx:
        context = MigrationContext.configure(tx.ledger._connection)
        found = compare_metadata(context, tables.metadata)
    # What only the other kind of database has; see `tables._in_locked_epoch` for the first.
    on_sqlite = [("add_index", "presence_by_utc")]
    on_postgres = [("add_fk", None), ("add_index", "presence_by_kiosk")]
    expected = on_postgres if isinstance(central.database, str) else on_sqlite
    assert sorted((what, which.name) for what, which in found) == expected


def test_a_database_from_before_alembic_is_carried_on(old, make_central, make_kiosk):
    central = make_central(old)
    with central.store.reading() as tx:
        found = tx.pages.stats()
        shown = tx.pages.newest(Filter(), 1000)
        names = [line.kiosk for line in tx.pages.kiosks()]
        [look] = tx.people.looks(10)
        assert tx.people.account("admin") is not None
    assert (found.entries, found.presences, found.counted, found.lost) == (32, 30, 21, 3)
    assert (found.alarms, found.quarantined, found.waiting) == (2, 1, 1)
    assert [(one.kiosk, one.through) for one in found.kiosks] == [("aula", 8), ("lobi", 25)]
    assert names == ["aula", "lobi"]
    assert sum(one.name == "Siti" for one in shown) == 2
    assert look.account == "admin"
    kiosk = make_kiosk("baru")
    central.admit(kiosk)
    kiosk.punches(3)  # the terminal is the old kiosks': their punches are known
    central.hello(kiosk)
    assert central.batch(kiosk, 1).through == 3
    assert central.stats().counted == 21
    central.store.close()
    assert ask(old, "SELECT version_num FROM alembic_version") == [(schema.HEAD,)]


def test_a_program_from_before_alembic_refuses_what_was_carried_on(old):
    Store(old).open()
    assert ask(old, "SELECT value FROM about WHERE name = 'schema'") == []


def test_a_failed_migration_leaves_all_as_it_was(old):
    with sqlite3.connect(old) as db:
        db.execute("CREATE TRIGGER no BEFORE DELETE ON about BEGIN SELECT RAISE(ABORT, 'no'); END")
    db.close()
    before = ask(old, "SELECT name FROM sqlite_master ORDER BY name")
    with pytest.raises(StoreError, match="no"):
        Store(old).open()
    assert ask(old, "SELECT name FROM sqlite_master ORDER BY name") == before
    assert ask(old, "SELECT value FROM about WHERE name = 'schema'") == [("1",)]


def test_another_version_is_refused_untouched(central):
    with central.store.writing() as tx:
        tx.ledger._connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
    central.store.close()
    for _ in range(2):
        with pytest.raises(
            WrongSchema, match=f"schema 0999, this version knows up to {schema.HEAD}"
        ):
            Store(central.database).open()


def test_somebody_elses_database_is_refused(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE thing (x)")
    other.close()
    with pytest.raises(WrongSchema, match="schema unknown"):
        Store(path).open()
    assert ask(path, "SELECT name FROM sqlite_master") == [("thing",)]


def test_what_is_current_is_opened_without_alembic(old):
    import subprocess
    import sys

    Store(old).open()
    program = (
        "import sys; from pathlib import Path; from sync.central.store import Store; "
        "Store(Path(sys.argv[1])).open(); "
        "print([name for name in sys.modules if name.split('.')[0] in ('alembic', 'psycopg')])"
    )
    command = [sys.executable, "-c", program, str(old)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# What 0004 moves, on both kinds.


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path | str]:
    """Return the address of a database without tables."""
    if request.param == "sqlite":
        yield tmp_path / "before.db"
        return
    server = request.getfixturevalue("postgres")
    yield server.make("before_0004")
    server.sql("postgres", "DROP DATABASE before_0004 WITH (FORCE)")


def of_version(where: Path | str, version: str, statements: Sequence[tuple[str, dict]]) -> None:
    """Make a database as the program of `version` left it."""
    engine = Store(where)._database._kind.engine(address(where))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(schema.MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        for statement, values in statements:
            connection.execute(text(statement), values)
    engine.dispose()


def said(kind: str, **words) -> bytes:
    return msgspec.json.encode({"kind": kind, "at": {"wall": 1, "up": 1, "boot": "b"}, **words})


REPLACED = {"source": "pintu", "before": "T1", "after": "T2"}


def test_a_database_of_0003_moves_with_its_people_and_its_terminals(empty):
    at = {"k": "lobi", "e": "e1", "h": b"h" * 32}
    entry = (
        "INSERT INTO entry (kiosk, epoch, seq, hash, prev, body, linked, readable, received_at)"
        " VALUES (:k, :e, :n, :h, :h, :body, :linked, true, 0)"
    )
    replaced = said("audit", actor="t", action="terminal replaced", detail=REPLACED)
    gossip = said("audit", actor="t", action="note", detail={"x": "terminal replaced"})
    of_version(empty, "0003", [
        ("INSERT INTO person (person, name, unit) VALUES ('1', 'Ayu', 'Dinas A'),"
         " ('2', 'Budi', 'Dinas A'), ('3', 'Siti', '')", {}),
        ("INSERT INTO epoch (kiosk, epoch, number, born, genesis, through, head, began_at,"
         " hello_nonce, hello_boot, hello_up, first, last, signed_through)"
         " VALUES (:k, :e, 1, '', :h, 3, :h, 0, '', '', 0, 1, 3, 0)", at),
        (entry, {**at, "n": 1, "body": gossip, "linked": True}),
        (entry, {**at, "n": 2, "body": replaced, "linked": True}),
        (entry, {**at, "n": 3, "body": replaced, "linked": False}),
        ('INSERT INTO presence (kiosk, epoch, seq, hash, source, terminal, "user", time, zone,'
         " mark, method, state, witness, wall, up, boot, synced, again, first_kiosk, first_epoch,"
         " first_seq, received_at) VALUES (:k, :e, 4, :h, '', '', '17', '', '', '', '', '', '',"
         " 0, 0, '', true, false, '', '', 0, 0)", at),
    ])  # fmt: skip
    store = Store(empty)
    store.open()
    with store.writing() as tx:
        assert tx.city.all(Person) == [
            Person(id="1", name="Ayu"), Person(id="2", name="Budi"), Person(id="3", name="Siti"),
        ]  # fmt: skip
        assert tx.city.all(Unit) == [Unit(id="Dinas A", name="Dinas A")]
        assert tx.city.all(Member) == [
            Member(person="1", unit="Dinas A"), Member(person="2", unit="Dinas A"),
        ]  # fmt: skip
        assert [(one.seq, one.source, one.before, one.after) for one in tx.city.bindings()] == [
            (2, "pintu", "T1", "T2")
        ]
        [seen] = tx.city.sighted_at("lobi", "e1", 4)
        assert (seen.credential, seen.user) == ("terminal_user", "17")
        assert tx.city.stamp() == 1  # the binding
    store.close()


# What 0006 does not fill.


def test_what_came_before_kiosks_said_when_nobody_watched_proves_nothing(empty):
    stamp = {"wall": 1, "up": 1, "boot": "b", "synced": True}
    covered = msgspec.json.encode({
        "kind": "coverage", "at": stamp, "source": "pintu", "terminal": "T1", "records": 1,
        "through": "2026-11-24T07:00:00", "zone": "Asia/Jakarta",
    })  # fmt: skip
    of = {"k": "lobi", "e": "e1", "h": b"h" * 32}
    of_version(empty, "0005", [
        ("INSERT INTO epoch (kiosk, epoch, number, born, genesis, through, head, began_at,"
         " hello_nonce, hello_boot, hello_up, first, last, signed_through)"
         " VALUES (:k, :e, 1, '', :h, 2, :h, 0, '', '', 0, 1, 2, 0)", of),
        *(("INSERT INTO entry (kiosk, epoch, seq, hash, prev, body, linked, readable, received_at)"
           " VALUES (:k, :e, :n, :h, :h, :body, true, true, 0)",
           {**of, "n": n, "body": covered}) for n in (1, 2)),
    ])  # fmt: skip
    store = Store(empty)
    store.open()
    with store.reading() as tx:
        runs = tx.proofs.runs()
    store.close()
    assert runs == []


@pytest.mark.parametrize(
    ("where", "index"), [(tables.ELSEWHERE, "presence_elsewhere"), (tables.ODD, "presence_odd")]
)
def test_sqlite_finds_the_few_presences_of_a_partial_index_by_it(tmp_path, where, index):
    Store(tmp_path / "central.db").open()
    c = tables.presence.c
    by = {"presence_odd": c.received_at >= 1, "presence_elsewhere": c.first_kiosk == "lobi"}
    asked = (
        select(c.id)
        .where(where, by[index])
        .compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    )
    plan = str(ask(tmp_path / "central.db", f"EXPLAIN QUERY PLAN {asked}"))
    assert index in plan
