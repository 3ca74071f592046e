"""The API: its contract as others read it, its answers held to it, its refusals, its scope."""

from hashlib import sha256

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker, ValidationError
from openapi_spec_validator import validate
from site_parts import Site
from small_town import Town, put

from sync.central.roles import Role
from sync.protocol.entry import Mark
from sync.protocol.roster import Person, Unit
from sync.worktime.rules import Assignment

# What these ask of a database the stores' own tests ask of both kinds.
pytestmark = pytest.mark.parametrize("make_database", ["sqlite"], indirect=True)

TOKEN = "presensi_test"  # not a secret of anybody's


@pytest.fixture
def town(central, make_kiosk):
    made = Town(central, make_kiosk)
    made.evening()
    return made


@pytest.fixture
def site(town, central):
    made = Site(central)
    made.add_account("siap", Role.READER)
    made.add_account("kes", Role.UNIT, "dinkes")
    with central.store.writing() as tx:
        tx.people.add_token(sha256(TOKEN.encode()).digest(), "siap", "SIAP", central.now)
        tx.people.add_token(sha256(b"of-a-unit").digest(), "kes", "KES", central.now)
    return made


def ask(site: Site, path: str, token: str = TOKEN, **more) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return site.browser.get("/api/v1" + path, headers=headers, **more)


@pytest.fixture
def contract(site):
    answer = site.browser.get("/api/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def test_the_contract_is_sound_and_open_to_anybody(contract):
    validate(contract)
    assert contract["openapi"] == "3.1.0"
    assert set(contract["paths"]) == {
        "/units", "/units/{unit}/days/{day}", "/units/{unit}/months/{month}",
        "/units/{unit}/months/{month}/duties", "/people/{person}/months/{month}", "/presences",
        "/health",
    }  # fmt: skip


def held_to(contract, path: str, answer: httpx.Response) -> dict:
    """Return an answer that is as the contract says."""
    told = contract["paths"][path]["get"]["responses"][str(answer.status_code)]["content"]
    kind = answer.headers["content-type"]
    schema = {**told[kind]["schema"], "components": contract["components"]}
    Draft202012Validator(schema, format_checker=FormatChecker()).validate(answer.json())
    return answer.json()


def test_the_contract_is_no_empty_promise(site, contract):
    answer = ask(site, "/units")
    for spoilt in ({**answer.json(), "generated_at": 5}, {"units": []}):
        with pytest.raises(ValidationError):
            held_to(contract, "/units", httpx.Response(200, json=spoilt))


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/units", "/units"),
        ("/units/{unit}/days/{day}", "/units/dinkes/days/2026-11-24"),
        ("/units/{unit}/days/{day}", "/units/dlh/days/2026-11-22"),
        ("/units/{unit}/months/{month}", "/units/dinkes/months/2026-11"),
        ("/units/{unit}/months/{month}/duties", "/units/dinkes/months/2026-11/duties"),
        ("/people/{person}/months/{month}", "/people/2/months/2026-11"),
        ("/presences", "/presences?after=0&limit=2"),
        ("/health", "/health"),
        ("/units/{unit}/days/{day}", "/units/nowhere/days/2026-11-24"),
        ("/units/{unit}/days/{day}", "/units/dinkes/days/yesterday"),
        ("/units/{unit}/months/{month}", "/units/dinkes/months/2026-00"),
        ("/people/{person}/months/{month}", "/people/nobody/months/2026-11"),
        ("/presences", "/presences?limit=0"),
        ("/presences", "/presences?limit=1001"),
        ("/presences", "/presences?after=-1"),
        ("/presences", "/presences?after=%D9%A3"),
        ("/presences", "/presences?after=99999999999999999999"),
    ],
)
def test_every_answer_is_as_the_contract_says(site, contract, path, asked):
    answer = ask(site, asked)
    said = held_to(contract, path, answer)
    if answer.is_error:
        assert answer.status_code in (400, 404)
        assert said["status"] == answer.status_code
    else:
        assert said["generated_at"].endswith("Z")
    assert site.looks()[-1] == f"siap /api/v1{asked}"


def test_a_units_day_says_what_the_page_says(site):
    said = ask(site, "/units/dinkes/days/2026-11-24").json()
    assert {one["name"]: one["word"] for one in said["people"]} == {
        "Ayu": "hadir", "Budi": "hadir", "Citra": "sakit", "Dewi": "tanpa keterangan", "Eka": "",
    }  # fmt: skip
    assert said["counts"] == {
        "staff": 4, "free": 1, "coming": 0, "here": 2, "late": 1, "early": 1, "percent": 50.0,
        "words": {"sakit": 1, "tanpa keterangan": 1},
    }  # fmt: skip
    [budi] = [one for one in said["people"] if one["name"] == "Budi"]
    [duty] = budi["duties"]
    arrival = duty["arrival"]
    assert arrival.pop("at").startswith("2026-11-24T00:41:")
    assert arrival == {
        "verdict": "terlambat", "minutes": 11, "code": "TL1",
        "refs": ["k-dinkes e-dinkes 3"],
    }  # fmt: skip


def test_presences_are_read_page_by_page_and_none_twice(site, town):
    town.punch("dinkes", "77", "08:00:00", person=None, mark=Mark.STRANGER)
    town.punch("dinkes", "2", "07:41:30")  # once more, as read from the record
    town.send("dinkes")
    found, after = [], 0
    while True:
        page = ask(site, f"/presences?after={after}&limit=2").json()
        found += page["presences"]
        after = page["next"]
        if not page["more"]:
            break
    assert [(one["user"], one["person"], one["why"]) for one in found] == [
        ("1", "1", "roster"), ("2", "2", "roster"), ("1", "1", "roster"), ("2", "2", "roster"),
        ("77", None, "unknown"),
    ]  # fmt: skip
    assert [one["id"] for one in found] == sorted({one["id"] for one in found})
    assert found[1]["time"] == "2026-11-24T07:41:30"
    assert found[1]["at"].startswith("2026-11-24T00:41:")
    assert ask(site, f"/presences?after={after}").json()["presences"] == []


@pytest.mark.parametrize("token", ["", "wrong", "x" * 5000])
def test_without_a_token_nothing_is_said(site, contract, token):
    for path in ("/units", "/presences", "/health"):
        answer = ask(site, path, token)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        held_to(contract, path, answer)
    assert site.looks() == []


def test_a_log_in_is_no_token_and_a_token_no_log_in(site):
    site.log_in()
    assert ask(site, "/units", "").status_code == 401
    site.browser.cookies.clear()
    headers = {"authorization": f"Bearer {TOKEN}"}
    assert site.browser.get("/units/dinkes", headers=headers).status_code == 303


def test_a_token_sees_what_its_account_sees(site):
    token = "of-a-unit"
    units = ask(site, "/units", token).json()["units"]
    assert [one["id"] for one in units] == ["dinkes"]
    assert ask(site, "/units/dlh/days/2026-11-24", token).status_code == 404
    assert ask(site, "/units/dlh/months/2026-11", token).status_code == 404
    assert ask(site, "/units/dlh/months/2026-11/duties", token).status_code == 404
    assert ask(site, "/people/9/months/2026-11", token).status_code == 404
    assert ask(site, "/presences", token).status_code == 403
    assert ask(site, "/health", token).json()["kiosks"] == []


def test_an_ended_account_ends_its_tokens(site, central):
    with central.store.writing() as tx:
        tx.people.end_tokens("siap")
    assert ask(site, "/units").status_code == 401


def test_it_reads_only_and_says_where_its_contract_is(site):
    headers = {"authorization": f"Bearer {TOKEN}", "content-length": "0"}
    answer = site.browser.post("/api/v1/nothing", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (405, 405)
    answer = ask(site, "/nothing")
    assert answer.status_code == 404
    assert "openapi.json" in answer.json()["detail"]


def test_what_cannot_be_judged_or_read_is_not_now(site, central, contract):
    put(central, [("assignments", [Assignment(plan="x", person="1", group="2")])])
    for path, asked in (
        ("/units/{unit}/days/{day}", "/units/dinkes/days/2026-11-24"),
        ("/people/{person}/months/{month}", "/people/2/months/2026-11"),
    ):
        answer = ask(site, asked)
        assert answer.status_code == 503
        assert "the rules cannot be" in held_to(contract, path, answer)["detail"]
    central.store.close()
    assert held_to(contract, "/units", ask(site, "/units"))["status"] == 503


def test_ids_with_any_signs_are_found(site, central):

    put(
        central,
        [("units", [Unit(id="a/b c", name="x")]), ("people", [Person(id="p/q?", name="y")])],
    )
    assert ask(site, "/units/a%2Fb%20c/days/2026-11-24").json()["unit"] == "a/b c"
    assert ask(site, "/people/p%2Fq%3F/months/2026-11").json()["person"] == "p/q?"
