"""Trust states: what the clock believes, whatever is done to the wall and whoever lies."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.truth import (
    _NEXT,
    BETTER,
    CENTRAL_LEAST_MS,
    LATENESS_MOST_MS,
    RECORD_LEAST_MS,
    SHELF_MS,
    Event,
    Memory,
    Trust,
    Truth,
    Verdict,
)
from sync.protocol.entry import Anchor
from sync.protocol.moments import NEVER_BEFORE_MS, SYNCED_LEAST_MS, Witness
from tests.kiosk.machine import DAY, HOUR, MINUTE, NOW, SECOND, YEARS_10, FakeMachine


class Here:
    """A truth and the machine that it looks at."""

    def __init__(self, machine: FakeMachine, memory: Memory | None = None) -> None:
        self.machine = machine
        self.truth = Truth(memory or Memory())
        self.look()

    def look(self) -> int:
        self.truth.observe(self.machine())
        return self.truth.utc(self.machine.up)

    def told(self, utc: int, anchor: Anchor, error: int = 100, sure: bool = False) -> Verdict:
        self.look()
        return self.truth.told(self.machine.up, utc, error, anchor, sure).verdict

    @property
    def error(self) -> int | None:
        return self.truth.error(self.machine.up)


def test_the_kernel_says_so() -> None:
    here = Here(FakeMachine(off=-YEARS_10))
    assert here.truth.trust is Trust.UNKNOWN
    assert here.error is None
    assert not here.truth.may_show_lateness(here.machine.up)
    assert here.look() == NEVER_BEFORE_MS  # this software did not exist before
    here.machine.sync()
    assert here.look() == NOW
    assert here.truth.trust is Trust.SYNCED
    assert here.error == SYNCED_LEAST_MS
    assert here.truth.may_show_lateness(here.machine.up)


def test_when_the_kernel_loses_it_the_error_grows_and_steps_do_nothing() -> None:
    here = Here(FakeMachine())
    here.machine.sync()
    here.look()
    here.machine.pass_(HOUR)
    here.look()
    here.machine.synced = False
    here.machine.off = -YEARS_10  # `date -s` ends the synchronisation too
    here.machine.pass_(DAY)
    assert here.look() == here.machine.truth
    assert here.truth.trust is Trust.HOLDOVER
    assert here.error == SYNCED_LEAST_MS + 8640
    assert here.truth.may_show_lateness(here.machine.up)
    here.machine.pass_(20 * DAY)
    here.look()
    assert here.error is not None
    assert here.error > LATENESS_MOST_MS
    assert not here.truth.may_show_lateness(here.machine.up)


def test_a_receipt_is_the_truth_where_there_is_no_ntp() -> None:
    here = Here(FakeMachine(off=-5 * DAY))
    assert here.told(NOW, Anchor.RECEIPT) is Verdict.TAKEN
    assert here.truth.trust is Trust.WITNESSED
    here.machine.pass_(HOUR)
    assert here.look() == here.machine.truth
    assert here.error == 100 + CENTRAL_LEAST_MS + 360
    # One as good as the first is no news; after hours it is, once the error has grown.
    assert here.told(here.machine.truth, Anchor.RECEIPT) is Verdict.FITS
    here.machine.pass_(DAY)
    assert here.told(here.machine.truth, Anchor.RECEIPT) is Verdict.TAKEN
    assert [claim.fix is not None for claim in here.truth.claims] == [True, True]


@pytest.mark.parametrize("lie", [-YEARS_10, YEARS_10, -HOUR, HOUR])
def test_a_receipt_never_overrides_the_kernel(lie: int) -> None:
    here = Here(FakeMachine())
    here.machine.sync()
    here.look()
    assert here.told(NOW + lie, Anchor.RECEIPT) in (Verdict.DISPUTED, Verdict.REFUSED)
    assert here.look() == NOW
    assert here.truth.trust is Trust.SYNCED
    assert "central's clock shows" in here.truth.trouble
    assert [claim.fix for claim in here.truth.claims] == [None]  # noted, and no fix
    # Again and again: one note an hour, and a receipt that fits ends the trouble.
    for _ in range(100):
        here.machine.pass_(SECOND)
        here.told(here.machine.truth + lie, Anchor.RECEIPT)
    assert len(here.truth.claims) == 1
    here.machine.pass_(HOUR)
    here.told(here.machine.truth + lie, Anchor.RECEIPT)
    assert len(here.truth.claims) == 2
    assert here.told(here.machine.truth, Anchor.RECEIPT) is Verdict.FITS
    assert here.truth.trouble == ""
    # Nor what the kernel said before it lost its server.
    here.machine.synced = False
    assert here.told(here.machine.truth + lie, Anchor.RECEIPT) in (
        Verdict.DISPUTED,
        Verdict.REFUSED,
    )
    assert here.truth.trust is Trust.HOLDOVER


@pytest.mark.parametrize("lie", [-NOW, -YEARS_10, YEARS_10])
def test_an_impossible_receipt_is_refused_where_nothing_else_is_known(lie: int) -> None:
    here = Here(FakeMachine(off=-YEARS_10), Memory(known=NOW - DAY, believed=NOW - DAY))
    before = here.look()
    assert here.told(NOW + lie, Anchor.RECEIPT) is Verdict.REFUSED
    assert here.look() == before
    assert here.truth.trust is Trust.UNKNOWN


def test_two_receipts_that_contradict_throw_doubt_until_somebody_else_speaks() -> None:
    here = Here(FakeMachine(off=-DAY))
    here.told(NOW + 365 * DAY, Anchor.RECEIPT)
    assert here.told(NOW, Anchor.RECEIPT) is Verdict.DISPUTED
    assert here.truth.trust is Trust.DOUBTED
    assert not here.truth.may_show_lateness(here.machine.up)
    assert here.error is not None
    assert here.look() - here.error <= NOW  # both claims are inside
    assert len([claim for claim in here.truth.claims if claim.fix]) == 2  # central sees both
    assert here.told(NOW, Anchor.RECEIPT) is Verdict.DISPUTED
    assert len(here.truth.claims) == 2
    assert here.told(NOW, Anchor.TECHNICIAN, 60 * SECOND) is Verdict.TAKEN
    assert here.truth.trust is Trust.WITNESSED
    assert here.look() == NOW
    assert here.truth.trouble == ""


def test_a_technician_ends_a_small_doubt_too() -> None:
    here = Here(FakeMachine(off=-DAY))
    here.told(NOW + 90 * SECOND, Anchor.RECEIPT)
    here.told(NOW, Anchor.RECEIPT)
    assert here.truth.trust is Trust.DOUBTED
    # Whose error is not much smaller than the doubt: that is how well a watch can be read.
    assert here.told(NOW, Anchor.TECHNICIAN, 10 * MINUTE) is Verdict.FITS
    assert here.truth.trust is Trust.DOUBTED
    assert here.told(NOW, Anchor.TECHNICIAN, 60 * SECOND) is Verdict.TAKEN
    assert here.truth.trust is Trust.WITNESSED
    assert here.look() == NOW


def test_a_technician_is_heard_and_cannot_go_back_by_mistake() -> None:
    memory = Memory(known=NOW - HOUR, believed=NOW - HOUR)
    here = Here(FakeMachine(off=-YEARS_10), memory)
    early = here.truth.told(here.machine.up, NOW - DAY, 60 * SECOND, Anchor.TECHNICIAN)
    assert early.verdict is Verdict.REFUSED
    assert "before the last known time" in early.why
    assert here.told(NOW, Anchor.TECHNICIAN, 60 * SECOND) is Verdict.TAKEN
    assert here.look() == NOW
    assert here.truth.may_show_lateness(here.machine.up)
    # Against a fix: only who insists, and never against the kernel.
    assert here.told(NOW + HOUR, Anchor.TECHNICIAN) is Verdict.DISPUTED
    assert here.told(NOW - DAY, Anchor.TECHNICIAN, sure=True) is Verdict.TAKEN
    assert here.look() == NOW - DAY
    here.machine.sync()
    assert here.look() == NOW
    assert here.told(NOW - DAY, Anchor.TECHNICIAN, sure=True) is Verdict.DISPUTED
    assert here.look() == NOW


def test_what_was_known_wrongly_does_not_stand_against_the_kernels_word() -> None:
    # A central that was two years ahead once anchored this kiosk; then NTP came, and went.
    here = Here(FakeMachine(), Memory(known=NOW + 730 * DAY, believed=NOW + 730 * DAY))
    assert here.told(NOW, Anchor.RECEIPT) is Verdict.REFUSED
    here.machine.sync()
    here.look()
    here.machine.synced = False
    here.machine.pass_(10 * DAY)
    assert here.told(here.machine.truth, Anchor.RECEIPT) is Verdict.TAKEN
    assert here.look() == here.machine.truth
    assert here.told(0, Anchor.TECHNICIAN, sure=True) is Verdict.REFUSED  # 1970 is never true


def test_it_never_starts_below_the_last_known_time_nor_goes_back() -> None:
    here = Here(FakeMachine(off=-NOW), Memory(known=NOW - DAY, believed=NOW - HOUR))
    assert here.look() == NOW - HOUR
    here.machine.pass_(MINUTE)
    assert here.look() == NOW - HOUR + MINUTE
    here.machine.off = 0  # somebody sets the date by hand: followed, and not trusted
    assert here.look() == here.machine.truth
    here.machine.off = -HOUR
    here.machine.pass_(SECOND)
    assert here.look() == here.machine.truth
    assert here.truth.trust is Trust.UNKNOWN


def test_a_wall_years_ahead_is_not_followed() -> None:
    here = Here(FakeMachine(off=YEARS_10), Memory(known=NOW - DAY, believed=NOW - DAY))
    assert here.look() == NOW - DAY
    assert Here(FakeMachine(off=SHELF_MS // 2), Memory(known=NOW)).look() == NOW + SHELF_MS // 2


def test_a_fix_of_this_boot_is_remembered_by_the_next_process() -> None:
    fix = Witness(5 * SECOND, NOW, 500, Anchor.NTP)
    machine = FakeMachine(truth=NOW + 5 * SECOND, off=-YEARS_10)
    here = Here(machine, Memory(NOW, NOW, "b1", fix))
    assert here.truth.trust is Trust.HOLDOVER
    assert here.look() == NOW + 5 * SECOND
    assert here.truth.recorded == [fix]
    machine.boot = "another"
    assert Here(machine, Memory(NOW, NOW, "b1", fix)).truth.trust is Trust.UNKNOWN


def test_fixes_are_recorded_rarely() -> None:
    here = Here(FakeMachine())

    def recorded(ms: int) -> int:
        count = 0
        for _ in range(ms // SECOND):
            here.machine.pass_(SECOND)
            here.look()
            if (fix := here.truth.due()) is not None:
                here.truth.remember(fix)
                count += 1
        return count

    assert recorded(MINUTE) == 0
    here.machine.sync()
    assert recorded(HOUR) == 1  # the first of the boot
    here.machine.error = SYNCED_LEAST_MS * 3  # worse again, as between two polls
    assert recorded(HOUR) == 0
    here.machine.off = 30 * MINUTE  # stepped while synchronised
    assert recorded(HOUR) == 1
    assert len(here.truth.claims) == 1  # and said
    for _ in range(20):  # a clock that jumps to and fro every minute
        here.machine.off = -here.machine.off
        assert recorded(MINUTE) <= 1
    assert recorded(DAY + HOUR) <= 3
    # The network comes and goes.
    for _ in range(30):
        here.machine.synced = not here.machine.synced
        assert recorded(MINUTE) == 0


def test_a_much_better_fix_is_recorded_sooner() -> None:
    here = Here(FakeMachine())
    here.machine.sync()
    here.machine.error = SYNCED_LEAST_MS * BETTER
    here.look()
    fix = here.truth.due()
    assert fix is not None
    here.truth.remember(fix)
    here.machine.error = 1
    here.machine.pass_(RECORD_LEAST_MS - 1)
    here.look()
    assert here.truth.due() is None
    here.machine.pass_(1)
    here.look()
    assert here.truth.due() is not None


def test_a_kernel_that_says_1970_is_not_believed() -> None:
    here = Here(FakeMachine(off=-NOW), Memory(known=NOW, believed=NOW))
    here.machine.synced = True
    assert here.look() == NOW
    assert here.truth.trust is Trust.UNKNOWN


def test_the_table_is_whole() -> None:
    # The kernel may speak in any state, and lapses only out of its own.
    assert {state for state, event in _NEXT if event is Event.KERNEL} == set(Trust)
    assert [state for state, event in _NEXT if event is Event.LAPSED] == [Trust.SYNCED]


@st.composite
def histories(draw: Any) -> list[tuple[str, int]]:
    step = st.tuples(
        st.sampled_from(["pass", "set", "sync", "lose", "receipt", "lie", "technician"]),
        st.integers(0, 3 * DAY),
    )
    return draw(st.lists(step, max_size=25))  # type: ignore[no-any-return]


@settings(max_examples=300, deadline=None)
@given(histories())
def test_whatever_happens_the_claimed_error_holds_unless_somebody_lied(
    history: list[tuple[str, int]],
) -> None:
    here = Here(FakeMachine(off=-HOUR), Memory(known=NOW - DAY, believed=NOW - DAY))
    machine, lied, last = here.machine, False, here.look()
    for what, ms in history:
        before = here.truth.trust
        match what:
            case "pass":
                machine.pass_(ms)
            case "set":
                machine.off, machine.synced = ms - DAY, False
            case "sync":
                machine.sync()
            case "lose":
                machine.synced = False
            case "receipt":
                here.told(machine.truth + ms % 100, Anchor.RECEIPT)
            case "lie":
                lied = True
                here.told(machine.truth + 2 * DAY + ms, Anchor.RECEIPT)
            case "technician":
                here.told(machine.truth + ms % SECOND, Anchor.TECHNICIAN, 60 * SECOND)
        utc = here.look()
        assert utc >= NOW - DAY
        if not lied or here.truth.trust in (Trust.SYNCED, Trust.HOLDOVER):
            error = here.error
            assert error is None or abs(utc - machine.truth) <= error
        if here.truth.trust is before is Trust.UNKNOWN:
            assert utc >= last
        last = utc
