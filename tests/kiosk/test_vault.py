"""The vault: what rests in it, under which key, and what is never there again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drivers.faces import UNREADABLE
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultkey import CREDENTIALS, KeyPlace
from kiosk.faces.vaultwords import Erasure, Kind
from sync.protocol.sealed import RecordKey
from tests.kiosk.face_parts import ABOUT, MODEL, enrolled, tell, template

OLD = "sface:000000000000"


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    one = Vault(tmp_path, KeyPlace(tmp_path, {}))
    one.open()
    yield one
    one.close()


def again(vault: Vault) -> Vault:
    """Return the same vault as the next start finds it."""
    vault.close()
    one = Vault(vault.path.parent, KeyPlace(vault.path.parent, {}))
    one.open()
    return one


def erasure(person: str) -> Erasure:
    return Erasure(id="e1", person=person, generation=0, by="rudi", reason="left", at=1)


def forget(vault: Vault, person: str) -> Erasure:
    return vault.forget(erasure(person), tell("person forgotten", person=person))


def bytes_of(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def names(vault: Vault, model: str = MODEL) -> list[str]:
    return sorted({person for person, _ in vault.known(model).rows})


def test_what_is_put_in_is_known_and_stands_nowhere_in_the_clear(
    vault: Vault, tmp_path: Path
) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    assert vault.known(MODEL).rows == [("siti", template("siti", n)) for n in range(3)]
    there = bytes_of(tmp_path)
    assert all(template("siti", n)[:16] not in there for n in range(3))
    assert vault.path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600


def test_the_version_changes_with_every_change_and_only_then(vault: Vault) -> None:
    versions = [vault.version]
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    versions.append(vault.version)
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    versions.append(vault.version)
    forget(vault, "siti")
    versions.append(vault.version)
    assert len(set(versions)) == 4
    assert vault.known(MODEL).version == versions[-1]
    vault.told(99)
    forget(vault, "nobody")
    assert vault.version == versions[-1]
    vault = again(vault)
    assert vault.version == versions[-1]
    vault.close()


def test_another_process_sees_what_is_changed_here(vault: Vault, tmp_path: Path) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    beside = Vault(tmp_path, KeyPlace(tmp_path, {}))
    beside.open()
    before = beside.version
    vault.put("budi", enrolled("budi"), ABOUT, tell())
    assert beside.version != before
    assert names(beside) == ["budi", "siti"]
    beside.close()


def test_who_is_enrolled_again_is_known_by_the_new_templates_only(vault: Vault) -> None:
    assert vault.put("siti", enrolled("siti", OLD), ABOUT, tell()) == 1
    vault.put("budi", enrolled("budi", OLD), ABOUT, tell())
    assert names(vault) == []
    assert vault.is_washed
    assert vault.put("siti", enrolled("siti"), ABOUT, tell()) == 2
    assert not vault.is_washed  # thousands may come on one day: the file is written anew later
    assert names(vault) == ["siti"]
    assert names(vault, OLD) == ["budi"]
    assert vault.prune(MODEL, tell("faces of another model erased")) == ["budi"]
    assert names(vault, OLD) == []
    assert [one.person for one in vault.people()] == ["siti"]
    assert vault.tombstones() == {}


def test_a_forgotten_person_is_nowhere_in_the_file_and_may_come_back_later(
    vault: Vault, tmp_path: Path
) -> None:
    for n in range(40):  # so that pages are split and rows move
        vault.put(f"p{n}", enrolled(f"p{n}"), ABOUT, tell())
    with closing(sqlite3.connect(vault.path)) as db:
        sealed = [one for (one,) in db.execute("SELECT sealed FROM record WHERE person = 'p7'")]
    assert all(one in bytes_of(tmp_path) for one in sealed)
    done = forget(vault, "p7")
    assert [one.kind for one in done.gone] == [Kind.TEMPLATE] * 3
    there = bytes_of(tmp_path)
    for one in sealed:
        assert all(one[at : at + 16] not in there for at in range(0, len(one), 16))
    assert vault.is_washed
    assert vault.tombstones() == {"p7": 1}
    assert vault.put("p7", enrolled("p7"), ABOUT, tell()) == 2
    vault = again(vault)
    assert "p7" in names(vault)
    vault.close()


def test_a_start_finishes_what_was_erased_and_not_washed(vault: Vault) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    changed(vault, "UPDATE vault SET unwashed = 1")
    assert not vault.is_washed
    vault = again(vault)
    assert vault.is_washed
    vault.close()


def test_a_tombstone_from_elsewhere_kills_what_it_is_above_and_is_never_lowered(
    vault: Vault,
) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    assert vault.replay({"siti": 1, "budi": 4}, "journal") == []
    assert names(vault) == ["siti"]
    assert vault.replay({"siti": 2, "budi": 3}, "journal") == ["siti"]
    assert names(vault) == []
    assert vault.tombstones() == {"siti": 2, "budi": 4}
    assert [one.action for _, one in vault.untold()][-1] == "tombstone replayed"


def test_pictures_are_kept_as_long_as_was_said(vault: Vault, tmp_path: Path) -> None:
    vault.put("siti", enrolled("siti", picture=b"JPEG" * 20), ABOUT, tell(), pictures_until=1000)
    vault.put("budi", enrolled("budi", picture=b"JPEG" * 20), ABOUT, tell())
    assert vault.pictures("siti") == [b"JPEG" * 20 + bytes([n]) for n in range(3)]
    assert vault.pictures("budi") == []
    assert b"JPEGJPEG" not in bytes_of(tmp_path)
    assert vault.end_pictures(999) == 0
    assert vault.end_pictures(1000) == 3
    assert vault.pictures("siti") == []
    assert names(vault) == ["budi", "siti"]
    assert vault.untold()[-1][1].detail == {"person": "siti", "pictures": "3"}


# The key.


def test_a_lost_key_makes_no_new_one(vault: Vault, tmp_path: Path) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    (tmp_path / "vault.key").unlink()
    vault = again(vault)
    assert "is lost" in vault.locked
    assert "kiosk vault restore" in vault.locked
    assert vault.known(MODEL).rows == ()
    assert vault.version == UNREADABLE
    assert vault.trouble == vault.locked
    with pytest.raises(VaultError, match="is lost"):
        vault.put("budi", enrolled("budi"), ABOUT, tell())
    assert not (tmp_path / "vault.key").exists()
    assert len(forget(vault, "siti").gone) == 3  # which needs no key
    vault.close()


def test_where_nothing_rests_any_more_a_lost_key_is_no_loss(vault: Vault, tmp_path: Path) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    (tmp_path / "vault.key").unlink()
    vault = again(vault)
    forget(vault, "siti")
    vault.unlock()
    assert vault.locked == ""
    assert vault.put("siti", enrolled("siti"), ABOUT, tell()) == 2
    assert names(vault) == ["siti"]
    vault.close()


def test_a_wrong_key_is_said(vault: Vault, tmp_path: Path) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    right = (tmp_path / "vault.key").read_bytes()
    (tmp_path / "vault.key").write_bytes(bytes(32))
    vault = again(vault)
    assert f"written with key {RecordKey(right).fingerprint[:16]}" in vault.locked
    (tmp_path / "vault.key").write_bytes(right)
    vault.unlock()
    assert names(vault) == ["siti"]
    vault.close()


@pytest.mark.parametrize(("mode", "who"), [(0o640, "group"), (0o604, "others")])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int, who: str) -> None:
    place = KeyPlace(tmp_path, {})
    place.keep(RecordKey(bytes(32)))
    place.path.chmod(mode)
    with pytest.raises(VaultError, match=f"mode {mode:04o}.*chmod 600"):
        place.load()
    place.path.chmod(0o600)
    assert place.load() is not None
    with pytest.raises(VaultError, match="there is a key already"):
        place.keep(RecordKey(bytes(32)))


def test_a_cut_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "vault.key").write_bytes(b"short")
    (tmp_path / "vault.key").chmod(0o600)
    with pytest.raises(VaultError, match="a key of 32 bytes is needed, not one of 5"):
        KeyPlace(tmp_path, {}).load()


def test_systemds_credential_comes_first(tmp_path: Path) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "vault.key").write_bytes(bytes(range(32)))
    place = KeyPlace(tmp_path, {CREDENTIALS: str(given)})
    loaded = place.load()
    assert loaded is not None
    assert loaded.octets == bytes(range(32))
    one = Vault(tmp_path, place)
    one.open()
    one.put("siti", enrolled("siti"), ABOUT, tell())
    one.close()
    assert not (tmp_path / "vault.key").exists()


# Damage.


def changed(vault: Vault, statement: str) -> None:
    with closing(sqlite3.connect(vault.path)) as db, db:
        db.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE record SET sealed = zeroblob(540) WHERE rowid = 1",
        "UPDATE record SET sealed = X'00' WHERE rowid = 1",
        "UPDATE record SET person = 'budi' WHERE rowid = 1",
        "UPDATE record SET id = 'other' WHERE rowid = 1",
        "UPDATE record SET sealed = (SELECT sealed FROM record WHERE rowid = 2) WHERE rowid = 1",
    ],
)
def test_a_changed_record_is_named_and_everybody_else_is_known(
    vault: Vault, statement: str
) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    vault.put("budi", enrolled("budi"), ABOUT, tell())
    changed(vault, statement)
    assert len(vault.known(MODEL).rows) == 5
    assert "enrol" in vault.trouble
    assert "template" in vault.trouble
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    vault.put("budi", enrolled("budi"), ABOUT, tell())
    assert len(vault.known(MODEL).rows) == 6
    assert vault.trouble == ""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE enrolment SET about = X'7B22'",
        "UPDATE told SET body = X'00'",
        "UPDATE erasure SET body = X'FF'",
    ],
)
def test_a_row_that_rotted_is_said_as_damage(vault: Vault, statement: str) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    forget(vault, "nobody")
    changed(vault, statement)
    with pytest.raises(VaultError, match=r"the file is damaged.*kiosk vault restore"):
        (vault.people(), vault.untold(), vault.erasures())


def test_a_template_of_another_model_does_not_pass_for_this_ones(vault: Vault) -> None:
    vault.put("siti", enrolled("siti", OLD), ABOUT, tell())
    changed(vault, f"UPDATE enrolment SET model = '{MODEL}'")
    assert vault.known(MODEL).rows == []
    assert "siti" not in vault.trouble
    assert "kiosk enrol list says who" in vault.trouble
    assert vault.unread == {"siti"}


@pytest.mark.parametrize("content", [b"no database, but long enough to be one " * 20, b"short"])
def test_a_file_that_is_no_vault_is_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "vault.sqlite").write_bytes(content)
    with pytest.raises(VaultError, match=r"vault\.sqlite"):
        Vault(tmp_path, KeyPlace(tmp_path, {})).open()
    assert (tmp_path / "vault.sqlite").read_bytes() == content


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "vault.sqlite")) as db, db:
        db.execute("CREATE TABLE mine (a)")
    with pytest.raises(VaultError, match="not a vault"):
        Vault(tmp_path, KeyPlace(tmp_path, {})).open()


def test_a_newer_vault_is_left_alone(vault: Vault) -> None:
    changed(vault, "PRAGMA user_version = 9")
    with pytest.raises(VaultError, match="newer version"):
        again(vault)


def test_a_closed_vault_knows_nobody_and_says_why(tmp_path: Path) -> None:
    one = Vault(tmp_path, KeyPlace(tmp_path, {}))
    assert one.known(MODEL).rows == ()
    assert one.version == one.known(MODEL).version == UNREADABLE
    assert "not open" in one.trouble
    with pytest.raises(VaultError, match="not open"):
        one.people()


def test_what_fails_changes_nothing(vault: Vault) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    before = vault.untold()
    with pytest.raises(ZeroDivisionError):
        fail(vault)
    assert names(vault) == ["siti"]
    assert vault.untold() == before


def fail(vault: Vault) -> None:
    with vault.changing() as db:
        db.execute("DELETE FROM record")
        assert 1 / 0
