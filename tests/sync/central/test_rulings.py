"""What people ruled: on which days which sources count."""

from datetime import date

import pytest

from sync.central.rulings import InUse, Rulings

OCT = [date(2026, 10, day) for day in range(1, 32)]


def used(source: str, *rows: InUse) -> list[tuple[int | None, int | None]]:
    """Return on which days of October a source counts, by day of the month."""
    found = Rulings([], [], rows, {}).used("k", source, OCT[0], OCT[-1])
    return [(one.since and one.since.day, one.until and one.until.day) for one in found]


def row(source: str, since: int | None = None, until: int | None = None) -> InUse:
    first, last = (None if day is None else OCT[day - 1] for day in (since, until))
    return InUse(kiosk="k", source=source, since=first, until=last)


@pytest.mark.parametrize(
    ("rows", "old", "new"),
    [
        ([], [(1, 31)], [(1, 31)]),
        ([row("new", 15)], [(1, 14)], [(15, 31)]),
        ([row("new", 10, 20)], [(1, 9), (21, 31)], [(10, 20)]),
        ([row("new", None, 20)], [(21, 31)], [(1, 20)]),
        ([row("new")], [], [(1, 31)]),
        ([row("new", 20), row("new", 5, 8)], [(1, 4), (9, 19)], [(5, 8), (20, 31)]),
        ([row("new", 5, 20), row("newer", 10, 12)], [(1, 4), (21, 31)], [(5, 20)]),
        ([row("old", None, 14), row("new", 15)], [(1, 14)], [(15, 31)]),
    ],
)
def test_a_source_without_rows_counts_on_the_days_without_any(
    rows: list[InUse], old: list[tuple[int, int]], new: list[tuple[int, int]]
) -> None:
    assert used("old", *rows) == old
    assert sorted(used("new", *rows), key=str) == sorted(new, key=str)


def test_until_the_last_of_all_days() -> None:
    ever = InUse(kiosk="k", source="new", since=OCT[14], until=date.max)
    assert used("old", ever) == [(1, 14)]
