"""When people really punched, as central sees it."""

from collections.abc import Collection

from sync.central.times import CENTRAL_ERROR_MS, Drifted, History, Punched, moments
from sync.protocol.entry import Anchor, Stamp
from sync.protocol.moments import NEVER_BEFORE_MS, Boot, Known, Moment, Witness

SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000
NOW = NEVER_BEFORE_MS + 300 * DAY


def stamp(up: int, wall: int, boot: str = "b", synced: bool = False) -> Stamp:
    return Stamp(wall=wall, up=up, boot=boot, synced=synced, error=5 if synced else None)


def punched(at: Stamp, utc: int | None, drift: int | None, received: int = NOW + DAY) -> Punched:
    return Punched(kiosk="k", terminal="T", utc=utc, at=at, drift=drift, received_at=received)


def only(one: Punched, **histories: History) -> Moment:
    def asked(kiosk: str, terminals: Collection[str]) -> History:
        assert one.needs_history
        assert set(terminals) == {one.terminal}
        return histories.get(kiosk, History())

    [moment] = moments([one], asked)
    return moment


def test_a_vouched_for_presence_needs_nothing_but_itself() -> None:
    one = punched(stamp(HOUR, NOW, synced=True), NOW + 90 * SECOND, 90 * SECOND)
    assert not one.needs_history
    moment = only(one)
    assert moment.utc is not None
    assert moment.error is not None
    assert abs(moment.utc - NOW) <= moment.error < 15 * SECOND


def test_a_dark_boot_that_saw_the_truth_later_is_corrected() -> None:
    # The kiosk's clock was ten years behind, and the terminal's a minute ahead of the truth.
    wall = NOW - 3650 * DAY
    one = punched(stamp(HOUR, wall), NOW + 60 * SECOND, NOW + 60 * SECOND - wall)
    boot = Boot("b", 2 * HOUR, [Witness(2 * HOUR, NOW + HOUR, SECOND, Anchor.RECEIPT)])
    moment = only(one, k=History([boot]))
    assert moment.how is Known.ANCHORED
    assert moment.utc is not None
    assert moment.error is not None
    assert abs(moment.utc - NOW) <= moment.error < 15 * SECOND
    # With the terminal's own history the error is less.
    drift = Drifted(drift=NOW + 60 * SECOND - wall, at=one.at, received_at=NOW + DAY)
    closer = only(one, k=History([boot], {"T": [drift]}))
    assert closer.error is not None
    assert closer.error < moment.error


def test_a_boot_that_never_saw_it_is_an_interval_until_it_came_here() -> None:
    before = Boot("a", HOUR, [Witness(HOUR, NOW, SECOND, Anchor.NTP)])
    one = punched(stamp(HOUR, NOW, "b"), NOW, 0, received=NOW + 5 * HOUR)
    moment = only(one, k=History([before, Boot("b", HOUR)]))
    assert moment.how is Known.BOUNDED
    assert moment.earliest is not None
    assert moment.latest is not None
    assert NOW + HOUR - 20 * SECOND < moment.earliest < NOW + HOUR
    assert moment.latest == NOW + 5 * HOUR + CENTRAL_ERROR_MS
    alone = only(one)
    assert (alone.earliest, alone.latest) == (None, NOW + 5 * HOUR + CENTRAL_ERROR_MS)


def test_what_is_no_time_has_no_moment() -> None:
    assert only(punched(stamp(1, NOW), None, 5)) == Moment(None, None, Known.UNKNOWN)


def test_an_entry_that_came_before_it_can_have_been_written_is_doubted() -> None:
    before = Boot("a", HOUR, [Witness(HOUR, NOW + DAY, SECOND, Anchor.NTP)])
    one = punched(stamp(HOUR, NOW, "b"), NOW, 0, received=NOW)
    assert only(one, k=History([before, Boot("b", HOUR)])).doubted
