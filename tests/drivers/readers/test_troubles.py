"""What means nothing is counted, told now and then, and over after an hour."""

from drivers.readers.troubles import OVER_S, Ration, Troubles


def test_counts_are_told_once_a_minute_and_end() -> None:
    troubles = Troubles("Look at the cable")
    assert troubles.news(0.0) is None
    troubles.note("noise", 1.0)
    assert troubles.news(1.0) == ("heard 1 times: noise. Look at the cable",)
    assert troubles.news(1.1) is None
    troubles.note("noise", 2.0)
    assert troubles.news(2.0) is None, "not more than once a minute"
    assert troubles.news(62.0) == ("heard 2 times: noise. Look at the cable",)
    assert troubles.news(2.0 + OVER_S - 1) is None
    assert troubles.news(2.0 + OVER_S) == ()
    assert troubles.news(2.0 + OVER_S + 1) is None


def test_a_ration() -> None:
    ration = Ration(2)
    assert [ration.takes(at) for at in (0.0, 1.0, 2.0, 59.9)] == [True, True, False, False]
    assert [ration.takes(at) for at in (60.0, 60.5, 61.0)] == [True, False, True]
