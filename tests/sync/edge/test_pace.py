"""What was too much is halved until it passes, and doubled again as soon as it does."""

from sync.edge.pace import LEAST_BYTES, Pace
from sync.protocol.batch import MAX_SENT_BYTES


def test_a_line_of_which_nothing_is_known_is_trusted() -> None:
    pace = Pace()
    assert pace.most_bytes(10**9) == MAX_SENT_BYTES
    assert pace.most_bytes(5000) == 5000
    assert pace.window(4) == 4


def test_it_halves_to_the_least_and_comes_back() -> None:
    pace = Pace()
    pace.broke()
    assert (pace.most_bytes(10**9), pace.window(4)) == (MAX_SENT_BYTES // 2, 1)
    for _ in range(100):
        pace.broke()
    assert pace.most_bytes(10**9) == LEAST_BYTES
    for _ in range(100):
        pace.carried()
    assert (pace.most_bytes(10**9), pace.window(4)) == (MAX_SENT_BYTES, 4)
