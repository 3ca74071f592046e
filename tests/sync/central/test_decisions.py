"""What people decide at central is in its own journal before it is done, and can be proved."""

import json
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from sync.central import decisions
from sync.central.cli import main
from sync.central.clock import stamp
from sync.central.decisions import Decisions, who
from sync.central.errors import JournalTrouble
from sync.central.exits import Refused
from sync.central.house import open_house
from sync.central.settings import load
from sync.journal.epochs import Epochs
from sync.protocol.identity import PrivateKey

TOML = 'data = "data"\n[broker]\nhost = "x"\n[web]\nport = 0\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "central.toml"
    file.write_text(TOML)
    return file


@pytest.fixture
def central(config, capsys):
    """Return a function that runs a verb and returns (exit code, stdout, stderr)."""

    def run(*words: object):
        code = main(["--config", str(config), *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def house(config):
    made = open_house(load(config))
    yield made
    made.store.close()


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    file = tmp_path / "lobi.pem"
    file.write_bytes(PrivateKey.generate().public.pem)
    return file


@pytest.fixture
def decided(central):
    """Return a function that lists what was decided."""
    return lambda: [json.loads(line) for line in central("decisions", "--json")[1].splitlines()]


def journal(tmp_path: Path) -> Path:
    [file] = (tmp_path / "data" / "journal").glob("epoch-*.db")
    return file


def test_every_verb_that_decides_says_so(central, decided, pem, tmp_path):
    roster = tmp_path / "pegawai.csv"
    roster.write_text("person,name,unit\n1,Ayu,Dinas A\n")
    for words in (
        ("init",),
        ("kiosks", "admit", "lobi", pem, "--reason", "surat tugas 12/2026"),
        ("account", "add", "admin"),
        ("account", "set", "admin", "--reason", "lupa"),
        ("roster", "import", roster),
        ("certify", "lobi", "--reason", "baru"),
        ("certify", "--central"),
        ("certify", "--broker", "localhost", "--out", tmp_path / "broker"),
        ("revoke", tmp_path / "broker" / "broker.crt", "--reason", "hilang"),
        ("authority", "renew"),
        ("authority", "end", "--reason", "selesai"),
        ("kiosks", "retire", "lobi", "--reason", "rusak"),
        ("stats",),
        ("kiosks", "list"),
    ):
        assert central(*words)[0] == 0, words
    found = decided()
    assert [one["seq"] for one in found] == list(range(1, 12))
    said = [one["decision"] for one in found]
    assert [(one["action"], one["subject"], one.get("reason", "")) for one in said] == [
        ("admit kiosk", "lobi", "surat tugas 12/2026"),
        ("add account", "admin", ""),
        ("set account", "admin", "lupa"),
        ("import roster", "pegawai.csv", ""),
        ("certify kiosk", "lobi", "baru"),
        ("certify central", "presensi-central", ""),
        ("certify broker", "localhost", ""),
        ("revoke certificate", "localhost", "hilang"),
        ("renew authority", "ca.pem", ""),
        ("end authority", "ca.pem", "selesai"),
        ("retire kiosk", "lobi", "rusak"),
    ]
    assert {one["actor"] for one in said} == {who()}
    assert said[3]["detail"]["people"] == "+1 ~0 -0"
    _, out, _ = central("decisions")
    assert f"{who()}: admit kiosk lobi; key " in out
    assert "reason: surat tugas 12/2026" in out
    code, out, _ = central("verify", "central")
    assert (code, "HOLDS: 11 entries, linked to 11" in out) == (0, True)


def test_what_is_refused_was_not_decided(central, decided, pem, tmp_path):
    assert central("init")[0] == 0
    assert central("kiosks", "admit", "lobi", pem)[0] == 0
    assert central("kiosks", "admit", "aula", pem)[0] == 1
    assert central("account", "add", "")[0] == 1
    assert central("roster", "import", tmp_path)[0] == 1
    assert central("kiosks", "retire", "aula")[0] == 1
    assert central("certify", "aula")[0] == 1
    assert central("certify", "--broker", "no host", "--out", tmp_path / "broker")[0] == 2
    assert central("revoke", tmp_path / "lobi.pem")[0] == 1
    assert central("authority", "end")[0] == 1
    assert central("import", tmp_path / "lobi.pem")[0] == 1
    code, _, err = central("account", "add", "admin", "--reason", "x" * 9000)
    assert (code, "give a shorter reason" in err) == (1, True)
    assert central("account", "add", "admin")[0] == 0  # it had not been added
    assert len(decided()) == 2


def test_no_kiosk_has_the_journal_s_name(central, config, pem):
    code, _, err = central("kiosks", "admit", "central", pem)
    assert (code, "name the kiosk otherwise" in err) == (1, True)
    assert central("kiosks", "admit", "lobi", pem)[0] == 0
    config.write_text(TOML + '[audit]\njournal = "lobi"\n')
    code, _, err = central("account", "add", "admin")
    assert (code, "change audit.journal" in err) == (1, True)


def test_who_it_was(monkeypatch):
    monkeypatch.setenv("LOGNAME", "somebody-else")
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert who() != "somebody-else"
    monkeypatch.setenv("SUDO_USER", "wayan")
    monkeypatch.setattr(decisions.os, "getuid", lambda: 0)
    assert who() == "wayan"
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setattr(decisions.os, "getuid", lambda: 54321)
    assert who() == "uid 54321"


def test_where_the_database_refuses_the_decision_stands_without_effect(house, central):
    def fail() -> None:
        with house.store.writing() as tx:
            house.decide(tx, "try", "x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [one.said.action for one in house.decisions.read()] == ["try"]
    code, out, _ = central("verify", "central")
    assert (code, "HOLDS: 1 entries" in out) == (0, True)


def test_decisions_wait_for_each_other(house):
    def decide(number: int) -> None:
        with house.store.writing() as tx:
            house.decide(tx, "count", str(number))

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = list(house.decisions.read())
    assert [one.seq for one in found] == list(range(1, 9))
    assert {one.said.subject for one in found} == set(map(str, range(8)))


def test_a_journal_that_is_held_for_ever_decides_nothing(house, monkeypatch, config, capsys):
    monkeypatch.setattr(decisions, "WAIT_S", 0.1)
    holder = Epochs(house.decisions.directory, "central", house.authority.public.der)
    holder.open()
    try:
        assert main(["--config", str(config), "account", "add", "admin"]) == 5
        assert "central's own journal" in capsys.readouterr().err
    finally:
        holder.close()
    assert main(["--config", str(config), "account", "add", "admin"]) == 0


def test_a_decision_can_be_proved(central, pem, tmp_path):
    for words in (
        ("kiosks", "admit", "lobi", pem),
        ("account", "add", "a"),
        ("account", "add", "b"),
    ):
        assert central(*words)[0] == 0
    epoch = journal(tmp_path).stem.split("-")[-1]
    code, _, err = central("prove", "central", epoch, 2, "--out", tmp_path)
    assert (code, "nobody has signed for it yet" in err) == (1, True)
    assert central("night")[0] == 0
    code, out, err = central("prove", "central", epoch, 2, "--out", tmp_path)
    assert (code, "the device's signature does not reach it" in err) == (0, True)
    proof, page = out.split()
    verifier = Path(__file__).parents[3] / "docs" / "verify_proof.py"
    words = ("--central-key", tmp_path / "data" / "central.pem")
    done = subprocess.run(
        [sys.executable, "-I", verifier, proof, *words], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert '"add account"' in done.stdout
    assert "add account: a" in Path(page).read_text()
    assert central("prove", "central", epoch, 4)[0] == 1
    assert central("prove", "central", "x", 1)[0] == 1


# Whoever changes it is found.


@pytest.fixture
def three(central, tmp_path):
    for name in "abc":
        assert central("account", "add", name)[0] == 0
    assert central("night")[0] == 0
    return journal(tmp_path)


@pytest.mark.parametrize("statement", [
    "UPDATE entry SET body = CAST(replace(body, 'add', 'set') AS BLOB) WHERE seq = 2",
    "DELETE FROM entry WHERE seq = 2",
    "DELETE FROM entry WHERE seq = 3",
    "UPDATE epoch SET key = x'00'",
])  # fmt: skip
def test_a_changed_journal_is_found(central, three, statement):
    with closing(sqlite3.connect(three)) as db:
        db.execute(statement)
        db.commit()
    code, out, _ = central("verify", "--all")
    assert (code, "DOES NOT HOLD" in out) == (1, True)


def test_a_journal_that_was_set_back_is_found(central, three, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(three.parent, copy)
    assert central("account", "add", "d")[0] == 0
    assert central("verify", "central")[0] == 0
    shutil.rmtree(three.parent)
    shutil.copytree(copy, three.parent)
    code, out, _ = central("verify", "central")
    assert (code, "by the database it reached entry 4" in out) == (1, True)
    shutil.rmtree(three.parent)
    code, out, _ = central("verify", "central")
    assert (code, "the database says that there is such an epoch" in out) == (1, True)


def test_a_database_that_was_set_back_does_not_hide_what_the_night_saw(central, three, tmp_path):
    with closing(sqlite3.connect(three)) as db:
        db.execute("DELETE FROM entry WHERE seq = 3")
        db.commit()
    with closing(sqlite3.connect(tmp_path / "data" / "central.db")) as db:
        db.execute("DELETE FROM journal_end")
        db.commit()
    code, out, _ = central("verify", "central")
    assert (code, "it reached entry 3" in out, "by the night of" in out) == (1, True, True)


def test_a_damaged_journal_does_not_keep_the_night_from_being_made(central, three, house):
    three.write_bytes(b"rubbish" * 1000)
    with closing(sqlite3.connect(house.place.database)) as db:
        db.execute("DELETE FROM night")
        db.commit()
    assert central("night")[0] == 0
    with house.store.reading() as tx:
        assert [(one.kind, one.subject) for one in tx.pages.alarms(9)] == [("night", "journal")]
    code, out, _ = central("verify", "central")
    assert (code, "central (journal): DOES NOT HOLD" in out) == (1, True)


def test_two_centrals_on_one_database_have_a_journal_each(tmp_path):
    key = PrivateKey.generate().public
    ours, other = (
        Decisions(tmp_path / name, "central", key, stamp, is_alone=False) for name in "ab"
    )
    for one in (ours, other):
        one._append(b'{"kind":"decision"}')
    assert {end.kiosk for end in (*ours.ends(), *other.ends())} == {"central"}
    assert ours.ends()[0].epoch != other.ends()[0].epoch


def test_another_s_journal_is_left_alone(house, tmp_path):
    stranger = Decisions(
        house.decisions.directory, "kantor", house.authority.public, stamp, is_alone=True
    )
    with house.store.writing() as tx:
        house.decide(tx, "try", "x")
    with (
        pytest.raises(JournalTrouble, match="journal of kiosk 'central'"),
        house.store.writing() as tx,
    ):
        stranger.decide(tx, "try", "x")


def test_a_reason_too_long_is_refused(house):
    with pytest.raises(Refused), house.store.writing() as tx:
        house.decide(tx, "try", "x" * 9000)
