"""Who sees what: every address asked by everybody, and nothing of another unit anywhere."""

from datetime import date
from hashlib import sha256
from itertools import chain
from typing import Any

import httpx
import pytest
from site_parts import Site, Wire
from small_town import DAY, Town, put
from starlette.routing import Route

from sync.central import accounts
from sync.central.roles import Role
from sync.central.store.city import Post
from sync.central.store.standing import Alarm
from sync.central.web.app import routed
from sync.protocol.entry import Mark
from sync.protocol.roster import Allowed, Grant, Known, Member, Person, Unit
from sync.worktime.rules import Absence, Assignment, Holiday, Hours, Reason, Week

OF_ANYBODY = {"/login", "/healthz", "/api/v1/openapi.json"}

WHO = ("admin", "petugas", "kes", "dua", "baca", "lama", "")
"""An admin, an officer, the accounts of a unit and of two, a reader, one that ended, nobody."""

SEEN_BY = {
    "/": (200, 200, 303, 200, 200, 303, 303),
    "/recap": (200, 200, 200, 200, 200, 303, 303),
    "/people": (200, 200, 200, 200, 200, 303, 303),
    "/people?q=a": (200, 200, 200, 200, 200, 303, 303),
    "/people/1?month=2026-11": (200, 200, 200, 200, 200, 303, 303),
    "/people/9?month=2026-11": (200, 200, 404, 200, 200, 303, 303),
    "/people/7?month=2026-11": (200, 200, 200, 200, 200, 303, 303),  # moved in on the 10th
    "/people/7?month=2026-10": (200, 200, 404, 200, 200, 303, 303),
    "/people/8?month=2026-11": (200, 200, 200, 200, 200, 303, 303),  # moved away on the 10th
    "/people/8?month=2026-12": (200, 200, 404, 200, 200, 303, 303),
    "/people/6?month=2026-11": (200, 200, 404, 200, 200, 303, 303),  # a guest from elsewhere
    "/people/nobody": (404, 404, 404, 404, 404, 303, 303),
    "/units/dinkes": (200, 200, 200, 200, 200, 303, 303),
    "/units/dlh": (200, 200, 404, 200, 200, 303, 303),
    "/units/dlh?day=x": (400, 400, 404, 400, 400, 303, 303),  # first who, then what
    "/units/dlh/recap": (200, 200, 404, 200, 200, 303, 303),
    "/units/dlh/recap.csv": (200, 200, 404, 200, 200, 303, 303),
    "/units/dlh/recap.xlsx": (200, 200, 404, 200, 200, 303, 303),
    "/units/dlh/duties.csv": (200, 200, 404, 200, 200, 303, 303),
    "/units/dlh/duties.xlsx": (200, 200, 404, 200, 200, 303, 303),
    "/units/nowhere": (404, 404, 404, 404, 404, 303, 303),
    "/units/nowhere/recap": (404, 404, 404, 404, 404, 303, 303),
    "/presences": (200, 200, 403, 403, 200, 303, 303),
    "/alarms": (200, 200, 200, 200, 200, 303, 303),
    "/accounts": (200, 403, 403, 403, 403, 303, 303),
    "/looks": (200, 403, 403, 403, 403, 303, 303),
}

STREAMS = {
    "/events": (200, 200, 403, 403, 200, 401, 401),
    "/events/city": (200, 200, 200, 200, 200, 401, 401),
    "/events/recap": (200, 200, 200, 200, 200, 401, 401),
    "/units/dinkes/events": (200, 200, 200, 200, 200, 401, 401),
    "/units/dlh/events": (200, 200, 404, 200, 200, 401, 401),
    "/units/dlh/recap/events": (200, 200, 404, 200, 200, 401, 401),
}

PROGRAMS = ("siap", "kes-program", "lama-program", "")
"""A reader's token; one of whose account is a unit's now; of one that ended; none."""

ASKED_BY = {
    "/units": (200, 401, 401, 401),
    "/units/dlh/days/2026-11-24": (200, 401, 401, 401),
    "/units/nowhere/days/2026-11-24": (404, 401, 401, 401),
    "/units/dlh/months/2026-11": (200, 401, 401, 401),
    "/units/dlh/months/2026-11/duties": (200, 401, 401, 401),
    "/people/9/months/2026-11": (200, 401, 401, 401),
    "/people/nobody/months/2026-11": (404, 401, 401, 401),
    "/presences": (200, 401, 401, 401),
    "/health": (200, 401, 401, 401),
}

OTHERS = ("Wayan", "Gusti", "SK-rahasia", "Dinas Lingkungan", "k-dlh")
"""What says anything of the other unit: its people, an absence, its name, its kiosk."""


@pytest.fixture
def town(lite: Any, make_kiosk: Any) -> Town:
    made = Town(lite, make_kiosk)
    eve, tenth = date(2026, 11, 9), date(2026, 11, 10)
    put(lite, [
        ("people", [Person(id="6", name="Gusti"), Person(id="7", name="Gede"),
                    Person(id="8", name="Hari")]),
        ("members", [
            Member(person="6", unit="dlh"),
            Member(person="7", unit="dlh", until=eve),
            Member(person="7", unit="dinkes", since=tenth),
            Member(person="8", unit="dinkes", until=eve),
            Member(person="8", unit="dlh", since=tenth),
        ]),
        ("credentials", [Known(person="6", credential="terminal_user", user="6", unit="dlh")]),
        ("grants", [Grant(person="6", unit="dinkes", allows=Allowed.GUEST)]),
        ("absences", [
            Absence(person="7", reason=Reason.SICK, reference="SK-rahasia", since=eve, until=eve),
            Absence(person="8", reason=Reason.SICK, reference="SK-rahasia",
                    since=tenth, until=tenth),
        ]),
    ])  # fmt: skip
    made.punch("dinkes", "6", "07:20:00")  # the guest
    made.punch("dlh", "9", "07:25:00")
    made.punch("dlh", "55", "07:26:00", person=None, mark=Mark.STRANGER)
    made.evening()
    with lite.store.writing() as tx:
        for kiosk in ("k-dinkes", "k-dlh"):
            tx.standing.raise_alarm(Alarm.ROSTER, kiosk, "", f"{kiosk}: the row of a NIP", 1)
    return made


@pytest.fixture
def site(town: Town, lite: Any) -> Site:
    made = Site(lite)
    made.add_account("petugas", Role.OFFICER)
    made.add_account("kes", Role.UNIT, "dinkes")
    made.add_account("dua", Role.UNIT, "dinkes", "dlh")
    made.add_account("baca", Role.READER)
    made.add_account("lama", Role.READER)
    return made


def browsers(site: Site) -> dict[str, httpx.Client]:
    """Return a browser of each, logged in; then `lama` is ended."""
    made = {}
    for name in WHO:
        site.browser = httpx.Client(transport=Wire(site.app), base_url="http://testserver")
        if name:
            assert site.log_in(name=name).status_code == 303
        made[name] = site.browser
    end(site, "lama")
    return made


def end(site: Site, name: str) -> None:
    with site.central.store.writing() as tx:
        accounts.end_account(tx, lambda *_, **__: None, name, site.central.now)


def test_each_address_answers_each_as_it_may(site: Site) -> None:
    of = browsers(site)
    wrong = [
        (path, who, answer.status_code, status)
        for path, statuses in SEEN_BY.items()
        for who, status in zip(WHO, statuses, strict=True)
        for answer in [of[who].get(path)]
        if answer.status_code != status
    ]
    assert wrong == []


def test_each_stream_answers_each_as_it_may(site: Site) -> None:
    of = browsers(site)
    for path, statuses in STREAMS.items():
        for who, status in zip(WHO, statuses, strict=True):
            site.browser = of[who]
            if status == 200:
                assert "retry:" in site.stream(path, lambda said: "retry:" in said), (path, who)
            else:
                assert site.browser.get(path).status_code == status, (path, who)


def test_no_route_was_forgotten(site: Site) -> None:
    """Whatever pages there are: to nobody they say nothing, and to a program without a token."""
    site.browser.cookies.clear()
    routes = [one for one in routed(site.site).routes if isinstance(one, Route)]
    assert len(routes) > 20
    for route in routes:
        path = "/".join("x" if "{" in part else part for part in route.path.split("/"))
        for method in (route.methods or set()) - {"HEAD"}:
            if path in OF_ANYBODY or path == "/logout":
                continue
            answer = site.browser.request(method, path, headers={"origin": "http://testserver"})
            if answer.status_code == 303:
                assert answer.headers["location"] == "/login", path
            else:
                assert answer.status_code in (401, 404, 405, 413), (method, path)
                assert "Dinas" not in answer.text
    assert site.looks() == []


def test_a_program_is_answered_by_its_token_and_by_nothing_else(site: Site) -> None:
    tokens = {name: f"presensi_{name}" for name in PROGRAMS if name}
    with site.central.store.writing() as tx:
        for account in ("siap", "kes-program", "lama-program"):
            accounts.set_account(
                tx, lambda *_, **__: None, account, None, 1, role=Role.READER, replace=False
            )
            tx.people.add_token(sha256(tokens[account].encode()).digest(), account, "program", 1)
        accounts.set_account(
            tx, lambda *_, **__: None, "kes-program", None, 1,
            role=Role.UNIT, units=["dinkes"], replace=True,
        )  # fmt: skip
    end(site, "lama-program")
    for path, statuses in ASKED_BY.items():
        for who, status in zip(PROGRAMS, statuses, strict=True):
            headers = {"authorization": f"Bearer {tokens[who]}"} if who else {}
            answer = site.browser.get(f"/api/v1{path}", headers=headers)
            assert answer.status_code == status, (path, who)
        query = {"token": tokens["siap"], "access_token": tokens["siap"]}
        assert site.browser.get(f"/api/v1{path}", params=query).status_code == 401
    site.log_in()
    assert site.browser.get("/api/v1/units").status_code == 401  # a person's log-in is no token
    assert [one for one in site.looks() if one == "siap /api/v1/people/9/months/2026-11"]


def test_a_unit_s_account_learns_nothing_of_another(site: Site) -> None:
    site.log_in(name="kes")
    own = [path for path, of in chain(SEEN_BY.items(), STREAMS.items()) if "dlh" not in path]
    for path in own:
        if path in STREAMS:
            if STREAMS[path][WHO.index("kes")] != 200:
                continue
            said = site.stream(path, lambda said: "event: part" in said)
        else:
            said = site.browser.get(path, follow_redirects=True).text
        for word in OTHERS:
            assert word not in said, (path, word)
    for form in ("recap.csv", "duties.csv"):
        said = site.browser.get(f"/units/dinkes/{form}?month=2026-11").text
        assert not [word for word in OTHERS if word in said], form


def test_what_is_missing_and_what_is_another_s_look_the_same(site: Site) -> None:
    site.log_in(name="kes")
    for theirs, nobodys in (
        ("/units/dlh", "/units/nowhere"),
        ("/units/dlh/recap", "/units/nowhere/recap"),
        ("/units/dlh/duties.csv", "/units/nowhere/duties.csv"),
        ("/units/dlh/events", "/units/nowhere/events"),
        ("/people/9", "/people/0"),
        ("/people/7?month=2026-10", "/people/0?month=2026-10"),
    ):
        one, other = site.browser.get(theirs), site.browser.get(nobodys)
        assert (one.status_code, one.text) == (other.status_code, other.text), theirs


def test_strangers_are_counted_of_days_on_which_a_kiosk_served_the_unit(
    site: Site, lite: Any
) -> None:
    """The other office's kiosk stood at this one up to the day before."""
    eve = date(2026, 11, 23)
    put(lite, [("posts", [Post(kiosk="k-dlh", unit="dinkes", until=eve)])])
    site.log_in()
    assert "tidak dikenal" not in site.browser.get("/units/dinkes/recap?month=2026-11").text
    put(lite, [("posts", [Post(kiosk="k-dlh", unit="dinkes", since=DAY)])])
    page = site.browser.get("/units/dinkes/recap?month=2026-11").text
    assert "1 presensi tidak dikenal" in page


@pytest.mark.parametrize("units", [("dlh",), ()])
def test_a_stream_ends_when_the_account_is_another(site: Site, units: tuple[str, ...]) -> None:
    def change(said: str) -> bool:
        if "event: part" in said and not changed:
            changed.append(True)
            with site.central.store.writing() as tx:
                accounts.set_account(
                    tx, lambda *_, **__: None, "kes", None, 1, units=units,
                    role=Role.UNIT if units else Role.READER, replace=True,
                )  # fmt: skip
            site.central.bell.ring()
        return "event: over" in said

    changed: list[bool] = []
    site.log_in(name="kes")
    said = site.stream("/units/dinkes/events", change)
    assert said.count("event: part") == 1


def test_a_stream_ends_when_the_log_in_was_idle_too_long(site: Site) -> None:
    def idle(said: str) -> bool:
        if "event: part" in said:
            site.central.now += (site.site.web.idle_minutes + 1) * 60_000
            site.central.bell.ring()
        return "event: over" in said

    site.log_in(name="kes")
    assert site.stream("/units/dinkes/events", idle).count("event: part") == 1


def test_of_a_person_of_two_units_a_unit_sees_its_own_half(site: Site, lite: Any) -> None:
    """Duties at the other unit, and its holidays, are not of this one."""
    put(lite, [
        ("units", [Unit(id="jaga", name="Unit Rahasia")]),
        ("people", [Person(id="10", name="Putu")]),
        ("members", [Member(person="10", unit=unit) for unit in ("dinkes", "jaga")]),
        ("weeks", [Week(plan="malam", hours=[Hours(days=[1, 2, 3, 4], start=1260, end=1740)])]),
        ("holidays", [Holiday(calendar="lain", name="Libur Rahasia",
                              since=date(2026, 11, 21), until=date(2026, 11, 21))]),
        ("assignments", [Assignment(plan="malam", calendar="lain", unit="jaga")]),
    ])  # fmt: skip
    site.log_in(name="kes")
    said = site.browser.get("/people/10?month=2026-11").text
    assert "tidak ada jadwal" in said  # a day's duties are of one unit: here of the other
    for path in ("/people/10?month=2026-11", "/units/dinkes?day=2026-11-24",
                 "/units/dinkes/recap?month=2026-11", "/units/dinkes/duties.csv?month=2026-11",
                 "/people?q=putu"):  # fmt: skip
        said = site.browser.get(path).text
        assert "Putu" in said or "duties" in path, path
        for word in ("malam", "Rahasia", *OTHERS):
            assert word not in said, (path, word)
    site.log_in()
    said = site.browser.get("/people/10?month=2026-11").text
    assert "malam" in said
    assert "Libur Rahasia" in said
