"""Central's own key is replaced: nothing that it ever signed is lost, wherever the power fails."""

from pathlib import Path

import pytest

from sync.central import rekey
from sync.central.authority import BEFORE_FILE, KEY_FILE, NEXT_FILE, PUBLIC_FILE
from sync.central.cli import main
from sync.central.errors import KeyTrouble
from sync.central.house import House, open_house
from sync.central.settings import load
from sync.keyfile import load_or_make, load_publics
from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import Domain, KeyRing, PrivateKey, PublicKey

TOML = 'data = "data"\n[broker]\nhost = "127.0.0.1"\n[audit]\nnight = "02:00"\n'


class Office:
    """`presensi-central` in a directory of its own."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.data = home / "data"
        self._config = home / "central.toml"
        self._capsys = capsys
        self._config.write_text(TOML)

    def __call__(self, *words: str) -> tuple[int, str, str]:
        code = main(["--config", str(self._config), *words])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def open(self) -> House:
        return open_house(load(self._config))

    def signs(self) -> str:
        house = self.open()
        house.store.close()
        return house.authority.fingerprint

    def published(self) -> list[str]:
        return [one.fingerprint for one in load_publics(self.data / PUBLIC_FILE)]


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    made = Office(tmp_path, capsys)
    assert made("init")[0] == 0
    return made


def test_the_key_is_replaced_in_three_steps(office: Office) -> None:
    old = office.signs()
    assert office("night")[0] == 0
    code, said, _ = office("key", "begin", "--reason", "tiap tiga tahun")
    assert code == 0
    [new] = {*office.published()} - {old}
    assert new in said
    assert office.published() == [old, new]
    assert office.signs() == old
    assert office("key", "use")[0] == 0
    assert office.signs() == new
    assert not (office.data / NEXT_FILE).exists()
    assert office.published() == [old, new]  # kiosks that lack the next one are given both
    house = office.open()
    assert [one.fingerprint for one in load_publics(office.data / BEFORE_FILE)] == [old]
    assert house.authority.published.count("BEGIN PUBLIC KEY") == 2
    house.store.close()
    assert office("verify", "--all")[0] == 0  # a night and decisions of the old key
    assert office("key", "end")[0] == 0
    assert office.published() == [new]
    assert office.signs() == new
    decided = office("decisions")[1]
    for action in (
        "begin central's next key",
        "use central's next key",
        "end central's key before",
    ):
        assert action in decided
    assert office("verify", "--all")[0] == 0


def test_steps_out_of_turn_are_refused(office: Office) -> None:
    assert "no next key" in office("key", "use")[2]
    assert "one key only" in office("key", "end")[2]
    office("key", "begin")
    assert "being replaced already" in office("key", "begin")[2]
    assert "not in use" in office("key", "end")[2]
    office("key", "use")
    assert "being replaced already" in office("key", "begin")[2]


def test_a_power_cut_before_the_next_key_is_in_its_place_is_mended(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office("key", "begin")
    following = load_or_make(office.data / NEXT_FILE).public.fingerprint

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(rekey, "finish_use", cut)
        office("key", "use")
    assert (office.data / NEXT_FILE).exists()
    assert office.signs() == following  # the database knew it already
    assert not (office.data / NEXT_FILE).exists()
    assert office("key", "end")[0] == 0


def test_a_power_cut_before_the_database_knows_leaves_the_old_key(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = office.signs()
    office("key", "begin")
    house = office.open()

    def cut(*_: object, **__: object) -> None:
        raise OSError("the power failed")

    monkeypatch.setattr(type(house.decisions), "decide", cut)
    with pytest.raises(OSError, match="power"):
        rekey.use(house)
    house.store.close()
    monkeypatch.undo()
    assert office.signs() == old
    assert office("key", "use")[0] == 0
    [before] = load_publics(office.data / BEFORE_FILE)
    assert before.fingerprint == old


def test_a_key_that_went_missing_or_was_set_back_is_said(office: Office) -> None:
    backup = (office.data / KEY_FILE).read_bytes()
    office("key", "begin")
    office("key", "use")
    current = (office.data / KEY_FILE).read_bytes()
    (office.data / KEY_FILE).write_bytes(backup)
    assert "restore the right one" in office("kiosks", "list")[2]
    (office.data / KEY_FILE).write_bytes(current)
    (office.data / BEFORE_FILE).write_bytes(b"nonsense")
    with pytest.raises(KeyTrouble, match="restore it from the backup"):
        office.open()


def test_a_ring_knows_whose_key_signed() -> None:
    first, second, other = (PrivateKey.generate() for _ in range(3))
    pem = first.public.pem + second.public.pem.replace(b"\n", b"\r\n").rstrip()
    ring = KeyRing(PublicKey.all_from_pem(pem))
    for key in (first, second):
        signature = key.sign(Domain.RECEIPT, b"x")
        ring.named(key.public.fingerprint).verify(Domain.RECEIPT, b"x", signature)
        assert ring.has_der(key.public.der)
    with pytest.raises(Unverified):
        ring.named(other.public.fingerprint)
    assert not ring.has_der(other.public.der)
    for nonsense in (b"", b"\n", b"x", first.public.pem + b"x"):
        with pytest.raises(Malformed):
            PublicKey.all_from_pem(nonsense)
