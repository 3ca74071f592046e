"""Figures, alerts and dashboard: each that is asked for is told, and nobody is named in any."""

import json
import re
from pathlib import Path

import msgspec
import pytest
import yaml

from kiosk.figures import figures as of_kiosk
from kiosk.health import (
    ClockStatus,
    DiskStatus,
    JournalStatus,
    LineStatus,
    RosterStatus,
    SourceStatus,
    Status,
)
from sync.central.cli import main
from sync.central.figures import figures as of_central
from sync.central.store import Store
from sync.prometheus import Figure, Kind, Sample, text, write

CONFIG = Path(__file__).parents[1] / "config"
_LINE = re.compile(r'^[a-z_]+(\{[a-z]+="(?:[^"\\\n]|\\.)*"(,[a-z]+="(?:[^"\\\n]|\\.)*")*\})? \S+$')

STATUS = Status(
    kiosk="lobi",
    software="presensi-kiosk 0.1.0",
    clock=ClockStatus(state="synced", utc=5, error_ms=1500, anchor="ntp", may_show_lateness=True,
                      trouble="", fixes=[]),
    roster=RosterStatus(version=7_000, people=3),
    journal=JournalStatus(epoch="e", number=1, first=1, last=9, receipted=7, head="h"),
    disk=DiskStatus(level="fine", used_percent=12.5, free_bytes=10**9, ballast=True, trouble="",
                    proved=0),
    line=LineStatus(state="up", error="", waiting=2, receipt_utc=1_764_000_000_500),
    sources=[
        SourceStatus(name='lo"bi', connected=True, phase="live", failures=0, error="", serial="S",
                     model="M", bound_to="S", drift_ms=-250, recorded=4, covered="", records=10,
                     warnings=("users: 1 missing",)),
        SourceStatus(name="pintu", connected=False, phase="waiting", failures=3, error="x",
                     serial="", model="", bound_to="", drift_ms=None, recorded=0, covered="",
                     records=0),
    ],
)  # fmt: skip


@pytest.fixture
def central(tmp_path: Path) -> list[Figure]:
    store = Store(tmp_path / "central.db")
    store.open()
    with store.reading() as tx:
        found = of_central(tx, 1_764_000_000_000)
    store.close()
    return found


def values(said: str) -> dict[str, float]:
    found = {}
    for line in said.splitlines():
        if not line.startswith("#"):
            assert _LINE.match(line), line
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_a_kiosk_tells_how_it_is() -> None:
    told = values(text(of_kiosk(STATUS, 100.0)))
    assert told["presensi_entries_waiting"] == 2
    assert told["presensi_line_up"] == 1
    assert told["presensi_disk_used_ratio"] == 0.125
    assert told["presensi_clock_error_seconds"] == 1.5
    assert told["presensi_clock_synchronised"] == 1
    assert told["presensi_last_receipt_timestamp_seconds"] == 1_764_000_000.5
    assert told['presensi_source_drift_seconds{source="lo\\"bi"}'] == -0.25
    assert 'presensi_source_drift_seconds{source="pintu"}' not in told  # nobody knows
    assert told['presensi_source_connected{source="pintu"}'] == 0
    assert "presensi_certificate_until_timestamp_seconds" not in told


def test_central_tells_how_each_kiosk_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "central.toml").write_text('data = "data"\n[broker]\nhost = "127.0.0.1"\n')
    words = ["--config", str(tmp_path / "central.toml"), "stats", "--prometheus"]
    assert main([*words, "-"]) == 0
    assert values(capsys.readouterr().out)["presensi_central_presences_total"] == 0
    assert main([*words, str(tmp_path / "out.prom")]) == 0
    assert "# TYPE presensi_central_presences_total counter" in (tmp_path / "out.prom").read_text()
    assert main([*words, "/proc/none/out.prom"]) == 1
    assert "may this user write there" in capsys.readouterr().err


def test_the_format_is_that_of_prometheus(tmp_path: Path) -> None:
    one = Figure("a_total", "Words.", [Sample(3, {"x": 'a\\b\n"c"'}), Sample(None)], Kind.COUNTER)
    said = '# HELP a_total Words.\n# TYPE a_total counter\na_total{x="a\\\\b\\n\\"c\\""} 3\n'
    assert text([one]) == said
    write([one], str(tmp_path / "x.prom"))
    assert (tmp_path / "x.prom").read_text() == said


def asked() -> dict[str, str]:
    """Return every expression of an alert or a panel, by where it stands."""
    rules = yaml.safe_load((CONFIG / "alerts.yml").read_text())
    found = {rule["alert"]: rule["expr"] for group in rules["groups"] for rule in group["rules"]}
    board = json.loads((CONFIG / "grafana" / "presensi.json").read_text())
    for panel in board["panels"]:
        found[panel["title"]] = panel["targets"][0]["expr"]
    return found


@pytest.mark.parametrize("where", sorted(asked()))
def test_what_is_asked_for_is_told(where: str, central: list[Figure]) -> None:
    told = {one.name for one in (*of_kiosk(STATUS, 1.0), *central)}
    names = re.findall(r"presensi_\w+", asked()[where])
    assert names
    assert set(names) <= told


def test_an_alert_has_an_owner_words_and_a_next_step() -> None:
    rules = yaml.safe_load((CONFIG / "alerts.yml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert rule["labels"]["owner"] in ("unit", "city", "central"), rule["alert"]
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert len(rule["annotations"]["summary"]) > 10
        assert len(rule["annotations"]["description"]) > 20


def test_every_figure_is_in_the_document(central: list[Figure]) -> None:
    page = (CONFIG.parent / "docs" / "FLEET.md").read_text()
    for one in (*of_kiosk(STATUS, 1.0), *central):
        ending = re.sub(
            r"^presensi_(central_kiosk_|central_source_|central_|source_)?", "_", one.name
        )
        assert one.name in page or f"`{ending}`" in page, one.name


def test_no_label_names_anybody(central: list[Figure]) -> None:
    labels = {
        name for one in (*of_kiosk(STATUS, 1.0), *central) for each in one.samples
        for name in each.labels
    }  # fmt: skip
    assert labels <= {"source", "kiosk", "kind", "software"}
    assert msgspec.json.encode(STATUS)
