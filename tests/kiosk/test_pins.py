"""PINs: theirs alone, for as long as the number is, guessed only so often, seen nowhere."""

import threading
from pathlib import Path

import msgspec
import pytest

from drivers.possession import Judge
from kiosk.clock import TrustedClock
from kiosk.codes import Codes
from kiosk.local import CannotDo
from kiosk.pins import FILE, WRONG_MOST, WRONG_S, Known, Pins, check
from kiosk.possession import Judging
from sync.journal.errors import StorageFull

PIN, WRONG = "483920", "111222"


class Here:
    """A roster and a journal that a test looks into."""

    def __init__(self) -> None:
        self.people = {"17": "budi", "21": "siti"}
        self.recorded: list[tuple[str, str, dict[str, str]]] = []
        self.is_full = False

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        if self.is_full:
            raise StorageFull("full")
        self.recorded.append((actor, action, detail))

    def whose(self, user: str) -> str | None:
        return self.people.get(user)


class Desk:
    def __init__(self, data: Path) -> None:
        self.here = Here()
        self.seconds = 0.0
        self.files = [data / FILE]
        self.pins = self.again()

    def again(self) -> Pins:
        return Pins(self.files, self.here, lambda: self.seconds, cost=2**4)

    def set(self, user: str = "17", **more: str) -> str:
        return self.pins.set({"user": user, "pin": PIN, "by": "rudi", **more})


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_pin_is_one_numbers(desk: Desk) -> None:
    assert not desk.pins.fits("17", PIN)
    assert desk.set() == PIN
    assert desk.pins.fits("17", PIN)
    assert not desk.pins.fits("17", WRONG)
    assert not desk.pins.fits("21", PIN)
    assert desk.here.recorded == [("rudi", "set pin", {"user": "17", "person": "budi"})]
    assert desk.again().fits("17", PIN), "after a restart"


def test_it_is_not_its_successors(desk: Desk) -> None:
    """In July 17 is Siti's: Budi's PIN must not punch for her."""
    desk.set()
    desk.here.people["17"] = "siti"
    assert not desk.pins.fits("17", PIN)
    del desk.here.people["17"]
    assert not desk.pins.fits("17", PIN)
    desk.here.people["17"] = "budi"
    assert desk.pins.fits("17", PIN)


def test_nobody_has_one_whom_the_roster_does_not_know(desk: Desk) -> None:
    with pytest.raises(CannotDo, match="the roster knows nobody by number 99 here today"):
        desk.set("99")
    assert desk.here.recorded == []


def test_a_new_one_is_made(desk: Desk) -> None:
    made = desk.set(pin="")
    check(made)
    assert desk.pins.fits("17", made)
    assert desk.set(pin="") != made


@pytest.mark.parametrize(
    "pin", ["12345", "1234567890123", "48392a", "123456", "654321", "000000", "135791", "٤٨٣٩٢٠"]
)
def test_what_is_no_pin_is_said_without_it(desk: Desk, pin: str) -> None:
    with pytest.raises(CannotDo) as refused:
        desk.set(pin=pin)
    assert pin not in str(refused.value) or pin == "123456"  # which stands there as an example
    assert not desk.files[0].exists()


def test_who_does_it_is_said(desk: Desk) -> None:
    with pytest.raises(CannotDo, match="who does it"):
        desk.set(by=" ")
    with pytest.raises(CannotDo, match="who does it"):
        desk.pins.remove({"user": "17"})


def test_who_guesses_waits_and_who_waited_may_go_on(desk: Desk) -> None:
    desk.set()
    for _ in range(WRONG_MOST):
        assert not desk.pins.fits("17", WRONG)
        desk.seconds += 1
    assert not desk.pins.fits("17", PIN), "right, and too late"
    desk.seconds = WRONG_S - 1
    assert not desk.pins.fits("17", PIN)
    desk.seconds = WRONG_S
    assert desk.pins.fits("17", PIN), "the first of the wrong ones is over"


def test_a_slip_now_and_then_locks_nobody(desk: Desk) -> None:
    desk.set()
    for _ in range(5):
        for _ in range(WRONG_MOST - 1):
            assert not desk.pins.fits("17", WRONG)
        assert desk.pins.fits("17", PIN)


def test_ones_guesses_lock_no_other_and_a_new_pin_unlocks(desk: Desk) -> None:
    desk.set()
    desk.set("21")
    for _ in range(WRONG_MOST):
        desk.pins.fits("17", WRONG)
    assert desk.pins.fits("21", PIN)
    desk.set()
    assert desk.pins.fits("17", PIN)


def test_many_at_once_are_counted_one_by_one(desk: Desk) -> None:
    desk.set()
    tries = [threading.Thread(target=desk.pins.fits, args=("17", WRONG)) for _ in range(20)]
    for one in tries:
        one.start()
    for one in tries:
        one.join()
    assert len(desk.pins._wrong_s["17"]) == WRONG_MOST


def test_invented_numbers_fill_no_memory(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.pins.GUESSED_MOST", 3)
    for n in range(8):
        desk.pins.fits(str(1000 + n), WRONG)
    assert list(desk.pins._wrong_s) == ["1005", "1006", "1007"]


def test_it_is_taken_away(desk: Desk) -> None:
    desk.set()
    assert msgspec.json.decode(desk.pins.list({}), type=list[Known]) == [Known("17", "budi")]
    assert desk.pins.remove({"user": "17", "by": "rudi"}) == "number 17 has no PIN any more"
    assert not desk.pins.fits("17", PIN)
    assert desk.here.recorded[-1] == ("rudi", "remove pin", {"user": "17", "person": "budi"})
    with pytest.raises(CannotDo, match="has no PIN here"):
        desk.pins.remove({"user": "17", "by": "rudi"})


def test_a_pin_is_seen_nowhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    desk.set()
    desk.pins.fits("17", PIN)
    desk.pins.fits("18", PIN)
    content = desk.files[0].read_text()
    for shown in (content, caplog.text, repr(desk.here.recorded), repr(vars(desk.pins))):
        assert PIN not in shown
    assert desk.files[0].stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_recorded_is_not_done(desk: Desk) -> None:
    desk.here.is_full = True
    with pytest.raises(StorageFull):
        desk.set()
    assert not desk.pins.fits("17", PIN)


def test_what_cannot_be_written_is_not_so_and_said(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "gone")
    with pytest.raises(CannotDo, match="nothing has changed"):
        desk.set()
    assert [action for _, action, _ in desk.here.recorded] == ["set pin", "set pin failed"]
    assert not desk.pins.fits("17", PIN)


def test_a_damaged_file_lets_nobody_in_and_says_so(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.set()
    desk.files[0].write_bytes(b'{"pins": "483920"}')
    assert not desk.pins.fits("17", PIN)
    assert "set the PINs anew" in caplog.text
    assert PIN not in caplog.text
    with pytest.raises(CannotDo, match="not what a kiosk writes"):
        desk.set()


def test_the_second_medium_goes_on(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.files = [tmp_path / "a.json", tmp_path / "b.json"]
    desk.pins = desk.again()
    desk.set()
    (tmp_path / "a.json").unlink()
    assert desk.again().fits("17", PIN)
    desk.again().bring_along()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_both_halves_are_one_judge(desk: Desk) -> None:
    desk.set()
    judge: Judge = Judging(Codes([], TrustedClock().belief), desk.pins)
    assert judge.pin("17", PIN)
    assert not judge.pin("17", WRONG)
    assert judge.code("P1:A") is not None


def test_what_a_client_may_ask_for(desk: Desk) -> None:
    assert set(desk.pins.carries_out) == {"pins", "set pin", "remove pin"}
