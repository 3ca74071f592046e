"""Collecting: on disk first, confirmed after; what is read twice is recorded once."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from drivers.base import Coverage, Credential, Event, Identity, Lost, Punch, Reading, Witness
from drivers.errors import TimedOut
from kiosk import standing
from kiosk.collect import PAGE, Collector, NotReplaced
from kiosk.intake import origin
from kiosk.loans import NotLent
from kiosk.standing import Standing
from sync.edge.roster import Rosters
from sync.journal.errors import StorageFull
from sync.journal.journal import Draft, Journal, Position
from sync.journal.reader import Life
from sync.protocol import entry

ME = Identity(serial="T1", model="F19")


class FixedClock:
    """A clock that stands still."""

    def stamp(self) -> entry.Stamp:
        return entry.Stamp(wall=1, up=2, boot="b", synced=False)

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)


class ScriptedSource:
    """Gives its readings one after the other, then says that the terminal is silent."""

    name = "lobi"

    def __init__(self, *readings: Reading | None, journal: Journal) -> None:
        self.identity = ME
        self._readings = list(readings)
        self._journal = journal
        self.confirmed: list[int] = []
        self.position: bytes | None = None
        self.closed = 0

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        self.position = position
        return self.identity

    def read(self, wait_s: float) -> Reading | None:
        if not self._readings:
            raise TimedOut("T1 is silent")
        return self._readings.pop(0)

    def confirm(self, reading: Reading) -> None:
        # What is on disk at the moment of confirmation, seen through another connection.
        self.confirmed.append(self._journal.reader.span().last)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    Journal.make(tmp_path / "j.db", Life("k1", "e1", 1, b"key"))
    one = Journal(tmp_path / "j.db")
    one.open()
    yield one
    one.close()


def punch(n: int, ordinal: int = 1, witness: Witness = Witness.LIVE) -> Punch:
    return Punch(
        terminal="T1",
        credential=Credential.TERMINAL_USER,
        user=str(n),
        time="2026-11-24T07:00:00",
        ordinal=ordinal,
        witness=witness,
    )


def new_collector(
    source: ScriptedSource,
    journal: Journal,
    tell: Callable[[int, entry.Presence], None] = lambda *_: None,
    earlier: bytes | None = None,
) -> Collector:
    roster, window = Rosters(), timedelta(seconds=120)
    return Collector(source, "Asia/Jakarta", journal, FixedClock(), roster, tell, window, earlier)


def collect(
    source: ScriptedSource, journal: Journal, earlier: bytes | None = None
) -> tuple[Collector, list[int]]:
    told: list[int] = []
    collector = new_collector(source, journal, lambda seq, _: told.append(seq), earlier)
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    assert source.closed == 1
    return collector, told


def kinds(journal: Journal) -> list[str]:
    found = []
    for row in journal.reader.rows(1):
        assert row.body is not None
        found.append(type(entry.decode(row.body)).__name__)
    return found


def test_a_punch_is_confirmed_only_once_it_is_on_disk(journal: Journal) -> None:
    source = ScriptedSource(
        Reading(punches=[punch(1)]), Reading(punches=[punch(2), punch(3)]), journal=journal
    )
    _, told = collect(source, journal)
    assert source.confirmed == [2, 4]  # entry 1 says which terminal it is
    assert told == [2, 3, 4]


def test_a_log_read_again_records_only_what_is_new(journal: Journal) -> None:
    log = [punch(n, witness=Witness.LOG) for n in range(PAGE + 10)]
    covered = Coverage(through="2026-11-24T07:00:01", records=len(log))
    source = ScriptedSource(
        Reading(punches=log[:5]),
        Reading(punches=log, coverage=covered, drift_ms=-40, position=b"p1"),
        Reading(punches=[*log, punch(1, ordinal=2)], coverage=covered),
        journal=journal,
    )
    collector, told = collect(source, journal)
    assert len(told) == len(log) + 1
    assert collector.seen.recorded == len(log) + 1
    assert collector.seen.known_already == 5 + len(log)
    assert kinds(journal).count("Coverage") == 2
    assert standing.decode(journal.reader.position("lobi")).position == b"p1"
    assert collector.seen.drift_ms == -40


def test_coverage_comes_after_every_punch_that_it_speaks_of(journal: Journal) -> None:
    log = [punch(n) for n in range(PAGE + 1)]
    covered = Coverage(through="2026-11-24T07:00:01", records=len(log))
    collect(ScriptedSource(Reading(punches=log, coverage=covered), journal=journal), journal)
    assert kinds(journal) == ["Terminal", *["Presence"] * len(log), "Coverage"]


def test_the_end_of_a_record_covers_and_is_not_taken_for_the_whole(journal: Journal) -> None:
    """What it lacks is on the terminal still: no origin of it may be forgotten."""
    log = [punch(n, witness=Witness.LOG) for n in range(4)]
    whole = Coverage(through="2026-11-24T07:00:01", records=4)
    end = Coverage(through="2026-11-24T08:00:00", records=5)
    collect(ScriptedSource(Reading(punches=log, coverage=whole), journal=journal), journal)
    journal.receipted(5, 86_400_000)
    journal.prune(5)
    source = ScriptedSource(
        Reading(punches=[log[3], punch(9, witness=Witness.LOG)], tail=end), journal=journal
    )
    collector, told = collect(source, journal)
    assert len(told) == 1
    assert known(journal, log) == [True] * 4
    assert kinds(journal)[-2:] == ["Presence", "Coverage"]
    assert (collector.seen.covered, collector.seen.records) == (end.through, 5)


def test_warnings_stay_until_a_reading_looks_again(journal: Journal) -> None:
    full, live = Reading(punches=[], warnings=["full"]), Reading(punches=[punch(1)])
    collector, _ = collect(ScriptedSource(full, live, journal=journal), journal)
    assert collector.seen.warnings == ("full",)
    fine = Reading(punches=[], warnings=[])
    collector, _ = collect(ScriptedSource(full, fine, journal=journal), journal)
    assert collector.seen.warnings == ()


def test_what_a_terminal_has_lost_is_a_gap_before_it_is_covered(journal: Journal) -> None:
    log = [punch(n) for n in range(3)]
    whole = Coverage(through="2026-11-24T07:00:01", records=3)
    cleared = Coverage(through="2026-11-24T09:00:00", records=0)
    lost = Lost(since=whole.through, until=cleared.through, reason="cleared")
    collect(
        ScriptedSource(
            Reading(punches=log, coverage=whole),
            Reading(punches=[], coverage=cleared, lost=lost),
            journal=journal,
        ),
        journal,
    )
    assert kinds(journal)[-3:] == ["Coverage", "Gap", "Coverage"]
    gap = entry.decode(next(journal.reader.rows(6)).body or b"")
    assert isinstance(gap, entry.Gap)
    assert (gap.since, gap.until) == ("2026-11-24T07:00:01", "2026-11-24T09:00:00")
    assert (gap.source, gap.reason) == ("lobi", "cleared")


def test_the_position_is_handed_back(journal: Journal) -> None:
    collect(ScriptedSource(Reading(punches=[], position=b"here"), journal=journal), journal)
    source = ScriptedSource(journal=journal)
    collect(source, journal)
    assert source.position == b"here"


def test_a_new_epoch_takes_over_the_binding_and_no_position(journal: Journal) -> None:
    earlier = Standing(serial="T0", covered="2026-11-23T17:00:00", position=b"there")
    source = ScriptedSource(Reading(punches=[punch(1)]), journal=journal)
    collector, _ = collect(source, journal, earlier=standing.encode(earlier))
    assert source.position is None
    assert collector.seen.bound_to == "T0"
    assert marks(journal) == ["unbound"]


def test_a_new_epoch_knows_what_the_terminal_had_when_it_was_last_read(journal: Journal) -> None:
    """A log that is cleared while an epoch ends would be covered as if nothing had been in it."""
    seen = Reading(punches=[], position=b"seen", lasting=True)
    collect(ScriptedSource(seen, journal=journal), journal)
    stands = standing.decode(journal.reader.position("lobi"))
    assert stands.inherited().position == b"seen"
    cursor = ScriptedSource(Reading(punches=[], position=b"cursor"), journal=journal)
    collect(cursor, journal)
    assert standing.decode(journal.reader.position("lobi")).inherited().position is None


def marks(journal: Journal) -> list[str]:
    return [one.mark.value for one in presences(journal)]


def presences(journal: Journal) -> list[entry.Presence]:
    bodies = [row.body for row in journal.reader.rows(1) if row.body is not None]
    return [said for said in map(entry.decode, bodies) if isinstance(said, entry.Presence)]


def another(journal: Journal, *readings: Reading) -> ScriptedSource:
    """Return what answers after T1 under its address: T2."""
    source = ScriptedSource(*readings, journal=journal)
    source.identity = Identity(serial="T2", model="F22")
    return source


def of_t2(one: Punch) -> Punch:
    return structs.replace(one, terminal="T2")


def test_another_terminal_is_heard_and_nobody_is_known_by_it(journal: Journal) -> None:
    whole = Coverage(through="2026-11-24T07:00:01", records=1)
    collect(ScriptedSource(Reading(punches=[punch(1)], coverage=whole), journal=journal), journal)
    log = Reading(punches=[of_t2(punch(5))], coverage=whole, position=b"p")
    collector, told = collect(another(journal, log), journal)
    assert (collector.seen.bound_to, collector.seen.identity.serial) == ("T1", "T2")
    assert len(told) == 1
    assert [(one.terminal, one.mark.value) for one in presences(journal)] == [
        ("T1", "stranger"),
        ("T2", "unbound"),
    ]
    # Its record proves nothing about the source, so nobody is absent by it.
    assert kinds(journal) == ["Terminal", "Presence", "Coverage", "Terminal", "Presence"]
    # The first one comes back: it is the one that the source is bound to.
    collect(ScriptedSource(Reading(punches=[punch(2)]), journal=journal), journal)
    assert marks(journal)[-1] == "stranger"


def test_a_replaced_terminal_is_bound_and_what_the_old_one_had_is_a_gap(journal: Journal) -> None:
    whole = Coverage(through="2026-11-24T06:59:00", records=0)
    collect(ScriptedSource(Reading(punches=[], coverage=whole), journal=journal), journal)
    source = another(journal, Reading(punches=[of_t2(punch(1))]), Reading(punches=[], drift_ms=1))
    collector = new_collector(source, journal, tell=lambda *_: said.append(replace()))
    said: list[str] = []

    def replace() -> str:
        return collector.replace("rudi")

    collector.run(lambda: False, lambda: None)  # ends by itself: all is read again
    assert said == ["lobi is bound to T2; before it was T1"]
    audit, gap = (entry.decode(row.body or b"") for row in list(journal.reader.rows(1))[-2:])
    assert isinstance(audit, entry.Audit)
    assert (audit.actor, audit.action) == ("rudi", "terminal replaced")
    assert audit.detail == {"source": "lobi", "before": "T1", "after": "T2"}
    assert isinstance(gap, entry.Gap)
    assert (gap.since, gap.until) == ("2026-11-24T06:59:00", "2026-11-24T07:00:00")
    with pytest.raises(NotReplaced, match="no terminal answers"):
        collector.replace("rudi")
    collect(another(journal, Reading(punches=[of_t2(punch(2))])), journal)
    assert marks(journal) == ["unbound", "stranger"]


def test_while_another_terminal_answers_nobody_watches_the_one_that_is_bound(
    journal: Journal,
) -> None:
    """A spare unit hung under its address for a day, and then the first one hangs there again."""
    whole = Coverage(through="2026-11-24T06:59:00", records=0)
    clock = SteppedClock()
    minutes, seen = 60_000, []
    for source in (
        ScriptedSource(Reading(punches=[], coverage=whole), journal=journal),
        another(journal, Reading(punches=[of_t2(punch(1))])),
        ScriptedSource(Reading(punches=[], coverage=whole), journal=journal),
    ):
        if not seen:
            collector = new_collector(source, journal)
            collector._clock = clock  # type: ignore[assignment]
        collector._source = source  # another device at the same address
        with pytest.raises(TimedOut):
            collector.run(lambda: False, lambda: None)
        clock.up += 1 * minutes if seen else 600 * minutes
        seen.append(source)
    said = [entry.decode(row.body or b"") for row in journal.reader.rows(1)]
    unwatched = [one for one in said if isinstance(one, entry.Unwatched)]
    assert [one.terminal for one in unwatched] == ["T1"]
    assert unwatched[0].at.up - unwatched[0].since.up > 600 * minutes


def test_when_it_was_heard_is_kept_now_and_then(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut at any moment leaves ten minutes in doubt, and costs a write in ten minutes."""
    whole = Coverage(through="2026-11-24T06:59:00", records=0)
    silent = [None] * 3000  # the clock goes on by some seconds with each
    source = ScriptedSource(Reading(punches=[], coverage=whole), *silent, journal=journal)
    collector, clock = new_collector(source, journal), SteppedClock()
    collector._clock = clock  # type: ignore[assignment]
    kept: list[int] = []
    append = Journal.append

    def appended(
        self: Journal, drafts: list[Draft], position: Position | None = None
    ) -> list[int | None]:
        if not drafts and position is not None:
            heard = standing.decode(position.value).heard
            assert heard is not None
            kept.append(heard.up)
        return append(self, drafts, position)

    monkeypatch.setattr(Journal, "append", appended)
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    lasted_s = clock.up / 1000
    assert lasted_s / 600 - 2 < len(kept) <= lasted_s / 600
    assert all(600_000 <= b - a < 620_000 for a, b in itertools.pairwise(kept))


def test_it_is_not_replaced_by_itself(journal: Journal) -> None:
    source = ScriptedSource(Reading(punches=[punch(1)]), journal=journal)
    refusals: list[NotReplaced] = []

    def replace(*_: object) -> None:
        with pytest.raises(NotReplaced, match="bound to T1 already") as refused:
            collector.replace("rudi")
        refusals.append(refused.value)

    collector = new_collector(source, journal, tell=replace)
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    assert len(refusals) == 1


def test_a_log_that_was_brought_along_is_not_recorded_twice(journal: Journal) -> None:
    log = [punch(n, witness=Witness.LOG) for n in range(3)]
    collect(ScriptedSource(Reading(punches=log), journal=journal), journal)
    stands = standing.decode(journal.reader.position("lobi"))
    position = standing.encode(stands.replaced("T2", "2026-11-24T07:00:01"))
    journal.append([], Position("lobi", position))
    later = structs.replace(log[0], time="2026-11-24T07:00:01")
    brought = [*map(of_t2, log), of_t2(punch(9, witness=Witness.LOG)), of_t2(later)]
    _, told = collect(another(journal, Reading(punches=brought)), journal)
    assert len(told) == 2
    assert [(one.terminal, one.user) for one in presences(journal)[3:]] == [
        ("T2", "9"),
        ("T2", "0"),
    ]


@pytest.mark.parametrize("has_clock", [True, False])
def test_whether_it_has_a_clock_is_known_before_it_was_ever_open(
    journal: Journal, has_clock: bool
) -> None:
    source = ScriptedSource(journal=journal)
    source.identity = Identity(serial="T1", model="F22", has_clock=has_clock)
    window = timedelta(seconds=120)
    collector = Collector(
        *(source, "Asia/Jakarta", journal, FixedClock(), Rosters(), lambda *_: None, window),
        has_clock=has_clock,
    )
    assert collector.seen.has_clock is has_clock
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    assert collector.seen.has_clock is has_clock


def test_of_a_terminal_that_nobody_called_the_successor_everything_is_kept(
    journal: Journal,
) -> None:
    """Two units may know two people by one id, and these may punch in one second."""
    log = [punch(n, witness=Witness.LOG) for n in range(3)]
    collect(ScriptedSource(Reading(punches=log), journal=journal), journal)
    _, told = collect(another(journal, Reading(punches=[*map(of_t2, log)])), journal)
    assert len(told) == 3
    assert marks(journal)[3:] == ["unbound"] * 3


@pytest.mark.parametrize("rows", [1, PAGE, PAGE + 1])
def test_the_last_page_of_a_brought_log_is_looked_at_as_well(journal: Journal, rows: int) -> None:
    """It may hold a single row, and is no live punch for that."""
    log = [punch(n, witness=Witness.LOG) for n in range(rows)]
    collect(ScriptedSource(Reading(punches=log), journal=journal), journal)
    stands = standing.decode(journal.reader.position("lobi"))
    replaced = standing.encode(stands.replaced("T2", "2026-11-24T07:00:01"))
    journal.append([], Position("lobi", replaced))
    _, told = collect(another(journal, Reading(punches=[*map(of_t2, log)])), journal)
    assert told == []


@pytest.mark.parametrize("ahead", ["clock", "covered"])
def test_rows_of_a_clock_that_ran_ahead_are_known_in_the_successors_log(
    journal: Journal, ahead: str
) -> None:
    """The old terminal's clock was in another zone, or ours is days behind when it is replaced."""
    time = "2026-11-24T09:00:00" if ahead == "clock" else "2026-11-28T09:00:00"
    row = structs.replace(punch(1, witness=Witness.LOG), time=time)
    whole = Coverage(through=time[:-2] + "01", records=1)
    if ahead == "clock":
        whole = structs.replace(whole, through="2026-02-31T09:00:00")
    collect(ScriptedSource(Reading(punches=[row], coverage=whole), journal=journal), journal)
    source = another(journal, Reading(punches=[of_t2(punch(7))]))
    collector = new_collector(source, journal, tell=lambda *_: said.append(replace()))
    said: list[str] = []

    def replace() -> str:
        return collector.replace("rudi")

    collector.run(lambda: False, lambda: None)
    assert said == ["lobi is bound to T2; before it was T1"]
    _, told = collect(another(journal, Reading(punches=[of_t2(row)])), journal)
    assert told == []


def test_rows_of_after_it_was_replaced_are_the_new_terminals_own(journal: Journal) -> None:
    log = [punch(1, witness=Witness.LOG), punch(2, witness=Witness.LOG)]
    collect(ScriptedSource(Reading(punches=log), journal=journal), journal)
    stands = standing.decode(journal.reader.position("lobi"))
    replaced = standing.encode(stands.replaced("T2", log[0].time))
    journal.append([], Position("lobi", replaced))
    _, told = collect(another(journal, Reading(punches=[*map(of_t2, log)])), journal)
    assert len(told) == 2


def test_a_record_that_nobody_reads_is_read_again_after_a_day(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.collect.WHOLE_EVERY_S", -1.0)
    whole = Reading(punches=[], coverage=Coverage(through="2026-11-24T07:00:01", records=0))
    source = ScriptedSource(whole, None, whole, journal=journal)
    new_collector(source, journal).run(lambda: False, lambda: None)
    assert (source.closed, len(source.confirmed)) == (1, 1)


def test_a_source_that_proves_no_coverage_is_not_opened_again_and_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.collect.time.monotonic", lambda: 30 * 86_400.0)  # a month after boot
    readings = [Reading(punches=[punch(1)]), None, Reading(punches=[punch(2)]), None]
    _, told = collect(ScriptedSource(*readings, journal=journal), journal)
    assert len(told) == 2


CLEARED = Event(action="terminal log cleared", time="2026-11-24T07:00:00", by="1")


def test_punches_events_and_position_are_one_commit(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits: list[tuple[int, bytes | None]] = []
    real = journal.append

    def counted(drafts: list[Draft], position: Position | None = None) -> list[int | None]:
        at = None if position is None else standing.decode(position.value).position
        commits.append((len(drafts), at))
        return real(drafts, position)

    monkeypatch.setattr(journal, "append", counted)
    log = [punch(n) for n in range(PAGE + 1)]
    source = ScriptedSource(
        Reading(punches=[punch(1)], events=[CLEARED], position=b"p1"),
        Reading(punches=[], position=b"p2"),
        Reading(punches=log, position=b"p3"),
        Reading(punches=[]),
        journal=journal,
    )
    collect(source, journal)
    assert commits[1:] == [  # the first one says which terminal it is
        (2, b"p1"),
        (0, b"p2"),
        (PAGE, None),
        (1, b"p3"),
    ]
    assert len(source.confirmed) == 4


def test_what_a_terminal_says_was_done_to_it_is_recorded_once(
    journal: Journal, tmp_path: Path
) -> None:
    again = Reading(punches=[], events=[CLEARED, CLEARED])
    other = Reading(punches=[], events=[structs.replace(CLEARED, time="2026-11-24T07:00:01")])
    collect(ScriptedSource(again, again, other, journal=journal), journal)
    journal.close()
    restarted = Journal(tmp_path / "j.db")
    restarted.open()
    collect(ScriptedSource(again, other, journal=restarted), restarted)
    told = audits(restarted)
    restarted.close()
    journal.open()
    assert [one.detail["time"] for one in told] == ["2026-11-24T07:00:00", "2026-11-24T07:00:01"]
    assert (told[0].actor, told[0].action) == ("terminal", "terminal log cleared")
    assert told[0].detail["source"] == "lobi"
    assert told[0].detail["by"] == "1"


def test_what_keeps_no_record_is_not_opened_anew_for_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader of cards has no log: closing it means that somebody's card is not heard."""
    monkeypatch.setattr("kiosk.collect.WHOLE_EVERY_S", -1.0)
    source = ScriptedSource(None, None, Reading(punches=[punch(1)]), journal=journal)
    collector, told = collect(source, journal)  # ends by the source's silence, not by itself
    assert told == [2]
    assert collector.seen.recorded == 1


def test_a_full_disk_confirms_nothing_and_says_so(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ScriptedSource(Reading(punches=[punch(1)]), journal=journal)
    real = journal.append

    def full(drafts: list[Draft], position: Position | None = None) -> list[int | None]:
        if any(draft.origin for draft in drafts):
            raise StorageFull("no room")
        return real(drafts, position)

    monkeypatch.setattr(journal, "append", full)
    collector = Collector(
        source,
        "Asia/Jakarta",
        journal,
        FixedClock(),
        Rosters(),
        lambda *_: pytest.fail("nobody may be told"),
        timedelta(0),
    )
    with pytest.raises(StorageFull):
        collector.run(lambda: False, lambda: None)
    assert source.confirmed == []
    assert source.closed == 1


def test_a_punch_that_was_refused_is_no_repeat_of_itself(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Reading(punches=[punch(1)])
    source = ScriptedSource(again, again, Reading(punches=[punch(1, ordinal=2)]), journal=journal)
    collector = new_collector(source, journal)
    with pytest.raises(TimedOut):  # binds the terminal, and reads nothing
        new_collector(ScriptedSource(journal=journal), journal).run(lambda: False, lambda: None)
    collector.seen.identity = ME
    with monkeypatch.context() as full:
        full.setattr(journal, "append", no_room)
        with pytest.raises(StorageFull):
            collector.run(lambda: False, lambda: None)
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    assert marks(journal) == ["stranger", "repeat"]


def test_a_terminal_first_seen_on_a_full_disk_is_bound_once_there_is_room(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be a stranger until the daemon's next start, and nobody known by it."""
    source = ScriptedSource(Reading(punches=[punch(1)]), journal=journal)
    collector = new_collector(source, journal)
    with monkeypatch.context() as full:
        full.setattr(journal, "append", no_room)
        with pytest.raises(StorageFull):
            collector.run(lambda: False, lambda: None)
        with pytest.raises(NotReplaced, match="no terminal answers"):
            collector.replace("rudi")
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    assert kinds(journal) == ["Terminal", "Presence"]
    assert marks(journal) == ["stranger"]
    assert collector.seen.bound_to == "T1"


def no_room(drafts: list[Draft], position: Position | None = None) -> list[int | None]:
    raise StorageFull("no room")


def test_the_terminal_is_noted_when_it_changes_only(journal: Journal) -> None:
    source = ScriptedSource(journal=journal)
    collector, _ = collect(source, journal)
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    assert kinds(journal) == ["Terminal"]


def known(journal: Journal, punches: list[Punch]) -> list[bool]:
    return [journal.records(origin(one)) for one in punches]


def test_what_neither_journal_nor_terminal_shows_any_more_is_forgotten(journal: Journal) -> None:
    log = [punch(n, witness=Witness.LOG) for n in range(6)]
    whole = Coverage(through="2026-11-24T07:00:01", records=6)
    collect(ScriptedSource(Reading(punches=log, coverage=whole), journal=journal), journal)
    journal.receipted(5, 86_400_000)
    journal.prune(5)  # the terminal's entry and four punches
    # A reading that is not the whole log proves nothing; nor does a live punch.
    collect(ScriptedSource(Reading(punches=log[5:]), journal=journal), journal)
    assert known(journal, log) == [True] * 6
    # The log is full: its two oldest rows are gone, and a third one whose entry is held.
    left = [*log[2:5], punch(9, witness=Witness.LOG)]
    source = ScriptedSource(
        Reading(punches=left, coverage=Coverage(through="2026-11-24T08:00:00", records=4)),
        journal=journal,
    )
    _, told = collect(source, journal)
    assert known(journal, log) == [False, False, True, True, True, True]
    assert len(told) == 1


def test_that_is_done_after_the_confirmation_and_once_a_day(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Coverage(through="2026-11-24T07:00:01", records=1)
    log = Reading(punches=[punch(1, witness=Witness.LOG)], coverage=whole)
    readings = [Reading(punches=[punch(2)]), log, Reading(punches=[punch(3)]), log]
    source = ScriptedSource(*readings, journal=journal)
    asked: list[tuple[str, frozenset[bytes], int]] = []

    def forget(terminal: str, shown: frozenset[bytes]) -> int:
        asked.append((terminal, shown, len(source.confirmed)))
        return 0

    monkeypatch.setattr(journal, "forget_origins", forget)
    collect(source, journal)
    assert asked == [("T1", frozenset({origin(punch(1))}), 2)]
    monkeypatch.setattr("kiosk.collect.FORGET_EVERY_S", 0.0)
    source = ScriptedSource(log, log, journal=journal)
    collect(source, journal)
    assert len(asked) == 3


class SteppedClock(FixedClock):
    """A clock that goes on by a second a look, and whose wall is set when a test says so."""

    def __init__(self) -> None:
        self.up = 0
        self.wall_ahead = 1_000_000

    def stamp(self) -> entry.Stamp:
        self.up += 1000
        return entry.Stamp(wall=self.up + self.wall_ahead, up=self.up, boot="b", synced=False)


class SettingSource(ScriptedSource):
    """Sets our clock right before a reading: by how much stands in its script."""

    def __init__(
        self, clock: SteppedClock, *script: tuple[int, Reading], journal: Journal, during: bool
    ) -> None:
        super().__init__(*(reading for _, reading in script), journal=journal)
        self._clock = clock
        self._sets = [by for by, _ in script]
        self._during = during

    def read(self, wait_s: float) -> Reading | None:
        if self._sets and self._during:
            self._clock.wall_ahead += self._sets.pop(0)
        return super().read(wait_s)

    def confirm(self, reading: Reading) -> None:
        super().confirm(reading)
        if self._sets and not self._during:
            self._clock.wall_ahead += self._sets.pop(0)


def drifts(journal: Journal, *script: tuple[int, Reading], during: bool) -> list[int | None]:
    clock = SteppedClock()
    return collected(journal, clock, SettingSource(clock, *script, journal=journal, during=during))


def collected(journal: Journal, clock: SteppedClock, source: ScriptedSource) -> list[int | None]:
    """Return the drifts that are told of what a source says."""
    collector = Collector(
        source,
        "Asia/Jakarta",
        journal,
        clock,
        Rosters(),
        lambda *_: None,
        timedelta(seconds=120),
    )
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    bodies = [row.body for row in journal.reader.rows(1) if row.body is not None]
    return [
        said.drift
        for said in map(entry.decode, bodies)
        if isinstance(said, entry.Presence | entry.Coverage)
    ]


def audits(journal: Journal) -> list[entry.Audit]:
    bodies = [row.body for row in journal.reader.rows(1) if row.body is not None]
    return [said for said in map(entry.decode, bodies) if isinstance(said, entry.Audit)]


def test_a_drift_is_told_against_our_clock_as_it_is_when_it_is_told(journal: Journal) -> None:
    # Measured at 5 s, then ours is set back by an hour: the terminal is 1:00:05 ahead of it.
    told = drifts(
        journal,
        (-3_600_000, Reading(punches=[punch(1)], drift_ms=5000)),
        (0, Reading(punches=[punch(2)])),
        (0, Reading(punches=[punch(3)], drift_ms=3_605_100)),
        during=False,
    )
    assert told == [5000, 3_605_000, 3_605_100]
    assert audits(journal) == []  # nobody has touched the terminal


def test_a_drift_measured_while_ours_was_set_is_not_believed(journal: Journal) -> None:
    told = drifts(
        journal,
        (0, Reading(punches=[punch(1)], drift_ms=5000)),
        (60_000, Reading(punches=[punch(2)], drift_ms=5000)),
        during=True,
    )
    assert told == [5000, 5000 - 60_000]


def test_a_clock_that_was_set_is_told_once_there_is_room_for_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SteppedClock()
    first, second = Reading(punches=[], drift_ms=0), Reading(punches=[], drift_ms=3_600_000)
    source = ScriptedSource(first, second, journal=journal)
    collector = Collector(
        source, "Asia/Jakarta", journal, clock, Rosters(), lambda *_: None, timedelta(0)
    )
    real = journal.append

    def full(drafts: list[Draft], position: Position | None = None) -> list[int | None]:
        if any(isinstance(entry.decode(one.body), entry.Audit) for one in drafts):
            raise StorageFull("no room")
        return real(drafts, position)

    with monkeypatch.context() as small:
        small.setattr(journal, "append", full)
        with pytest.raises(StorageFull):
            collector.run(lambda: False, lambda: None)
    source._readings = [second]
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    [told] = audits(journal)
    assert (told.action, told.detail["after"]) == ("terminal clock", "+3600.0 s")


def test_a_drift_of_long_ago_is_not_told_as_if_it_were_new(journal: Journal) -> None:
    """While our clock is not trusted, nothing reads a terminal at night: its drift grows old."""
    clock = SteppedClock()

    class Days(ScriptedSource):
        def confirm(self, reading: Reading) -> None:
            super().confirm(reading)
            clock.up += 24 * 3_600_000

    source = Days(
        Reading(punches=[punch(1)], drift_ms=5000),
        Reading(punches=[punch(2)]),
        Reading(punches=[punch(3)]),
        Reading(punches=[punch(4)], drift_ms=9000),
        journal=journal,
    )
    assert collected(journal, clock, source) == [5000, 5000, None, 9000]


def test_a_terminal_whose_clock_was_set_is_recorded(journal: Journal) -> None:
    told = drifts(
        journal,
        (0, Reading(punches=[punch(1)], drift_ms=500)),
        (0, Reading(punches=[punch(2)], drift_ms=1900)),  # whole seconds and a slow answer
        (0, Reading(punches=[punch(3)], drift_ms=7_201_900)),
        during=False,
    )
    assert told == [500, 1900, 7_201_900]
    [audit] = audits(journal)
    assert audit.action == "terminal clock"
    assert audit.detail == {
        "source": "lobi",
        "terminal": "T1",
        "before": "+1.9 s",
        "after": "+7201.9 s",
    }


def test_reading_again_opens_the_source_anew(journal: Journal) -> None:
    source = ScriptedSource(Reading(punches=[punch(1)]), journal=journal)
    collector = Collector(
        source,
        "Asia/Jakarta",
        journal,
        FixedClock(),
        Rosters(),
        lambda *_: collector.read_again(),
        timedelta(seconds=120),
    )
    collector.run(lambda: False, lambda: None)  # ends well: its worker opens it again
    assert (source.closed, len(source.confirmed)) == (1, 1)


def test_whoever_waits_for_a_terminal_that_goes_away_is_told_at_once(journal: Journal) -> None:
    refusals: list[str] = []

    def borrow() -> None:
        with pytest.raises(NotLent) as refused:
            collector.borrow(lambda source: source, within_s=60)
        refusals.append(str(refused.value))

    waiting = threading.Thread(target=borrow)

    class Leaving(ScriptedSource):
        def read(self, wait_s: float) -> Reading | None:
            waiting.start()
            while collector._loans._waiting.empty():
                time.sleep(0.001)
            raise TimedOut("T1 is silent")

    collector = new_collector(Leaving(journal=journal), journal)
    with pytest.raises(TimedOut):
        collector.run(lambda: False, lambda: None)
    waiting.join(5)
    assert refusals == ["lobi: the terminal went away; see `kiosk status`"]
