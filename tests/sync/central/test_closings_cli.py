"""`presensi-central closings` and `proposals`: a closed month is checked, here and elsewhere."""

from datetime import date
from pathlib import Path

import pytest

from sync.central import closing
from sync.central.cli import main
from sync.central.closing import Changed, Difference
from sync.central.house import open_house
from sync.central.settings import load
from sync.central.store.closings import Closed
from sync.central.store.proposals import Kind, Proposed
from sync.protocol.closing import Closes

ROW = {"person": "1", "day": "2026-10-01", "word": "tanpa keterangan", "name": "Ayu"}
TOML = 'data = "data"\n[broker]\nhost = "x"\n[web]\nport = 0\n'


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "central.toml"
    file.write_text(TOML)
    assert main(["--config", str(file), "init"]) == 0
    return file


@pytest.fixture
def closed(config):
    """A month that is closed, with one difference."""
    house = open_house(load(config))
    with house.store.writing() as tx:
        from sync.central.city import load as load_city

        ground = closing.ground(tx, load_city(tx), 1)
        first, last = date(2026, 10, 1), date(2026, 10, 31)
        frozen = closing.freeze(
            [], load_city(tx), "RSUD/A", first, last, ground, actor="account a", reason="SK 1"
        )
        change = Changed("1", "Ayu", "2026-10-01", [], [ROW])
        later = Difference(
            unit="RSUD/A",
            month="2026-10",
            actor="account b",
            reason="surat",
            ground=ground,
            changes=[change],
        )
        previous = ""
        for number, content in enumerate((frozen, later)):
            what = Closes(
                unit="RSUD/A", month="2026-10", number=number, utc=number, previous=previous
            )
            message = house.authority.sign_closing(what, closing.written(content))
            previous = (
                closing.standing([message], house.authority.keys).said[0].closing.digest
                if number == 0
                else ""
            )
            tx.closings.add(
                Closed(
                    unit="RSUD/A",
                    month="2026-10",
                    number=number,
                    message=message,
                    actor=content.actor,
                    made_at=number,
                )
            )
    house.store.close()
    return config


def run(config, *words):
    return main(["--config", str(config), *map(str, words)])


def test_list_show_and_verify(closed, capsys):
    assert run(closed, "closings", "list") == 0
    assert "RSUD/A: account a" in capsys.readouterr().out.replace("account b", "account a")
    assert run(closed, "closings", "show", "RSUD/A", "2026-10") == 0
    shown = capsys.readouterr().out
    assert "difference 1 by account b: surat" in shown
    assert "1 2026-10-01: no duty -> tanpa keterangan" in shown
    assert run(closed, "closings", "verify") == 0
    assert "holds up to number 1" in capsys.readouterr().out


def test_exported_files_are_verified_and_a_changed_one_is_not(closed, tmp_path, capsys):
    out = tmp_path / "arsip"
    assert run(closed, "closings", "export", "RSUD/A", "2026-10", "--out", out) == 0
    files = sorted(out.iterdir())
    assert [one.name for one in files] == ["RSUD-A-2026-10-0.closing", "RSUD-A-2026-10-1.closing"]
    assert run(closed, "closings", "verify", *files) == 0
    assert run(closed, "closings", "verify", files[1]) == 1
    files[0].write_bytes(files[0].read_bytes().replace(b'"utc":0', b'"utc":9'))
    assert run(closed, "closings", "verify", *files) == 1
    assert "DOES NOT HOLD" in capsys.readouterr().out
    assert run(closed, "closings", "verify", out / "none") == 1


def test_what_is_not_closed(config, capsys):
    assert run(config, "closings", "show", "RSUD", "2026-10") == 1
    assert "is not closed" in capsys.readouterr().err
    assert run(config, "closings", "verify") == 0


def test_proposals_are_listed(config, capsys):
    house = open_house(load(config))
    with house.store.writing() as tx:
        tx.proposals.add(
            Proposed(
                kind=Kind.PAPER,
                person="1",
                unit="RSUD",
                author="unit",
                reason="alat mati",
                made_at=1,
                body=b'{"type":"paper","rows":[]}',
            )
        )
    house.store.close()
    assert run(config, "proposals", "list") == 0
    assert "1  paper 1: waiting, by unit, alat mati" in capsys.readouterr().out
    assert run(config, "proposals", "list", "--json") == 0
    assert '"kind":"paper"' in capsys.readouterr().out


def test_what_no_decision_says_is_told_and_fails(closed, capsys):
    capsys.readouterr()
    assert run(closed, "proposals", "verify") == 1  # the fixture closed the month past the journal
    out = capsys.readouterr().out
    assert "DOES NOT HOLD: RSUD/A 2026-10 0: no decision says so" in out
    assert "0 proposals, 0 names, 0 times and 0 closings as decided" in out


def test_where_nothing_was_decided_all_of_it_holds(config, capsys):
    assert run(config, "proposals", "verify") == 0
    assert "DOES NOT HOLD" not in capsys.readouterr().out
