"""What of the rules is more than a word, a number or a day, as one cell says it.

hours    1-4 07:30-16:00 break 60; 5 07:30-16:30 break 90 flex 30
window   before 120 after 240 arrive-until 60
steps    1 TL1, 31 TL2, 61 TL3
codes    P, P, S+M, -, *, .      a day each: several shifts, free, the pattern's, as the pattern
demands  card second, password grant
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import NODEFAULT, Struct, structs

from sync.worktime.rules import Demand, Hours, Step, Window

FREE: Final = "-"
AS_PATTERN: Final = "."
CLOCK: Final = re.compile(r"(\d{1,2})[.:](\d{2})(?:[.:]00)?")
LATEST_MIN: Final = 2 * 24 * 60
"""Latest end of a duty, minutes after the midnight in which its day began."""


class Unfit(Exception):
    """A cell has nothing that its column takes; says what is there and what to write."""


class Form(Struct, frozen=True):
    """How one type of value is read from a cell's text and written into it; `like` is an example.

    `read` raises Unfit.
    """

    read: Callable[[str], Any]
    write: Callable[[Any], str]
    like: str


# Times of day.


def minutes(text: str) -> int:
    """Return a time of day in minutes; 32:00 is eight in the next morning. Raises Unfit."""
    said = CLOCK.fullmatch(text)
    if not said or int(said[2]) >= 60 or 60 * int(said[1]) + int(said[2]) > LATEST_MIN:
        raise Unfit(f"{text} is no time of day; write one like 07:30")
    return 60 * int(said[1]) + int(said[2])


def clock(at: int) -> str:
    """Return minutes as a time of day."""
    return f"{at // 60:02}:{at % 60:02}"


# Words with numbers: fields of a struct that have a default.


def _options(kind: type[Struct]) -> dict[str, structs.FieldInfo]:
    """Return the fields that are said by a word and a number, by their words."""
    return {
        one.encode_name.removesuffix("_min").replace("_", "-"): one
        for one in structs.fields(kind)
        if one.name.endswith("_min") and one.default is not NODEFAULT
    }


def _read_options(kind: type[Struct], words: Sequence[str]) -> dict[str, int]:
    """Return what pairs of a word and minutes say, by field. Raises Unfit."""
    known, said = _options(kind), {}
    for word, number in zip(words[::2], [*words[1::2], ""], strict=False):
        if word not in known or known[word].name in said:
            raise Unfit(f"{word!r} is none of: {', '.join(known)}")
        said[known[word].name] = _count(number)
    return said


def _write_options(one: Struct) -> list[str]:
    return [
        f"{word} {getattr(one, info.name)}"
        for word, info in _options(type(one)).items()
        if getattr(one, info.name) != info.default
    ]


def _count(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Unfit(f"{text!r} is no number of minutes") from None


# The forms.


def _read_window(text: str) -> Window:
    return Window(**_read_options(Window, text.split()))


def _write_window(window: Window) -> str:
    return " ".join(_write_options(window))


def _read_hours(text: str) -> Sequence[Hours]:
    return tuple(_one_hours(part) for part in text.split(";") if part.strip())


def _one_hours(text: str) -> Hours:
    words = text.split()
    days = _days(words[0])
    start, _, end = (words[1] if len(words) > 1 else "").partition("-")
    own = _options(Hours)
    options = [words[n : n + 2] for n in range(2, len(words), 2)]
    mine = [word for pair in options if pair[0] in own for word in pair]
    its = [word for pair in options if pair[0] not in own for word in pair]
    return Hours(
        days=days,
        start=minutes(start),
        end=minutes(end),
        window=Window(**_read_options(Window, its)),
        **_read_options(Hours, mine),
    )


def _days(text: str) -> Sequence[int]:
    """Return days of the week: `1-4`, `1,3,5`. Raises Unfit."""
    days: list[int] = []
    for part in text.split(","):
        said = re.fullmatch(r"([1-7])(?:-([1-7]))?", part)
        if not said:
            raise Unfit(f"{text!r} are no days of the week; write them like 1-4 or 1,3,5")
        days += range(int(said[1]), int(said[2] or said[1]) + 1)
    return tuple(days)


def _write_hours(hours: Sequence[Hours]) -> str:
    return "; ".join(
        " ".join(
            [
                _runs(one.days),
                f"{clock(one.start)}-{clock(one.end)}",
                *_write_options(one),
                *_write_options(one.window),
            ]
        )
        for one in hours
    )


def _runs(days: Sequence[int]) -> str:
    """Return days of the week as `_days` reads them: those that follow each other as a run."""
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _read_steps(text: str) -> Sequence[Step]:
    steps = []
    for part in text.split(","):
        number, _, code = part.strip().partition(" ")
        if not code.strip():
            raise Unfit(f"{part.strip()!r} is no step; write them like 1 TL1, 31 TL2")
        steps.append(Step(from_min=_count(number), code=code.strip()))
    return tuple(steps)


def _write_steps(steps: Sequence[Step]) -> str:
    return ", ".join(f"{one.from_min} {one.code}" for one in steps)


def _read_codes(text: str) -> Sequence[Sequence[str]]:
    days = _read_days(text)
    if None in days:
        raise Unfit(f"{AS_PATTERN!r} leaves a table's day to the pattern; this is the pattern")
    return [day for day in days if day is not None]


def _read_days(text: str) -> Sequence[Sequence[str] | None]:
    days: list[Sequence[str] | None] = []
    for part in text.split(","):
        codes = tuple(code.strip() for code in part.split("+"))
        if codes == (AS_PATTERN,):
            days.append(None)
        elif codes == (FREE,):
            days.append(())
        elif "" in codes:
            raise Unfit(f"{part.strip()!r} is no day; write codes, {FREE} or {AS_PATTERN}")
        else:
            days.append(codes)
    return tuple(days)


def _write_days(days: Sequence[Sequence[str] | None]) -> str:
    return ", ".join(
        AS_PATTERN if codes is None else "+".join(codes) if codes else FREE for codes in days
    )


def _read_demands(text: str) -> Mapping[str, Demand]:
    said = {}
    for part in text.split(","):
        method, _, demand = part.strip().partition(" ")
        try:
            said[method] = Demand(demand.strip())
        except ValueError:
            words = ", ".join(one.value for one in Demand)
            raise Unfit(f"{part.strip()!r}: after the method write one of: {words}") from None
    return said


def _write_demands(demands: Mapping[str, Demand]) -> str:
    return ", ".join(f"{method} {demand.value}" for method, demand in sorted(demands.items()))


FORMS: Final[Sequence[tuple[Any, Form]]] = (
    (Window, Form(_read_window, _write_window, "before 120 after 240")),
    (Sequence[Hours], Form(_read_hours, _write_hours, "1-4 07:30-16:00; 5 07:30-16:30")),
    (Sequence[Step], Form(_read_steps, _write_steps, "1 TL1, 31 TL2")),
    (Sequence[Sequence[str]], Form(_read_codes, _write_days, "P, P, S+M, -")),
    (Sequence[Sequence[str] | None], Form(_read_days, _write_days, "P, P, S+M, -, .")),
    (Mapping[str, Demand], Form(_read_demands, _write_demands, "card second")),
)


def form_of(hint: Any) -> Form | None:
    """Return how values of a type are written."""
    return next((form for known, form in FORMS if known == hint), None)
