"""Every state of the employee's screen, as the kiosk would tell it: for tests and for pictures."""

from collections.abc import Callable
from functools import partial

from playwright.sync_api import Page
from screen_browser import until
from screen_stage import MINUTE_MS, MORNING, Stage, recorded, seen, source, status

from drivers.camera.visits import Verdict
from drivers.prompt import Prompt
from kiosk.duty import Told
from kiosk.local import Happening
from kiosk.mine import Mine, Own
from kiosk.prompts import Prompted
from kiosk.screen.pace import LEAST_S
from sync.protocol.entry import Mark

Brought = Callable[[Stage, Page], None]
"""Bring a page at rest into a state; returns once it is there."""

DAY_MS = 86_400_000
EPOCH = "3f9c2a77d1e04b58"


def mine(person: str = "198001011", name: str = "Siti Rahmawati") -> Mine:
    """Return a week of somebody's presences."""
    own = []
    for n, days_ago in enumerate((0, 1, 1, 4, 4, 5, 5, 6, 6, 7)):
        is_in = n % 2 == 0
        made = MORNING - days_ago * DAY_MS + (0 if is_in else 517 * MINUTE_MS)
        own.append(
            Own(
                epoch=EPOCH,
                seq=1042 - 37 * n,
                made=made,
                zone="Asia/Jakarta",
                source="lobi",
                side="masuk" if is_in else "pulang",
                is_receipted=n > 0,
                receipted=made + (DAY_MS if n > 2 else 61_000) if 0 < n < 5 else 0,
            )
        )
    return Mine(person, name, own)


def settled(page: Page) -> None:
    """Wait until nothing moves that is not to move for ever, and is painted."""
    page.evaluate(
        """async () => {
            const frame = () => new Promise(r => requestAnimationFrame(r));
            const moves = a => a.playState === 'running'
                && !a.effect.target.matches('.left, .turning');
            do { await frame(); await frame(); } while (document.getAnimations().some(moves));
        }"""
    )


def rests(stage: Stage, page: Page, **more: object) -> None:
    stage.status = status(**more)
    stage.is_changed = True
    heard(page)


def heard(page: Page) -> None:
    """Wait until the page was told how the kiosk is, and was not on its way to be told before."""
    since = page.evaluate("performance.now() + 100")
    until(page, f"now !== null && now.heard > {since}")


def away(stage: Stage, page: Page) -> None:
    stage.stop_daemon()
    until(page, "!document.getElementById('away').hidden")


def told(happening: Happening, layer: str, stage: Stage, page: Page) -> None:
    stage.tell(happening)
    page.wait_for_selector(f"#{layer}:not([hidden])")


def asks(stage: Stage, page: Page) -> None:
    page.click("#ask")
    page.wait_for_selector("#mine:not([hidden])")


def answered(stage: Stage, page: Page) -> None:
    stage.owns(mine())
    asks(stage, page)
    stage.tell(recorded(made=stage.status.clock.utc))
    page.wait_for_selector("#mine.listed")
    page.wait_for_selector("#result:not([hidden])")
    page.click("#result")


def crowd(stage: Stage, page: Page) -> None:
    for n in range(4):
        stage.tell(recorded(name=f"Pegawai {n}"))
    page.wait_for_selector(".folded:not(:empty)", timeout=1000 * (LEAST_S + 5))


def _offline(then: Brought, stage: Stage, page: Page) -> None:
    rests(stage, page, line__state="down", line__waiting=7)
    then(stage, page)


def _unsure(then: Brought, stage: Stage, page: Page) -> None:
    rests(stage, page, clock__may_show_lateness=False, clock__state="unknown")
    then(stage, page)


def _result(happening: Happening) -> Brought:
    return partial(told, happening, "result")


def _prompt(what: Prompt, step: int = 0, of: int = 0, name: str = "") -> Brought:
    return partial(told, Prompted("jari", what, step, of, name), "prompt")


LONG = "Dr. dr. Hj. Siti Rahmawati Kusumaningtyas Wijayakusuma, Sp.PD., M.Kes."

STATES: dict[str, Brought] = {
    "idle": lambda stage, page: None,
    "idle-unsure": partial(_unsure, lambda stage, page: None),
    "idle-away": partial(
        rests,
        line__state="down",
        line__waiting=7,
        sources=[source("lobi"), source("gudang", "no answer")],
    ),
    "idle-full": partial(rests, disk__level="critical", line__waiting=1204, line__state="down"),
    "starting": away,
    "masuk": _result(recorded()),
    "masuk-late": _result(
        recorded(
            Told(side="masuk", minutes=11, code="TL1", duty="kantor"),
            made=MORNING + 13 * MINUTE_MS,
        )
    ),
    "masuk-long-name": _result(
        recorded(Told(side="masuk", minutes=131, code="TL4", completes=True), LONG)
    ),
    "pulang": _result(recorded(Told(side="pulang"), "Agus Setiawan", made=MORNING + 9 * 3_600_000)),
    "pulang-early": _result(
        recorded(
            Told(side="pulang", minutes=10, code="PSW1"),
            "Agus Setiawan",
            made=MORNING + 502 * MINUTE_MS,
        )
    ),
    "recorded": _result(recorded(Told(), "Tamu Dinas")),
    "masuk-by-finger": _result(recorded(source="jari", method="fingerprint")),
    "again": _result(
        recorded(
            Told(side="masuk", before=MORNING, stands=True),
            mark=Mark.REPEAT,
            made=MORNING + 2 * MINUTE_MS,
        )
    ),
    "again-late": _result(
        recorded(
            Told(side="masuk", minutes=11, code="TL1", before=MORNING, stands=True),
            LONG,
            mark=Mark.REPEAT,
            made=MORNING + 2 * MINUTE_MS,
        )
    ),
    "pulang-again": _result(
        recorded(Told(side="pulang", before=MORNING), made=MORNING + 9 * MINUTE_MS)
    ),
    "face not live": _result(
        recorded(None, "", mark=Mark.STRANGER, person=None, **seen(Verdict.NOT_LIVE))
    ),
    "stranger": _result(recorded(None, "", mark=Mark.STRANGER, person=None)),
    "unbound": _result(recorded(None, "", mark=Mark.UNBOUND, person=None)),
    "taken": _result(recorded(None, "", mark=Mark.TAKEN, person=None)),
    "unreadable": _result(recorded(None, "", mark=Mark.UNREADABLE, person=None, made=0)),
    "second-asked": _result(
        recorded(Told(side="masuk", needs="second", sources=("pintu",)), source="kartu")
    ),
    "second-given": _result(recorded(Told(side="masuk", completes=True), source="pintu")),
    "pin-refused": _result(recorded(Told(side="masuk", needs="grant"))),
    "offline": partial(_offline, _result(recorded())),
    "unsure": partial(_unsure, _result(recorded(None))),
    "crowd": crowd,
    "prompt-finger": _prompt(Prompt.PLACE_FINGER, 1, 3, "Siti Rahmawati"),
    "prompt-lift": _prompt(Prompt.LIFT_FINGER, 1, 3, "Siti Rahmawati"),
    "prompt-again": _prompt(Prompt.AGAIN, 2, 3, "Siti Rahmawati"),
    "prompt-dry": _prompt(Prompt.TOO_DRY, 1, 5, "Siti Rahmawati"),
    "prompt-wet": _prompt(Prompt.TOO_WET, 1, 5, "Siti Rahmawati"),
    "prompt-centre": _prompt(Prompt.CENTRE_FINGER),
    "prompt-other-finger": _prompt(Prompt.OTHER_FINGER, 1, 5, "Siti Rahmawati"),
    "prompt-card": _prompt(Prompt.CARD),
    "prompt-done": _prompt(Prompt.DONE, 3, 3, "Siti Rahmawati"),
    "prompt-failed": _prompt(Prompt.FAILED),
    "live-straight": _prompt(Prompt.LOOK_STRAIGHT),
    "live-left": _prompt(Prompt.TURN_LEFT),
    "live-right": _prompt(Prompt.TURN_RIGHT),
    "live-closer": _prompt(Prompt.COME_CLOSER),
    "live-light": _prompt(Prompt.MORE_LIGHT),
    "live-still": _prompt(Prompt.HOLD_STILL),
    "mine-asked": asks,
    "mine": answered,
}


CHANGED = frozenset({"idle-unsure", "idle-away", "idle-full", "offline", "unsure"})
"""States of a kiosk that is not in order: they say themselves how it is."""


def bring(name: str, stage: Stage, page: Page) -> None:
    """Bring a page at rest into a state."""
    if name not in CHANGED and stage.is_changed:
        rests(stage, page)
        stage.is_changed = False
    STATES[name](stage, page)


def back(stage: Stage, page: Page) -> None:
    """Bring the page back to rest."""
    if not stage.is_daemon_up:
        stage.start_daemon()
        until(page, "now !== null")
    page.evaluate("['result', 'prompt', 'mine'].forEach(hide); post('/leave')")
