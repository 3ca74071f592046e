"""When a presence can have been, by its terminal's word and by the readings around it. Pure."""

from datetime import UTC, datetime

import pytest

from sync.central.spans import LIVE_MS, Span, spans
from sync.central.store.city import Place, Sighted
from sync.central.store.punches import Seen
from sync.central.times import Drifted, History, Punched, ReadAt
from sync.protocol.entry import Stamp
from sync.protocol.moments import Boots, by_epoch

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T0 = int(datetime(2026, 11, 24, tzinfo=UTC).timestamp()) * 1000


def stamp(ms: int) -> Stamp:
    return Stamp(wall=T0 + ms, up=1000 + ms, boot="b" * 32, synced=True)


def seen(said: int | None, written: int, seq: int, life: int = 0, *, is_live: bool = False) -> Seen:
    sighted = Sighted(
        place=Place("lobi", f"e{life}", seq, b""), life=life, source="pintu", terminal="T",
        credential="terminal_user", user="1", time="", mark="known", claimed=None,
    )  # fmt: skip
    punched = Punched(
        kiosk="lobi", terminal="T", utc=None if said is None else T0 + said, at=stamp(written),
        drift=0, received_at=T0 + written + 1000,
    )  # fmt: skip
    return Seen(sighted, punched, "fingerprint", "Asia/Jakarta", is_live)


def found(one: Seen, *read: tuple[int, int, int]) -> list[tuple[float, float]]:
    """Return the spans in hours; the terminal was read at (life, seq, ms)."""
    return [((a.earliest - T0) / HOUR, (a.latest - T0) / HOUR) for a in told(one, *read)]


def told(one: Seen, *read: tuple[int, int, int]) -> list[Span]:
    boots = Boots()
    measures = [Drifted(drift=0, at=stamp(ms), received_at=T0 + ms + 1000) for _, _, ms in read]
    made = History(by_epoch(("e", boot) for boot in boots.boots()), {"T": measures})
    places = [ReadAt(life, seq, stamp(ms), T0 + ms + 1000) for life, seq, ms in read]
    [of] = spans([one], lambda *_: made, lambda *_: {"T": places})
    return of


def test_a_row_without_a_time_was_made_between_two_readings() -> None:
    [(begin, until)] = found(seen(None, 8 * HOUR, 20), (0, 10, 0))
    assert -1.1 < begin < 0.1
    assert 7.9 < until < 8.1


def test_what_a_terminal_says_far_from_when_it_was_read_is_one_of_two_truths() -> None:
    one, other = found(seen(-90 * DAY, 8 * HOUR, 20), (0, 10, 0))
    assert one[0] == pytest.approx(-90 * 24, abs=1)
    assert -1.1 < other[0] < other[1] < 8.1


def test_what_nobody_read_before_is_as_old_as_it_says() -> None:
    assert len(found(seen(-90 * DAY, 8 * HOUR, 20), (0, 30, 9 * HOUR))) == 1


def test_a_live_event_took_some_minutes_at_most_whatever_its_terminal_says() -> None:
    said, live = found(seen(-90 * DAY, 8 * HOUR, 20, is_live=True), (0, 10, 0))
    assert said[0] == pytest.approx(-90 * 24, abs=1)
    assert live == pytest.approx((8 - LIVE_MS / HOUR, 8), abs=0.01)


@pytest.mark.parametrize(
    ("said", "doubted"),
    [(71.5 * HOUR, []), (30 * HOUR, [True, True]), (-40 * DAY, [False, False])],
)
def test_what_says_live_may_be_of_a_backlog_of_weeks(said: float, doubted: list[bool]) -> None:
    """Terminals that call say it of all that they send; what is older is of a dead clock."""
    one = seen(round(said), 3 * DAY, 20, is_live=True)
    read = (0, 10, 0), (0, 15, 24 * HOUR)
    assert [of.doubted for of in told(one, *read)][-2:] == (doubted or [False])
    assert found(one, *read)[0][0] == pytest.approx(said / HOUR, abs=1.1)


def test_a_late_epoch_is_not_after_the_readings_of_one_that_began_later() -> None:
    """An old card's record comes after its successor's: in the order of lives it seems younger."""
    one = seen(None, 8 * HOUR, 20, life=1)
    spans_ = found(one, (0, 10, 9 * DAY))
    assert any(begin <= 7 <= until for begin, until in spans_)
