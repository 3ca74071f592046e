"""The source against the simulated modules, over pseudo-terminals and TCP.

What needs no real port, every fault of the line among it, is in `test_poor_lines.py`, where nobody
waits.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fakemodule import FakeSlots

from drivers.base import Identity, Punch
from drivers.errors import Refused, SourceError, TimedOut, Unreachable
from drivers.fingerprint.codes import Op
from drivers.fingerprint.source import FingerSource
from drivers.fingers import Duplicate, Stored
from drivers.options import FingerModule
from drivers.prompt import Prompt
from drivers.sim.fingerprint import (
    PROFILES,
    Fault,
    FingerprintModule,
    Pty,
    Quality,
    Rule,
    TcpPort,
)
from drivers.store import Secret

WITHIN_S = 10.0


class Desk:
    """A source, its port, and whoever worked with it."""

    def __init__(self, port: str, **options: object) -> None:
        self.slots = FakeSlots()
        self.prompts: list[Prompt] = []
        self.errors: list[SourceError] = []
        self.warnings: tuple[str, ...] = ()
        self.identity: Identity | None = None
        self.source = FingerSource(
            FingerModule(name="pintu", port=port, **options),  # type: ignore[arg-type]
            lambda: datetime.now(UTC),
            self.slots,
            lambda _, prompt: self.prompts.append(prompt),
        )

    def open(self) -> Identity:
        self.identity = self.source.open(None, lambda: None)
        return self.identity

    def until(self, enough: Callable[[list[Punch]], bool]) -> list[Punch]:
        """Work as the worker does, opening anew after each error, until `enough(punches)`."""
        deadline_s, punches = time.monotonic() + WITHIN_S, []
        while not enough(punches):
            assert time.monotonic() < deadline_s, (punches, self.errors)
            try:
                if self.identity is None:
                    self.open()
                reading = self.source.read(0.05)
                if reading is not None:
                    punches += reading.punches
                    self.warnings = tuple(reading.warnings or self.warnings)
                    self.source.confirm(reading)
            except SourceError as error:
                self.errors.append(error)
                self.source.close()
                self.identity = None
        return punches

    def watched(self, module: FingerprintModule, pictures: int = 3) -> list[Punch]:
        """Work until so many more pictures were taken."""
        begun = module.requests.count(Op.GEN_IMG)
        return self.until(lambda _: module.requests.count(Op.GEN_IMG) >= begun + pictures)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(str(tmp_path / "fp0"))
    yield made
    made.source.close()


@pytest.fixture
def module(tmp_path: Path) -> Iterator[FingerprintModule]:
    with FingerprintModule("r503-1.2.2", Pty(tmp_path / "fp0")) as made:
        made.enrolled(3, "budi")
        yield made


def person(module: FingerprintModule, whose: str) -> Callable[[Prompt, int, int], None]:
    def ask(prompt: Prompt, step: int, of: int) -> None:
        if prompt is Prompt.PLACE_FINGER:
            module.place(whose)
        elif prompt in (Prompt.LIFT_FINGER, Prompt.AGAIN, Prompt.OTHER_FINGER):
            module.lift()

    return ask


# Each kind of module.


@pytest.mark.parametrize("profile", PROFILES)
def test_each_kind_is_read_enrolled_and_emptied(profile: str, tmp_path: Path, desk: Desk) -> None:
    with FingerprintModule(profile, Pty(tmp_path / "fp0")) as module:
        module.enrolled(3, "budi")
        desk.open()
        assert desk.slots.compared[0][1] == {3}
        assert desk.source.module().capacity == module.profile.capacity
        assert desk.source.module().captures == (4 if module.profile.buffers == 6 else 2)
        assert len(desk.watched(module)) == 0
        module.place("budi")
        [punch] = desk.until(bool)
        assert punch.user == "u3"
        assert desk.watched(module, 10) == []
        module.lift()
        last = module.profile.capacity - 1
        stored = desk.source.enrol(person(module, "siti"), 30, last, 60)
        assert isinstance(stored, Stored)
        assert module.library == {3: ("budi",), last: ("siti",)}
        module.lift()
        assert isinstance(desk.source.enrol(person(module, "siti"), 30, 5, 60), Duplicate)
        template = desk.source.template(last)
        assert len(template.octets) == module.profile.template_bytes
        desk.source.remove(last)
        desk.source.keep(8, template)
        assert desk.source.occupied() == {3, 8}
        assert module.library == {3: ("budi",), 8: ("siti",)}
        with pytest.raises(SourceError):
            desk.source.keep(9, Secret(template.octets[:-1] + b"?"))
        assert module.library == {3: ("budi",), 8: ("siti",)}


def test_the_simulated_clock_of_a_real_module(tmp_path: Path, desk: Desk) -> None:
    """With pauses as a real one has them, a punch takes less than a second."""
    with FingerprintModule("r503-1.2.2", Pty(tmp_path / "fp0"), realistic=True) as module:
        module.enrolled(3, "budi")
        desk.watched(module)
        began_s = time.monotonic()
        module.place("budi")
        [punch] = desk.until(bool)
        assert punch.user == "u3"
        assert time.monotonic() - began_s < 1.0


def test_over_tcp() -> None:
    with FingerprintModule("r307", TcpPort()) as module:
        module.enrolled(3, "budi")
        desk = Desk(f"socket://127.0.0.1:{module.port.port}")  # type: ignore[union-attr]
        module.place("budi")
        [punch] = desk.until(bool)
        assert punch.user == "u3"
        desk.source.close()


@pytest.mark.parametrize(
    ("quality", "prompt"),
    [
        (Quality.DRY, Prompt.TOO_DRY),
        (Quality.WET, Prompt.TOO_WET),
        (Quality.PARTIAL, Prompt.CENTRE_FINGER),
        (Quality.SMUDGE, Prompt.AGAIN),
        (Quality.NONE, Prompt.AGAIN),
    ],
)
def test_what_a_person_is_told(
    tmp_path: Path, desk: Desk, quality: Quality, prompt: Prompt
) -> None:
    with FingerprintModule("r307", Pty(tmp_path / "fp0")) as module:
        module.enrolled(3, "budi")
        module.place("budi", quality)
        desk.until(lambda _: prompt in desk.prompts)
        module.place("budi")
        assert [punch.user for punch in desk.until(bool)] == ["u3"]
        assert set(desk.prompts) == {prompt}


# Which module it is.


def test_a_foreign_module_says_so(tmp_path: Path, desk: Desk) -> None:
    serials = []
    for profile, serial in [("r503-1.2.2", "00000001"), ("r503-1.2.2", "00000002"), ("r307", "")]:
        with FingerprintModule(profile, Pty(tmp_path / "fp0"), serial=serial) as module:
            module.enrolled(3, "somebody else")
            module.place("somebody else")
            [punch] = desk.until(bool)
            assert desk.identity is not None
            assert punch.terminal == desk.identity.serial
            serials.append(punch.terminal)
            desk.source.close()
            desk.identity = None
    assert len(set(serials)) == 3
    assert serials[0] == "R503-3030303030303031"


@pytest.mark.parametrize("profile", ["r503-1.2.2", "r307"])
def test_the_same_module_is_the_same_after_a_power_cycle(
    profile: str, tmp_path: Path, desk: Desk
) -> None:
    with FingerprintModule(profile, Pty(tmp_path / "fp0")) as module:
        before = desk.open()
        module.power_cycle()
        assert desk.open() == before


def test_a_password_is_shown_again_after_the_module_lost_power(tmp_path: Path) -> None:
    with FingerprintModule("r307", Pty(tmp_path / "fp0")) as module:
        module.give_password(0x12345678)
        desk = Desk(str(tmp_path / "fp0"), password=0x12345678)
        desk.watched(module)
        module.power_cycle()
        desk.watched(module)
        assert desk.errors == []
        desk.source.close()
        wrong = Desk(str(tmp_path / "fp0"), password=1)
        with pytest.raises(Refused, match="another password"):
            wrong.open()


@pytest.mark.slow
def test_a_module_at_another_speed(tmp_path: Path, desk: Desk) -> None:
    units = 12
    with FingerprintModule("r307", Pty(tmp_path / "fp0")) as module:
        module.set_speed(units)
        module.power_cycle()
        desk.open()
        desk.watched(module)
        assert desk.warnings == (
            f"the module answers at {9600 * units} baud, not at 57600: set baud = {9600 * units}",
        )


# What a port does.


@pytest.mark.slow
@pytest.mark.parametrize("after_bytes", [*range(1, 60), *range(60, 400, 7)])
def test_unplugged_at_any_byte_and_back_under_another_name(
    module: FingerprintModule, desk: Desk, tmp_path: Path, after_bytes: int
) -> None:
    name = (tmp_path / "fp0").readlink()
    module.place("budi")
    module.unplug(after_bytes)
    before = desk.until(lambda punches: bool(punches or desk.errors))
    module.wait_until(lambda one: not one.port.plugged, 0.2 if before else 5.0)
    module.replug()
    assert (tmp_path / "fp0").readlink() != name
    after = desk.until(lambda punches: bool(punches) or bool(before))
    assert [punch.user for punch in before + after] == ["u3"]
    assert all(isinstance(error, Unreachable | TimedOut) for error in desk.errors)


def test_a_port_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(Unreachable, match=r"there is no such port.*Is it plugged in"):
        desk.open()


def test_a_port_that_is_taken(module: FingerprintModule, desk: Desk) -> None:
    descriptor = os.open(module.port.link, os.O_RDWR | os.O_NOCTTY)  # type: ignore[union-attr]
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(Refused, match="has the port"):
            desk.open()
    finally:
        os.close(descriptor)
    desk.open()


def test_it_stops_within_a_second_while_a_command_is_pending(
    module: FingerprintModule, desk: Desk
) -> None:
    class CalledOff(TimedOut):
        pass

    stopping = threading.Event()

    def beat() -> None:
        if stopping.is_set():
            raise CalledOff("asked to stop")

    desk.source.open(None, beat)
    for _ in range(3):
        desk.source.read(0.2)
    module.spoil(Rule(Fault.SILENCE))
    timer = threading.Timer(0.3, stopping.set)
    timer.start()
    began_s = time.monotonic()
    with pytest.raises(CalledOff):
        desk.source.read(10.0)
    assert time.monotonic() - began_s < 0.3 + 0.5
    timer.join()


def test_a_silent_module_is_given_up_and_found_again(module: FingerprintModule, desk: Desk) -> None:
    desk.watched(module)
    module.spoil(Rule(Fault.SILENCE, times=1))
    module.place("budi")
    threading.Timer(0.5, module.power_cycle).start()
    assert [punch.user for punch in desk.until(bool)] == ["u3"]


# What a line does.


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.DROP, Fault.ECHO, Fault.SPLIT])
def test_each_person_is_one_punch_whatever_the_line_does(
    module: FingerprintModule, desk: Desk, fault: Fault
) -> None:
    module.enrolled(4, "siti")
    desk.watched(module)
    module.spoil(Rule(fault, chance=0.04 if fault is Fault.DROP else 1.0))
    users = []
    for whose in ("budi", "siti") * 2:
        module.place(whose)
        users += [punch.user for punch in desk.until(bool)]
        module.lift()
        assert desk.watched(module, 6) == []
    assert users == ["u3", "u4"] * 2


def test_a_finger_is_enrolled_on_a_line_that_loses_bytes(
    module: FingerprintModule, desk: Desk
) -> None:
    desk.open()
    module.spoil(Rule(Fault.DROP, chance=0.05), Rule(Fault.SPLIT), Rule(Fault.READY_BYTE))
    assert isinstance(desk.source.enrol(person(module, "siti"), 60, 7, 60), Stored)
    assert module.library == {3: ("budi",), 7: ("siti",)}


def test_two_fingers_are_not_merged_by_a_lenient_module(tmp_path: Path, desk: Desk) -> None:
    from msgspec import structs

    lenient = structs.replace(PROFILES["r503-1.2.2"], lenient=True)
    with FingerprintModule(lenient, Pty(tmp_path / "fp0")) as module:
        desk.open()
        fingers = iter(["siti", "siti", "agus", "siti", "siti", "siti", "siti"])

        def ask(prompt: Prompt, step: int, of: int) -> None:
            if prompt is Prompt.PLACE_FINGER:
                module.place(next(fingers))
            elif prompt in (Prompt.LIFT_FINGER, Prompt.AGAIN):
                module.lift()

        assert isinstance(desk.source.enrol(ask, 30, 7, 60), Stored)
        assert module.library == {7: ("siti",)}
