"""What is written of a source beside its presences. Pure: no clock, no file, no thread."""

from drivers.base import Coverage, Event, Identity, Lost
from sync.protocol import entry
from sync.protocol.entry import Stamp


class SourceEntries:
    """The entries of one source, by its name; `zone` is its terminal's."""

    def __init__(self, source: str, zone: str) -> None:
        self._source = source
        self._zone = zone

    def terminal(self, at: Stamp, identity: Identity) -> entry.Terminal:
        """Return which device answers under the source's name."""
        return entry.Terminal(
            at=at,
            source=self._source,
            serial=identity.serial,
            model=identity.model,
            firmware=identity.firmware,
            platform=identity.platform,
        )

    def replaced(self, at: Stamp, actor: str, before: str, after: str) -> entry.Audit:
        """Return that a technician calls terminal `after` the successor of `before`."""
        detail = {"source": self._source, "before": before, "after": after}
        return entry.Audit(at=at, actor=actor, action="terminal replaced", detail=detail)

    def clock_was_set(self, at: Stamp, serial: str, before_ms: int, after_ms: int) -> entry.Audit:
        """Return that somebody set a terminal's clock: how far it was from ours, and is now."""
        return entry.Audit(
            at=at,
            actor="kiosk",
            action="terminal clock",
            detail={
                "source": self._source,
                "terminal": serial,
                "before": f"{before_ms / 1000:+.1f} s",
                "after": f"{after_ms / 1000:+.1f} s",
            },
        )

    def event(self, at: Stamp, serial: str, event: Event) -> entry.Audit:
        """Return what a terminal says was done to it; recorded once, however often it is told."""
        return entry.Audit(
            at=at,
            actor=entry.TERMINAL_ACTOR,
            action=event.action,
            detail={
                "source": self._source,
                "terminal": serial,
                "time": event.time,
                "by": event.by,
                **event.detail,
            },
        )

    def coverage(
        self, at: Stamp, serial: str, coverage: Coverage, drift: int | None
    ) -> entry.Coverage:
        """Return that a terminal's record has been read completely."""
        return entry.Coverage(
            at=at,
            source=self._source,
            terminal=serial,
            through=coverage.through,
            zone=self._zone,
            records=coverage.records,
            drift=drift,
        )

    def gap(self, at: Stamp, lost: Lost) -> entry.Gap:
        """Return that something of the source's may be missing."""
        return entry.Gap(
            at=at,
            what="terminal",
            source=self._source,
            since=lost.since,
            until=lost.until,
            reason=lost.reason,
        )
