"""What `kiosk status` says of a certificate, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.cli.status import certificate_lines

NOW = datetime(2026, 11, 24, 7, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=61), ""),
        (timedelta(days=59, hours=1), "runs out in 59 days"),
        (timedelta(hours=5), "runs out in 0 days"),
        (timedelta(seconds=-1), "has run out"),
    ],
)
def test_its_end_is_spoken_of_two_months_before(left: timedelta, words: str) -> None:
    until_ms = round((NOW + left).timestamp() * 1000)
    said = "".join(certificate_lines("k1", until_ms, NOW))
    assert words in said
    assert ("presensi-central certify k1" in said) is bool(words)
