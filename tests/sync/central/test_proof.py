"""What kiosks' entries prove of a source, once they are linked; by the minute of one long day."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from sync.central.proof import Unseen, prove
from sync.central.store.proofs import LATEST_KEPT
from sync.protocol import entry
from sync.worktime.evidence import Watch
from tests.sync.central.conftest import FakeKiosk

MINUTE = 60_000
HOUR = 60 * MINUTE
PLACE = ("lobi", "pintu")
T0 = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()) * 1000


def at(ms: int, boot: str = "b" * 32, began: int = 0) -> entry.Stamp:
    return entry.Stamp(wall=T0 + ms, up=1000 + ms - began, boot=boot, synced=True)


def naive(ms: int) -> str:
    there = datetime.fromtimestamp((T0 + ms) / 1000, UTC).astimezone(ZoneInfo("Asia/Jakarta"))
    return there.replace(tzinfo=None).isoformat(timespec="seconds")


def covered(ms: int, terminal: str = "CKPG1", wrong: int = 0, **more) -> entry.Coverage:
    """Return that a terminal whose clock is `wrong` ms ahead was read completely."""
    fields = {"at": at(ms), "source": "pintu", "terminal": terminal, "zone": "Asia/Jakarta"}
    said = {"through": naive(ms + wrong), "records": 1, "drift": wrong}
    return entry.Coverage(**{**fields, **said, **more})


def unwatched(since: int, until: int, terminal: str = "CKPG1") -> entry.Unwatched:
    return entry.Unwatched(at=at(until), source="pintu", terminal=terminal, since=at(since))


def gap(since: str, until: str, ms: int) -> entry.Gap:
    return entry.Gap(
        at=at(ms), what="terminal", source="pintu", since=since, until=until, reason="test"
    )


@pytest.fixture
def kiosk():
    return FakeKiosk()


@pytest.fixture
def take_in(lite, kiosk):
    """Return a function that has central take in entries, each in a batch of its own or in one."""
    lite.now = T0 + 24 * HOUR
    lite.admit(kiosk)
    lite.hello(kiosk)

    def taken(*said: entry.Entry, at_once: bool = False) -> Watch:
        for one in said:
            kiosk.add(one)
            if not at_once:
                lite.batch(kiosk, len(kiosk.bodies))
        if at_once:
            lite.batch(kiosk, len(kiosk.bodies) - len(said) + 1)
        with lite.store.reading() as tx:
            proof = prove(tx.proofs.runs(), tx.proofs.holes(), tx.times.history)
        return Watch(proof.coverage, proof.outages)

    return taken


def test_between_two_readings_of_one_terminal_is_proved(take_in) -> None:
    watch = take_in(covered(0), covered(8 * HOUR))
    assert watch.is_covered(PLACE, HOUR + T0, 7 * HOUR + T0)
    assert not watch.is_covered(PLACE, HOUR + T0, 9 * HOUR + T0)
    assert not watch.is_covered(PLACE, T0 - HOUR, T0 + HOUR)


def test_what_comes_in_one_batch_proves_as_much_as_what_comes_in_many(take_in) -> None:
    """An office whose line comes up a week after its kiosk."""
    watch = take_in(*(covered(n * HOUR) for n in range(9)), at_once=True)
    assert watch.is_covered(PLACE, HOUR + T0, 7 * HOUR + T0)


def test_a_terminal_replaced_while_the_line_was_down_proves_from_its_first_reading(
    take_in,
) -> None:
    take_in(covered(0))
    here = [covered(n * HOUR, "T2") for n in range(2, 9)]
    watch = take_in(entry.Terminal(at=at(HOUR), source="pintu", serial="T2"), *here, at_once=True)
    assert watch.is_covered(PLACE, 3 * HOUR + T0, 7 * HOUR + T0)


def test_a_gap_is_told_by_the_clock_of_the_terminal_that_had_it(take_in) -> None:
    """The first terminal's clock was five hours ahead; its successor's is right."""
    ahead = 5 * HOUR
    first = [covered(n * HOUR, wrong=ahead) for n in range(9)]
    lost = gap(naive(2 * HOUR + ahead), naive(3 * HOUR + ahead), 9 * HOUR)
    watch = take_in(*first, lost, covered(10 * HOUR, wrong=ahead))
    begin, until = T0 + 2 * HOUR + 5 * MINUTE, T0 + 3 * HOUR - 5 * MINUTE
    assert watch.is_out(PLACE, begin, until)
    watch = take_in(covered(11 * HOUR, "T2"), covered(20 * HOUR, "T2"))
    assert watch.is_out(PLACE, begin, until)


def test_a_gap_of_a_terminal_that_was_never_read_takes_nothing_back_of_the_one_before(
    take_in,
) -> None:
    """Replaced twice in a row: of the second nothing was ever read."""
    lost = gap(naive(8 * HOUR), naive(9 * HOUR), 9 * HOUR), gap("", naive(10 * HOUR), 10 * HOUR)
    watch = take_in(covered(0), covered(8 * HOUR), *lost, covered(11 * HOUR, "T3"))
    assert not watch.is_out(PLACE, HOUR + T0, 7 * HOUR + T0)
    assert watch.is_out(PLACE, T0 + 9 * HOUR + MINUTE, T0 + 10 * HOUR - MINUTE)


def test_nobody_watched_in_entries_that_are_lost(lite, kiosk, take_in) -> None:
    """Among them it may stand that the terminal was dead; to read it again does not tell that."""
    take_in(covered(0))
    for said in (unwatched(HOUR, 5 * HOUR), covered(5 * HOUR), covered(6 * HOUR)):
        kiosk.add(said)
    lite.now = T0 + 8 * HOUR
    lite.hello(kiosk, first=4)  # 2 and 3 are gone, and never came
    lite.now = T0 + 20 * HOUR
    lite.batch(kiosk, 4)
    watch = take_in(covered(9 * HOUR), covered(10 * HOUR))
    assert watch.is_covered(PLACE, T0 + 9 * HOUR + MINUTE, T0 + 10 * HOUR - MINUTE)
    assert not watch.is_covered(PLACE, T0 + 2 * HOUR, T0 + 4 * HOUR)


def test_who_does_not_know_since_when_takes_nothing_back_of_what_was_proved(take_in) -> None:
    """A new epoch whose first boot never learned the time, and then another boot."""
    take_in(covered(0), covered(8 * HOUR))
    lost = entry.Stamp(wall=T0 - 900 * 24 * HOUR, up=5000, boot="c" * 32, synced=False)
    blind = entry.Unwatched(
        at=at(12 * HOUR, "d" * 32, 11 * HOUR), source="pintu", terminal="CKPG1", since=lost
    )
    watch = take_in(blind, covered(13 * HOUR, at=at(13 * HOUR, "d" * 32, 11 * HOUR)))
    assert not watch.is_out(PLACE, T0 + HOUR, T0 + 7 * HOUR)
    assert watch.is_out(PLACE, T0 + 9 * HOUR, T0 + 10 * HOUR)


def test_what_was_saved_of_a_damaged_file_says_nothing_of_what_was_not(take_in) -> None:
    """Its entries are recorded anew as they were, in the epoch that begins; its end is lost."""
    broken = entry.Gap(
        at=at(9 * HOUR, "c" * 32, 9 * HOUR), what="journal", reason="test", since="e0 4"
    )
    here = covered(10 * HOUR, at=at(10 * HOUR, "c" * 32, 9 * HOUR))
    watch = take_in(broken, covered(0), covered(2 * HOUR), here)
    assert watch.is_covered(PLACE, T0 + MINUTE, T0 + HOUR)
    assert not watch.is_covered(PLACE, T0 + 3 * HOUR, T0 + 9 * HOUR)


def test_a_kiosk_that_starts_again_and_remembers_goes_on(take_in) -> None:
    later = at(10 * HOUR, "c" * 32, 9 * HOUR)
    blind = structs.replace(unwatched(8 * HOUR, 10 * HOUR), at=later)
    watch = take_in(covered(0), blind, covered(10 * HOUR, at=later))
    assert watch.is_covered(PLACE, T0 + HOUR, T0 + 9 * HOUR)
    assert watch.is_out(PLACE, T0 + 8 * HOUR, T0 + 9 * HOUR)
    assert not watch.is_out(PLACE, T0 + HOUR, T0 + 8 * HOUR - MINUTE)


def test_a_kiosk_that_starts_again_and_says_nothing_of_it_proves_nothing(take_in) -> None:
    watch = take_in(covered(0), covered(10 * HOUR, at=at(10 * HOUR, "c" * 32, 9 * HOUR)))
    assert not watch.is_covered(PLACE, T0 + HOUR, T0 + 9 * HOUR)


def test_a_kiosk_that_forgot_the_time_takes_nothing_back_of_what_was_proved(take_in) -> None:
    """By stick, without the time: its latest readings are of nobody knows when."""
    take_in(covered(0), covered(8 * HOUR))
    lost = [
        entry.Stamp(wall=T0 - 900 * 24 * HOUR + n, up=5000 + n * HOUR, boot="0" * 32, synced=False)
        for n in range(10)
    ]
    blind = structs.replace(unwatched(8 * HOUR, 9 * HOUR), at=lost[0])
    read = (covered(9 * HOUR + n, at=one, drift=None) for n, one in enumerate(lost))
    watch = take_in(blind, *read)
    assert watch.is_covered(PLACE, T0 + HOUR, T0 + 7 * HOUR)


def test_it_may_have_been_dead_since_before_it_was_last_heard(take_in) -> None:
    blind = structs.replace(unwatched(8 * HOUR, 9 * HOUR), before=70_000)
    watch = take_in(covered(0), blind, covered(9 * HOUR))
    assert watch.is_out(PLACE, T0 + 8 * HOUR - MINUTE, T0 + 8 * HOUR - MINUTE // 2)
    assert not watch.is_out(PLACE, T0 + 7 * HOUR, T0 + 8 * HOUR - 2 * MINUTE)


def test_nothing_is_proved_before_a_reading_was_certainly_written(take_in) -> None:
    """The first one's clock may be off by ten minutes; nobody knows in which direction."""
    rough = structs.replace(at(0), error=10 * MINUTE)
    watch = take_in(
        covered(0, at=rough), covered(HOUR, at=structs.replace(at(HOUR), error=10 * MINUTE))
    )
    assert not watch.is_covered(PLACE, T0 + 5 * MINUTE, T0 + 30 * MINUTE)
    assert watch.is_covered(PLACE, T0 + 11 * MINUTE, T0 + 40 * MINUTE)


def test_what_a_terminal_recorded_while_nobody_watched_it_splits_an_outage(lite, take_in) -> None:
    take_in(covered(0), unwatched(HOUR, 2 * HOUR), covered(2 * HOUR), covered(3 * HOUR))

    def out(terminal: str, *minutes: int) -> list[int]:
        """Return the length of each part, in minutes."""

        def signs(unseen: Unseen) -> list[int]:
            is_it = (unseen.kiosk, unseen.terminal) == ("lobi", terminal)
            return [T0 + HOUR + n * MINUTE for n in minutes] if is_it else []

        with lite.store.reading() as tx:
            proof = prove(tx.proofs.runs(), tx.proofs.holes(), tx.times.history, signs)
        return [round((one.until - one.begin) / MINUTE) for one in proof.outages]

    assert out("CKPG1") == [60]
    assert out("CKPG1", 40, 15, -5, 70) == [15, 25, 20]
    assert out("T2", 15, 40) == [60]


def test_a_terminal_that_lost_rows_was_alive_and_its_gap_is_whole(lite, take_in) -> None:
    take_in(covered(0), gap(naive(HOUR), naive(2 * HOUR), 3 * HOUR), covered(4 * HOUR))
    with lite.store.reading() as tx:
        signs = [T0 + 90 * MINUTE]
        proof = prove(tx.proofs.runs(), tx.proofs.holes(), tx.times.history, lambda _: signs)
    assert len(proof.outages) == 1


def test_of_each_source_it_is_told_since_which_local_day_it_was_read(lite, take_in) -> None:
    """17.30 UTC is half past midnight there; the second terminal at the source changes nothing."""
    evening = 17 * HOUR + 30 * MINUTE
    take_in(covered(evening), covered(30 * HOUR), covered(60 * HOUR, "T2"))
    with lite.store.reading() as tx:
        proof = prove(tx.proofs.runs(), tx.proofs.holes(), tx.times.history)
        assert tx.punches.kiosks_with_losses() == set()
    assert proof.begun == {PLACE: date(2026, 11, 25)}


def test_of_which_kiosks_entries_are_lost_is_told(lite, kiosk, take_in) -> None:
    take_in(covered(0))
    kiosk.add(covered(HOUR))
    kiosk.add(covered(2 * HOUR))
    lite.hello(kiosk, first=3)
    with lite.store.reading() as tx:
        assert tx.punches.kiosks_with_losses() == {"lobi"}


def test_the_latest_reading_of_which_the_time_is_known_is_kept_whatever_comes_after(
    lite, take_in
) -> None:
    """A kiosk goes on for weeks in one boot after its clock was called off; nothing is steady."""
    lost = [structs.replace(at(ms), synced=False) for ms in range(9 * HOUR, 40 * HOUR, HOUR)]
    read = (
        covered(
            n * HOUR, at=structs.replace(one, wall=one.wall - n * 90 * 24 * HOUR), drift=n * HOUR
        )
        for n, one in enumerate(lost, 9)
    )
    take_in(covered(0), covered(8 * HOUR), *read)
    with lite.store.reading() as tx:
        [run] = tx.proofs.runs()
    assert len(run.latest) == LATEST_KEPT
    assert [one.at.synced for one in run.latest] == [True] + [False] * (LATEST_KEPT - 1)
    assert run.latest[0].through == naive(8 * HOUR)
    assert run.latest[-1].at == structs.replace(lost[-1], wall=lost[-1].wall - 39 * 90 * 24 * HOUR)
