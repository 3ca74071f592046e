"""A machine whose clocks do what a test says: nothing here looks at the real ones."""

from sync.machine import Reading
from sync.protocol.moments import NEVER_BEFORE_MS

SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
YEARS_10 = 3650 * DAY
NOW = NEVER_BEFORE_MS + 300 * DAY


class FakeMachine:
    """Its truth goes on with `pass_`; its wall is `off` from the truth."""

    def __init__(self, truth: int = NOW, off: int = 0, boot: str = "b1") -> None:
        self.truth = truth
        self.off = off
        self.up = 10 * SECOND
        self.boot = boot
        self.synced = False
        self.error = 20

    def __call__(self) -> Reading:
        return Reading(self.truth + self.off, self.up, self.boot, self.synced, self.error)

    def pass_(self, ms: int) -> None:
        """Let time pass."""
        self.truth += ms
        self.up += ms

    def sync(self) -> None:
        """NTP has set the clock."""
        self.off, self.synced = 0, True

    def reboot(self, wall: int, off_for: int = MINUTE) -> None:
        """Power was away; the clock wakes at `wall`."""
        self.truth += off_for
        self.off = wall - self.truth
        self.up, self.synced = 5 * SECOND, False
        self.boot += "'"
