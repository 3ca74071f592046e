"""What the technician's requests need of this kiosk: its journal, its clock, its roster."""

from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.base import Credential
from kiosk.clock import TrustedClock
from sync.edge.roster import Rosters
from sync.journal.journal import Draft, Journal
from sync.protocol import entry


class Here:
    """Implements `kiosk.devices.Here`."""

    def __init__(self, journal: Journal, clock: TrustedClock, rosters: Rosters) -> None:
        self._journal = journal
        self._clock = clock
        self._rosters = rosters

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        """Write an audit entry. Raises JournalError."""
        audit = entry.Audit(at=self._clock.stamp(), actor=actor, action=action, detail=detail)
        self._journal.append([Draft(entry.encode(audit))])

    def knows(self, user: str) -> bool:
        """Return whether the roster knows a terminal's user id today."""
        today = self._clock.now().astimezone().date()
        return self._rosters.current.person(Credential.TERMINAL_USER, user, today) is not None

    def local_time(self, zone: str) -> datetime | None:
        """Return the naive time in `zone`; None while our clock is not trusted."""
        if not self._clock.belief().may_show_lateness:
            return None
        return self._clock.now().astimezone(ZoneInfo(zone)).replace(tzinfo=None)
