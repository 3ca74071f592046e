"""What is particular to SQLite: its promises, and what its refusals mean."""

import sqlite3

import pytest

from sync.central.errors import StoreUnavailable
from sync.central.store import Store, sqlite


@pytest.fixture
def office(lite, make_kiosk):
    """Return a kiosk admitted there."""
    made = make_kiosk()
    lite.admit(made)
    return made


def test_a_commit_survives_a_power_cut_by_its_settings(lite):
    with lite.store.writing() as tx:
        connection = tx.ledger._connection
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        said = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    assert said == ["wal", 2, 1, sqlite.BUSY_MS]


def test_what_is_no_database_is_refused(tmp_path):
    path = tmp_path / "central.db"
    path.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        Store(path).open()


def test_a_missing_directory_is_said(tmp_path):
    with pytest.raises(StoreUnavailable, match="cannot be opened"):
        Store(tmp_path / "none" / "central.db").open()


def test_a_lock_held_elsewhere_means_unavailable(lite, office):
    other = sqlite3.connect(lite.database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with lite.store.reading() as tx:
        tx.ledger._connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    with pytest.raises(StoreUnavailable, match="another process holds it"):
        lite.hello(office)
    other.execute("ROLLBACK")
    other.close()
    assert lite.hello(office).through == 0


def test_a_full_database_means_unavailable_and_nothing_of_it_is_stored(lite, office):
    office.punches(400)
    lite.hello(office)
    with lite.store.writing() as tx:
        pages = tx.ledger._connection.exec_driver_sql("PRAGMA page_count").scalar()
        tx.ledger._connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreUnavailable, match="full"):
        lite.batch(office, 1)
    with lite.store.reading() as tx:
        tx.ledger._connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert lite.stats().entries == 0
    assert lite.batch(office, 1).through == 400
