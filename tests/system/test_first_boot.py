"""From a fresh card to the first receipt, and through the years: with the real programs.

A real mosquitto with TLS and config/acl, a real central, a simulated terminal.
"""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from provision import free_ports
from stand.provision import Centre, file_on_card, has_receipts, program, status, until

from drivers.sim.zkteco import SimulatedTerminal, simulated_staff
from kiosk.settings import load
from sync.central.notary import open_notary
from sync.keyfile import load_or_make, load_publics
from sync.protocol.certificate import Certificate, End

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    with Centre(tmp_path_factory.mktemp("centre"), *free_ports(2)) as made:
        yield made


@pytest.fixture
def terminal() -> Iterator[SimulatedTerminal]:
    with SimulatedTerminal(simulated_staff(5), serial="LOBI") as made:
        made.punch("1001")
        yield made


def aged(centre: Centre, certificate: Path, issued_days_ago: int, life_days: int) -> Certificate:
    """Put a certificate that was issued on another day in the place of a kiosk's."""
    then = datetime.now(UTC) - timedelta(days=issued_days_ago)
    held = Certificate.from_pem(certificate.read_bytes())
    made = open_notary(centre.home / "central", lambda: then).issue(
        held.key, held.name, End.CLIENT, life=timedelta(days=life_days)
    )
    certificate.write_bytes(made.pem)
    return made


def is_enrolled(config: Path, kiosk: str) -> None:
    """Its settings load, and name a certificate of this kiosk for the key beside it."""
    place = load(config)
    assert place.settings.kiosk == kiosk
    tls = place.line.tls
    assert tls is not None
    held = Certificate.from_pem(Path(tls.certificate).read_bytes())
    assert (held.name, held.key.der) == (kiosk, load_or_make(place.key).public.der)
    assert len(load_publics(place.central[0])) == 1


def test_card_to_receipt_two_renewals_and_its_end(
    centre: Centre, terminal: SimulatedTerminal, tmp_path: Path
) -> None:
    boot, data, config = tmp_path / "boot", tmp_path / "data", tmp_path / "etc" / "kiosk.toml"
    boot.mkdir()
    code = centre.claim("kiosk-lobi")
    (boot / "presensi-kiosk.toml").write_text(file_on_card(centre.url, code, terminal.port))
    words = ("--first-boot", "--boot", str(boot), "--config", str(config), "--data", str(data))
    began = time.monotonic()
    centre.run("kiosk", "setup", *words)
    daemon = centre.start(program("kiosk"), "run", "--config", str(config))
    until("the first receipt", lambda: has_receipts(data, 1))
    print(f"from the card to the first receipt: {time.monotonic() - began:.1f} s")
    said = (boot / "presensi-kiosk.result.txt").read_text("utf-8-sig")
    assert "SIAP" in said
    assert "kiosk-lobi" in said
    assert code not in "".join(one.read_text(errors="replace") for one in boot.iterdir())
    tls = load(config).line.tls
    assert tls is not None
    file = Path(tls.certificate)

    daemon.terminate()
    daemon.wait(20)
    old = aged(centre, file, issued_days_ago=900, life_days=1000)
    daemon = centre.start(program("kiosk"), "run", "--config", str(config))
    until("a new one", lambda: Certificate.from_pem(file.read_bytes()).serial != old.serial)
    assert Certificate.from_pem(file.read_bytes()).until > old.until

    daemon.terminate()
    daemon.wait(20)
    old = aged(centre, file, issued_days_ago=900, life_days=800)
    terminal.punch("1002")
    daemon = centre.start(program("kiosk"), "run", "--config", str(config))
    until("another", lambda: Certificate.from_pem(file.read_bytes()).serial != old.serial)
    until("delivered", lambda: has_receipts(data, 1))

    def is_well() -> bool:
        found = status(data)
        return found is not None and found.line.renewal == ""

    until("nothing to say of the renewal", is_well)

    # And its end.
    by = ("--config", str(config), "--by", "rudi", "--reason", "the office closes")
    told = centre.run("kiosk", "retire", *by)
    assert "central has everything" in told
    with pytest.raises(RuntimeError, match="the daemon is at work"):
        centre.run("kiosk", "retire", "--wipe", *by)
    daemon.terminate()
    daemon.wait(20)
    centre.run("kiosk", "retire", "--wipe", *by)
    left = {one.name for one in data.rglob("*") if one.is_file()}
    assert left == {"retired-kiosk-lobi.json"}
    assert not config.exists()
    assert "retired" in centre.central("kiosks", "retire", "kiosk-lobi")


def test_by_six_digits_on_both_screens(centre: Centre, tmp_path: Path) -> None:
    config, data = tmp_path / "etc" / "kiosk.toml", tmp_path / "data"
    lines = ["Dinas", "", "", "zkpush", "lobi", "LOBI1", "t", centre.url]
    log = centre.home / "kiosk.log"
    before = log.stat().st_size if log.exists() else 0
    typed = tmp_path / "typed"
    typed.write_text("\n".join([*lines, "kiosk-gudang", "", ""]))
    made = centre.start(
        "/bin/sh", "-c",
        f"exec {program('kiosk')} setup --config {config} --data {data} < {typed} >> {log} 2>&1",
    )  # fmt: skip
    until("the digits", lambda: re.search(r"\d{3} \d{3}\n", log.read_text()[before:]) is not None)
    shown = re.findall(r"(\d{3} \d{3})\n", log.read_text()[before:])[-1]
    until("the ask", lambda: shown in centre.central("kiosks", "waiting"))
    centre.central("kiosks", "approve", shown.replace(" ", ""), "kiosk-gudang")
    assert made.wait(60) == 0
    is_enrolled(config, "kiosk-gudang")


def test_by_stick(centre: Centre, tmp_path: Path) -> None:
    config, data = tmp_path / "etc" / "kiosk.toml", tmp_path / "data"
    code = centre.claim("kiosk-pulau")
    lines = ["Dinas", "", "", "zkpush", "lobi", "LOBI1", "t", "", code, ""]
    words = ("setup", "--config", str(config), "--data", str(data))
    centre.run("kiosk", *words, "--request", str(tmp_path), stdin="\n".join(lines))
    [request] = tmp_path.glob("*.request")
    centre.central("kiosks", "enrol", str(request))
    centre.run("kiosk", *words, "--answer", str(request.with_suffix(".answer")))
    is_enrolled(config, "kiosk-pulau")
