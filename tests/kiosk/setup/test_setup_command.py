"""`kiosk setup`, as it is called."""

from pathlib import Path

import pytest
from setup_parts import Central
from web import served

from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.settings import load
from kiosk.setup.bootfile import DONE, NAME, RESULT

SOURCE = '[[sources]]\nkind = "zkteco"\nname = "lobi"\nhost = "192.168.1.201"\n'


def words(home: Path, *more: str) -> list[str]:
    config, data = str(home / "etc" / "kiosk.toml"), str(home / "var")
    return ["setup", "--config", config, "--data", data, *more]


def test_first_boot_over_http(tmp_path: Path) -> None:
    central = Central()
    with served(central.post) as url:
        said = f'central = "{url}"\ncode = "{central.code.text}"\n{SOURCE}'
        (tmp_path / NAME).write_text(said)
        assert main(words(tmp_path, "--first-boot", "--boot", str(tmp_path))) == Exit.OK
    assert load(tmp_path / "etc" / "kiosk.toml").settings.kiosk == "kiosk-lobi"
    assert (tmp_path / DONE).exists()
    assert not (tmp_path / NAME).exists()


def test_first_boot_with_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / NAME).write_text("code = 3\n")
    assert main(words(tmp_path, "--first-boot", "--boot", str(tmp_path))) == Exit.FAILED
    assert RESULT in capsys.readouterr().err
    assert "code" in (tmp_path / RESULT).read_text("utf-8-sig")


def test_no_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = words(tmp_path, "--first-boot", "--boot", str(tmp_path / "none"))
    assert main(gone) == Exit.STORAGE
    assert "is the card mounted" in capsys.readouterr().err
