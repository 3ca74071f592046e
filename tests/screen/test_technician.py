"""The technician's page: who gets in, what is shown, what is done and under whose name."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from msgspec import structs
from screen_stage import source, status, woken
from screen_wire import Wire

from drivers.base import Stranger
from kiosk import technicians
from kiosk.facts import State, worst
from kiosk.health import FacesStatus, PushStatus, Status
from kiosk.local import CannotDo, Local
from kiosk.screen.technician import facts
from kiosk.screen.technician.daemon import Daemon
from kiosk.screen.technician.page import BUSY_S, LOGINS_AT_ONCE
from kiosk.screen.technician.page import Technicians as Page
from kiosk.settings import Screen, TechnicianPage
from kiosk.technicians import FILE, Technicians
from kiosk.troubles import Troubles
from sync import passwords
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol import entry

PASSWORD = "rahasia-sekali"
ZONE = "Asia/Jakarta"
ORIGIN = {"origin": "http://kiosk.test"}
HOSTILE = '<script>alert("x")</script>'


class Box:
    """A kiosk's socket with technicians behind it, and a browser at their page."""

    def __init__(self, home: Path) -> None:
        self.status = status()
        self.seconds = 0.0
        self.asked: list[tuple[str, dict[str, str]]] = []
        Journal.make(home / "j.db", Life("k1", "e1", 1, b"key"))
        self.journal = Journal(home / "j.db")
        self.journal.open()
        self.troubles = Troubles()
        them = Technicians([home / FILE], self.journal, self._stamp, lambda: self.seconds)
        self._local = Local(home / "kiosk.sock")
        self._local.status = lambda: self.status
        self._local.carry_out = {
            **them.carries_out,
            "troubles": self.troubles.told,
            **{name: self._do(name) for name in ("test", "read", "witness", "approve")},
        }
        self._stop, up = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._local.run, args=(self._stop.is_set, up.set))
        self._thread.start()
        assert up.wait(5)
        self.them = them
        self.them.add({"name": "rudi", "by": "admin", "password": PASSWORD})
        self._home = home
        self.browser = self.come("http")

    def come(self, scheme: str) -> httpx.Client:
        """Return a browser at a page of its own."""
        page = Page(
            Daemon([self._home / "kiosk.sock"]),
            ZONE,
            ["kiosk.test"],
            idle_s=900,
            https=scheme == "https",
            monotonic=lambda: self.seconds,
        )
        return httpx.Client(transport=Wire(page.app()), base_url=f"{scheme}://kiosk.test")

    def _stamp(self) -> entry.Stamp:
        return entry.Stamp(wall=self.status.clock.utc, up=1, boot="b", synced=True)

    def _do(self, name: str):
        def do(said) -> str:
            self.asked.append((name, dict(said)))
            if said.get("source") == "rusak":
                raise CannotDo("rusak: the terminal went away")
            return f"{name} is done"

        return do

    def log_in(self, password: str = PASSWORD) -> httpx.Response:
        return self.browser.post(
            "/login", data={"name": "rudi", "password": password}, headers=ORIGIN
        )

    def do(self, **form: str) -> httpx.Response:
        return self.browser.post("/do", data=form, headers=ORIGIN)

    def end(self) -> None:
        self._stop.set()
        woken(self._home / "kiosk.sock")
        self._thread.join()

    def close(self) -> None:
        self.browser.close()
        self.end()
        self.journal.close()


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Box]:
    monkeypatch.setattr(passwords.new_secret, "__defaults__", (2**4,))
    made = Box(tmp_path)
    yield made
    made.close()


def test_nothing_is_shown_without_a_log_in(box: Box) -> None:
    assert box.browser.get("/").headers["location"] == "/login"
    assert box.browser.get("/part").status_code == 401
    assert box.do(deed="test", source="lobi").headers["location"] == "/login"
    assert box.asked == []


def test_a_technician_sees_how_the_kiosk_is(box: Box) -> None:
    answer = box.log_in()
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    page = box.browser.get("/")
    assert page.status_code == 200
    for words in ("kiosk-dinkes-01", "Keseluruhan: baik", "Terminal lobi", "jam tepat", "rudi"):
        assert words in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_by_https_the_cookie_is_one_that_nothing_in_the_clear_sees_or_sets(box: Box) -> None:
    with box.come("https") as browser:
        headers = {"origin": "https://kiosk.test"}
        form = {"name": "rudi", "password": PASSWORD}
        cookie = browser.post("/login", data=form, headers=headers).headers["set-cookie"]
        assert cookie.startswith("__Host-kiosk_technician=")
        assert "secure" in cookie.lower()
        assert browser.get("/").status_code == 200
        assert browser.post("/logout", headers={**headers, "content-length": "0"}).is_redirect
        assert browser.get("/").headers["location"] == "/login"


def test_another_site_s_form_and_a_long_one_are_refused(box: Box) -> None:
    form = {"name": "rudi", "password": PASSWORD}
    for headers in ({}, {"origin": "http://elsewhere"}):
        assert box.browser.post("/login", data=form, headers=headers).status_code == 403
    long = {**form, "more": "x" * 9000}
    assert box.browser.post("/login", data=long, headers=ORIGIN).status_code == 413
    box.log_in()
    answer = box.browser.post("/do", data={"deed": "test"}, headers={"origin": "http://elsewhere"})
    assert answer.status_code == 403
    assert box.asked == []


def test_a_guesser_waits(box: Box) -> None:
    for _ in range(passwords.MAX_FAILURES):
        assert box.log_in("salah-sekali").status_code == 401
    answer = box.log_in()
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


def test_many_at_once_are_asked_to_wait_and_the_daemon_is_not_kept_busy(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold, answers = threading.Event(), queue.SimpleQueue[httpx.Response]()
    monkeypatch.setattr(technicians, "fits", lambda *_: not hold.wait(10))
    guessers = [threading.Thread(target=lambda: answers.put(box.log_in())) for _ in range(8)]
    for one in guessers:
        one.start()
    try:
        waiting = [answers.get(timeout=10) for _ in range(8 - LOGINS_AT_ONCE)]
    finally:
        hold.set()
        for one in guessers:
            one.join()
    assert {one.status_code for one in waiting} == {429}
    assert waiting[0].headers["retry-after"] == str(BUSY_S)
    assert [answers.get().status_code for _ in range(LOGINS_AT_ONCE)] == [401] * LOGINS_AT_ONCE


def test_a_log_in_takes_the_place_of_the_one_before(box: Box) -> None:
    box.log_in()
    token = box.browser.cookies["kiosk_technician"]
    box.log_in()
    assert box.browser.get("/").status_code == 200
    box.browser.cookies.clear()
    box.browser.cookies.set("kiosk_technician", token)
    assert box.browser.get("/").headers["location"] == "/login"


def test_a_clock_that_is_set_back_or_was_ahead_locks_nobody_out(box: Box) -> None:
    right = box.status
    box.status = status(clock__utc=right.clock.utc + 10**11)
    box.them.add({"name": "rudi", "by": "admin", "password": PASSWORD})
    box.status = right
    box.log_in()
    assert box.browser.get("/").status_code == 200
    box.status = status(clock__utc=right.clock.utc - 10**11)
    box.them.add({"name": "rudi", "by": "admin", "password": "yang-lain-lagi"})
    assert box.browser.get("/").headers["location"] == "/login"


@pytest.mark.parametrize("host", ["evil.example", "kiosk.test.evil.example", "10.0.0.1:8091"])
def test_another_name_that_leads_here_opens_nothing(box: Box, host: str) -> None:
    headers = {"host": host, "origin": f"http://{host}"}
    for path in ("/", "/login", "/static/technician.js"):
        assert box.browser.get(path, headers=headers).status_code == 400
    form = {"name": "rudi", "password": PASSWORD}
    assert box.browser.post("/login", data=form, headers=headers).status_code == 400


def test_a_log_in_ends_idle_and_looking_on_does_not_keep_it(box: Box) -> None:
    box.log_in()
    box.seconds = 800
    assert box.browser.get("/").status_code == 200
    for box.seconds in range(900, 1700, 100):
        assert box.browser.get("/part").status_code == 200
    box.seconds = 1701
    assert box.browser.get("/part").status_code == 401


def test_who_is_ended_is_out_at_once(box: Box) -> None:
    box.log_in()
    box.them.end({"name": "rudi", "by": "admin"})
    assert box.browser.get("/").headers["location"] == "/login"
    assert box.log_in().status_code == 401


def test_log_out_ends_the_log_in_itself(box: Box) -> None:
    box.log_in()
    token = box.browser.cookies["kiosk_technician"]
    assert box.browser.post("/logout", headers={**ORIGIN, "content-length": "0"}).is_redirect
    box.browser.cookies.set("kiosk_technician", token)
    assert box.browser.get("/").headers["location"] == "/login"


def test_what_is_done_is_done_in_the_technician_s_name(box: Box) -> None:
    box.log_in()
    answer = box.do(deed="read", source="lobi", by="somebody else")
    assert "read is done" in answer.text
    box.do(deed="witness", time="2026-11-24T07:28")
    box.do(deed="approve", serial="S9", name="gudang")
    assert box.asked == [
        ("read", {"source": "lobi", "by": "rudi"}),
        ("witness", {"utc": str(1_795_480_110_000), "error": "120000", "by": "rudi"}),
        ("approve", {"serial": "S9", "name": "gudang", "timezone": ZONE, "by": "rudi"}),
    ]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"deed": "test", "source": "rusak"}, "the terminal went away"),
        ({"deed": "witness", "time": "kemarin"}, "is no time"),
        ({"deed": "witness", "time": "2026-11-24"}, "is no time"),
        ({"deed": "witness", "time": "2026-11-24T07:28+14:00"}, "is no time"),
        ({"deed": "witness"}, "is no time"),
        ({"deed": "replace", "source": "lobi"}, "nothing that can be done here"),
        ({}, "nothing that can be done here"),
    ],
)
def test_what_cannot_be_done_is_said(box: Box, form: dict[str, str], words: str) -> None:
    box.log_in()
    answer = box.do(**form)
    assert answer.status_code == 409
    assert words in answer.text


def test_a_daemon_that_is_away_is_said_and_what_to_do(box: Box) -> None:
    box.log_in()
    box.end()
    answer = box.browser.get("/")
    assert answer.status_code == 503
    assert "systemctl status" in answer.text


def test_hostile_words_of_a_terminal_are_text(box: Box) -> None:
    box.status = status(sources=[source("lobi", HOSTILE)])
    box.log_in()
    page = box.browser.get("/").text
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


# What is said of a status.


def of(status: Status, title: str) -> facts.Fact:
    [one] = [one for one in facts.facts(status, ZONE) if one.title == title]
    return one


@pytest.mark.parametrize(
    ("faces", "state"),
    [
        (FacesStatus(people=3), State.GOOD),
        (FacesStatus(trouble="vault.key is lost"), State.BAD),
        (FacesStatus(open=["siti at gudang: away"]), State.LOOK),
    ],
)
def test_the_vault_says_how_it_is(faces: FacesStatus, state: State) -> None:
    told = of(structs.replace(status(), faces=faces), "Wajah yang dikenal")
    assert told.state is state
    assert told.said == f"{faces.people} orang"
    assert bool(told.advice) is (state is not State.GOOD)


@pytest.mark.parametrize(
    ("more", "title", "state"),
    [
        ({}, "Jam", State.GOOD),
        ({"clock__may_show_lateness": False, "clock__state": "unknown"}, "Jam", State.BAD),
        ({"clock__trouble": "it jumped"}, "Jam", State.LOOK),
        ({"line__state": "down"}, "Jaringan ke pusat", State.LOOK),
        ({"disk__level": "critical"}, "Jurnal dan kartu", State.BAD),
        ({"disk__level": "tight"}, "Jurnal dan kartu", State.LOOK),
        ({"disk__ballast": False}, "Jurnal dan kartu", State.LOOK),
    ],
)
def test_each_part_says_how_it_is(more: dict[str, object], title: str, state: State) -> None:
    found = status(**more)
    assert of(found, title).state is state
    assert worst(facts.facts(found, ZONE)) is state


def test_a_terminal_that_is_down_says_why_and_another_one_what_to_do() -> None:
    down = of(status(sources=[source("lobi", "no answer; check the cable")]), "Terminal lobi")
    assert (down.state, down.advice) == (State.BAD, ["no answer; check the cable"])
    other = structs.replace(source("lobi"), serial="S2")
    said = of(status(sources=[other]), "Terminal lobi")
    assert said.state is State.LOOK
    assert "kiosk devices replace lobi" in said.advice[0]


def test_without_a_roster_everybody_is_a_stranger_and_that_is_bad() -> None:
    none = structs.replace(status(), roster=structs.replace(status().roster, version=0))
    assert of(none, "Daftar pegawai").state is State.BAD


def test_a_terminal_that_calls_and_is_unknown_is_told_to_who_has_the_page_open_already() -> None:
    stranger = Stranger(serial="S9", address="10.0.0.9", first=1, last=2)
    push = PushStatus(port=8081, trouble="", strangers=[stranger])
    said = of(structs.replace(status(), push=push), "Terminal yang memanggil")
    assert said.state is State.LOOK
    assert "S9: calls and is unknown; load this page again" in said.advice[0]


# Settings.


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"host": "0.0.0.0"}, "do not travel in the clear"),
        ({"certificate": "a.pem"}, "both"),
    ],
)
def test_the_page_is_not_served_to_a_network_in_the_clear(more: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TechnicianPage(**more)
    TechnicianPage(host="0.0.0.0", certificate="a.pem", key="a.key")


def test_the_screen_and_the_page_have_a_port_each() -> None:
    with pytest.raises(ValueError, match="cannot share"):
        Screen(port=9000, technician=TechnicianPage(port=9000))
