"""Stamps: whatever fails or overlaps, what is handed back has nothing missing before it."""

from hypothesis import given
from hypothesis import strategies as st

from drivers.zkteco.push.stamps import Stamps

TABLE = "ATTLOG"


class Model:
    """A terminal with a log of rows 0, 1, 2, ..., whose stamp is a count of rows; and a kiosk.

    It sends ranges of rows, several at once if it likes, and after a failure anything in any order.
    """

    def __init__(self) -> None:
        self.stamps = Stamps()
        self.at = 0  # the stamp that would be handed back
        self.on_disk = 0  # and the one after a restart
        self.next = 0  # the next row that was never sent since the terminal was told
        self.recorded: set[int] = set()
        self.failed: list[range] = []
        self.dialled: list[range] = []  # sent by the terminal, not arrived yet
        self.arrived: list[tuple[range, bool]] = []  # and whether it was recorded

    def send(self, count: int) -> None:
        self.dialled.append(range(self.next, self.next + count))
        self.next += count

    def send_again(self) -> None:
        if self.failed:
            self.dialled.append(self.failed.pop())

    def arrive(self, which: int) -> None:
        if self.dialled:
            rows = self.dialled.pop(which % len(self.dialled))
            self.stamps.enter(TABLE)
            self.arrived.append((rows, False))

    def record(self, which: int) -> None:
        if self.arrived:
            which %= len(self.arrived)
            rows, _ = self.arrived[which]
            self.recorded |= set(rows)
            self.arrived[which] = (rows, True)
            self.on_disk = self.at

    def upload(self, count: int, *, fails: bool = False) -> None:
        """Send rows, and see to the end of it before anything else."""
        self.send(count)
        self.arrive(len(self.dialled) - 1)
        if not fails:
            self.record(len(self.arrived) - 1)
        self.end(len(self.arrived) - 1)

    def fail(self, count: int) -> None:
        self.upload(count, fails=True)

    def all_arrive(self) -> None:
        """What was sent at one time is there before any of it ends: else nobody could know."""
        while self.dialled:
            self.arrive(len(self.dialled) - 1)

    def end(self, which: int) -> None:
        self.all_arrive()
        if self.arrived:
            rows, recorded = self.arrived.pop(which % len(self.arrived))
            if self.stamps.leave(TABLE, answered=recorded):
                self.at = rows.stop
            if not recorded:
                self.failed.append(rows)

    def tell(self) -> None:
        """The terminal starts anew and goes on from the stamp."""
        self.all_arrive()
        self.stamps.tell()
        assert set(range(self.at)) <= self.recorded
        self.next = self.at
        self.failed = [rows for rows in self.failed if rows.start < self.at]

    def crash(self) -> None:
        """The kiosk starts anew; whatever was under way, the terminal takes for failed."""
        self.failed += [*self.dialled, *(rows for rows, _ in self.arrived)]
        self.dialled, self.arrived = [], []
        self.stamps, self.at = Stamps(), self.on_disk


_STEP = st.one_of(
    st.tuples(st.sampled_from(["send", "upload", "fail"]), st.integers(1, 3)),
    st.tuples(st.sampled_from(["arrive", "record", "end"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["send_again", "tell", "crash"])),
)


@given(st.lists(_STEP, min_size=10, max_size=60))
def test_nothing_is_missing_before_a_stamp(steps: list[tuple[str, ...]]) -> None:
    model = Model()
    model.tell()
    for name, *arguments in steps:
        getattr(model, name)(*arguments)
    while model.arrived:
        model.end(0)
    model.tell()


def test_one_after_the_other_they_move() -> None:
    model = Model()
    model.tell()
    for count in (3, 1, 2):
        model.upload(count)
    assert (model.at, model.on_disk) == (6, 4)


def test_none_moves_before_the_terminal_was_told() -> None:
    stamps = Stamps()
    stamps.enter(TABLE)
    stamps.tell()
    assert not stamps.leave(TABLE, answered=True)  # this upload began before
    stamps.tell()
    stamps.enter(TABLE)
    assert stamps.leave(TABLE, answered=True)


def test_after_a_failure_none_moves_until_the_terminal_is_told() -> None:
    stamps = Stamps()
    stamps.tell()
    stamps.enter(TABLE)
    assert not stamps.leave(TABLE, answered=False)
    stamps.enter(TABLE)
    assert not stamps.leave(TABLE, answered=True)
    stamps.tell()
    stamps.enter(TABLE)
    assert stamps.leave(TABLE, answered=True)


def test_two_at_once_move_nothing() -> None:
    stamps = Stamps()
    stamps.tell()
    for _ in range(2):
        stamps.enter(TABLE)
    assert not stamps.leave(TABLE, answered=True)
    assert not stamps.leave(TABLE, answered=True)
    stamps.enter(TABLE)
    assert stamps.leave(TABLE, answered=True)
