"""What is particular to PostgreSQL: its promises, what its refusals mean, how it comes back."""

import secrets
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sqlalchemy import text
from stand.postgres import Server

from sync.central.errors import (
    Contended,
    KeyTrouble,
    StoreRejected,
    StoreUnavailable,
    WrongSchema,
)
from sync.central.house import open_house
from sync.central.settings import Place, Settings
from sync.central.store import Store, postgres
from sync.line import Broker
from sync.protocol import entry
from sync.protocol.roster import Person

pytestmark = pytest.mark.slow


@pytest.fixture
def central(make_own, make_central):
    """Return a central on a new database of PostgreSQL."""
    made = make_central(make_own())
    yield made
    made.store.close()


@pytest.fixture
def make_own(postgres: Server, template: str, tmp_path):
    """Return a function that makes a new database, with our tables or without."""
    made = []

    def make(*, empty: bool = False) -> str:
        made.append(f"own{len(made)}_{abs(hash(tmp_path))}")
        return postgres.make(made[-1], template="template1" if empty else template)

    yield make
    for name in made:
        postgres.sql("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def run(store: Store, statement: str) -> list[tuple[object, ...]]:
    with store.writing() as tx:
        found = tx.ledger._connection.execute(text(statement))
        return [tuple(row) for row in found] if found.returns_rows else []


# Promises.


def test_a_commit_is_durable_whatever_the_database_says(postgres, central):
    name = run(central.store, "SELECT current_database()")[0][0]
    central.store.close()
    postgres.sql("postgres", f"ALTER DATABASE {name} SET synchronous_commit = off")
    central.store.open()
    said = {
        one: run(central.store, f"SHOW {one}")[0][0]
        for one in ("synchronous_commit", "statement_timeout", "lock_timeout", "timezone")
    }
    assert said == {
        "synchronous_commit": "on",
        "statement_timeout": "30s",
        "lock_timeout": "5s",
        "timezone": "UTC",
    }
    postgres.sql("postgres", f"ALTER DATABASE {name} SET synchronous_commit = remote_apply")
    central.store.close()
    central.store.open()
    assert run(central.store, "SHOW synchronous_commit") == [("remote_apply",)]


def test_a_server_without_fsync_is_refused():
    careless = Server("fsync = off")
    try:
        careless.start()
        with pytest.raises(StoreUnavailable, match=r"fsync = off.*set both to on"):
            Store(careless.url("postgres")).open()
    finally:
        careless.remove()


def test_a_database_of_another_encoding_is_refused(postgres):
    postgres.sql("postgres", "CREATE DATABASE latin ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StoreUnavailable, match="LATIN1, not UTF8"):
        Store(postgres.url("latin")).open()
    postgres.sql("postgres", "DROP DATABASE latin WITH (FORCE)")


def test_a_reading_transaction_sees_one_state_and_writes_nothing(central):
    with central.store.reading() as tx:
        before = tx.pages.stats().quarantined
        with central.store.writing() as other:
            other.standing.quarantine(b"x", "r", "t", 1)
        assert tx.pages.stats().quarantined == before == 0
    with (
        pytest.raises(StoreUnavailable, match="read-only"),
        central.store.reading() as tx,
    ):
        tx.standing.quarantine(b"x", "r", "t", 1)


def test_texts_with_nul_are_taken(central, kiosk, make_kiosk):
    kiosk.punch(user="a\0b", source="x\0")
    kiosk.add(
        entry.Coverage(
            at=entry.Stamp(wall=1, up=1, boot="b" * 32, synced=True),
            source="s\0", terminal="t\0", through="x", zone="z\0", records=1,
        )
    )  # fmt: skip
    central.hello(kiosk, software="v\0")
    assert central.batch(kiosk, 1).through == 2
    assert [one.user for one in central.shown()] == ["a\ufffdb"]
    with central.store.reading() as tx:
        assert tx.people.account("a\0") is None
    assert central.alarms() == {}


# Refusals.


def fail(message: str, state: str) -> str:
    """Return a statement that fails so."""
    return f"DO $$ BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = '{state}'; END $$"


@pytest.mark.parametrize(
    ("state", "kind", "advice"),
    [
        ("53100", StoreUnavailable, "free some space"),
        ("53300", StoreUnavailable, "max_connections"),
        ("25006", StoreUnavailable, "name the primary"),
        ("57P01", StoreUnavailable, "ends or starts"),
        ("57014", StoreUnavailable, "took longer than 30 s"),
        ("55P03", StoreUnavailable, "another transaction holds"),
        ("58030", StoreUnavailable, "disk reports errors"),
        ("XX001", StoreUnavailable, "restore the backup"),
        ("42501", StoreUnavailable, "owner of the database"),
        ("08006", StoreUnavailable, "check the server"),
        ("40001", Contended, "tried again"),
        ("40P01", Contended, "tried again"),
        ("22003", StoreRejected, ""),
        ("23503", StoreRejected, ""),
        ("42P01", WrongSchema, "another version"),
    ],
)
def test_every_refusal_is_understood_and_nothing_of_it_is_stored(central, state, kind, advice):
    def refused() -> None:
        with central.store.writing() as tx:
            tx.standing.quarantine(b"x", "r", "t", 1)
            tx.ledger._connection.exec_driver_sql(fail("no such luck", state))

    with pytest.raises(kind, match=f"no such luck.*{advice}") as caught:
        refused()
    assert type(caught.value) is kind
    assert central.stats().quarantined == 0


def test_who_cannot_be_reached_is_said_without_a_password(tmp_path):
    url = f"postgresql://user:secret@/name?host={tmp_path}"
    with pytest.raises(StoreUnavailable, match="check the server") as caught:
        Store(url).open()
    assert "secret" not in str(caught.value)
    assert "user:***@" in str(caught.value)


def test_a_database_that_is_not_there_is_said(postgres):
    with pytest.raises(StoreUnavailable, match=r'"nowhere" does not exist.*check the server'):
        Store(postgres.url("nowhere")).open()


def test_a_lock_that_is_not_let_go_ends_as_unavailable(central, kiosk, monkeypatch):
    monkeypatch.setattr(postgres, "LOCK_S", 0.1)
    central.hello(kiosk)
    central.store.close()
    central.store.open()  # with sessions of the shorter patience
    other = Store(central.database)
    other.open()
    with other.writing() as tx:
        assert tx.ledger.line(kiosk.name, kiosk.epoch)
        with pytest.raises(StoreUnavailable, match="another transaction holds"):
            central.hello(kiosk)
    other.close()
    assert central.hello(kiosk).through == 0


def test_two_that_wait_for_each_other_are_told_to_begin_again(central, make_kiosk):
    kiosks = [make_kiosk("a"), make_kiosk("b")]
    for kiosk in kiosks:
        central.admit(kiosk)
        central.hello(kiosk)
    both = threading.Barrier(2)

    def cross(first: int) -> str:
        try:
            with central.store.writing() as tx:
                tx.ledger.line(kiosks[first].name, "e1")
                both.wait()
                tx.ledger.line(kiosks[1 - first].name, "e1")
        except Contended:
            return "contended"
        return "done"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(cross, (0, 1))) == ["contended", "done"]


# The tables.


def test_two_centrals_may_make_the_tables_at_once(make_own, tmp_path):
    url = make_own(empty=True)
    barrier = threading.Barrier(4)

    def begin(number: int) -> str:
        store = Store(url)
        barrier.wait()
        store.open()
        run(store, f"INSERT INTO about VALUES ('n{number}', 'x')")
        store.close()
        return "made"

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(begin, range(4))) == ["made"] * 4


def test_centrals_that_share_a_database_share_the_key(make_own, tmp_path):
    url = make_own()

    def place(name: str) -> Place:
        (tmp_path / name).mkdir(exist_ok=True)
        settings = Settings(data="data", broker=Broker(host="x"), database=url)
        return Place(settings, tmp_path / name / "central.toml")

    house = open_house(place("one"))
    house.store.close()
    with pytest.raises(KeyTrouble, match="missing; kiosks trust key"):
        open_house(place("two"))
    key = tmp_path / "one" / "data" / "central.key"
    (tmp_path / "two" / "data").mkdir(exist_ok=True)
    (tmp_path / "two" / "data" / "central.key").write_bytes(key.read_bytes())
    again = open_house(place("two"))
    again.store.close()
    assert again.authority.fingerprint == house.authority.fingerprint


# It comes back.


@pytest.fixture
def own() -> Iterator[Server]:
    """Return a server that may be stopped."""
    server = Server()
    server.start()
    yield server
    server.remove()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["ended", "crashed"])
def test_a_server_that_ends_and_comes_back_is_used_again(own, make_central, make_kiosk, how):
    central, kiosk = make_central(own.make("central")), make_kiosk()
    central.admit(kiosk)
    kiosk.punches(20)
    central.hello(kiosk)
    assert central.batch(kiosk, 1, 10).through == 10
    own.stop(how)
    with pytest.raises(StoreUnavailable, match="server"):
        central.batch(kiosk, 11, 20)
    own.start()
    assert central.batch(kiosk, 11, 20).through == 20  # at once, on a new connection

    def be_cut() -> None:
        with central.store.writing() as tx:
            tx.standing.quarantine(b"x", "r", "t", 1)
            own.stop(how)
            own.start()
            tx.standing.quarantine(b"y", "r", "t", 1)

    with pytest.raises(StoreUnavailable):
        be_cut()
    assert central.stats().quarantined == 0
    assert central.hello(kiosk).through == 20
    central.store.close()


def test_a_connection_that_died_while_it_lay_idle_is_not_noticed(postgres, central, kiosk):
    central.hello(kiosk)
    with psycopg.connect(central.database, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"  # and waits for its end
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert central.hello(kiosk).through == 0


def test_what_is_too_long_for_an_index_is_rejected_and_not_tried_for_ever(central):
    with pytest.raises(StoreRejected, match="index row"), central.store.writing() as tx:
        tx.city.put([Person(id=secrets.token_hex(6000), name="Budi")])
