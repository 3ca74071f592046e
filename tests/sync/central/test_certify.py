"""The authority's verbs: who gets a certificate, where files go, what is revoked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.central.cli import main
from sync.central.errors import KeyTrouble
from sync.central.notary import CENTRAL_NAME, open_notary
from sync.line import Tls
from sync.protocol.certificate import Certificate, End, revoked_serials
from sync.protocol.identity import PrivateKey
from sync.tls import context

TOML = 'data = "data"\n[broker]\nhost = "127.0.0.1"\n'


class Office:
    """`presensi-central` in a directory of its own."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.data = home / "data"
        self._capsys = capsys
        (home / "central.toml").write_text(TOML)

    def __call__(self, *words: object) -> tuple[int, str, str]:
        code = main(["--config", str(self.home / "central.toml"), *map(str, words)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def admit(self, kiosk: str) -> PrivateKey:
        key = PrivateKey.generate()
        pem = self.home / f"{kiosk}.pem"
        pem.write_bytes(key.public.pem)
        assert self("kiosks", "admit", kiosk, pem)[0] == 0
        return key

    def certified(self, kiosk: str) -> Certificate:
        code, out, err = self("certify", kiosk)
        assert (code, err) == (0, "")
        return Certificate.from_pem(out.encode())

    def revoked(self) -> frozenset[int]:
        return revoked_serials((self.data / "crl.pem").read_bytes())


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    made = Office(tmp_path, capsys)
    assert made("init")[0] == 0
    return made


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_init_makes_an_authority_whose_key_is_its_owners_only(office: Office) -> None:
    code, out, _ = office("init")
    assert code == 0
    assert f"{office.data / 'ca.pem'} to every kiosk" in out
    assert "back up central.key and ca.key" in out
    assert mode(office.data / "ca.key") == 0o600
    before = (office.data / "ca.pem").read_bytes()
    office("init")
    assert (office.data / "ca.pem").read_bytes() == before
    assert office.revoked() == frozenset()


def test_a_kiosk_is_certified_for_the_key_that_was_admitted_last(office: Office) -> None:
    office("init")
    assert office("certify", "k1")[0] == 1
    assert "nobody of that name was admitted" in office("certify", "k1")[2]
    office.admit("k1")
    second = office.admit("k1")
    made = office.certified("k1")
    assert (made.name, made.key.fingerprint) == ("k1", second.public.fingerprint)
    assert made.is_from(Certificate.from_pem((office.data / "ca.pem").read_bytes()))
    listed = office("kiosks", "list")[1]
    assert f"certificate until {made.until:%Y-%m-%d}" in listed
    assert "no certificate" in listed


def test_days_are_bounded(office: Office) -> None:
    office.admit("k1")
    made = Certificate.from_pem(office("certify", "k1", "--days", "7")[1].encode())
    left = made.until - datetime.now(UTC)
    assert timedelta(days=6) < left <= timedelta(days=7)
    for days in ("0", "7301", "x"):
        with pytest.raises(SystemExit):
            office("certify", "k1", "--days", days)


def test_the_broker_gets_all_that_it_needs(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "broker"
    code, said, _ = office("certify", "--broker", "mqtt.example", "10.0.0.1", "--out", out)
    assert code == 0
    assert "for mqtt.example, 10.0.0.1; copy them to the broker" in said
    assert {one.name for one in out.iterdir()} == {"broker.key", "broker.crt", "ca.pem", "crl.pem"}
    assert mode(out / "broker.key") == 0o600
    key = (out / "broker.key").read_bytes()
    office("certify", "--broker", "mqtt.example", "--out", out)  # renewed: the same key
    assert (out / "broker.key").read_bytes() == key
    assert office("certify", "--broker", "a b", "--out", out)[0] == 2


def test_central_gets_its_own_and_is_told_what_to_write(office: Office) -> None:
    code, said, _ = office("certify", "--central")
    assert code == 0
    assert mode(office.data / "line.key") == 0o600
    made = Certificate.from_pem((office.data / "line.crt").read_bytes())
    assert made.name == CENTRAL_NAME
    assert f'certificate = "{office.data / "line.crt"}"' in said
    data = office.data
    tls = Tls(ca=f"{data}/ca.pem", certificate=f"{data}/line.crt", key=f"{data}/line.key")
    context(tls, check_times=True)


def test_what_is_said_of_nobody_is_wrong_words(office: Office) -> None:
    code, _, err = office("certify")
    assert (code, err.count("\n")) == (2, 1)
    with pytest.raises(SystemExit):
        office("certify", "k1", "--central")


def test_nobody_is_admitted_under_centrals_own_name(office: Office) -> None:
    pem = office.home / "x.pem"
    pem.write_bytes(PrivateKey.generate().public.pem)
    code, _, err = office("kiosks", "admit", CENTRAL_NAME, pem)
    assert code == 1
    assert "central's own name" in err


def test_a_retired_kiosk_is_revoked_with_all_its_certificates(office: Office) -> None:
    office.admit("k1")
    first, renewed = office.certified("k1"), office.certified("k1")
    office.admit("k2")
    other = office.certified("k2")
    code, out, _ = office("kiosks", "retire", "k1")
    assert code == 0
    assert "copy it to the broker and restart that" in out
    assert office.revoked() == {first.serial, renewed.serial}
    assert "its keys are retired" in office("certify", "k1")[2]
    assert office("kiosks", "retire", other.key.fingerprint[:10])[0] == 0
    assert office.revoked() == {first.serial, renewed.serial, other.serial}
    assert "retired" in office("kiosks", "list")[1]


def test_one_key_of_two_is_retired(office: Office) -> None:
    old = office.admit("k1")
    before = office.certified("k1")
    office.admit("k1")
    after = office.certified("k1")
    office("kiosks", "retire", old.public.fingerprint)
    assert office.revoked() == {before.serial}
    assert office.certified("k1").key.fingerprint == after.key.fingerprint
    for who in ("k9", "0" * 12, old.public.fingerprint[:4]):
        code, _, err = office("kiosks", "retire", who)
        assert (code, "no such kiosk or key" in err) == (1, True)


def test_a_list_that_went_missing_is_written_again_from_the_retired_keys(office: Office) -> None:
    office.admit("k1")
    gone = office.certified("k1")
    office("kiosks", "retire", "k1")
    (office.data / "crl.pem").unlink()
    office("init")
    assert office.revoked() == {gone.serial}


def test_a_brokers_certificate_can_be_revoked(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "broker"
    office("certify", "--broker", "mqtt.example", "--out", out)
    code, said, _ = office("revoke", out / "broker.crt")
    assert (code, said.splitlines()[0]) == (0, "mqtt.example is revoked")
    assert len(office.revoked()) == 1
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    foreign = open_notary(elsewhere, lambda: datetime.now(UTC))
    key = PrivateKey.generate().public
    (tmp_path / "f.crt").write_bytes(foreign.issue(key, "x", End.SERVER).pem)
    assert "did not issue it" in office("revoke", tmp_path / "f.crt")[2]
    assert office("revoke", tmp_path / "none.crt")[0] == 1
    assert "not a PEM certificate" in office("revoke", out / "broker.key")[2]


def test_an_authority_that_lost_its_key_or_has_anothers_is_said(office: Office) -> None:
    office("init")
    key = (office.data / "ca.key").read_bytes()
    (office.data / "ca.key").unlink()
    code, _, err = office("certify", "--central")
    assert (code, "restore its backup" in err) == (5, True)
    (office.data / "ca.key").write_bytes(PrivateKey.generate().pem)
    assert "the authority's certificate is for key" in office("certify", "--central")[2]
    (office.data / "ca.key").write_bytes(key)
    assert office("certify", "--central")[0] == 0
    (office.data / "crl.pem").write_bytes(b"rubbish")
    assert office("revoke", office.data / "line.crt")[0] == 5


def test_an_authority_is_replaced_with_an_overlap(office: Office) -> None:
    office.admit("k1")
    old = office.certified("k1")
    office("kiosks", "retire", "k1")
    key = office.admit("k2")
    before = office.certified("k2")
    assert "one authority only" in office("authority", "end")[2]
    code, said, _ = office("authority", "renew")
    assert (code, "3. Then renew the broker's" in said) == (0, True)
    assert mode(office.data / "ca-before.key") == 0o600
    assert "being replaced already" in office("authority", "renew")[2]
    new, first = Certificate.all_from_pem((office.data / "ca.pem").read_bytes())
    after = office.certified("k2")
    assert after.is_from(new)
    assert before.is_from(first)
    assert (office.data / "crl.pem").read_bytes().count(b"BEGIN X509 CRL") == 2
    office("kiosks", "retire", key.public.fingerprint)  # certificates by both are revoked
    assert office.revoked() == {old.serial, before.serial, after.serial}
    assert office("authority", "end")[0] == 0
    assert not (office.data / "ca-before.key").exists()
    [only] = Certificate.all_from_pem((office.data / "ca.pem").read_bytes())
    assert only.serial == new.serial
    assert office.revoked() == {old.serial, before.serial, after.serial}


def test_a_replacement_that_was_interrupted_leaves_the_old_authority(office: Office) -> None:
    office("init")
    old = (office.data / "ca.key").read_bytes()
    (office.data / "ca-before.key").write_bytes(old)
    (office.data / "ca.key").write_bytes(PrivateKey.generate().pem)
    [authority] = Certificate.all_from_pem((office.data / "ca.pem").read_bytes())
    office.admit("k1")
    assert office.certified("k1").is_from(authority)
    one_list = (office.data / "crl.pem").read_bytes()
    assert office("authority", "renew")[0] == 0
    (office.data / "crl.pem").write_bytes(one_list)  # interrupted before the last step
    office("init")
    assert (office.data / "crl.pem").read_bytes().count(b"BEGIN X509 CRL") == 2
    assert len(Certificate.all_from_pem((office.data / "ca.pem").read_bytes())) == 2


def test_files_that_cannot_be_used_are_said(tmp_path: Path) -> None:
    (tmp_path / "ca.key").mkdir()
    with pytest.raises(KeyTrouble, match="check the disk and the owner"):
        open_notary(tmp_path, lambda: datetime.now(UTC))


def test_no_other_authority_begins_while_this_one_is_kept_elsewhere(
    office: Office, tmp_path: Path
) -> None:
    office("init")
    office.admit("k1")
    certificate = office.certified("k1")
    names = ("ca.key", "ca.pem", "crl.pem", "certificates")
    safe = tmp_path / "safe"
    safe.mkdir()
    for name in names:
        (office.data / name).rename(safe / name)
    assert office("kiosks", "list")[0] == 0
    for words in (("certify", "k1"), ("certify", "--central"), ("authority", "renew")):
        code, _, err = office(*words)
        assert code != 0
        assert "kept elsewhere" in err
    code, _, err = office("kiosks", "retire", "k1")
    assert code != 0
    assert "is retired" in err
    assert "no certificate is revoked" in err
    assert not any((office.data / name).exists() for name in names)
    for name in names:
        (safe / name).rename(office.data / name)
    assert office("kiosks", "retire", "k1")[0] == 0
    assert office.revoked() == {certificate.serial}
