"""What requests to terminals need of this kiosk: its journal, its clock, its roster."""

from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.base import Credential
from kiosk.clock import TrustedClock
from kiosk.devices import Did
from sync.edge.roster import Rosters
from sync.journal.journal import Draft, Journal, Position
from sync.protocol import entry


class Here:
    """Implements `Here` of `kiosk.devices`, `roll`, `pins` and `faces.telling`."""

    def __init__(
        self,
        journal: Journal,
        clock: TrustedClock,
        rosters: Rosters,
        earlier: Callable[[str], bytes | None] = lambda _: None,
    ) -> None:
        """`earlier` is what was last committed under a position's name before this epoch."""
        self._journal = journal
        self._clock = clock
        self._rosters = rosters
        self._earlier = earlier

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        """Write an audit entry. Raises JournalError."""
        self._journal.append([self._draft(Did(actor, action, detail))])

    def stamp(self) -> entry.Stamp:
        """Return the time, and how far it may be trusted."""
        return self._clock.stamp()

    @property
    def utc_ms(self) -> int:
        """Return the time, milliseconds UTC."""
        return self._clock.stamp().wall

    def keep(self, position: Position, did: Sequence[Did] = ()) -> None:
        """Commit what was done together with what is to be remembered. Raises JournalError."""
        self._journal.append([self._draft(one) for one in did], position)

    def recall(self, name: str) -> bytes | None:
        """Return what was kept under the position's name. Raises JournalError."""
        kept = self._journal.reader.position(name)
        return self._earlier(name) if kept is None else kept

    def _draft(self, did: Did) -> Draft:
        at = self._clock.stamp()
        audit = entry.Audit(at=at, actor=did.actor, action=did.action, detail=dict(did.detail))
        return Draft(entry.encode(audit))

    def knows(self, user: str) -> bool:
        """Return whether the roster knows a terminal's user id today."""
        return self.whose(user) is not None

    def whose(self, user: str) -> str | None:
        """Return whom the roster knows by a terminal's user id today; None for nobody."""
        today = self._clock.now().astimezone().date()
        return self._rosters.current.person(Credential.TERMINAL_USER, user, today)

    def local_time(self, zone: str) -> datetime | None:
        """Return the naive time in `zone`; None while our clock is not trusted."""
        if not self._clock.belief().may_show_lateness:
            return None
        return self._clock.now().astimezone(ZoneInfo(zone)).replace(tzinfo=None)
