"""No two punches of one person are one, however the clock is set: by hypothesis."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from drivers.ordinals import LATEST_MOST, Ordinals

SLACK = timedelta(seconds=30)
BEGIN = datetime.fromisoformat("2026-11-27T07:00:00")

# The clock goes on by so many seconds, or is set back; what is known is committed, or the daemon
# is started anew with what was committed last.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("go on"), st.integers(0, 20)),
        st.tuples(st.just("set back"), st.integers(1, 200)),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=60,
)


@given(STEPS)
def test_who_punches_again_in_a_second_that_was_before_is_another_origin(
    steps: list[tuple[str, int]],
) -> None:
    clock, position = BEGIN, None
    committed_at = clock
    ordinals = Ordinals(position, SLACK)
    seen: set[tuple[str, int]] = set()
    position = ordinals.position(clock.isoformat())
    for what, seconds in steps:
        if what == "go on":
            clock += timedelta(seconds=seconds)
        elif what == "set back":
            clock -= timedelta(seconds=seconds)
            committed_at = min(committed_at, clock)
        else:
            ordinals = Ordinals(position, SLACK)
            position = ordinals.position(clock.isoformat())  # the first reading, at once
            committed_at = clock
        if clock - committed_at > SLACK:  # as often as the source does
            position, committed_at = ordinals.position(clock.isoformat()), clock
        punch = clock.isoformat(), ordinals.of("p1", clock.isoformat())
        assert punch not in seen
        seen.add(punch)


def test_it_remembers_no_more_than_it_says() -> None:
    ordinals = Ordinals(None, SLACK)
    for number in range(LATEST_MOST + 10):
        ordinals.of(str(number), "2026-11-27T07:00:00")
    assert ordinals.of("0", "2026-11-27T07:00:00") == 1
    assert ordinals.of(str(LATEST_MOST), "2026-11-27T07:00:00") == 2
