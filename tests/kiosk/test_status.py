"""What `kiosk status` says of a certificate, and when; of a terminal, and with what below it."""

from datetime import UTC, datetime, timedelta

import pytest

from kiosk.cli.status import certificate_lines, source_lines
from kiosk.health import SourceStatus

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


def test_a_terminal_that_works_may_have_something_to_say() -> None:
    one = SourceStatus(
        name="gate",
        connected=True,
        phase="working",
        failures=0,
        error="",
        serial="CEXA1",
        bound_to="CEXA1",
        model="F19",
        drift_ms=None,
        recorded=3,
        covered="",
        records=0,
        warnings=("its log is full (30 of 30 rows)",),
    )
    line, warning = source_lines(one)
    assert "gate: connected, F19 CEXA1, 3 new, covered to never, drift ?" in line
    assert warning.strip() == "its log is full (30 of 30 rows)"
