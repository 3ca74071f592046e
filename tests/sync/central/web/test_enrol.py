"""Enrolment over HTTP, and the admin's page of it."""

import re
from typing import Any

import pytest
from enrolling_device import Device, registrar_of
from site_parts import ORIGIN, Site

from sync.central.errors import StoreUnavailable
from sync.central.roles import Role
from sync.central.web.app import app
from sync.protocol import enrolment
from sync.protocol.enrolment import ASK_PATH, CLAIM_PATH, MAX_REQUEST_BYTES, RENEWAL_PATH, Asked
from sync.protocol.roster import Unit


@pytest.fixture
def site(lite: Any) -> Site:
    with lite.store.writing() as tx:
        tx.city.put([Unit(id="dinkes", name="Dinas Kesehatan")])
    made = Site(lite)
    made.site.registrar = registrar_of(lite)
    made.app = app(made.site)
    made.browser._transport._app = made.app  # type: ignore[attr-defined]
    return made


def change(site: Site, do: str, **fields: str) -> Any:
    form = {"reason": "kiosk baru", **fields, "do": do}
    return site.browser.post("/kiosks", data=form, headers=ORIGIN)


def code(site: Site, kiosk: str = "lobi") -> str:
    page = change(site, "claim", kiosk=kiosk, unit="dinkes").text
    found = re.search(r"(?:[0-9A-Z]{4}-){3}[0-9A-Z]{4}", page)
    assert found
    return found[0]


def test_a_device_claims_without_logging_in(site: Site) -> None:
    site.log_in()
    typed, device = code(site), Device()
    site.browser.cookies.clear()
    answer = site.browser.post(CLAIM_PATH, content=device.claiming(typed))
    assert answer.status_code == 200
    assert device.claimed(answer.content).unit == "dinkes"
    other = site.browser.post(CLAIM_PATH, content=Device().claiming(typed))
    assert (other.status_code, "another device" in other.text) == (409, True)


def test_a_person_approves_what_is_read_out(site: Site) -> None:
    site.log_in()
    device = Device("<script>alert(1)</script>")
    answer = site.browser.post(ASK_PATH, content=device.asking())
    asked = enrolment.decode(answer.content, Asked)
    where = f"{ASK_PATH}/{asked.ticket}"
    waits = site.browser.post(where, content=device.revealing())
    assert (waits.status_code, waits.json()) == (202, {"standing": "waiting"})
    number = device.shown(asked)
    page = site.browser.get("/kiosks").text
    assert f"{number[:3]} {number[3:]}" in page
    assert "<script>alert" not in page
    wrong = change(site, "approve", number="000000" if number != "000000" else "1", kiosk="lobi")
    assert wrong.status_code == 400
    spoken = f"{number[:3]} {number[3:]}"
    done = change(site, "approve", number=spoken, kiosk="lobi", unit="dinkes")
    assert "lobi diterima" in done.text
    told = site.browser.post(where, content=device.revealing())
    assert told.status_code == 200
    assert enrolment.decode_answer(told.content, device.key.public).kiosk == "lobi"
    renewed = site.browser.post(RENEWAL_PATH, content=device.renewing("lobi", "n"))
    assert device.renewed(renewed.content, site.central.authority.public, "n").name == "lobi"


def test_a_refused_device_hears_of_it(site: Site) -> None:
    site.log_in()
    device = Device()
    asked = enrolment.decode(site.browser.post(ASK_PATH, content=device.asking()).content, Asked)
    where = f"{ASK_PATH}/{asked.ticket}"
    site.browser.post(where, content=device.revealing())
    assert "ditolak" in change(site, "refuse", number=device.shown(asked)).text
    assert site.browser.post(where, content=device.revealing()).json() == {"standing": "refused"}
    gone = site.browser.post(f"{ASK_PATH}/nobody", content=device.revealing())
    assert gone.json() == {"standing": "gone"}


@pytest.mark.parametrize(
    ("path", "message", "status"),
    [
        (CLAIM_PATH, b"", 400),
        (CLAIM_PATH, b"\xff" * 500, 400),
        (ASK_PATH, b"[" * 10_000, 400),
        (RENEWAL_PATH, b"{}\n\n", 400),
        (CLAIM_PATH, b"x" * (MAX_REQUEST_BYTES + 1), 413),
    ],
)
def test_nonsense_gets_a_sentence(site: Site, path: str, message: bytes, status: int) -> None:
    answer = site.browser.post(path, content=message)
    assert answer.status_code == status
    assert 10 < len(answer.text) < 300


def test_while_the_database_is_away_a_device_is_told_to_come_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.log_in()
    typed = code(site)

    def away(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("it is away")

    monkeypatch.setattr(site.central.store, "reading", away)
    answer = site.browser.post(CLAIM_PATH, content=Device().claiming(typed))
    assert (answer.status_code, "now" in answer.text) == (503, True)


def test_the_page_is_an_admin_s_and_wants_a_reason(site: Site) -> None:
    assert site.browser.get("/kiosks").status_code == 303
    site.log_in()
    assert change(site, "claim", kiosk="lobi", reason="").status_code == 400
    assert change(site, "nothing", kiosk="lobi").status_code == 400
    assert "Tidak dapat" in change(site, "claim", kiosk="a b").text
    shown = code(site)
    page = site.browser.get("/kiosks").text
    assert shown[:4] in page
    assert shown[5:] not in page
    site.add_account("petugas", Role.OFFICER)
    site.browser.cookies.clear()
    site.log_in(name="petugas")
    assert site.browser.get("/kiosks").status_code == 403
    assert 'href="/kiosks"' not in site.browser.get("/").text


def test_where_nothing_is_enrolled_there_is_no_page_of_it(lite: Any) -> None:
    bare = Site(lite)
    bare.log_in()
    assert 'href="/kiosks"' not in bare.browser.get("/").text
    assert bare.browser.post(CLAIM_PATH, content=b"").status_code == 404
