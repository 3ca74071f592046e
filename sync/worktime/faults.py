"""Faults: what is wrong with a rule book, said so that whoever wrote the row finds it.

Two kinds. What is impossible (a shift that ends before it begins) is refused by `Book`, whole. What
names nothing (a plan without hours) is a fault for an importer; a kiosk that holds a part of the
rules goes on, and such a row is no duty.
"""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sync.worktime.rules import DAY_MIN, PATTERN, Hours, RuleBook, Shift, Step, Window

LONGEST_MIN = 2 * DAY_MIN
"""Longest duty, minutes."""

WIDEST_MIN = DAY_MIN // 2
"""Most that a window reaches before the start or after the end, minutes."""


class BadRules(ValueError):
    """A rule book says something impossible; every fault is named."""


def impossible(rules: RuleBook) -> list[str]:
    """Return what cannot be, one sentence per row."""
    return list(_impossible(rules))


def dangling(rules: RuleBook) -> list[str]:
    """Return what names a plan, a calendar or a shift that the book does not have."""
    return list(_dangling(rules))


def _impossible(rules: RuleBook) -> Iterator[str]:
    for index, week in enumerate(rules.weeks):
        for number, hours in enumerate(week.hours):
            where = f"weeks[{index}].hours[{number}] ({week.plan})"
            yield from _bad_times(where, hours)
            if bad := [day for day in hours.days if not 1 <= day <= 7]:
                yield f"{where}: days are 1 (Monday) to 7 (Sunday), got {bad}"
    for index, shift in enumerate(rules.shifts):
        yield from _bad_times(f"shifts[{index}] ({shift.code})", shift)
        if shift.code == PATTERN:
            yield f"shifts[{index}]: {PATTERN!r} is no code: in a table it stands for the pattern"
    for index, rotation in enumerate(rules.rotations):
        if not rotation.cycle:
            yield f"rotations[{index}] ({rotation.plan}): the cycle has no day; give one at least"
    for index, row in enumerate(rules.assignments):
        where = f"assignments[{index}] ({row.plan})"
        if sum(map(bool, (row.person, row.group, row.unit))) != 1:
            yield f"{where}: give one of person, group and unit"
        if row.zone and not _is_zone(row.zone):
            yield f"{where}: no such time zone: {row.zone!r}; Asia/Jakarta, Asia/Makassar, ..."
    for index, table in enumerate(rules.tables):
        if bool(table.person) == bool(table.group):
            yield f"tables[{index}] ({table.first}): give either person or group"
    for index, regulation in enumerate(rules.regulations):
        where = f"regulations[{index}] ({regulation.name})"
        yield from _bad_classes(f"{where}.late", regulation.late)
        yield from _bad_classes(f"{where}.early", regulation.early)


def _bad_times(where: str, times: Hours | Shift) -> Iterator[str]:
    if not 0 <= times.start < DAY_MIN:
        yield f"{where}: start is a minute of its own day, 0 to {DAY_MIN - 1}, got {times.start}"
    if not times.start < times.end <= times.start + LONGEST_MIN:
        yield (
            f"{where}: end is 1 to {LONGEST_MIN} minutes after the start {times.start}, "
            f"got {times.end}; across midnight it goes on from {DAY_MIN}"
        )
    if not 0 <= times.break_min <= max(0, times.end - times.start):
        yield f"{where}: break_min is a part of the duty, got {times.break_min}"
    if not 0 <= times.flex_min <= DAY_MIN:
        yield f"{where}: flex_min is 0 to {DAY_MIN}, got {times.flex_min}"
    yield from _bad_window(where, times.window)


def _bad_window(where: str, window: Window) -> Iterator[str]:
    for name in ("before_min", "after_min"):
        if not 0 <= getattr(window, name) <= WIDEST_MIN:
            yield f"{where}.window: {name} is 0 to {WIDEST_MIN}, got {getattr(window, name)}"


def _bad_classes(where: str, table: Sequence[Step]) -> Iterator[str]:
    minutes = [step.from_min for step in table]
    if minutes != sorted(set(minutes)) or (minutes and minutes[0] < 0):
        yield f"{where}: from_min must rise from row to row, got {minutes}"


def _dangling(rules: RuleBook) -> Iterator[str]:
    plans = {week.plan for week in rules.weeks} | {turn.plan for turn in rules.rotations}
    calendars = {holiday.calendar for holiday in rules.holidays}
    codes = {shift.code for shift in rules.shifts}
    for index, row in enumerate(rules.assignments):
        if row.plan and row.plan not in plans:
            yield f"assignments[{index}]: no week and no rotation of plan {row.plan!r}"
        if row.calendar and row.calendar not in calendars:
            yield f"assignments[{index}]: no holiday of calendar {row.calendar!r}"
    for index, rotation in enumerate(rules.rotations):
        for code in sorted({code for day in rotation.cycle for code in day} - codes):
            yield f"rotations[{index}] ({rotation.plan}): no shift has the code {code!r}"
    for index, table in enumerate(rules.tables):
        named = {code for day in table.days for code in day or ()}
        for code in sorted(named - codes - {PATTERN}):
            yield f"tables[{index}] ({table.person or table.group}): no shift has the code {code!r}"
    taken: dict[tuple[str, object], int] = {}
    for index, swap in enumerate(rules.swaps):
        for what in {(swap.person, swap.day), (swap.other, swap.other_day)}:
            if what in taken:
                yield f"swaps[{index}]: {what[0]} {what[1]} is in swaps[{taken[what]}] already"
            taken.setdefault(what, index)


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
