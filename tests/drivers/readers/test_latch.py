"""One presence while a thing is near."""

from drivers.readers.latch import NEAR_MOST, Latch


def test_what_is_held_there_is_one_presence() -> None:
    latch = Latch(1.0)
    assert latch.comes("a", 0.0)
    assert not any(latch.comes("a", n * 0.065) for n in range(1, 1000))
    assert not latch.comes("a", 65.9)
    assert latch.comes("a", 66.9), "it had gone"


def test_two_by_turns_are_two() -> None:
    latch = Latch(1.0)
    said = [latch.comes(one, n * 0.065) for n, one in enumerate("ab" * 100)]
    assert sum(said) == 2


def test_no_more_are_remembered_than_fit_before_a_reader() -> None:
    latch = Latch(1.0)
    assert all(latch.comes(n, 0.0) for n in range(NEAR_MOST + 1))
    assert latch.comes(0, 0.1), "the one said longest ago"
    assert not latch.comes(NEAR_MOST, 0.1)
