"""What a technician asks of the cameras: the daemon's end of `kiosk camera`.

The recognizer has the gallery in its memory and measures it there; nobody's template comes here.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from drivers.base import Source
from drivers.errors import SourceError
from drivers.faces import Calibration, KnowsFaces
from kiosk.collect import Collector
from kiosk.loans import NotLent
from kiosk.local import CannotDo

CALIBRATE_S: Final = 90.0
"""How long measuring the gallery may take, waiting for the camera's worker included."""

VISITS: Final = 50
"""Strangers a day before a camera, where nobody says how many."""

VISITS_MOST: Final = 1_000_000
"""More than a camera could see in a day."""


class Cameras:
    """The cameras among the sources, which `collectors` has by name."""

    def __init__(
        self, collectors: Mapping[str, Collector], cameras: Callable[[], list[str]]
    ) -> None:
        """`cameras` returns the names of those that are cameras."""
        self._collectors = collectors
        self._cameras = cameras

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {"calibrate": self.calibrate}

    def calibrate(self, said: Mapping[str, str]) -> str:
        """Measure the gallery of a camera; JSON of a `Calibration`. Raises CannotDo."""
        name = self.named(said)
        try:
            visits = int(said.get("visits", VISITS))
        except ValueError:
            raise CannotDo(f"visits: {said['visits'][:40]!r} is no number") from None
        if not 1 <= visits <= VISITS_MOST:
            raise CannotDo(f"visits: strangers a day are 1 to {VISITS_MOST}")

        def measure(source: Source) -> Calibration:
            if not isinstance(source, KnowsFaces):
                raise CannotDo(f"{name}: it knows nobody by their face")
            return source.calibrate(visits)

        try:
            measured = self._collectors[name].borrow(measure, CALIBRATE_S)
        except (NotLent, SourceError) as why:
            raise CannotDo(str(why)) from why
        return msgspec.json.encode(measured).decode()

    def named(self, said: Mapping[str, str]) -> str:
        """Return the camera that is meant, the only one where none is named. Raises CannotDo."""
        there = self._cameras()
        name = said.get("source", "") or (there[0] if len(there) == 1 else "")
        if name in there:
            return name
        if not there:
            raise CannotDo("no camera is configured here: add a source of kind 'camera'")
        raise CannotDo(f"which camera? There are: {', '.join(there)}")
