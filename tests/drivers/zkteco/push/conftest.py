"""A listener on 127.0.0.1, sources that are read by a thread, and clocks that may be distrusted."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from drivers.base import Punch, Reading
from drivers.options import PushListener, ZkPush
from drivers.sim.zkpush import PushTerminal
from drivers.zkteco.push.listener import Listener
from drivers.zkteco.push.source import PushSource

WITHIN_S = 10.0


def now() -> datetime:
    return datetime.now(UTC)


class Stand:
    """A running listener, and what its sources are.

    Attributes:
        trusted: whether the clock may be told.
    """

    def __init__(self, **options: object) -> None:
        given = {"host": "127.0.0.1", "port": 0, **options}
        self.trusted = True
        self.listener = Listener(PushListener(**given), now, self.told)  # type: ignore[arg-type]
        self._stop, self._up = threading.Event(), threading.Event()
        self._thread = threading.Thread(
            target=self.listener.run, args=(self._stop.is_set, self._up.set)
        )

    def told(self) -> datetime | None:
        return now() if self.trusted else None

    def start(self) -> None:
        self._thread.start()
        assert self._up.wait(WITHIN_S)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()

    def source(self, serial: str = "PUSH0001", **more: object) -> PushSource:
        given = {"name": "lobi", "serial": serial, "timezone": "UTC", **more}
        return PushSource(ZkPush(**given), now, self.told, self.listener)  # type: ignore[arg-type]


class Reader:
    """Reads a source as a collector does, and keeps what came; a context manager.

    `before_confirm` is called with each reading: what happens between the commit and the 200.
    """

    def __init__(
        self,
        source: PushSource,
        position: bytes | None = None,
        before_confirm: Callable[[Reading], None] = lambda _: None,
    ) -> None:
        self.readings: list[Reading] = []
        self.position = position
        self._source = source
        self._before_confirm = before_confirm
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set():
            reading = self._source.read(0.05)
            if reading is not None:
                self.readings.append(reading)
                if reading.position is not None:
                    self.position = reading.position
                self._before_confirm(reading)
                self._source.confirm(reading)

    def __enter__(self) -> "Reader":
        self._source.open(self.position, lambda: None)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(WITHIN_S)
        self._source.close()

    @property
    def punches(self) -> list[Punch]:
        return [punch for reading in self.readings for punch in reading.punches]


@pytest.fixture
def make_stand() -> Iterator[Callable[..., Stand]]:
    """Return a function that starts a listener; its arguments are settings of [push]."""
    made: list[Stand] = []

    def make(**options: object) -> Stand:
        stand = Stand(**options)
        made.append(stand)
        stand.start()
        return stand

    yield make
    for stand in made:
        stand.stop()


@pytest.fixture
def stand(make_stand: Callable[..., Stand]) -> Stand:
    """Return a running listener."""
    return make_stand()


@pytest.fixture
def terminal(stand: Stand) -> Iterator[Callable[..., PushTerminal]]:
    """Return a function that makes a simulated terminal; its arguments are PushTerminal's."""
    made: list[PushTerminal] = []

    def make(**more: object) -> PushTerminal:
        one = PushTerminal("127.0.0.1", stand.listener.port, **more)  # type: ignore[arg-type]
        made.append(one)
        return one

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def read() -> type[Reader]:
    """Return what reads a source."""
    return Reader
