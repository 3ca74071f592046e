"""A simulated R30x or R50x finger module at a serial port: what tests, technicians and demos use.

    with FingerprintModule("r503-1.2.2", Pty(folder / "fp0")) as module:
        ...                               # open folder / "fp0" as a serial port
        module.place("siti")

The layers, from the outside in: this shell (a thread and a port), r30xunit (power, start, time),
r30xfaults (what goes wrong on the way), r30xmodule (frames in, frames out), r30xcommands (what each
does), r30xflash (what is kept), r30xfinger (what lies on the glass). r30xwire is the codec,
r30xprofile says which model.
"""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from drivers.sim.pty import Pty
from drivers.sim.r30xfaults import Fault, Piece, Rule
from drivers.sim.r30xfinger import Finger, Glass, Quality, Touch
from drivers.sim.r30xflash import Register
from drivers.sim.r30xprofile import PROFILES, Profile
from drivers.sim.r30xunit import Unit
from drivers.sim.r30xwire import Code, Op
from drivers.sim.tcpport import TcpPort

__all__ = [
    "PROFILES",
    "Code",
    "Fault",
    "Finger",
    "FingerprintModule",
    "Op",
    "Profile",
    "Pty",
    "Quality",
    "Rule",
    "TcpPort",
    "Touch",
]

TICK_S: Final = 0.005
"""How often it is looked whether somebody has opened the port."""

IDLE_S: Final = 0.25
"""How often its thread looks around where nothing happens."""


class FingerprintModule:
    """One module at one port; a context manager that has power inside the `with`. Thread-safe.

    Attributes:
        port: where clients reach it.
        profile: its model.
    """

    def __init__(
        self,
        profile: Profile | str,
        port: Pty | TcpPort,
        *,
        serial: str = "SIM00001",
        rules: Sequence[Rule] = (),
        seed: int = 1,
        realistic: bool = False,
        start_s: float | None = None,
    ) -> None:
        """Describe a module; nothing is opened before `start`.

        Args:
            realistic: it takes its time, and its bytes come as its speed lets them.
            start_s: how long it takes to start; None is its model's with `realistic`, else none.
        """
        self.port = port
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self._unit = Unit(
            self.profile,
            serial=serial,
            rules=rules,
            seed=seed,
            realistic=realistic,
            start_s=start_s,
        )
        self._bytes_left: int | None = None  # until it is unplugged
        self._changed = threading.Condition(threading.RLock())
        self._asked: deque[Callable[[], None]] = deque()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake: tuple[int, int] | None = None

    # Switching on and off

    def start(self) -> None:
        """Plug it in and give it power. Raises OSError (no room for the link, port taken)."""
        self._switch(True)  # before anybody can have opened its port: a quick one is ready by then
        self.port.plug()
        self._stopping.clear()
        self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, name="r30xsim", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Unplug it and end its thread; its flash stays. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is not None and self._wake is not None:
            self._stopping.set()
            os.write(self._wake[1], b"!")
            thread.join()
            for end in self._wake:
                os.close(end)
            self._wake = None
        self.port.unplug()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # What people do to it

    def place(self, identity: str, quality: Quality = Quality.OK, likeness: int = 100) -> None:
        """Put a finger on it. Raises ValueError where its name is too long."""
        self.glass.place(Finger(identity, quality, likeness))
        self._do(lambda: self._say_all(self._unit.touched()))

    def lift(self) -> None:
        """Take the finger away."""
        self.glass.lift()

    def follow(self, script: Iterable[Touch]) -> None:
        """Let fingers come and go as the module looks for them (GEN_IMG). Raises ValueError."""
        self.glass.follow(script)
        self._do(lambda: self._say_all(self._unit.touched()))

    def power_off(self) -> None:
        """Take its power; the port stays."""
        self._do(lambda: self._switch(False))

    def power_on(self) -> None:
        """Give it power again."""
        self._do(lambda: self._switch(True))

    def power_cycle(self) -> None:
        """Take its power and give it again: all but the flash is gone."""
        self.power_off()
        self.power_on()

    def unplug(self, after_bytes: int = 0) -> None:
        """Pull it out, with its power: now, or in the middle of what it says next."""

        def pull() -> None:
            self._bytes_left = after_bytes or None
            if self._bytes_left is None:
                self._pull()

        self._do(pull)

    def replug(self) -> None:
        """Plug it in again, under the same link and another name."""

        def plug() -> None:
            self._bytes_left = None
            self._switch(True)
            self.port.plug()

        self._do(plug)

    def enrolled(self, page: int, identity: str) -> None:
        """Have a finger in its library, by no command."""
        self._do(lambda: self._unit.enrolled(page, identity))

    def give_password(self, password: int) -> None:
        """Have somebody else have given it a password; it wants to see it from now on."""
        self._do(lambda: self._unit.give_password(password))

    def set_speed(self, units: int) -> None:
        """Have somebody else have set its speed, in 9600 bits a second: from its next start on."""
        self._do(lambda: self._unit.flash.set(Register.SPEED, units))

    def break_sensor(self, broken: bool = True) -> None:
        """Let its sensor fail, or work again."""
        self._do(lambda: self._unit.break_sensor(broken))

    def spoil(self, *rules: Rule, seed: int | None = None) -> None:
        """Let things go wrong from now on as these rules say, and no others."""
        self._do(lambda: self._unit.spoil(rules, seed))

    # What a test may look at

    @property
    def glass(self) -> Glass:
        """Return what lies on it."""
        return self._unit.glass

    @property
    def library(self) -> dict[int, tuple[str, ...]]:
        """Return whose finger is in which page."""
        with self._changed:
            return self._unit.library

    @property
    def light(self) -> bytes:
        """Return the content of the last AURA_LED_CONFIG."""
        with self._changed:
            return self._unit.light

    @property
    def speed(self) -> int:
        """Return its speed in bits a second."""
        with self._changed:
            return self._unit.speed

    @property
    def requests(self) -> tuple[int, ...]:
        """Return the first bytes of the commands that arrived whole, oldest first."""
        with self._changed:
            return tuple(self._unit.requests)

    @property
    def faults_done(self) -> dict[Fault, int]:
        """Return how often each fault has happened since the rules were given."""
        with self._changed:
            return dict(self._unit.faults.done)

    def wait_until(self, true: Callable[[Self], bool], timeout_s: float = 5.0) -> bool:
        """Wait until `true(self)` holds, looked at after every frame and control.

        Returns whether it did within `timeout_s` seconds.
        """
        with self._changed:
            return self._changed.wait_for(lambda: true(self), timeout_s)

    # The thread

    def _do(self, what: Callable[[], object]) -> None:
        """Do it in the module's thread, which alone touches port and module; wait for it."""
        thread = self._thread
        if thread is None or self._wake is None:
            what()
            return
        done = threading.Event()
        trouble: list[OSError] = []

        def asked() -> None:
            try:
                what()
            except OSError as error:
                trouble.append(error)
            finally:
                done.set()

        self._asked.append(asked)
        os.write(self._wake[1], b"!")
        while not done.wait(1.0):
            if not thread.is_alive():
                raise RuntimeError("the simulated module's thread has ended")
        if trouble:
            raise trouble[0]

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wait()
            with self._changed:
                while self._asked:
                    self._asked.popleft()()
                self._serve()
                self._changed.notify_all()
        while self._asked:
            self._asked.popleft()()

    def _wait(self) -> None:
        """Wait for bytes, for a control, or for time to pass."""
        if self._wake is None:
            return
        wake = self._wake[0]
        watched: list[int] = [wake]
        if self.port.listened:
            watched.append(self.port.fileno())
        impatient = len(watched) == 1 or self._unit.due_s is not None
        ready, _, _ = select.select(watched, [], [], TICK_S if impatient else IDLE_S)
        if wake in ready:
            os.read(wake, 64)

    def _serve(self) -> None:
        """Let the unit hear what has come, and say what it says."""
        octets, speed = b"", None
        if self.port.plugged:
            octets = self.port.read()
            speed = self.port.speed if octets else None
        now_s = time.monotonic()
        heard = self._unit.hear(octets, speed, now_s) if octets else self._unit.tick(now_s)
        self._say_all(heard)

    def _say_all(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.wait_s:
                self._stopping.wait(piece.wait_s)
            self._say(piece.octets)

    def _say(self, octets: bytes) -> None:
        if not self.port.plugged:
            return
        if self._bytes_left is None:
            self.port.write(octets)
            return
        self.port.write(octets[: self._bytes_left])
        self._bytes_left -= len(octets)
        if self._bytes_left <= 0:
            self._pull()

    def _switch(self, on: bool) -> None:
        self._unit.switch(on, time.monotonic())
        self._say_all(self._unit.tick(time.monotonic()))

    def _pull(self) -> None:
        self._bytes_left = None
        self.port.unplug()
        self._switch(False)
