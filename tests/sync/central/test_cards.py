"""`presensi-central card`: what is printed is read back, signed, and decided by somebody."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from scanner import scanned

from sync.central.cli import main
from sync.keyfile import load_public
from sync.protocol import employeecode
from sync.protocol.employeecode import EmployeeCode, Kind

NIP = "198503152010011007"
TOML = """\
data = "data"
[broker]
host = "127.0.0.1"
port = 1
"""
PEOPLE = f"person,name\n{NIP},Budi <Santoso> & Siti Nurhaliza Wulandari\n2,Made\n"


@pytest.fixture
def central(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    config, sheets = tmp_path / "central.toml", tmp_path / "roster"
    config.write_text(TOML)
    sheets.mkdir()
    (sheets / "units.csv").write_text("unit,name\ndinkes,Dinas Kesehatan\n")
    (sheets / "people.csv").write_text(PEOPLE)
    (sheets / "members.csv").write_text(f"person,unit\n{NIP},dinkes\n")

    def run(*words: object):
        code = main(["--config", str(config), *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert run("roster", "import", sheets)[0] == 0
    return run


def key(tmp_path: Path):
    return load_public(tmp_path / "data" / "central.pem")


def of(picture: np.ndarray, tmp_path: Path) -> EmployeeCode:
    return employeecode.decode(scanned(picture), [key(tmp_path)])


def drawn(svg: str) -> np.ndarray:
    """Return the card's symbol as a picture."""
    cells = [(int(x), int(y)) for x, y in re.findall(r"M(\d+),(\d+)h1v1h-1z", svg)]
    size = max(max(cell) for cell in cells) + 5
    picture = np.full((size, size), 255, np.uint8)
    for x, y in cells:
        picture[y, x] = 0
    return np.kron(picture, np.ones((8, 8), np.uint8))


def test_a_card_is_issued(central, tmp_path: Path) -> None:
    code, out, err = central("card", "issue", NIP, "--out", tmp_path, "--until", "2031-12-31")
    assert (code, err) == (0, "")
    (file,) = tmp_path.glob(f"card-{NIP}-*.svg")
    assert out == f"{NIP}: {file}, until 2031-12-31\n"
    assert file.stat().st_mode & 0o777 == 0o600, "whoever has the file has the card"
    svg = file.read_text()
    root = ElementTree.fromstring(svg)
    words = " ".join(one.text or "" for one in root.iter("{http://www.w3.org/2000/svg}text"))
    assert "Budi <Santoso> & Siti" in words
    assert NIP in words
    assert "Dinas Kesehatan" in words
    assert "31.12.2031" in words
    said = of(drawn(svg), tmp_path)
    assert (said.person, said.kind) == (NIP, Kind.STATIC)
    assert said.until == 1_956_502_799, "2031-12-31 23:59:59 in Jakarta"


def test_it_is_decided_and_the_decision_has_no_code(central, tmp_path: Path) -> None:
    central("card", "issue", NIP, "2", "--out", tmp_path, "--png", "--reason", "lost the old one")
    decided = [
        json.loads(line)["decision"] for line in central("decisions", "--json")[1].splitlines()
    ]
    issued = [one for one in decided if one.get("action") == "issue card"]
    assert [one["subject"] for one in issued] == [NIP, "2"]
    assert issued[0]["reason"] == "lost the old one"
    (file,) = tmp_path.glob(f"card-{NIP}-*.png")
    said = of(cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE), tmp_path)
    assert issued[0]["detail"]["issue"] == str(said.number)
    assert "P1:" not in json.dumps(issued)


def test_a_later_card_is_a_later_issue(
    central, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = []
    for n in (1, 2):
        monkeypatch.setattr("sync.central.employeecards.now_ms", lambda n=n: 1_795_000_000_000 * n)
        central("card", "issue", NIP, "--out", tmp_path, "--until", "2101-01-01")
        file = max(tmp_path.glob("card-*.svg"), key=lambda one: one.name)
        numbers.append(of(drawn(file.read_text()), tmp_path).number)
    assert numbers == [1_795_000_000, 3_590_000_000]


def test_what_cannot_be_issued(central, tmp_path: Path) -> None:
    code, out, err = central("card", "issue", NIP, "nobody", "--out", tmp_path)
    assert (code, out) == (1, "")
    assert "the roster has nobody 'nobody'; nothing is issued" in err
    assert not list(tmp_path.glob("card-*"))
    assert central("card", "issue", NIP, "--until", "2020-01-01")[0] == 1
    code, _, err = central("card", "issue", NIP, "--out", tmp_path / "nowhere")
    assert code == 1
    assert "issue another" in err
