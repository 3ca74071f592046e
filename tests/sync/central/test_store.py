"""The database: its version, its promises, and what its refusals mean."""

import os
from pathlib import Path

import pytest

from sync.central.authority import KEY_FILE, PUBLIC_FILE
from sync.central.errors import KeyTrouble, StoreRejected, StoreUnavailable
from sync.central.house import open_house
from sync.central.settings import Place, Settings
from sync.central.store import tables
from sync.line import Broker
from sync.protocol.identity import PrivateKey, PublicKey


def place(path: Path) -> Place:
    return Place(Settings(data="data", broker=Broker(host="x")), path / "central.toml")


def test_values_that_cannot_be_taken_are_told_from_a_database_that_cannot(central):
    with pytest.raises(StoreRejected), central.store.writing() as tx:
        tx.ledger._connection.execute(tables.session.insert().values(
            token_hash=b"x", account="nobody", created_at=1, seen_at=1))  # fmt: skip


def test_a_transaction_that_raises_leaves_nothing(central, kiosk):
    def fail():
        with central.store.writing() as tx:
            tx.standing.quarantine(b"x", "r", "t", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert central.stats().quarantined == 0


def test_a_key_never_changes_hands(central, kiosk, make_kiosk):
    thief = make_kiosk("aula", key=kiosk.key)
    with pytest.raises(AssertionError):
        central.admit(thief)
    assert central.hello(kiosk).through == 0


# Central's own key.


def test_the_first_run_makes_a_key_and_later_ones_keep_it(tmp_path):
    house = open_house(place(tmp_path))
    house.store.close()
    key, public = tmp_path / "data" / KEY_FILE, tmp_path / "data" / PUBLIC_FILE
    assert key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    exported = PublicKey.from_pem(public.read_bytes())
    assert exported.fingerprint == house.authority.fingerprint
    public.unlink()
    again = open_house(place(tmp_path))
    again.store.close()
    assert again.authority.fingerprint == house.authority.fingerprint
    assert public.exists()


def test_a_lost_or_exchanged_key_is_not_replaced_in_silence(tmp_path):
    open_house(place(tmp_path)).store.close()
    key = tmp_path / "data" / KEY_FILE
    key.unlink()
    with pytest.raises(KeyTrouble, match="missing; kiosks trust key"):
        open_house(place(tmp_path))
    assert not key.exists()
    key.write_bytes(PrivateKey.generate().pem)
    with pytest.raises(KeyTrouble, match="restore the right one"):
        open_house(place(tmp_path))
    key.write_bytes(b"rubbish")
    with pytest.raises(KeyTrouble, match="not a PEM"):
        open_house(place(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_directory_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreUnavailable, match="check `data`"):
        open_house(place(tmp_path))
