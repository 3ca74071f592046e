"""Streams when something is wrong: the database away, everybody back at once, another zone."""

import threading
from typing import Any

import pytest
from site_parts import Site
from small_town import Town, at, put

from sync.central.board import Board
from sync.central.turns import Turns
from sync.central.web.today import CALM_S, Today
from sync.protocol.roster import Member, Person, Unit
from sync.worktime.rules import Assignment


@pytest.fixture
def town(lite: Any, make_kiosk: Any) -> Town:
    made = Town(lite, make_kiosk)
    made.morning()
    return made


@pytest.fixture
def site(town: Town, lite: Any) -> Site:
    made = Site(lite)
    made.log_in()
    return made


@pytest.mark.parametrize("is_judged", [False, True])
@pytest.mark.parametrize("path", ["/units/dinkes/events", "/events/city", "/events?after=0"])
def test_a_stream_goes_on_when_the_database_is_back(
    site: Site, town: Town, path: str, is_judged: bool
) -> None:
    """`is_judged`: the first part shows the day whole, where the judge was faster than the look."""
    store = site.central.store
    steps: list[str] = []
    if is_judged:
        with store.reading() as tx:
            units = site.site.cities.current(tx).units
        for unit in units:  # each of these pages waits for the judge
            assert site.browser.get(f"/units/{unit}").status_code == 200

    def enough(said: str) -> bool:
        if not steps and ("Dinas Kesehatan" in said or "pintu" in said):
            steps.append("away")
            store.close()
            site.central.bell.ring()
        elif steps == ["away"] and "database is away" in said:
            steps.append("back")
            store.open()
            site.seconds += CALM_S  # this clock stands still, and a line of the city may be so old
            town.punch("dinkes", "4", "07:44:30")
            town.send("dinkes")
        before, _, after = said.partition("database is away")
        return bool(before) and ("event: part" in after or "event: presence" in after)

    said = site.stream(path, enough)
    assert steps == ["away", "back"]
    assert "event: over" not in said


def test_nobody_s_stream_waits_for_the_judge(site: Site, lite: Any) -> None:
    """When central begins, a hundred browsers are back at once: no thread of theirs may wait."""
    go = threading.Event()

    def judge(*_: Any) -> Any:
        assert go.wait(10)
        raise ValueError("not asked for")

    of = site.site
    board: Board[Any] = Board(of.store, of.cities, of.clock, of.monotonic, Turns(), judge)
    [events] = [
        route.endpoint for route in Today(of, board).routes() if route.path.endswith("/events")
    ]  # type: ignore[attr-defined]
    from starlette.applications import Starlette
    from starlette.routing import Route

    site.app = Starlette(routes=[Route("/units/{unit:path}/events", events)])
    said = site.stream("/units/dinkes/events", lambda said: "still here" in said)
    assert "event: part" not in said
    go.set()


def test_what_is_today_is_so_where_the_person_works(site: Site, lite: Any) -> None:
    put(lite, [
        ("units", [Unit(id="timur", name="Kantor Timur", zone="Asia/Jayapura")]),
        ("people", [Person(id="77", name="Yos")]),
        ("members", [Member(person="77", unit="timur")]),
        ("assignments", [Assignment(plan="kantor", unit="timur")]),
    ])  # fmt: skip
    lite.now = at("23:10:00")  # 01:10 of the 25th there
    site.log_in()
    page = site.browser.get("/people/77?month=2026-11").text
    [row] = [part for part in page.split("<tr ") if "hari ini" in part]
    assert 'id="d2026-11-25"' in row
    assert "hari ini" in site.browser.get("/people/1?month=2026-11").text.split("d2026-11-24")[1]


def test_a_leap_day_and_days_of_no_data(site: Site) -> None:
    for path, words in (
        ("/units/dinkes?day=2024-02-29", "29 Februari 2024"),
        ("/people/1?month=2024-02", "Februari 2024"),
        ("/units/dinkes/recap?month=2001-01", "Januari 2001"),
        ("/units/dinkes?day=2100-01-01", "1 Januari 2100"),
        ("/people/1?month=2199-12", "Desember 2199"),
        ("/recap?month=2000-01", "Januari 2000"),
    ):
        answer = site.browser.get(path)
        assert answer.status_code == 200, path
        assert words in answer.text
        assert "tanpa keterangan</" not in answer.text
