"""Moments: whatever boots, steps and drifts do, the truth lies where it is said to lie."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct, structs

from sync.protocol import entry
from sync.protocol.entry import Anchor, Stamp
from sync.protocol.moments import (
    DRIFT_PPM,
    NEVER_BEFORE_MS,
    SWORN_MOST,
    SYNCED_LEAST_MS,
    Boot,
    Boots,
    Known,
    Moment,
    Timeline,
    Witness,
    by_epoch,
    drifted,
    telling,
)

SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000
BEGIN = NEVER_BEFORE_MS + 300 * DAY
YEARS_10 = 3650 * DAY


class Lived(Struct, frozen=True):
    """An entry and when it truly was written."""

    said: entry.Entry
    truth: int


def lives(seed: int, liars: float = 0.0) -> list[Lived]:
    """Return a kiosk's entries over some boots, simulated: only the truth is steady.

    Each boot's CLOCK_BOOTTIME drifts, its wall begins anywhere and is stepped, and it may see the
    truth: from the kernel, a receipt, a technician. A part `liars` of what it is told is wrong.
    """
    dice = random.Random(seed)
    truth, lived = BEGIN, []
    for number in range(dice.randint(1, 5)):
        truth += dice.choice([0, 30 * SECOND, 8 * HOUR, 20 * DAY])
        rate = 1 + dice.uniform(-DRIFT_PPM, DRIFT_PPM) / 1e6
        up = float(dice.randint(1, 60) * SECOND)
        truth += int(up * rate) + 1
        wall_off, synced = dice.choice([0, -YEARS_10, YEARS_10, 5 * HOUR, -HOUR]), False
        sees_truth = dice.random() < 0.6
        for _ in range(dice.randint(1, 12)):
            gone = dice.choice([1, 500, 60 * SECOND, HOUR, 3 * DAY])
            up += gone
            truth += max(1, round(gone * rate))
            if dice.random() < 0.2:
                wall_off += dice.choice([-HOUR, HOUR, 2 * SECOND])
                synced = False
            if sees_truth and dice.random() < 0.3:
                wall_off, synced = dice.randint(-SYNCED_LEAST_MS, SYNCED_LEAST_MS), True
            at = Stamp(wall=truth + wall_off, up=round(up), boot=f"b{number}", synced=synced)
            if synced:
                at = structs.replace(at, error=dice.randint(0, SYNCED_LEAST_MS) + 1)
            said: entry.Entry = entry.Audit(at=at, actor="a", action="x")
            if synced and dice.random() < 0.3:
                said = entry.Clock(at=at, utc=at.wall, error=at.error or 0, anchor=Anchor.NTP)
            elif not synced and sees_truth and dice.random() < 0.3:
                error = dice.choice([SECOND, 60 * SECOND])
                utc = truth + dice.randint(-error + 2, error - 2)
                if dice.random() < liars:
                    utc += dice.choice([-YEARS_10, YEARS_10, 2 * HOUR, -2 * HOUR])
                by = dice.choice([Anchor.RECEIPT, Anchor.TECHNICIAN])
                said = entry.Clock(at=at, utc=utc, error=error, anchor=by)
            lived.append(Lived(said, truth))
    return lived


def timeline(entries: Sequence[entry.Entry]) -> Timeline:
    boots = Boots()
    for said in entries:
        boots.take(said)
    return Timeline(boots.boots())


def holds(moment: Moment, truth: int, slack: int = 2) -> bool:
    """Return whether the truth is in there; rounding of the simulated clocks is `slack`."""
    return (moment.earliest is None or moment.earliest - slack <= truth) and (
        moment.latest is None or truth <= moment.latest + slack
    )


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_with_honest_witnesses_the_truth_is_always_inside(seed: int) -> None:
    lived = lives(seed)
    line = timeline([one.said for one in lived])
    for one in lived:
        moment = line.moment(one.said.at)
        assert holds(moment, one.truth), (one, moment)
        assert not moment.doubted
        if moment.utc is not None and moment.error is not None:
            assert abs(moment.utc - one.truth) <= moment.error + 2


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32))
def test_what_the_kernel_vouched_for_survives_every_liar(seed: int) -> None:
    lived = lives(seed, liars=0.5)
    line = timeline([one.said for one in lived])
    for one in lived:
        if one.said.at.synced:
            moment = line.moment(one.said.at)
            assert holds(moment, one.truth)
            assert moment.error is not None
            assert moment.error <= 2 * SYNCED_LEAST_MS


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([-YEARS_10, YEARS_10]))
def test_a_liar_beside_the_kernels_word_is_contained_or_flagged(seed: int, lie: int) -> None:
    # Between two boots that the kernel vouched for stands one that a broken central lied to.
    dice = random.Random(seed)
    entries: list[entry.Entry] = []
    truths, truth = [], BEGIN
    for boot in ("a", "b", "c"):
        truth += dice.randint(1, DAY)
        start = truth
        for _ in range(3):
            truth += dice.randint(1, HOUR)
            at = Stamp(wall=truth, up=truth - start, boot=boot, synced=boot != "b", error=1)
            told = entry.Clock(at=at, utc=truth + lie, error=SECOND, anchor=Anchor.RECEIPT)
            entries.append(told if boot == "b" else entry.Audit(at=at, actor="a", action="x"))
            truths.append(truth)
    line = timeline(entries)
    for said, when in zip(entries, truths, strict=True):
        moment = line.moment(said.at)
        assert holds(moment, when)
        assert moment.doubted == (said.at.boot == "b")


def at(boot: str, up: int, wall: int = 0, synced: bool = False) -> Stamp:
    return Stamp(wall=wall, up=up, boot=boot, synced=synced)


def test_between_two_anchors_both_are_heard() -> None:
    far = Witness(0, BEGIN, 10 * SECOND, Anchor.TECHNICIAN)
    near = Witness(DAY, BEGIN + DAY, SECOND, Anchor.RECEIPT)
    line = Timeline([Boot("b", 2 * DAY, [far, near])])
    moment = line.moment(at("b", DAY // 2))
    assert moment.how is Known.ANCHORED
    assert moment.utc == BEGIN + DAY // 2
    assert moment.error == SECOND + drifted(DAY // 2)  # the better one wins
    early = line.moment(at("b", 0))
    assert early.error == SECOND + drifted(DAY)
    assert drifted(DAY) == 8640


def test_a_boot_that_never_saw_the_truth_lies_between_its_neighbours() -> None:
    before = Boot("a", HOUR, [Witness(HOUR, BEGIN, SECOND, Anchor.NTP)])
    dark = Boot("b", 2 * HOUR)
    after = Boot("c", HOUR, [Witness(HOUR, BEGIN + DAY, SECOND, Anchor.NTP)])
    line = Timeline([before, dark, after])
    moment = line.moment(at("b", HOUR))
    assert moment.how is Known.BOUNDED
    assert moment.earliest == BEGIN - SECOND + HOUR - drifted(HOUR)
    assert moment.latest == BEGIN + DAY - HOUR + SECOND + drifted(HOUR) - (HOUR - drifted(HOUR))
    # Two dark boots in a row share the time between them.
    line = Timeline([before, dark, Boot("b2", 3 * HOUR), after])
    second, first = line.moment(at("b2", 0)), line.moment(at("b", 2 * HOUR))
    assert second.earliest == BEGIN - SECOND + 2 * HOUR - drifted(2 * HOUR)
    assert first.latest == moment.latest + HOUR - drifted(HOUR) - 3 * HOUR + drifted(3 * HOUR)  # type: ignore[operator]


def test_without_a_neighbour_a_bound_is_missing() -> None:
    line = Timeline([Boot("a", HOUR, [Witness(HOUR, BEGIN, SECOND, Anchor.NTP)]), Boot("b", HOUR)])
    moment = line.moment(at("b", HOUR))
    assert moment.how is Known.UNKNOWN
    assert moment.earliest is not None
    assert moment.latest is moment.utc is moment.error is None
    nowhere = Timeline([]).moment(at("x", 5))
    assert nowhere == Moment(None, None, Known.UNKNOWN)


def test_boots_of_another_epoch_bound_nothing() -> None:
    """Found by a history: an old card's last words came after a new card's first ones."""
    day = [Witness(0, BEGIN + n * DAY, 0, Anchor.NTP) for n in range(3)]
    found = [
        ("new", Boot("new-1", HOUR, [day[2]])),
        ("old", Boot("old-1", HOUR)),
        ("old", Boot("old-2", HOUR, [day[1]])),
        ("next", Boot("next-1", HOUR, [day[0]])),
    ]
    boots = by_epoch(found)
    assert [one.apart for one in boots] == [True, True, False, True]
    moment = Timeline(boots).moment(at("old-1", HOUR))
    latest = BEGIN + DAY + drifted(0)
    assert (moment.earliest, moment.latest, moment.doubted) == (None, latest, False)
    assert not Timeline(boots).moment(at("old-2", 0)).doubted


def test_equal_witnesses_that_contradict_widen_it_to_both() -> None:
    one = Witness(0, BEGIN, SECOND, Anchor.RECEIPT)
    other = Witness(0, BEGIN + HOUR, SECOND, Anchor.RECEIPT)
    moment = Timeline([Boot("b", HOUR, [one, other])]).moment(at("b", 0))
    assert moment == Moment(BEGIN - SECOND, BEGIN + HOUR + SECOND, Known.ANCHORED, doubted=True)
    # The kernel's word outweighs both, and the moment stays marked.
    sure = Witness(0, BEGIN + SECOND, SECOND, Anchor.NTP)
    moment = Timeline([Boot("b", HOUR, [one, other, sure])]).moment(at("b", 0))
    assert moment == Moment(BEGIN, BEGIN + 2 * SECOND, Known.ANCHORED, doubted=True)
    assert not moment.is_known


def test_two_boots_told_the_wrong_way_round_hold_both_claims() -> None:
    late = Boot("a", HOUR, [Witness(HOUR, BEGIN + YEARS_10, SECOND, Anchor.RECEIPT)])
    early = Boot("b", HOUR, [Witness(0, BEGIN, SECOND, Anchor.TECHNICIAN)])
    line = Timeline([late, early])
    for stamp in (at("a", HOUR), at("b", 0)):
        moment = line.moment(stamp)
        assert moment.doubted
        assert holds(moment, BEGIN)
        assert holds(moment, BEGIN + YEARS_10)


@pytest.mark.parametrize("anchor", list(Anchor))
def test_what_was_before_this_software_is_no_witness(anchor: Anchor) -> None:
    line = Timeline([Boot("b", HOUR, [Witness(0, 0, SECOND, anchor)])])
    assert line.moment(at("b", 5)) == Moment(None, None, Known.UNKNOWN, doubted=True)


@pytest.mark.parametrize("what", ["journal", entry.HISTORY])
def test_what_was_rescued_is_older_than_what_says_so(what: str) -> None:
    def audit(stamp: Stamp) -> entry.Entry:
        return entry.Audit(at=stamp, actor="a", action="x")

    gap = entry.Gap(at=at("new", 1), what=what, reason="damaged")
    entries = [
        gap,
        audit(at("old", HOUR)),
        entry.Gap(at=at("new", 2), what="entry", reason="not proved"),
        audit(at("old", 2 * HOUR)),
        audit(at("new", HOUR, wall=BEGIN, synced=True)),
    ]
    boots = Boots()
    for said in entries:
        boots.take(said)
    old, new = boots.boots()
    assert (old.boot, old.rescued, new.boot, new.rescued) == ("old", True, "new", False)
    moment = timeline(entries).moment(at("old", 2 * HOUR))
    assert moment.earliest is None
    assert moment.latest == BEGIN - HOUR + SYNCED_LEAST_MS + drifted(HOUR)


def test_a_boot_with_very_many_clock_entries_keeps_the_first_and_the_last_in_mind() -> None:
    boots = Boots()
    for n in range(SWORN_MOST + 50):
        told = entry.Clock(at=at("b", n), utc=BEGIN + n, error=5, anchor=Anchor.TECHNICIAN)
        boots.take(told)
        assert len(boots.gathered["b"].sworn) <= SWORN_MOST
    kept = [one.up for one in boots.gathered["b"].sworn]
    assert (kept[0], kept[-1]) == (0, SWORN_MOST + 49)
    assert kept == sorted(kept)


_STAMPS = st.builds(
    Stamp,
    wall=st.integers(0, 9),
    up=st.integers(0, 9),
    boot=st.sampled_from("ab"),
    synced=st.booleans(),
)
_PUNCH = {"source": "s", "terminal": "t", "credential": "c", "user": "u", "zone": "z"}
_ENTRIES = st.lists(
    st.builds(lambda at: entry.Presence(at=at, time="", mark=entry.Mark.KNOWN, **_PUNCH), _STAMPS)
    | st.builds(
        lambda at, what: entry.Gap(at=at, what=what, reason=""),
        _STAMPS,
        st.sampled_from(["journal", "terminal"]),
    )
    | st.builds(lambda at: entry.Clock(at=at, utc=1, error=1, anchor=Anchor.RECEIPT), _STAMPS),
    max_size=30,
)


@settings(max_examples=300)
@given(_ENTRIES, _ENTRIES)
def test_the_telling_entries_tell_all(before: list[entry.Entry], said: list[entry.Entry]) -> None:
    entries = list(enumerate(said, 7))
    few = telling(entries)
    assert [one for one in entries if not isinstance(one[1], entry.Presence)] == [
        one for one in few if not isinstance(one[1], entry.Presence)
    ]
    every, some = Boots(), Boots()
    for boots, more in ((every, said), (some, [one for _, one in few])):
        for one in (*before, *more):
            boots.take(one)
    assert list(some.gathered.items()) == list(every.gathered.items())
    assert some.rescue == every.rescue


def test_a_backlog_has_few_telling_entries() -> None:
    at = Stamp(wall=1, up=1, boot="a", synced=True)
    said = [
        entry.Presence(at=structs.replace(at, up=n), time="", mark=entry.Mark.KNOWN, **_PUNCH)
        for n in range(500)
    ]
    assert [seq for seq, _ in telling(list(enumerate(said, 1)))] == [1, 500]
