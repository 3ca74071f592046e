"""The vault's key is replaced: everybody is known all the while, and the old key reads nothing."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from kiosk.cli import main
from kiosk.faces import unitkey
from kiosk.faces.strongroom import Strongroom
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultkey import FILE, NEXT, KeyPlace
from kiosk.faces.vaultwords import Action, Kind, Tell, bound_to
from sync.protocol.errors import Unverified
from sync.protocol.sealed import RecordKey
from tests.kiosk.face_parts import ABOUT, MODEL, enrolled, tell, template

SAID = Tell("rudi", Action.REKEYED, {})


def opened(home: Path) -> Vault:
    one = Vault(home, KeyPlace(home, {}))
    one.open()
    return one


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    one = opened(tmp_path)
    for person in ("siti", "budi"):
        one.put(person, enrolled(person, picture=b"JPEG"), ABOUT, tell(), pictures_until=99)
    yield one
    one.close()


def known(vault: Vault) -> list[tuple[str, bytes]]:
    return sorted(vault.known(MODEL).rows)


EVERYBODY = sorted((person, template(person, n)) for person in ("siti", "budi") for n in range(3))


def test_everything_rests_under_the_new_key_and_nothing_under_the_old(
    vault: Vault, tmp_path: Path
) -> None:
    old = vault.key
    before = [sealed for *_, sealed in vault.records()]
    pictures = vault.pictures("siti")
    name = vault.rekey(SAID)
    assert vault.key.fingerprint == name != old.fingerprint
    assert known(vault) == EVERYBODY
    assert vault.pictures("siti") == pictures
    assert RecordKey((tmp_path / FILE).read_bytes()).fingerprint == name
    assert not (tmp_path / NEXT).exists()
    for record, person, kind, _, sealed in vault.records():
        with pytest.raises(Unverified):
            old.open(bound_to(person, MODEL, record, Kind(kind)), sealed)
    there = vault.path.read_bytes()
    assert not any(sealed in there for sealed in before)
    assert [said.detail for _, said in vault.untold() if said.action == Action.REKEYED] == [
        {"key": name, "before": old.fingerprint}
    ]
    vault.close()
    assert known(opened(tmp_path)) == EVERYBODY


def test_another_process_goes_on_with_the_new_key(vault: Vault, tmp_path: Path) -> None:
    daemon = opened(tmp_path)
    assert known(daemon) == EVERYBODY
    version = daemon.version
    vault.rekey(SAID)
    assert daemon.version != version
    assert known(daemon) == EVERYBODY
    daemon.put("tini", enrolled("tini"), ABOUT, tell())  # under the new key, or nobody reads it
    assert {person for person, _ in known(vault)} == {"siti", "budi", "tini"}
    assert (daemon.trouble, vault.trouble) == ("", "")
    daemon.close()


@pytest.mark.parametrize("where", ["propose", "commit", "settle", "wash"])
def test_power_cut_anywhere_leaves_one_key_that_reads_everything(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    place = {
        "propose": (KeyPlace, "propose"),
        "commit": (Vault, "note"),
        "settle": (KeyPlace, "settle"),
        "wash": (Strongroom, "wash"),
    }[where]
    with monkeypatch.context() as patch:
        patch.setattr(*place, cut)
        with pytest.raises(KeyboardInterrupt):
            vault.rekey(SAID)
    vault.close()
    after = opened(tmp_path)
    assert after.locked == ""
    assert known(after) == EVERYBODY
    assert after.is_washed
    after.put("tini", enrolled("tini"), ABOUT, tell())
    after.rekey(SAID)
    assert {person for person, _ in known(after)} == {"siti", "budi", "tini"}
    assert not (tmp_path / NEXT).exists()
    after.close()


def test_a_next_key_that_was_cut_short_is_none(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / NEXT).write_bytes(b"half")
    vault.close()
    after = opened(tmp_path)
    assert known(after) == EVERYBODY
    after.close()


def test_without_the_old_key_there_is_no_new_one(vault: Vault, tmp_path: Path) -> None:
    vault.close()
    (tmp_path / FILE).rename(tmp_path / "away")
    after = opened(tmp_path)
    with pytest.raises(VaultError, match="is lost"):
        after.rekey(SAID)
    assert not (tmp_path / NEXT).exists()
    after.close()


TOML = """\
kiosk = "lobi"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
[[sources]]
name = "pintu"
kind = "zkteco"
host = "127.0.0.1"
timezone = "Asia/Jakarta"
"""


def test_the_command_seals_the_new_key_to_the_unit_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(TOML)
    (tmp_path / "data").mkdir()
    vault = opened(tmp_path / "data")
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    vault.close()
    rest = ["--config", str(config), "--by", "rudi"]
    assert main(["vault", "rekey", *rest]) == 0
    public, shares = unitkey.make("rudi")
    unit = tmp_path / "unit.pem"
    unit.write_bytes(public.pem)
    assert main(["vault", "seal", "--unit-key", str(unit), *rest]) == 0
    capsys.readouterr()
    assert main(["vault", "rekey", *rest]) == 1
    assert "say --unit-key" in capsys.readouterr().err
    assert main(["vault", "rekey", "--unit-key", str(unit), *rest]) == 0
    sealed = unitkey.read_sealed(tmp_path / "data" / unitkey.SEALED_FILE)
    assert sealed is not None
    key = unitkey.unseal(sealed, unitkey.together(shares))
    assert key.octets == (tmp_path / "data" / FILE).read_bytes()


def test_the_unit_key_is_replaced_and_the_old_shares_open_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As docs/KEYS.md says: seal to the new one, then another key for the vault."""
    config = tmp_path / "kiosk.toml"
    config.write_text(TOML)
    (tmp_path / "data").mkdir()
    vault = opened(tmp_path / "data")
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    vault.close()
    rest = ["--config", str(config), "--by", "rudi"]
    units = {name: unitkey.make("rudi") for name in ("old", "new")}
    for name, (public, _) in units.items():
        (tmp_path / f"{name}.pem").write_bytes(public.pem)
    assert main(["vault", "seal", "--unit-key", str(tmp_path / "old.pem"), *rest]) == 0
    known_to_officers = (tmp_path / "data" / unitkey.SEALED_FILE).read_bytes()
    for verb in ("seal", "rekey"):
        assert main(["vault", verb, "--unit-key", str(tmp_path / "new.pem"), *rest]) == 0
    sealed = unitkey.read_sealed(tmp_path / "data" / unitkey.SEALED_FILE)
    assert sealed is not None
    old, new = (unitkey.together(shares) for _, shares in (units["old"], units["new"]))
    assert unitkey.unseal(sealed, new).octets == (tmp_path / "data" / FILE).read_bytes()
    with pytest.raises(VaultError):
        unitkey.unseal(sealed, old)
    # And what the old officers could still open is a key under which nothing rests any more.
    (tmp_path / "before").write_bytes(known_to_officers)
    before = unitkey.read_sealed(tmp_path / "before")
    assert before is not None
    assert unitkey.unseal(before, old).octets != (tmp_path / "data" / FILE).read_bytes()


class Slow(KeyPlace):
    """Lets another process be at the same, once the new key lies there."""

    other: Callable[[], object]

    def propose(self, key: RecordKey) -> None:
        super().propose(key)
        self.other()


def test_two_at_once_lose_nobody(vault: Vault, tmp_path: Path) -> None:
    proposed, done_first = Event(), Event()
    behind, slow = Slow(tmp_path, {}), Slow(tmp_path, {})
    behind.other = lambda: (proposed.set(), done_first.wait(20.0))
    first, second = Vault(tmp_path, slow), Vault(tmp_path, behind)
    first.open()
    second.open()
    with ThreadPoolExecutor() as pool:
        done: list[Future[str]] = []

        def other() -> None:
            done.append(pool.submit(second.rekey, SAID))
            proposed.wait(0.5)  # it cannot, while the first is at it

        slow.other = other
        first.rekey(SAID)
        done_first.set()
        done[0].exception()
    first.close()
    second.close()
    again = opened(tmp_path)
    assert (again.locked, known(again)) == ("", EVERYBODY)
    again.close()
