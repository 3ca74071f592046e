"""For how long nobody saw whether a terminal works."""

from kiosk.watch import LEAST_MS, Watch
from sync.protocol.entry import Stamp, Unwatched


def at(minute: float, boot: str = "a") -> Stamp:
    return Stamp(wall=round(minute * 60_000), up=round(minute * 60_000), boot=boot, synced=True)


def test_the_first_terminal_that_answers_was_never_missed() -> None:
    watch = Watch("lobi", 60)
    watch.remember(None, in_new_epoch=True)
    assert watch.regained(at(0), "T1") is None


def test_a_terminal_that_was_gone_says_since_when_it_was_not_seen() -> None:
    watch = Watch("lobi", 70)
    watch.remember(None, in_new_epoch=False)
    watch.answered(at(10))
    assert watch.regained(at(30), "T1") is None  # the connection holds
    watch.ended()
    assert watch.regained(at(15), "T1") == Unwatched(
        at=at(15), source="lobi", terminal="T1", since=at(10), before=70_000
    )


def test_who_stands_before_a_terminal_that_restarts_waits_for_it() -> None:
    watch = Watch("lobi", 60)
    watch.remember(None, in_new_epoch=False)
    watch.answered(at(10))
    watch.ended()
    assert watch.regained(at(10 + LEAST_MS / 60_000 - 0.1), "T1") is None
    assert watch.regained(at(10 + LEAST_MS / 60_000), "T1") is not None


def test_across_a_boot_no_length_is_believed() -> None:
    watch = Watch("lobi", 60)
    watch.remember(at(10), in_new_epoch=False)
    assert watch.regained(at(10.1, "b"), "T1") is not None


def test_a_new_epoch_is_told_what_was_known_however_short_it_was() -> None:
    watch = Watch("lobi", 60)
    watch.remember(at(10), in_new_epoch=True)
    assert watch.regained(at(10.1), "T1") is not None
    watch.answered(at(10.1))
    watch.ended()
    assert watch.regained(at(10.2), "T1") is None


def test_what_this_process_heard_outweighs_what_was_kept() -> None:
    watch = Watch("lobi", 60)
    watch.remember(at(1), in_new_epoch=False)
    watch.answered(at(10))
    watch.ended()
    watch.remember(at(1), in_new_epoch=False)
    unwatched = watch.regained(at(30), "T1")
    assert unwatched is not None
    assert unwatched.since == at(10)
