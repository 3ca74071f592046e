"""Corrected times from end to end: entries in, what a page says of a punch out."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from sync.central.present import punched, row
from sync.central.store.times import BOOTS_MOST
from sync.central.times import moments
from sync.protocol import entry
from sync.protocol.entry import Anchor, Stamp

WIB = ZoneInfo("Asia/Jakarta")
HOUR, MINUTE = 3_600_000, 60_000
SEVEN = int(datetime(2026, 11, 24, 7, tzinfo=WIB).timestamp() * 1000)
DARK, KNOWN, LATER = "d" * 32, "a" * 32, "e" * 32


def stamp(boot: str, up: int, wall: int, synced: bool = False) -> Stamp:
    return Stamp(wall=wall, up=up, boot=boot, synced=synced, error=20 if synced else None)


def tick(at: Stamp) -> entry.Audit:
    return entry.Audit(at=at, actor="kiosk", action="x")


def told(at: Stamp, utc: int, anchor: Anchor = Anchor.RECEIPT) -> entry.Clock:
    return entry.Clock(at=at, utc=utc, error=1000, anchor=anchor)


def rows(central, kiosk):
    """Deliver what the kiosk has and return the page's rows, the newest first."""
    central.now = SEVEN + 8 * HOUR
    central.admit(kiosk)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    return page(central)


def page(central):
    with central.store.reading() as tx:
        from sync.central.store.pages import Filter

        shown = tx.pages.newest(Filter(), 100)
        really = moments([punched(one) for one in shown], tx.times.history)
    return [row(one, when, WIB) for one, when in zip(shown, really, strict=True)]


def test_a_punch_of_a_dark_boot_is_corrected_when_the_truth_comes(central, make_kiosk):
    kiosk = make_kiosk()
    # The terminal and the kiosk both believe that it is 03:30; truly it is seven.
    wrong = SEVEN - 3 * HOUR - 30 * MINUTE
    kiosk.punch(at=stamp(DARK, HOUR, wrong), time="2026-11-24T03:30:00", drift=0)
    kiosk.add(told(stamp(DARK, 2 * HOUR, SEVEN + HOUR), SEVEN + HOUR))
    [shown] = rows(central, kiosk)
    assert shown.clock == "03.30.00"  # the original stays
    assert re.fullmatch(r"sebenarnya (06\.59\.5|07\.00\.0)\d ± [1-9] detik", shown.truth)
    assert shown.certain
    assert not shown.doubted


def test_a_boot_that_never_saw_the_truth_is_an_interval(central, make_kiosk):
    kiosk = make_kiosk()
    kiosk.add(tick(stamp(KNOWN, HOUR, SEVEN, synced=True)))
    kiosk.punch(at=stamp(DARK, 10 * MINUTE, 0), time="2026-11-24T06:10:00", drift=1)
    kiosk.add(tick(stamp(LATER, 5 * MINUTE, SEVEN + 3 * HOUR, synced=True)))
    [shown] = rows(central, kiosk)
    assert not shown.certain
    # Its drift is against a clock of 1970: the terminal's time says nothing by itself.
    assert shown.truth.startswith(("antara", "sebelum"))


def test_until_then_it_is_bounded_by_when_it_came(central, make_kiosk):
    kiosk = make_kiosk()
    kiosk.add(tick(stamp(KNOWN, HOUR, SEVEN, synced=True)))
    late = SEVEN + 10 * MINUTE
    kiosk.punch(at=stamp(DARK, 10 * MINUTE, late), time="2026-11-24T07:10:00", drift=0)
    [shown] = rows(central, kiosk)
    assert shown.truth == "antara 07.09 dan 15.00"
    assert not shown.certain


def test_a_contradiction_is_said(central, make_kiosk):
    kiosk = make_kiosk()
    kiosk.punch(at=stamp(DARK, HOUR, SEVEN), time="2026-11-24T07:00:00", drift=0)
    kiosk.add(told(stamp(DARK, HOUR, SEVEN), SEVEN))
    kiosk.add(told(stamp(DARK, HOUR, SEVEN), SEVEN + 2 * HOUR))
    [shown] = rows(central, kiosk)
    assert shown.doubted
    assert shown.truth == "antara 06.59 dan 09.00"


def test_what_is_right_is_left_alone(central, make_kiosk):
    kiosk = make_kiosk()
    kiosk.punch(at=stamp(KNOWN, HOUR, SEVEN, synced=True), time="2026-11-24T07:00:03", drift=3000)
    kiosk.punch(
        user="2", at=stamp(KNOWN, HOUR, SEVEN, synced=True), time="2026-11-24T07:01:00", drift=None
    )
    kiosk.punch(user="3", at=stamp(KNOWN, HOUR, SEVEN, synced=True), time="2026-02-31T07:00:00")
    assert [(one.truth, one.certain) for one in rows(central, kiosk)] == [("", True)] * 3


def test_a_terminal_whose_clock_is_an_hour_fast_is_corrected(central, make_kiosk):
    kiosk = make_kiosk()
    at = stamp(KNOWN, HOUR, SEVEN, synced=True)
    kiosk.punch(at=at, time="2026-11-24T08:00:00", drift=HOUR)
    # Read back from the log two days later, after somebody set the clock: history knows better.
    covered = entry.Coverage(
        at=at,
        source="pintu",
        terminal="CKPG1",
        through="x",
        zone="Asia/Jakarta",
        records=1,
        drift=HOUR,
    )
    kiosk.add(covered)
    later = stamp(KNOWN, 49 * HOUR, SEVEN + 48 * HOUR, synced=True)
    kiosk.punch(user="2", at=later, time="2026-11-24T08:20:00", drift=0, witness="log")
    read_back, live = rows(central, kiosk)
    assert re.fullmatch(r"sebenarnya (06\.59\.5|07\.00\.0)\d ± [1-9] detik", live.truth)
    assert re.fullmatch(r"sebenarnya 07\.20\.0\d ± [1-3] detik", read_back.truth)


def test_what_was_rescued_is_older_over_batches_too(central, make_kiosk):
    kiosk = make_kiosk()
    kiosk.add(entry.Gap(at=stamp(LATER, 1, SEVEN), what="journal", reason="damaged"))
    kiosk.punch(at=stamp(DARK, HOUR, 0), time="2026-11-24T01:00:00", drift=None)
    kiosk.add(tick(stamp(DARK, 2 * HOUR, 0)))
    kiosk.add(tick(stamp(LATER, MINUTE, SEVEN, synced=True)))
    central.now = SEVEN + 8 * HOUR
    central.admit(kiosk)
    central.hello(kiosk)
    for seq in range(1, 5):
        central.batch(kiosk, seq, seq)
    with central.store.reading() as tx:
        history = tx.times.history(kiosk.name, {"CKPG1"})
    assert [(one.boot, one.rescued) for one in history.boots] == [(DARK, True), (LATER, False)]
    [shown] = page(central)
    assert shown.truth == "sebelum 05.59"  # an hour before the boot that rescued it had begun


def test_islands_are_taken_in_when_they_are_linked(central, make_kiosk):
    kiosk = make_kiosk()
    kiosk.punch(at=stamp(DARK, HOUR, SEVEN), time="2026-11-24T07:00:00", drift=0)
    kiosk.add(tick(stamp(DARK, HOUR, SEVEN)))
    kiosk.add(told(stamp(DARK, HOUR, SEVEN), SEVEN))
    central.now = SEVEN + 8 * HOUR
    central.admit(kiosk)
    central.hello(kiosk)
    central.batch(kiosk, 3, 3)
    central.batch(kiosk, 1, 1)
    assert not page(central)[0].certain
    central.batch(kiosk, 2, 2)
    assert page(central)[0].certain


def test_numbers_and_names_beyond_any_clock_are_kept_and_harm_nothing(central, make_kiosk):
    kiosk = make_kiosk()
    kiosk.punch(at=stamp(DARK, 2**61, -(2**61)), drift=2**61)
    kiosk.punch(user="2", at=stamp("\0", HOUR, SEVEN))
    kiosk.add(told(stamp(DARK, 2**61, 0), 2**61))
    kiosk.add(told(stamp(DARK, 2**80, 2**80), 2**80))
    assert len(rows(central, kiosk)) == 2


def test_only_the_latest_boots_are_looked_at(central, make_kiosk):
    kiosk = make_kiosk()
    for n in range(BOOTS_MOST + 3):
        kiosk.add(tick(stamp(f"{n:032x}", 5, SEVEN + n)))
    central.admit(kiosk)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    with central.store.reading() as tx:
        history = tx.times.history(kiosk.name, set())
    assert len(history.boots) == BOOTS_MOST
    assert history.boots[-1].boot == f"{BOOTS_MOST + 2:032x}"


def test_a_new_card_begins_to_count_again_and_its_boots_are_later_all_the_same(central, make_kiosk):
    old = make_kiosk(epoch="e1")
    old.add(tick(stamp(KNOWN, HOUR, SEVEN, synced=True)))
    central.now = SEVEN + HOUR
    central.admit(old)
    central.hello(old, number=3)
    central.batch(old, 1)
    new = make_kiosk(epoch="e2")
    new.add(tick(stamp(DARK, HOUR, 0)))
    central.now = SEVEN + 8 * HOUR
    central.admit(new)
    central.hello(new, number=1)
    central.batch(new, 1)
    with central.store.reading() as tx:
        assert [one.boot for one in tx.times.history("lobi", ()).boots] == [KNOWN, DARK]


def test_a_boot_is_written_again_when_that_is_worth_it(central, make_kiosk):
    kiosk = make_kiosk()
    for second in (1, 30, 59, 62, 100):
        kiosk.add(tick(stamp(DARK, second * 1000, 0)))
    central.admit(kiosk)
    central.hello(kiosk)
    seen = []
    for seq in range(1, 6):
        central.batch(kiosk, seq, seq)
        with central.store.reading() as tx:
            [boot] = tx.times.history(kiosk.name, ()).boots
        seen.append(boot.last_up // 1000)
    assert seen == [1, 1, 1, 62, 62]
    kiosk.add(told(stamp(DARK, 101_000, 0), SEVEN))
    central.batch(kiosk, 6)
    with central.store.reading() as tx:
        [boot] = tx.times.history(kiosk.name, ()).boots
    assert (boot.last_up, len(boot.witnesses)) == (101_000, 1)
