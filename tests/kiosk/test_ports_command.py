"""`kiosk devices ports`: what it prints, with and without settings; its blocks can be pasted."""

import json
from pathlib import Path

import msgspec
import pytest

from drivers.options import CodeReader, SourceOptions, TagReader
from drivers.ports import Port
from kiosk.cli import main, ports

SCANNER = Port(
    device="/dev/ttyACM0",
    driver="cdc_acm",
    kind="speaks USB by itself",
    use="/dev/serial/by-id/usb-GM65-if00",
    why="it has a serial number of its own",
    speaks_usb=True,
    vendor="26f1",
    product_id="8803",
    maker="GROW",
    product="GM65",
    serial="7",
)
WIRES = Port(
    device="/dev/ttyUSB0",
    driver="ch341-uart",
    kind="bare wires",
    use="/dev/serial/by-path/usb-0:1.2",
    why="it has no serial number",
    holder="minicom, process 812",
    troubles=["ModemManager may try it"],
)
SETTINGS = """\
kiosk = "k1"
data = "data"
central = ["central.pem"]
[line]
host = "127.0.0.1"
[[sources]]
kind = "code"
name = "pembaca1"
port = "/dev/ttyACM0"
"""


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> list[Port]:
    found = [SCANNER, WIRES]
    monkeypatch.setattr(ports, "listed", lambda _: found)
    return found


def blocks(out: str) -> list[SourceOptions]:
    text = "[[sources]]" + out.partition("[[sources]]")[2]
    rows = msgspec.toml.decode(text)["sources"]
    return [msgspec.convert(one, SourceOptions) for one in rows]


def test_without_settings_every_port_may_be_a_source(
    there: list[Port], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices", "ports"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for words in ("GROW GM65, USB 26f1:8803", "no source", SCANNER.use, WIRES.why,
                  "minicom, process 812", "ModemManager may try it"):  # fmt: skip
        assert words in out
    scanner, wires = blocks(out)
    assert scanner == CodeReader(name="pembaca1", port=SCANNER.use)
    assert wires == TagReader(name="pembaca2", port=WIRES.use)


def test_with_settings_it_says_which_source_has_it(
    there: list[Port], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(SETTINGS)
    assert main(["devices", "ports", "--config", str(config)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "/dev/ttyACM0   source pembaca1" in out
    assert [one.name for one in blocks(out)] == ["pembaca2"], "a name that is free"
    assert main(["devices", "ports", "--json", "--config", str(config)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [one["source"] for one in said] == ["pembaca1", ""]
    assert said[0]["port"]["use"] == SCANNER.use


def test_settings_that_cannot_be_read_hide_no_port(
    there: list[Port], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["devices", "ports", "--config", str(tmp_path / "none.toml")]) == 0
    out, err = capsys.readouterr()
    assert "/dev/ttyUSB0" in out
    assert "which port is of which source is not known" in err


def test_where_there_is_none(there: list[Port], capsys: pytest.CaptureFixture[str]) -> None:
    there.clear()
    assert main(["devices", "ports"]) == 0
    assert "no serial port is there" in capsys.readouterr().out


def test_it_runs_on_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "ports", "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), list)
