"""How a database comes to this version, and which ones are left alone."""

import shutil
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from sync.central.errors import StoreError, WrongSchema
from sync.central.store import Store, schema, tables
from sync.central.store.pages import Filter

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
    # See `tables._in_locked_epoch`.
    on_postgres = [("add_fk", "entry")] if isinstance(central.database, str) else []
    assert [(what, which.parent.name) for what, which in found] == on_postgres


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
