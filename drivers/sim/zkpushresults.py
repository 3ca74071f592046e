"""What a simulated push terminal has to say of the commands that it took, and when it does."""

from msgspec import Struct

from drivers.sim.zkpushfaults import PushFaults, Results
from drivers.sim.zkpushwire import PushProfile


class Result(Struct, frozen=True):
    """What became of a command; `word` is its first."""

    number: int
    code: int
    word: str


class ToTell:
    """The results that the server has not heard yet."""

    def __init__(self, profile: PushProfile, faults: PushFaults) -> None:
        self._profile = profile
        self._faults = faults
        self._waiting: list[Result] = []
        self._polls = 0
        self._lost = faults.results_lost

    def add(self, result: Result) -> None:
        """Have one more told."""
        self._waiting.append(result)

    def due(self, users: int) -> list[str]:
        """Return the lines to send after a poll; none while it keeps them. `users` it has."""
        if not self._waiting or self._faults.results is Results.NEVER:
            return []
        self._polls += 1
        if self._polls <= self._faults.results_late:
            return []
        self._polls = 0
        if self._lost:
            self._lost -= 1
            self._waiting.clear()
            return []
        told = self._waiting[:: -1 if self._faults.results is Results.REVERSED else 1]
        lines = [f"ID={one.number}&Return={one.code}&CMD={one.word}" for one in told]
        if any(one.word == "INFO" for one in told):
            profile = self._profile
            lines += [f"~DeviceName={profile.model}", f"FWVersion={profile.firmware}"]
            lines.append(f"UserCount={users}")
        return lines

    def told(self) -> None:
        """Forget what has been told."""
        self._waiting.clear()
