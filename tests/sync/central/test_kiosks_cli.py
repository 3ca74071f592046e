"""`presensi-central kiosks`: codes, approvals, sticks, and what is said of a lost device."""

import json
import re
from datetime import date
from pathlib import Path

import msgspec
import pytest
from enrolling_device import Device

from sync.central.certify import open_registrar
from sync.central.cli import main
from sync.central.house import House, open_house
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.settings import load
from sync.central.store.city import Post
from sync.protocol import entry, topics
from sync.protocol.certificate import Certificate, revoked_serials
from sync.protocol.roster import Person, Unit
from sync.protocol.topics import Up

TOML = 'data = "data"\n[broker]\nhost = "127.0.0.1"\n'


class Office:
    """`presensi-central` in a directory of its own."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self._capsys = capsys
        (home / "central.toml").write_text(TOML)
        assert self("init")[0] == 0
        house = self.house()
        with house.store.writing() as tx:
            tx.city.put(
                [Unit(id="dinkes", name="Dinas Kesehatan"), Person(id="199001", name="Siti")]
            )
        house.store.close()

    def __call__(self, *words: object) -> tuple[int, str, str]:
        code = main(["--config", str(self.home / "central.toml"), *map(str, words)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def house(self) -> House:
        return open_house(load(self.home / "central.toml"))

    def code(self, *words: object) -> str:
        done, out, _ = self("kiosks", "claim", *words)
        assert done == 0
        found = re.search(r"claim code (\S+)", out)
        assert found
        return found[1]

    def enrol(self, code: str, device: Device) -> Certificate:
        file = self.home / "lobi.request"
        file.write_bytes(device.claiming(code))
        done, out, err = self("kiosks", "enrol", file)
        assert (done, err) == (0, "")
        assert "kiosk setup --answer lobi.answer" in out
        told = device.claimed((self.home / "lobi.answer").read_bytes())
        return Certificate.from_pem(told.certificate.encode())


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Office:
    return Office(tmp_path, capsys)


def test_a_code_is_shown_with_what_the_kiosk_will_be_told(office: Office) -> None:
    done, out, _ = office("kiosks", "claim", "lobi", "--unit", "dinkes")
    assert done == 0
    assert "for one device, for 15 minutes" in out
    assert "the broker is 127.0.0.1, port 8883" in out
    assert "That is this machine itself" in out
    assert "no unit" not in out
    (office.home / "central.toml").write_text(TOML + '[enrolment]\nhost = "mqtt.go.id"\nport = 9\n')
    out = office("kiosks", "claim", "lobi", "--minutes", "4320")[1]
    assert "mqtt.go.id, port 9" in out
    assert "4320 minutes" in out
    assert "elsewhere" not in out
    assert "It serves no unit yet" in out
    refusal = office("kiosks", "claim", "lobi", "--unit", "x")[2]
    assert "no unit is called 'x'; `roster export` shows" in refusal
    assert "is dinkes meant?" in office("kiosks", "claim", "lobi", "--unit", "DINKES")[2]
    for minutes in ("0", "10081", "x"):
        with pytest.raises(SystemExit):
            office("kiosks", "claim", "lobi", "--minutes", minutes)


def test_by_stick(office: Office, tmp_path: Path) -> None:
    device = Device()
    made = office.enrol(office.code("lobi"), device)
    assert made.name == "lobi"
    assert "lobi" in office("kiosks", "list")[1]
    bad = tmp_path / "bad.request"
    bad.write_bytes(b"no request")
    assert office("kiosks", "enrol", bad)[0] == 1
    assert office("kiosks", "enrol", tmp_path / "none")[2].endswith("No such file or directory\n")
    file = office.home / "lobi.request"
    full = office("kiosks", "enrol", file, "--answer", "/proc/none/answer")
    assert full[0] == 1
    assert "ask again" in full[2]


def test_by_a_person_s_word(office: Office) -> None:
    assert "No device waits" in office("kiosks", "waiting")[1]
    house, device, other = office.house(), Device("kiosk-aula"), Device()
    registrar = open_registrar(house)
    asked, asked_too = (registrar.ask(one.asking(), "10.0.0.9") for one in (device, other))
    registrar.reveal(asked.ticket, device.revealing())
    registrar.reveal(asked_too.ticket, other.revealing())
    number, number_too = device.shown(asked), other.shown(asked_too)
    listed = office("kiosks", "waiting")[1]
    assert f"{number[:3]} {number[3:]}  kiosk-aula" in listed
    lines = [json.loads(line) for line in office("kiosks", "waiting", "--json")[1].splitlines()]
    assert {line["number"] for line in lines} == {number, number_too}
    said = office("kiosks", "approve", f"{number[:3]} {number[3:]}", "aula", "--unit", "dinkes")
    assert said[0] == 0
    assert office("kiosks", "refuse", number_too)[0] == 0
    assert "No device waits" in office("kiosks", "waiting")[1]
    assert office("kiosks", "approve", number, "aula")[0] == 1
    assert isinstance(registrar.reveal(asked.ticket, device.revealing()), bytes)
    house.store.close()


def test_a_lost_device_is_revoked_and_it_is_said_whose_templates_were_on_it(
    office: Office, make_kiosk
) -> None:
    device = Device()
    made = office.enrol(office.code("lobi", "--unit", "dinkes"), device)
    kiosk = make_kiosk("lobi", key=device.key)

    def audit(action: str, **detail: str) -> None:
        at = entry.Stamp(wall=1, up=1, boot="b" * 32, synced=True)
        kiosk.add(entry.Audit(at=at, actor="rudi", action=action, detail=detail))

    for person in ("199001", "199002", "199003"):
        audit("face enrolled", person=person, model="m")
    audit("person forgotten", person="199003")
    audit("finger enrolled", person="199002", terminal="R503-1", slot="4", user="R503-1/4-00aa00aa")
    audit("finger enrolled", person="199004", terminal="R503-1", slot="5", user="R503-1/5-00aa00ab")
    audit("finger removed", person="199004", user="R503-1/5-00aa00ab")
    audit("note", text="face enrolled")
    kiosk.punches(3)
    house = office.house()
    inbox = Inbox(Ingest(house.authority.fingerprint, lambda: 1), lambda: 1)
    for what, message in ((Up.HELLO, kiosk.hello()), (Up.BATCH, kiosk.batch(1, 9))):
        with house.store.writing() as tx:
            inbox.receive(tx, topics.up("lobi", what), message, "")
    house.store.close()
    assert "1. presensi-central kiosks retire lobi; then crl.pem" in office("breach", "lobi")[1]
    done, out, _ = office("kiosks", "lost", "lobi", "--reason", "dicuri")
    assert done == 0
    assert "199001" in out
    assert "Siti" in out
    assert "199002" in out
    assert "199003" not in out
    assert "199004" not in out
    assert "Upaya penanganan" in out  # a draft of the notice
    assert "1. crl.pem to the broker" in out  # it is retired already
    assert made.serial in revoked_serials((office.home / "data" / "crl.pem").read_bytes())
    assert "retired" in office("kiosks", "list")[1]
    again = msgspec.json.decode(office("kiosks", "lost", "lobi", "--json")[1])
    people = {kind["what"]: kind["people"] for kind in again["kinds"]}
    assert ["199001", "199002"] in people.values()
    assert ["199002"] in people.values()
    assert again["names"]["199001"] == "Siti"
    assert office("kiosks", "lost", "aula")[0] == 1


def test_a_code_that_nobody_has_used_is_lost_with_the_kiosk(office: Office) -> None:
    office.enrol(office.code("lobi"), Device())
    again = office.code("lobi", "--minutes", 4320)  # under way on a stick
    other = office.code("aula")
    assert office("kiosks", "lost", "lobi", "--reason", "dicuri")[0] == 0
    file = office.home / "found.request"
    file.write_bytes(Device().claiming(again))
    done, _, err = office("kiosks", "enrol", file)
    assert done != 0
    assert "there is no such claim code" in err
    office.enrol(other, Device())


def test_one_renewal_reads_no_other_kiosk_s_certificates(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = Device()
    office.enrol(office.code("lobi"), device)
    office.enrol(office.code("aula"), Device())
    office.enrol(office.code("gudang"), Device())
    assert office("kiosks", "retire", "gudang")[0] == 0
    read: list[str] = []
    real = Certificate.from_pem.__func__  # type: ignore[attr-defined]

    def noted(cls: type[Certificate], pem: bytes) -> Certificate:
        found = real(cls, pem)
        read.append(found.name)
        return found

    house = office.house()
    monkeypatch.setattr(Certificate, "from_pem", classmethod(noted))
    open_registrar(house).renew_by_request(device.renewing("lobi", "1"))
    house.store.close()
    assert sorted(read) == ["gudang", "lobi"]


def test_a_device_that_is_lost_while_the_authority_is_elsewhere(office: Office) -> None:
    device = Device()
    office.enrol(office.code("lobi"), device)
    (office.home / "data" / "ca.key").rename(office.home / "ca.key")
    (office.home / "data" / "ca.pem").rename(office.home / "ca.pem")
    done, _, err = office("kiosks", "lost", "lobi")
    assert done == 1
    assert "no certificate is revoked" in err
    assert "It delivered nothing" in err
    done, _, err = office("kiosks", "claim", "aula")
    assert "no authority here" in err


def posts(office: Office) -> list[tuple[str, date | None, date | None]]:
    house = office.house()
    with house.store.reading() as tx:
        found = tx.city.all(Post)
    house.store.close()
    return sorted(((one.unit, one.since, one.until) for one in found), key=str)


def test_a_kiosk_moves_to_another_unit_on_a_day(office: Office) -> None:
    office.enrol(office.code("lobi", "--unit", "dinkes"), Device())
    [(_, since, _)] = posts(office)
    assert since is not None
    house = office.house()
    with house.store.writing() as tx:
        tx.city.put([Unit(id="dinsos", name="Dinas Sosial")])
    house.store.close()
    day = date(2099, 1, 4)
    done, said, _ = office("kiosks", "move", "lobi", "dinsos", "--from", f"{day}", "--reason", "x")
    assert done == 0
    assert "until 2099-01-03 it served dinkes" in said
    assert posts(office) == [("dinkes", since, date(2099, 1, 3)), ("dinsos", day, None)]
    # And earlier than was said at first: what would have begun later is not any more.
    sooner = date(2098, 6, 1)
    assert office("kiosks", "move", "lobi", "dinsos", "--from", f"{sooner}")[0] == 0
    assert posts(office) == [("dinkes", since, date(2098, 5, 31)), ("dinsos", sooner, None)]
    done, said, _ = office("kiosks", "move", "lobi", "dinsos", "--from", f"{since}")
    assert done == 0
    assert "it served nobody" in said  # on its first day: neither unit had begun before
    assert "serves dinsos already" in office("kiosks", "move", "lobi", "dinsos")[2]
    assert "no unit is called" in office("kiosks", "move", "lobi", "dinas")[2]
    assert "no such kiosk" in office("kiosks", "move", "aula", "dinsos")[2]
