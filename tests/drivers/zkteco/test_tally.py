import pytest

from drivers.zkteco.dialogue import Sizes
from drivers.zkteco.tally import BLIND_CHECKS, Tally, Verdict


def sizes(records: int | None, capacity: int | None = 100_000) -> Sizes:
    return Sizes(users=10, records=records, capacity=capacity)


@pytest.mark.parametrize(
    ("before", "after", "rows", "unlisted", "complete", "next_count"),
    [
        (30, 30, 30, 0, True, 30),
        (30, 31, 31, 0, True, 31),  # a punch between count and table, and in the table
        (30, 31, 30, 1, True, 31),  # a punch after the table was made, and heard
        (30, 30, 31, 0, True, 30),  # it counts one fewer than it has, and goes on doing so
        (0, 0, 0, 0, True, 0),
    ],
)
def test_a_count_that_agrees(
    before: int, after: int, rows: int, unlisted: int, complete: bool, next_count: int
) -> None:
    tally = Tally(sizes(before), sizes(after), rows, unlisted)
    assert tally.complete is complete
    assert tally.compare(sizes(next_count)) is Verdict.AGREES
    tally.heard(2)
    assert tally.compare(sizes(next_count + 2)) is Verdict.AGREES


@pytest.mark.parametrize("count", [29, 31, 0, 5000])
def test_another_count_is_doubted_once_and_then_read_again(count: int) -> None:
    tally = Tally(sizes(30), sizes(30), 30, 0)
    assert tally.compare(sizes(count)) is Verdict.DOUBTFUL
    assert tally.compare(sizes(count)) is Verdict.READ_AGAIN


def test_a_doubt_is_settled_by_the_event_that_was_on_its_way() -> None:
    tally = Tally(sizes(30), sizes(30), 30, 0)
    assert tally.compare(sizes(31)) is Verdict.DOUBTFUL
    tally.heard(1)
    assert tally.compare(sizes(31)) is Verdict.AGREES
    assert tally.compare(sizes(32)) is Verdict.DOUBTFUL


def test_fewer_rows_than_counted_are_not_the_whole_record() -> None:
    tally = Tally(sizes(31), sizes(31), 30, 0)
    assert not tally.complete
    assert tally.compare(sizes(31)) is Verdict.DOUBTFUL


def test_a_punch_that_was_neither_read_nor_heard_is_missed_at_the_next_check() -> None:
    tally = Tally(sizes(30), sizes(31), 30, 0)
    assert tally.complete
    assert tally.compare(sizes(31)) is Verdict.DOUBTFUL


@pytest.mark.parametrize(
    "useless", [sizes(None, None), sizes(0), sizes(50, 50)], ids=["silent", "zero", "full"]
)
def test_a_useless_count_means_reading_again_at_times(useless: Sizes) -> None:
    tally = Tally(useless, useless, 50, 0)
    assert tally.complete
    verdicts = [tally.compare(useless) for _ in range(BLIND_CHECKS)]
    assert verdicts == [Verdict.AGREES] * (BLIND_CHECKS - 1) + [Verdict.READ_AGAIN]


def test_sizes_of_every_length() -> None:
    words = b"".join(n.to_bytes(4, "little") for n in range(28))
    for length in (80, 92, 112):
        assert Sizes.of(words[:length]) == Sizes(users=4, records=8, capacity=16)
    for length in (0, 4, 79):
        assert Sizes.of(words[:length]) == Sizes()
