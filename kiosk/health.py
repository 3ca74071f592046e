"""One snapshot of how the kiosk is: for `kiosk status`, screens, metrics and central."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from drivers.base import Stranger
from kiosk.clock import Belief, TrustedClock
from kiosk.collect import Collector
from kiosk.upkeep import Kept
from kiosk.worker import Phase, Worker
from sync.edge.roster import Adopted
from sync.edge.session import Self
from sync.edge.uplink import Uplink
from sync.journal.epochs import Epochs
from sync.protocol import entry
from sync.protocol.errors import Malformed
from sync.protocol.health import MAX_SOURCES, Health, SourceHealth


class UsersStatus(Struct, frozen=True, kw_only=True):
    """How a terminal's users differ from the roster.

    Attributes:
        policy: the source's.
        measured: when that was found, milliseconds UTC; 0 for never.
        counts: how many differences of each kind.
        trouble: why they are not compared, or not made equal; "" for nothing.
    """

    policy: str
    measured: int
    counts: Mapping[str, int]
    trouble: str = ""


class SourceStatus(Struct, frozen=True, kw_only=True):
    """How a terminal is. While it is not connected, `error` says why and what to do.

    Attributes:
        serial, model: of the terminal that answered last.
        bound_to: serial of the terminal whose users are ours; another's are recorded, unresolved.
        users: how its users differ from the roster.
        has_clock: whether it has a clock of its own, and a record that can be read again: a camera,
            a finger module, a reader have neither.
    """

    name: str
    connected: bool
    phase: str
    failures: int
    error: str
    serial: str
    model: str
    bound_to: str
    drift_ms: int | None
    recorded: int
    covered: str
    records: int
    warnings: tuple[str, ...] = ()
    users: UsersStatus | None = None
    has_clock: bool = True


class LineStatus(Struct, frozen=True, kw_only=True):
    """How the line is.

    Attributes:
        waiting: entries without a receipt, over all epochs.
        certificate_until: when our certificate runs out, milliseconds UTC; 0 for none.
        renewal: why it is not renewed, with the next step; "" for nothing.
    """

    state: str
    error: str
    waiting: int
    receipt_utc: int
    certificate_until: int = 0
    renewal: str = ""


class JournalStatus(Struct, frozen=True, kw_only=True):
    """Where the journal stands."""

    epoch: str
    number: int
    first: int
    last: int
    receipted: int
    head: str


class DiskStatus(Struct, frozen=True, kw_only=True):
    """How the journal's medium is.

    Attributes:
        ballast: whether the last reserve is there.
        trouble: what is wrong with one of two media; "" for nothing.
        proved: entries checked since the daemon started.
    """

    level: str
    used_percent: float
    free_bytes: int
    ballast: bool
    trouble: str
    proved: int


class FixStatus(Struct, frozen=True):
    """A moment of this boot whose time is known and recorded; milliseconds."""

    utc: int
    error_ms: int
    anchor: str


class ClockStatus(Struct, frozen=True, kw_only=True):
    """How far the clock can be trusted.

    Attributes:
        state: a word of `truth.Trust`.
        utc: what it shows, milliseconds.
        error_ms: how far that may be off; None where nobody knows.
        anchor: whom it goes by (`ntp`, `receipt`, `technician`); "" for nobody.
        may_show_lateness: whether anybody may be told that they are late.
        trouble: what contradicts it, and the next step; "" for nothing.
        fixes: what this boot has recorded, the latest last.
    """

    state: str
    utc: int
    error_ms: int | None
    anchor: str
    may_show_lateness: bool
    trouble: str
    fixes: list[FixStatus]


class PushStatus(Struct, frozen=True, kw_only=True):
    """Where push terminals call. `trouble` says why they cannot; "" for nothing."""

    port: int
    trouble: str
    strangers: list[Stranger]


class RosterStatus(Struct, frozen=True, kw_only=True):
    """Who is known here: `version` is when central made it, milliseconds UTC; 0 for none yet."""

    version: int
    people: int


class FacesStatus(Struct, frozen=True, kw_only=True):
    """How the vault is.

    Attributes:
        people: how many it knows.
        trouble: why nobody, or somebody, is not known by face, or what could not be done; "" for
            nothing.
        untold: entries that wait for the journal.
        open: what is forgotten here and not everywhere yet: certificate and source, not who.
    """

    people: int = 0
    trouble: str = ""
    untold: int = 0
    open: list[str] = []


class Status(Struct, frozen=True, kw_only=True):
    """The whole of it."""

    kiosk: str
    software: str
    clock: ClockStatus
    roster: RosterStatus
    journal: JournalStatus
    disk: DiskStatus
    line: LineStatus
    sources: list[SourceStatus]
    push: PushStatus | None = None
    faces: FacesStatus | None = None


def told(status: Status, epochs: Epochs, now: int) -> Health:
    """Return what central is told of a status at `now`, milliseconds UTC by our clock."""
    return Health(
        at=max(0, now),
        waiting=max(0, status.line.waiting),
        oldest=_oldest(epochs),
        trusted=status.clock.may_show_lateness,
        error=status.clock.error_ms,
        disk=min(100.0, max(0.0, status.disk.used_percent)),
        until=status.line.certificate_until,
        sources=[
            SourceHealth(
                name=one.name[:64],
                connected=one.connected,
                covered=one.covered[:64],
                drift=one.drift_ms,
                failures=one.failures,
                warnings=len(one.warnings),
            )
            for one in status.sources[:MAX_SOURCES]
        ],
    )


def _oldest(epochs: Epochs) -> int:
    """Return when the first entry without a receipt was recorded, ms UTC; 0 for none."""
    for one in epochs.journals:
        if one.replaced or one.cursor >= one.span().last:
            continue
        row = next(iter(one.reader.rows(one.cursor + 1)), None)
        if row is None or row.body is None:
            continue
        try:
            return max(0, entry.decode(row.body).at.wall)
        except Malformed:
            return 0
    return 0


def snapshot(
    me: Self,
    clock: TrustedClock,
    roster: Adopted,
    epochs: Epochs,
    kept: Kept,
    uplink: Uplink,
    collectors: Mapping[str, Collector],
    workers: Sequence[Worker],
    push: PushStatus | None = None,
    users: Mapping[str, UsersStatus] = {},
    faces: FacesStatus | None = None,
    renewal: str = "",
) -> Status:
    """Return how everything is now."""
    live = epochs.live
    span = live.span()
    by_name = {worker.name: worker for worker in workers}
    line_worker = by_name["line"]
    line = uplink.line
    return Status(
        kiosk=me.kiosk,
        software=me.software,
        clock=_clock(clock.belief()),
        roster=RosterStatus(version=roster.version, people=roster.people),
        journal=JournalStatus(
            epoch=live.life.epoch,
            number=live.life.number,
            first=span.first,
            last=span.last,
            receipted=live.cursor,
            head=span.head.hex(),
        ),
        disk=DiskStatus(
            level=kept.level.name.lower(),
            used_percent=kept.used_percent,
            free_bytes=kept.free_bytes,
            ballast=kept.ballast,
            trouble=kept.trouble,
            proved=kept.proved,
        ),
        line=LineStatus(
            state=line.state.value,
            error=line.error or (line_worker.error if line_worker.phase is Phase.WAITING else ""),
            waiting=sum(
                one.span().last - one.cursor for one in epochs.journals if not one.replaced
            ),
            receipt_utc=line.receipt_utc,
            certificate_until=line.certificate_until,
            renewal=renewal,
        ),
        sources=[
            _source(by_name[name], one, users.get(name))
            for name, one in collectors.items()
            if name in by_name
        ],
        push=push,
        faces=faces,
    )


def _clock(belief: Belief) -> ClockStatus:
    return ClockStatus(
        state=belief.trust.value,
        utc=belief.at.wall,
        error_ms=belief.error,
        anchor=belief.anchor.value if belief.anchor else "",
        may_show_lateness=belief.may_show_lateness,
        trouble=belief.trouble,
        fixes=[FixStatus(fix.utc, fix.error, fix.anchor.value) for fix in belief.recorded],
    )


def _source(worker: Worker, collector: Collector, users: UsersStatus | None) -> SourceStatus:
    seen = collector.seen
    return SourceStatus(
        name=worker.name,
        connected=seen.connected,
        phase=worker.phase.value,
        failures=worker.failures,
        error="" if seen.connected else worker.error,
        serial=seen.identity.serial if seen.identity else "",
        model=seen.identity.model if seen.identity else "",
        bound_to=seen.bound_to,
        drift_ms=seen.drift_ms,
        recorded=seen.recorded,
        covered=seen.covered,
        records=seen.records,
        warnings=seen.warnings,
        users=users,
        has_clock=seen.has_clock,
    )
