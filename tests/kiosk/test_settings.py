"""Settings: the shipped sample loads, and every mistake says where it is."""

from pathlib import Path

import pytest

from drivers.options import Transport
from kiosk.settings import load
from sync.settingsfile import SettingsError

SAMPLE = Path(__file__).parents[2] / "config" / "kiosk.toml"

GOOD = """
kiosk = "k1"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
[[sources]]
kind = "zkteco"
name = "lobi"
host = "192.168.1.201"
"""


def loaded(tmp_path: Path, text: str) -> str:
    file = tmp_path / "kiosk.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(file)
    said = str(refused.value)
    assert said.startswith(f"{file}: ")
    assert "\n" not in said
    return said.removeprefix(f"{file}: ")


def test_the_sample_loads() -> None:
    place = load(SAMPLE)
    assert place.settings.sources[0].transport is Transport.TCP
    assert place.settings.line.tls is not None


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(GOOD)
    place = load(tmp_path / "kiosk.toml")
    assert place.data == tmp_path / "data"
    assert place.socket == tmp_path / "data" / "kiosk.sock"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('host = "192.168.1.201"', "host = 5", "sources[0].host: Expected `str`, got `int`"),
        ('name = "lobi"', 'name = "Lobi depan"', "sources[0].name: "),
        ("[line]", "[lines]", "unknown field `lines`"),
        ('kind = "zkteco"', 'kind = "zkteko"', "sources[0].kind: "),
        ('kiosk = "k1"', 'kiosk = "k 1"', "kiosk: "),
        ('kiosk = "k1"', "", "missing required field `kiosk`"),
        ("[line]", "[faces]\nkeep_pictures_days = -1\n[line]", "faces.keep_pictures_days: "),
        ('name = "lobi"', 'name = "faces"', "choose another name"),
        ('host = "127.0.0.1"', 'host = "h"\nport = 99999', "line.port: Expected `int` <= 65535"),
        ('central = ["central.pem"]', "central = []", "central: "),
        ("[line]", "[line", "not TOML"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert said in loaded(tmp_path, GOOD.replace(old, new, 1))


READER = '[[sources]]\nkind = "line"\nname = "pintu"\nport = "/dev/serial0"\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"/dev/serial0"', '"ttyUSB0"', "port: 'ttyUSB0' is no port; write the name that `kiosk"),
        ('"line"', '"tags"', "'tags'; config/kiosk.toml shows what may stand there"),
        ("port", "prot", "config/kiosk.toml shows what may stand there"),
        ("name", "pattern = 'W26,('\nname", "pattern: no regular expression: missing )"),
        ("name", "pattern = 'W26,.*'\nname", "pattern: it needs a group (?P<card>...)"),
        ("name", r'pattern = "(?P<card>\d+)"' + "\nname", "between single quotes"),
    ],
)
def test_a_mistake_about_a_reader_has_its_next_step(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    told = loaded(tmp_path, GOOD + READER.replace(old, new))
    assert said in told
    assert "what may stand there" not in told or "; config/kiosk.toml" in told


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = GOOD + '[[sources]]\nkind = "zkteco"\nname = "lobi"\nhost = "x"\n'
    assert "two sources are called 'lobi'" in loaded(tmp_path, twice)


def test_a_source_is_not_called_as_a_part_of_the_kiosk(tmp_path: Path) -> None:
    named = GOOD.replace('name = "lobi"', 'name = "line"')
    assert "a source cannot be called 'line'" in loaded(tmp_path, named)


def test_two_sources_of_one_port_are_refused(tmp_path: Path) -> None:
    reader = '[[sources]]\nkind = "tag"\nname = "{}"\nport = "/dev/serial0"\n'
    twice = GOOD + reader.format("pintu") + reader.format("gerbang")
    assert "two sources have the port /dev/serial0" in loaded(tmp_path, twice)


PUSH = """
[push]
port = 8081
[[sources]]
kind = "zkpush"
name = "gudang"
serial = "S1"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PUSH.replace("[push]\nport = 8081\n", ""), "need a [push] section"),
        (
            PUSH + '[[sources]]\nkind = "zkpush"\nname = "b"\nserial = "S1"\n',
            "have the serial 'S1'",
        ),
        (PUSH.replace('"S1"', '"S 1"'), "sources[1].serial: "),
        (
            PUSH + 'timezone = "Asia/Denpasar"\n',
            "sources[1]: there is no time zone 'Asia/Denpasar'",
        ),
        (
            PUSH.replace("8081", '8081\nnetworks = ["10.0.0.1/8"]'),
            "push: 10.0.0.1/8 has host bits set",
        ),
        (PUSH.replace("8081", "8081\nnetworks = []"), "push.networks: "),
        (PUSH.replace("zkpush", "zkpull"), "sources[1].kind: "),
    ],
)
def test_mistakes_of_push(tmp_path: Path, text: str, said: str) -> None:
    assert said in loaded(tmp_path, GOOD + text)


def test_one_terminal_may_be_read_and_call(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(GOOD + PUSH)
    settings = load(tmp_path / "kiosk.toml").settings
    assert settings.push is not None
    assert [type(one).__name__ for one in settings.sources] == ["ZkTerminal", "ZkPush"]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="write one from config"):
        load(tmp_path / "none.toml")


def test_the_line_is_under_the_device_key_and_its_files_stand_beside_the_settings(
    tmp_path: Path,
) -> None:
    file = tmp_path / "kiosk.toml"
    tls = '[line.tls]\nca = "ca.pem"\ncertificate = "/etc/kiosk.crt"\n'
    file.write_text(GOOD.replace("[[sources]]", tls + "[[sources]]"))
    line = load(file).line
    assert line.tls is not None
    assert (line.tls.ca, line.tls.certificate) == (str(tmp_path / "ca.pem"), "/etc/kiosk.crt")
    assert line.tls.key == str(tmp_path / "data" / "device.key")
    assert line.tls.crl == ""
    file.write_text(GOOD.replace("[[sources]]", tls + 'key = "other.key"\n[[sources]]'))
    line = load(file).line
    assert line.tls is not None
    assert line.tls.key == str(tmp_path / "other.key")
    file.write_text(GOOD)
    assert load(file).line.tls is None
