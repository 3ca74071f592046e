"""A kiosk with the technician's page, in the states that there are: for tests and for pictures."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import structs
from playwright.sync_api import Browser, Page
from screen_stage import MORNING, Stage, free_port, source, status

from drivers.base import Stranger
from kiosk.health import JournalStatus, PushStatus, SourceStatus, Status
from kiosk.technicians import FILE, Technicians
from kiosk.troubles import Trouble
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol.entry import Stamp

PASSWORD = "rahasia-sekali"

SIZES = {"phone": (390, 844), "desk": (1280, 900)}


class Workshop(Stage):
    """A stage with a technician, rudi; what is carried out is remembered, not done."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        super().__init__(directory, technician=self.port)
        self.at = f"http://127.0.0.1:{self.port}/"
        self.troubles: list[Trouble] = []
        self.asked: list[tuple[str, dict[str, str]]] = []

    def __enter__(self) -> "Workshop":
        Journal.make(self.directory / "j.db", Life("k1", "e1", 1, b"key"))
        self._journal = Journal(self.directory / "j.db")
        self._journal.open()
        self.them = Technicians([self.directory / FILE], self._journal, self._stamp)
        deeds = ("test", "read", "identify", "set clock", "witness", "approve")
        self.carries_out = {
            **self.them.carries_out,
            "troubles": lambda _: msgspec_text(self.troubles),
            **{name: lambda said, name=name: self._do(name, said) for name in deeds},
        }
        self.them.add({"name": "rudi", "by": "admin", "password": PASSWORD})
        super().__enter__()
        return self

    def __exit__(self, *why: object) -> None:
        super().__exit__(*why)
        self._journal.close()

    def _do(self, name: str, said: Mapping[str, str]) -> str:
        self.asked.append((name, dict(said)))
        return f"{said.get('source', '')}: {name} is done"

    def _stamp(self) -> Stamp:
        return Stamp(wall=MORNING, up=1, boot="b", synced=True)


def msgspec_text(said: object) -> str:
    return msgspec.json.encode(said).decode()


def in_order() -> Status:
    """Return a kiosk of three terminals in order."""
    return _like_an_office(status(sources=list(map(_terminal, ("lobi", "gudang", "poli-gigi")))))


def in_trouble() -> Status:
    """Return one of which a terminal, the line, the clock and the card each want something."""
    said = status(
        sources=[
            _terminal("lobi"),
            structs.replace(
                source("gudang", "192.168.1.202:4370: no route; check its cable and its power"),
                phase="waiting",
                failures=17,
            ),
            structs.replace(_terminal("poli-gigi"), serial="CQZ7230860099"),
        ],
        line__state="down",
        line__error="broker.example:8883: connection refused; is the broker running?",
        line__waiting=1204,
        clock__may_show_lateness=False,
        clock__state="unknown",
        clock__error_ms=None,
        clock__trouble="ntp and the last receipt are 3 h apart; look at a watch and witness it",
        disk__level="tight",
        disk__ballast=False,
    )
    stranger = Stranger(
        serial="CQZ7230860777",
        address="192.168.1.207",
        first=MORNING,
        last=MORNING,
        calls=12,
        said="pushver 2.4.1",
    )
    said = _like_an_office(said)
    return structs.replace(said, push=PushStatus(port=8081, trouble="", strangers=[stranger]))


def _like_an_office(said: Status) -> Status:
    journal = JournalStatus(
        epoch="3f9c2a77d1e04b58",
        number=1,
        first=1,
        last=18_951,
        receipted=18_951 - said.line.waiting,
        head="9b1f04c2d7aa6e35" * 4,
    )
    disk = structs.replace(said.disk, used_percent=11.0, free_bytes=26_300_000_000, proved=18_951)
    roster = structs.replace(said.roster, version=MORNING - 7_200_000)
    return structs.replace(said, journal=journal, disk=disk, roster=roster)


TROUBLES = [
    Trouble(
        MORNING / 1000 - 60,
        True,
        "gudang",
        "gudang: 192.168.1.202:4370: no route; check its cable and its power",
        17,
    ),
    Trouble(MORNING / 1000 - 700, False, "clock", "ntp and the last receipt are 3 h apart"),
]


def _terminal(name: str) -> SourceStatus:
    return structs.replace(
        source(name),
        serial=f"CQZ72308600{len(name):02}",
        bound_to=f"CQZ72308600{len(name):02}",
        model="MB360",
        covered="2026-11-24T07:20:11",
        records=18_204,
        recorded=55,
        drift_ms=-1200,
    )


def entered(stage: Workshop, browser: Browser, size: str = "desk", scheme: str = "light") -> Page:
    """Open the page and log in."""
    page = opened(stage, browser, size, scheme)
    page.fill("[name=name]", "rudi")
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector("#facts")
    return page


def opened(stage: Workshop, browser: Browser, size: str = "desk", scheme: str = "light") -> Page:
    """Open the page, where one logs in."""
    width, height = SIZES[size]
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page.goto(stage.at)
    return page
