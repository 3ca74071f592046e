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
            self.stamps.enter(TABLE, str(self.at))
            self.arrived.append((rows, False))

    def record(self, which: int) -> None:
        if self.arrived:
            which %= len(self.arrived)
            rows, _ = self.arrived[which]
            self.recorded |= set(rows)
            self.arrived[which] = (rows, True)
            if self.stamps.may_move(TABLE):
                self.at = rows.stop

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
                self.at = int(self.stamps.before(TABLE) or "0")
            if not recorded:
                self.failed.append(rows)

    def tell(self) -> None:
        """The terminal starts anew and goes on from the stamp."""
        self.all_arrive()
        told = int(self.stamps.tell({TABLE: str(self.at)}).get(TABLE, "0"))
        assert set(range(told)) <= self.recorded
        self.next = told
        self.failed = [rows for rows in self.failed if rows.start < told]


_STEP = st.one_of(
    st.tuples(st.sampled_from(["send", "upload", "fail"]), st.integers(1, 3)),
    st.tuples(st.sampled_from(["arrive", "record", "end"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["send_again", "tell"])),
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
    assert model.at == 6


def test_none_moves_before_the_terminal_was_told() -> None:
    stamps = Stamps()
    stamps.enter(TABLE, None)
    assert not stamps.may_move(TABLE)
    stamps.tell({})
    assert not stamps.may_move(TABLE)  # this upload began before
    assert not stamps.leave(TABLE, answered=True)
    stamps.tell({})
    stamps.enter(TABLE, None)
    assert stamps.may_move(TABLE)


def test_after_a_failure_none_moves_until_the_terminal_is_told() -> None:
    stamps = Stamps()
    stamps.tell({})
    stamps.enter(TABLE, "5")
    assert stamps.leave(TABLE, answered=False)
    assert stamps.before(TABLE) == "5"
    stamps.enter(TABLE, "5")
    assert not stamps.may_move(TABLE)
    stamps.leave(TABLE, answered=True)
    stamps.tell({})
    stamps.enter(TABLE, "5")
    assert stamps.may_move(TABLE)
    stamps.enter(TABLE, "5")
    assert not stamps.may_move(TABLE)  # two at once
