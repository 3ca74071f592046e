"""Unit key, backup, restore: a new Pi knows everybody again, and nobody who was forgotten."""

import contextlib
import tempfile
from collections.abc import Iterator
from itertools import count, permutations
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kiosk.faces import backup, unitkey
from kiosk.faces.tombstones import entered, highest, keep_on, kept_on
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultkey import KeyPlace
from kiosk.faces.vaultwords import Erasure
from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life
from sync.protocol import entry
from sync.protocol.identity import Domain, PrivateKey, PublicKey
from sync.protocol.sealed import RecordKey
from sync.protocol.signed import sign
from tests.kiosk.face_parts import ABOUT, MODEL, enrolled, tell

DEVICE = PrivateKey.generate()
UNIT, SHARES = unitkey.make("rudi")


def opened(home: Path) -> Vault:
    vault = Vault(home, KeyPlace(home, {}))
    vault.open()
    return vault


def forget(vault: Vault, person: str, n: int = 0) -> Erasure:
    one = Erasure(id=f"e{n}", person=person, generation=0, by="rudi", reason="left", at=1)
    return vault.forget(one, tell("person forgotten", person=person))


def export(vault: Vault) -> bytes:
    return backup.export(vault, unitkey.seal(UNIT, vault.key), "k1", DEVICE, 1, "rudi")


def restore(vault: Vault, file: bytes, elsewhere: dict[str, int] = {}) -> backup.Restored:  # noqa: B006
    found = backup.read(file)
    key = unitkey.unseal(found.content.sealed, unitkey.together(SHARES))
    return backup.restore(vault, found, key, elsewhere, "rudi")


def names(vault: Vault) -> list[str]:
    return sorted({person for person, _ in vault.known(MODEL).rows})


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    one = opened(tmp_path / "old")
    yield one
    one.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Vault]:
    one = opened(tmp_path / "new")
    yield one
    one.close()


# The unit key.


def test_both_shares_together_are_the_key_and_one_alone_is_nothing() -> None:
    assert unitkey.together(SHARES).public.fingerprint == UNIT.fingerprint
    assert PublicKey.from_pem(UNIT.pem).fingerprint == UNIT.fingerprint
    assert unitkey.together(SHARES[::-1]).public.fingerprint == UNIT.fingerprint
    for one in SHARES:
        with pytest.raises(VaultError, match="two different shares"):
            unitkey.together([one])
        with pytest.raises(VaultError, match="two different shares"):
            unitkey.together([one, one])
        assert str(one.octets) not in repr(one)


def test_shares_of_two_units_and_damaged_ones_are_named() -> None:
    _, others = unitkey.make("rudi")
    with pytest.raises(VaultError, match="two different shares"):
        unitkey.together([SHARES[0], others[1]])
    damaged = msgspec.structs.replace(SHARES[1], octets=bytes(32))
    with pytest.raises(VaultError, match=r"share B of unit key .* is damaged"):
        unitkey.together([SHARES[0], damaged])
    forged = msgspec.structs.replace(others[1], unit=UNIT.fingerprint)
    with pytest.raises(VaultError, match="one of them was changed"):
        unitkey.together([SHARES[0], forged])


def test_a_share_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(msgspec.json.encode(SHARES[0]))
    assert unitkey.read_share(path) == SHARES[0]
    path.write_text("{}")
    with pytest.raises(VaultError, match="not a share"):
        unitkey.read_share(path)


def test_what_is_sealed_opens_with_the_unit_key_only() -> None:
    key = RecordKey.generate()
    sealed = unitkey.seal(UNIT, key)
    assert unitkey.unseal(sealed, unitkey.together(SHARES)).octets == key.octets
    assert key.octets not in msgspec.msgpack.encode(sealed)
    with pytest.raises(VaultError, match="sealed to unit key"):
        unitkey.unseal(sealed, PrivateKey.generate())
    lying = msgspec.structs.replace(sealed, key=RecordKey.generate().fingerprint)
    with pytest.raises(VaultError, match="the sealed key is damaged"):
        unitkey.unseal(lying, unitkey.together(SHARES))


# Backup and restore.


def test_a_new_pi_knows_everybody_again(vault: Vault, tmp_path: Path) -> None:
    for who in ("siti", "budi"):
        vault.put(who, enrolled(who, picture=b"JPEG"), ABOUT, tell(), pictures_until=99)
    file = export(vault)
    key = unitkey.unseal(backup.read(file).content.sealed, unitkey.together(SHARES))
    new = Vault(tmp_path / "new", KeyPlace(tmp_path / "new", {}))
    new.open(bringing=key)
    assert set(restore(new, file).taken) == {"siti", "budi"}
    assert sorted(new.known(MODEL).rows) == sorted(vault.known(MODEL).rows)
    assert new.pictures("siti") == vault.pictures("siti")
    assert new.people() == vault.people()
    assert new.key.fingerprint == vault.key.fingerprint
    assert {one.action for _, one in new.untold()} == {"vault restored"}
    new.close()


def test_a_kiosk_with_a_key_of_its_own_keeps_it(vault: Vault, other: Vault) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    other.put("budi", enrolled("budi"), ABOUT, tell())
    own = other.key.fingerprint
    assert restore(other, export(vault)).taken == ("siti",)
    assert other.key.fingerprint == own
    assert names(other) == ["budi", "siti"]


def test_a_backup_without_a_sealed_key_is_refused(vault: Vault) -> None:
    with pytest.raises(VaultError, match="kiosk vault seal"):
        backup.export(vault, None, "k1", DEVICE, 1, "rudi")
    another = unitkey.seal(UNIT, RecordKey.generate())
    with pytest.raises(VaultError, match="kiosk vault seal"):
        backup.export(vault, another, "k1", DEVICE, 1, "rudi")


def test_who_was_forgotten_after_the_backup_does_not_come_back(vault: Vault, other: Vault) -> None:
    for who in ("siti", "budi", "rudi", "tono"):
        vault.put(who, enrolled(who), ABOUT, tell())
    file = export(vault)
    forget(vault, "siti")
    forget(other, "budi")  # where nothing was known of them
    done = restore(vault, file)
    assert (set(done.dead), set(done.newer), done.taken) == ({"siti"}, {"budi", "rudi", "tono"}, ())
    done = restore(other, file, elsewhere={"rudi": 1})
    assert (set(done.dead), done.taken) == ({"budi", "rudi"}, ("siti", "tono"))
    assert restore(other, export(vault)).killed == ("siti",)
    assert names(other) == ["tono"]


def test_who_is_enrolled_again_after_a_blind_forget_survives_the_old_backup(
    vault: Vault, other: Vault
) -> None:
    for _ in range(3):
        vault.put("siti", enrolled("siti"), ABOUT, tell())
    file = export(vault)  # generation 3
    forget(other, "siti")
    other.put("siti", enrolled("siti"), ABOUT, tell())  # generation 2 here
    done = restore(other, file)
    assert (done.dead, done.killed) == (("siti",), ())
    assert names(other) == ["siti"]
    assert restore(other, file).dead == ("siti",)
    assert names(other) == ["siti"]


def test_forgetting_kills_every_generation_up_to_now(vault: Vault, other: Vault) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    forget(vault, "siti")
    for _ in range(3):
        vault.put("siti", enrolled("siti"), ABOUT, tell())
    file = export(vault)  # generation 4, and it knows of the first forgetting
    restore(other, file)
    for one in (vault, other):
        assert forget(one, "siti").generation == 4
        assert restore(one, file).dead == ("siti",)
        assert names(one) == []


def test_a_later_enrolment_stays(vault: Vault, other: Vault) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    file = export(vault)
    other.put("siti", enrolled("siti"), ABOUT, tell())
    other.put("siti", enrolled("siti"), ABOUT, tell())
    kept = other.known(MODEL).rows
    assert restore(other, file).newer == ("siti",)
    assert other.known(MODEL).rows == kept


def test_a_changed_backup_is_refused(vault: Vault, other: Vault) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    file = export(vault)
    for at in range(0, len(file), 97):
        torn = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
        with contextlib.suppress(VaultError):  # base64 has bits that say nothing
            assert backup.read(torn) == backup.read(file)
    for at in range(0, len(file), 211):
        with pytest.raises(VaultError, match="take another copy"):
            backup.read(file[:at])


def test_a_backup_that_somebody_else_signed_says_so(vault: Vault) -> None:
    found = backup.read(export(vault))
    mallory = PrivateKey.generate()
    forged = sign(
        Domain.VAULT,
        msgspec.structs.replace(found.heading, key=DEVICE.public.fingerprint),
        mallory,
        export(vault).split(b"\n", 2)[2],
    )
    with pytest.raises(VaultError, match="not a backup"):
        backup.read(forged)


def test_records_that_were_exchanged_are_refused_and_nothing_changes(
    vault: Vault, other: Vault
) -> None:
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    vault.put("budi", enrolled("budi"), ABOUT, tell())
    found = backup.read(export(vault))
    [one, *rest] = found.content.records
    stolen = msgspec.structs.replace(one, person="budi")
    content = msgspec.structs.replace(found.content, records=[stolen, *rest])
    forged = msgspec.structs.replace(found, content=content)
    other.put("tono", enrolled("tono"), ABOUT, tell())
    with pytest.raises(VaultError, match=r"template .* of budi"):
        backup.restore(other, forged, vault.key, {}, "rudi")
    assert names(other) == ["tono"]
    assert other.tombstones() == {}


# Tombstones elsewhere.


def test_tombstones_merge_to_the_highest_in_any_order() -> None:
    parts = [{"a": 1, "b": 5}, {"a": 3}, {"b": 2, "c": 1}]
    merged = {frozenset(highest(*order).items()) for order in permutations(parts)}
    assert merged == {frozenset({"a": 3, "b": 5, "c": 1}.items())}


def test_the_second_medium_keeps_them_for_its_own_kiosk(tmp_path: Path) -> None:
    assert kept_on(tmp_path / "usb", "k1") == {}
    keep_on(tmp_path / "usb", "k1", {"siti": 2})
    assert kept_on(tmp_path / "usb", "k1") == {"siti": 2}
    assert kept_on(tmp_path / "usb", "k2") == {}
    (tmp_path / "usb" / "tombstones.json").write_text("{")
    with pytest.raises(VaultError, match="who was forgotten cannot be read"):
        kept_on(tmp_path / "usb", "k1")


def test_the_journal_still_says_who_was_forgotten(tmp_path: Path) -> None:
    Journal.make(tmp_path / "j.db", Life("k1", "e1", 1, b"key"))
    journal = Journal(tmp_path / "j.db")
    journal.open()
    at = entry.Stamp(wall=1, up=2, boot="b", synced=True)

    def said(action: str, **detail: str) -> Draft:
        return Draft(entry.encode(entry.Audit(at=at, actor="r", action=action, detail=detail)))

    journal.append(
        [
            said("face enrolled", person="tono", generation="1"),
            said("person forgotten", person="siti", generation="2"),
            said("person forgotten", person="siti", generation="1"),
            said("tombstone replayed", person="budi", generation="4"),
            said("person forgotten", person="", generation="7"),
            said("person forgotten", person="x", generation="many"),
            said("note", text="person forgotten", person="y", generation="3"),
        ]
    )
    assert entered([journal.reader]) == {"siti": 2, "budi": 4}
    journal.close()


# Any history.

PEOPLE = ("siti",)  # whoever else there is, is another history


class Histories(RuleBasedStateMachine):
    """Two kiosks that enrol, forget, and restore each other's backups, old and new ones.

    An enrolment is known by its notice. Whoever forgets kills those that they have; whoever
    restores kills here what the backup's kiosk had forgotten when it was made.
    """

    @initialize()
    def begin(self) -> None:
        self.home = tempfile.TemporaryDirectory(
            dir="/dev/shm" if Path("/dev/shm").is_dir() else None
        )
        self.vaults = [opened(Path(self.home.name) / name) for name in "ab"]
        self.dead: list[set[str]] = [set(), set()]
        self.files: list[tuple[bytes, set[str], set[str]]] = []
        self.fresh: list[dict[str, str]] = [{}, {}]  # enrolled here and nothing forgotten since
        self.n = count()

    def teardown(self) -> None:
        for one in self.vaults:
            one.close()
        self.home.cleanup()

    def alive(self, at: int) -> set[str]:
        return {one.about.notice for one in self.vaults[at].people()}

    def alive_of(self, at: int, person: str) -> set[str]:
        return {one.about.notice for one in self.vaults[at].people() if one.person == person}

    @rule(at=st.integers(0, 1), person=st.sampled_from(PEOPLE))
    def enrol(self, at: int, person: str) -> None:
        notice = f"{person}-{next(self.n)}"
        about = msgspec.structs.replace(ABOUT, notice=notice)
        self.vaults[at].put(person, enrolled(person), about, tell())
        self.fresh[at][person] = notice
        assert notice in self.alive(at)

    @rule(at=st.integers(0, 1), person=st.sampled_from(PEOPLE))
    def forget(self, at: int, person: str) -> None:
        self.dead[at] |= self.alive_of(at, person)
        self.fresh[at].pop(person, None)
        forget(self.vaults[at], person, next(self.n))
        assert not self.alive_of(at, person)

    @rule(at=st.integers(0, 1))
    def export(self, at: int) -> None:
        self.files.append((export(self.vaults[at]), set(self.dead[at]), self.alive(at)))

    @rule(at=st.integers(0, 1), which=st.integers(0, 50))
    def restore(self, at: int, which: int) -> None:
        if not self.files:
            return
        file, dead, held = self.files[which % len(self.files)]
        before = self.alive(at)
        done = restore(self.vaults[at], file)
        self.dead[at] |= dead
        # What is here was here or in the file; who is named as dead is.
        assert self.alive(at) <= before | held
        for person in done.dead:
            assert not self.alive_of(at, person) & (held - before)
        for person in PEOPLE:
            self.fresh[at].pop(person, None)

    @rule(at=st.integers(0, 1))
    def start_anew(self, at: int) -> None:
        self.vaults[at].close()
        self.vaults[at].open()

    @invariant()
    def nobody_comes_back(self) -> None:
        if hasattr(self, "vaults"):
            for at in (0, 1):
                assert not self.alive(at) & self.dead[at]
                assert set(self.fresh[at].values()) <= self.alive(at)


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
