"""Is a new release healthy? The table, line by line, and what holds for every course of things."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from kiosk.release.trial import (
    SETTLE_S,
    STARTS_MOST,
    WITHIN_S,
    Look,
    Phase,
    Trial,
    Verdict,
    ailing,
    judge,
)

TRIAL = Trial(
    version="0.2.0",
    earlier="0.1.0",
    phase=Phase.ON_TRIAL,
    boot="b1",
    since_s=1000.0,
    bad_before=("Terminal lobi",),
)


def look(after_s: float, version: str = "0.2.0", **more: object) -> Look:
    return Look(boot="b1", up_s=1000.0 + after_s, version=version, **more)  # type: ignore[arg-type]


def course(*looks: Look, trial: Trial = TRIAL, current: str = "0.2.0") -> tuple[Trial, Verdict]:
    verdict = Verdict.WAIT
    for one in looks:
        assert verdict is Verdict.WAIT, "it was decided before"
        trial, verdict = judge(trial, one, current)
    return trial, verdict


def test_well_for_two_minutes_is_kept() -> None:
    assert course(look(20), look(40))[1] is Verdict.WAIT
    assert course(look(20), look(20 + SETTLE_S))[1] is Verdict.KEEP


def test_what_was_bad_before_is_not_its_fault() -> None:
    bad = ["Terminal lobi"]
    assert course(look(20, bad=bad), look(20 + SETTLE_S, bad=bad))[1] is Verdict.KEEP


@pytest.mark.parametrize(
    ("ill", "why"),
    [
        ({"version": ""}, "the daemon does not answer"),
        ({"version": "0.1.0"}, "it is release 0.1.0 that answers"),
        ({"bad": ["Terminal lobi", "Jaringan"]}, "bad, and not before: Jaringan"),
    ],
)
def test_not_well_when_the_time_is_over_returns(ill: dict[str, object], why: str) -> None:
    trial, verdict = course(look(20, **ill), look(WITHIN_S - 1, **ill), look(WITHIN_S, **ill))  # type: ignore[arg-type]
    assert verdict is Verdict.RETURN
    assert trial.phase is Phase.RETURNING
    assert trial.why == f"after 15 minutes: {why}"


def test_a_break_begins_the_two_minutes_anew() -> None:
    trial, verdict = course(look(20), look(100, bad=["Jaringan"]), look(120), look(200))
    assert verdict is Verdict.WAIT
    assert trial.well_since_s == 1120.0


def test_a_daemon_that_is_started_again_and_again_is_not_well() -> None:
    looks = [look(n * 20, restarts=n) for n in range(1, 200)]
    trial = TRIAL
    for one in looks:
        trial, verdict = judge(trial, one, "0.2.0")
        if verdict is not Verdict.WAIT:
            break
    assert verdict is Verdict.RETURN
    assert "started again and again" in trial.why


def test_well_at_the_last_moment_it_may_settle() -> None:
    late = WITHIN_S - 10
    trial, verdict = course(look(20, ""), look(late), look(WITHIN_S + 20))
    assert verdict is Verdict.WAIT
    assert judge(trial, look(late + SETTLE_S), "0.2.0")[1] is Verdict.KEEP


def test_each_start_of_the_machine_counts_the_time_anew() -> None:
    second = Look(boot="b2", up_s=30.0, version="")
    trial, verdict = course(look(WITHIN_S - 20, ""), second)
    assert (verdict, trial.starts, trial.since_s) == (Verdict.WAIT, 2, 30.0)
    late = structs.replace(second, up_s=WITHIN_S + 30.0)
    assert judge(trial, late, "0.2.0")[1] is Verdict.RETURN


def test_a_machine_that_does_not_stay_up_returns() -> None:
    looks = [Look(boot=f"b{n}", up_s=30.0, version="0.2.0") for n in range(2, STARTS_MOST + 1)]
    trial, verdict = course(*looks)
    assert verdict is Verdict.RETURN
    assert "started 4 times" in trial.why


def test_a_switch_that_did_not_come_about_is_dropped() -> None:
    begun = structs.replace(TRIAL, phase=Phase.BEGUN)
    assert course(look(20), trial=begun, current="0.1.0")[1] is Verdict.DROP
    trial, verdict = course(look(20), trial=begun, current="0.2.0")
    assert (trial.phase, verdict) == (Phase.ON_TRIAL, Verdict.WAIT)


def test_a_return_that_was_cut_is_done_again() -> None:
    returning = structs.replace(TRIAL, phase=Phase.RETURNING, why="w")
    for version in ("", "0.1.0", "0.2.0"):
        trial, verdict = course(look(20, version), trial=returning)
        assert (verdict, trial.why) == (Verdict.RETURN, "w")


LOOKS = st.lists(
    st.builds(
        lambda wait, version, bad, restarted, rebooted: (wait, version, bad, restarted, rebooted),
        st.floats(1, 60),
        st.sampled_from(["", "0.1.0", "0.2.0"]),
        st.sampled_from([(), ("Terminal lobi",), ("Jaringan",)]),
        st.booleans(),
        st.integers(0, 30).map(lambda n: n == 0),
    ),
    min_size=1,
    max_size=400,
)


@given(LOOKS)
def test_whatever_happens(looks: list[tuple[float, str, tuple[str, ...], bool, bool]]) -> None:
    """It is kept only when well for SETTLE_S, returned from with a reason, and always decided."""
    trial, boot, up_s, restarts, well_s = TRIAL, 1, 1000.0, 0, 0.0
    last: str | None = None
    for wait_s, version, bad, restarted, rebooted in looks:
        boot, up_s = (boot + 1, wait_s) if rebooted else (boot, up_s + wait_s)
        restarts += restarted
        one = Look(boot=f"b{boot}", up_s=up_s, version=version, bad=bad, restarts=restarts)
        well = not ailing(trial, one)
        well_s = well_s + wait_s if well and last == f"{boot} {restarts}" else 0.0
        last = f"{boot} {restarts}" if well else None
        trial, verdict = judge(trial, one, "0.2.0")
        if verdict is Verdict.KEEP:
            assert well
            assert well_s >= SETTLE_S - 0.001
            return
        if verdict is Verdict.RETURN:
            assert trial.why
            return
        assert verdict is Verdict.WAIT
        assert up_s - trial.since_s < WITHIN_S + 2 * SETTLE_S
