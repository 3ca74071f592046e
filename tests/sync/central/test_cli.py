"""The command: what it prints, its one-line errors and its exit codes."""

import json
import re
import socket
from pathlib import Path

import pytest

from sync.central.cli import main
from sync.central.settings import Audit, Mail, Settings, Timestamp, Web, load
from sync.protocol.identity import PrivateKey
from sync.settingsfile import SettingsError

SAMPLE = Path(__file__).parents[3] / "config" / "central.toml"

TOML = """\
data = "data"
[broker]
host = "127.0.0.1"
port = 1
[web]
port = {port}
"""

AUDIT = """
[audit.mail]
host = "127.0.0.1"
from = "a@b.id"
to = ["c@d.id"]
"""


@pytest.fixture
def central(tmp_path, capsys):
    """Return a function that runs a verb and returns (exit code, stdout, stderr)."""
    config = tmp_path / "central.toml"
    config.write_text(TOML.format(port=0))

    def run(*words: object):
        code = main(["--config", str(config), *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_sample_loads_and_names_every_setting():
    place = load(SAMPLE)
    assert place.data == Path("/var/lib/presensi-central")
    assert place.settings.web == Web()
    text = SAMPLE.read_text()
    for form in (Settings, Web, Audit, Mail, Timestamp):
        for name in form.__struct_encode_fields__:
            assert name in text


def test_the_sample_s_audit_loads_with_every_line_in_force(tmp_path):
    before, _, audit = SAMPLE.read_text().partition("[audit]\n")
    lines = [re.sub(r"^# (?=[a-z_]+ = |\[)", "", line) for line in audit.splitlines()]
    file = tmp_path / "central.toml"
    file.write_text(f"{before}[audit]\n" + "\n".join(lines).replace('directory = ""\n', ""))
    found = load(file).settings.audit
    assert found.night == "02:00"
    assert found.directory == "/mnt/elsewhere"
    assert found.mail == Mail(
        host="mail.example.go.id",
        sender="presensi@example.go.id",
        to=["inspektorat@example.go.id"],
    )
    assert found.timestamp == Timestamp(
        url="https://tsa.example.go.id/tsr", certificate="/etc/presensi/tsa.pem"
    )


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (TOML.format(port=70000), "web.port: Expected `int` <= 65535"),
        (TOML.format(port='"x"'), "web.port: Expected `int`, got `str`"),
        (TOML.format(port=1) + 'timezone = "Asia/Denpasar2"', "web: timezone 'Asia/Denpasar2'"),
        (TOML.format(port=1) + "colour = 1", "web: Object contains unknown field `colour`"),
        (TOML.format(port=1) + '[audit]\nnight = "24:00"', "audit.night: Expected `str` matching"),
        (
            TOML.format(port=1) + AUDIT + 'user = "x"',
            "audit.mail: a `user` needs a `password_file`",
        ),
        ("data = 1", "data: Expected `str`"),
        ("data =", "not TOML"),
        ("", "missing required field `data`"),
    ],
)
def test_a_wrong_setting_is_one_line_that_says_where(tmp_path, capsys, toml, words):
    file = tmp_path / "central.toml"
    file.write_text(toml)
    with pytest.raises(SettingsError):
        load(file)
    assert main(["--config", str(file), "stats"]) == 3
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_a_missing_file_says_what_to_do(tmp_path, capsys):
    assert main(["--config", str(tmp_path / "none.toml"), "init"]) == 3
    assert "write one from config/central.toml" in capsys.readouterr().err


def test_kiosks_are_admitted_and_listed(central, tmp_path):
    code, out, _ = central("init")
    assert code == 0
    assert "central.pem" in out
    key = PrivateKey.generate()
    pem = tmp_path / "kiosk.pem"
    pem.write_bytes(key.public.pem)
    code, out, _ = central("kiosks", "admit", "lobi", pem)
    assert code == 0
    assert key.public.fingerprint in out
    assert central("kiosks", "admit", "lobi", pem)[0] == 0
    code, _, err = central("kiosks", "admit", "aula", pem)
    assert code == 1
    assert "is lobi's, admitted already" in err
    assert "lobi" in central("kiosks", "list")[1]
    assert central("kiosks", "admit", "a/b", pem)[0] == 1
    pem.write_bytes(b"rubbish")
    code, _, err = central("kiosks", "admit", "aula", pem)
    assert (code, err.count("\n")) == (1, 1)
    assert central("kiosks", "admit", "aula", tmp_path / "none.pem")[0] == 1


def test_accounts(central, monkeypatch, tmp_path):
    code, out, _ = central("account", "add", "admin")
    assert code == 0
    assert len(out.split("password ")[1].split()[0]) == 19
    code, _, err = central("account", "add", "admin")
    assert (code, "account set" in err) == (1, True)
    given = tmp_path / "stdin"
    given.write_text("rahasia-sekali\n")
    with given.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert central("account", "set", "admin", "--password-stdin")[0] == 0
    given.write_text("short\n")
    with given.open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        assert central("account", "add", "b", "--password-stdin")[0] == 1
    assert central("account", "add", "")[0] == 1


def test_paths_of_the_brokers_files_are_relative_to_the_settings(tmp_path):
    file = tmp_path / "central.toml"
    file.write_text(
        TOML.format(port=1) + '[broker.tls]\nca = "ca.pem"\ncertificate = "c"\nkey = "/k"\n'
    )
    tls = load(file).broker.tls
    assert (tls.ca, tls.certificate, tls.key) == (f"{tmp_path}/ca.pem", f"{tmp_path}/c", "/k")


def test_stats_of_an_empty_central(central):
    code, out, _ = central("stats", "--json")
    found = json.loads(out)
    assert code == 0
    assert set(found) >= {
        "entries", "presences", "counted", "again", "strangers", "lost", "alarms", "kiosks",
    }  # fmt: skip
    assert central("stats")[0] == 0


def test_an_empty_central_is_verified_and_has_a_night(central, tmp_path):
    config = tmp_path / "central.toml"
    config.write_text(config.read_text() + '[audit]\ndirectory = "out"\n')
    code, out, err = central("night")
    assert (code, "out/night-" in err) == (1, True)
    assert out.count("\n") == 3
    (tmp_path / "out").mkdir()
    assert central("night")[:2] == (0, out)
    [written] = (tmp_path / "out").iterdir()
    assert written.read_text().partition("\n")[0] in out
    code, out, _ = central("verify", "--all", "--json")
    assert (code, json.loads(out)["nights"]) == (0, 1)
    written.write_text("x")
    code, out, _ = central("verify", "--all")
    assert (code, "another head of that night is held" in out) == (1, True)
    code, _, err = central("verify", "lobi")
    assert (code, "nothing is held of kiosk 'lobi'" in err) == (1, True)
    assert central("verify")[0] == 2


def test_an_occupied_port_is_one_line(tmp_path, capsys):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        config = tmp_path / "central.toml"
        config.write_text(TOML.format(port=held.getsockname()[1]))
        assert main(["--config", str(config), "run"]) == 4
    said = capsys.readouterr().err
    assert "change web.host, web.port" in said
    assert said.count("\n") == 1


def test_storage_that_refuses_is_one_line(central, tmp_path):
    (tmp_path / "data").write_text("a file, no directory")
    code, _, err = central("stats")
    assert (code, err.count("\n")) == (5, 1)


def test_wrong_words(central):
    with pytest.raises(SystemExit) as end:
        central("kiosks", "dismiss")
    assert end.value.code == 2


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["kiosks", "admit"],
        ["account", "add"],
        ["verify"],
        ["prove"],
        ["night"],
        ["decisions"],
        ["roster", "import"],
        ["roster", "diff"],
        ["roster", "export"],
        ["strangers", "list"],
        ["strangers", "name"],
        ["run"],
    ],
)
def test_help_has_examples_and_exit_codes(capsys, words):
    with pytest.raises(SystemExit) as end:
        main([*words, "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert "example" in out or words == ["run"]


def test_prove_says_what_is_wrong_with_its_words(central, tmp_path):
    code, _, err = central("prove", "lobi", "e1", "1")
    assert (code, "entry lobi e1 1 is not held" in err) == (1, True)
    for words in ((), ("lobi",), ("lobi", "e1", "x")):
        code, _, err = central("prove", *words)
        assert (code, "prove KIOSK EPOCH SEQ" in err) == (2, True)
    code, _, err = central("prove", "--punch", "lobi/T1", "1", "2026-11-24T07:28:41")
    assert (code, "lobi reports no punch of 1 at terminal 'T1'" in err) == (1, True)
