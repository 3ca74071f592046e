"""Rules: everything that a law, a decree or a head of office says of duties, as dated rows.

Data only: what a row means is told here, what is done with it in `book.py`, `duties.py` and
`judge.py`. Every row holds from `since` until `until`, both days included, None for open. Times of
day are whole minutes since local midnight of the duty's day and may exceed 1440: a piket of 24
hours is 480 to 1920. Where rows of one kind contradict each other, the more specific wins, then
the one that began last, so that a change is a row more and the past stays as it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from itertools import chain
from typing import Final

from msgspec import Struct

DAY_MIN: Final = 1440
"""Minutes of a day."""

PATTERN: Final = "*"
"""In a table's day: what the pattern says for it, so that a piket can stand beside office hours."""


class Dated(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What holds from `since` until `until`, both days included; None for open."""

    since: date | None = None
    until: date | None = None

    def covers(self, day: date) -> bool:
        """Return whether it holds on `day`."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )


class Window(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From when until when a punch counts for a duty; the last minute named counts whole.

    Attributes:
        before_min: from so long before the start it counts as an arrival.
        after_min: until so long after the end it counts as a departure.
        arrive_until_min: until so long after the start it counts as an arrival; None: until
            departures begin.
        leave_from_min: from so long after the *start* it counts as a departure; None: when arrivals
            have ended, or from the middle of the duty if neither is given. Never before arrivals
            have ended.
    """

    before_min: int = 120
    after_min: int = 240
    arrive_until_min: int | None = None
    leave_from_min: int | None = None


class Hours(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The office hours of some days of the week.

    Attributes:
        days: ISO days of the week, 1 for Monday.
        break_min: rest within the hours, for sums of working time; nobody punches for it.
        flex_min: one may come so much later, and then leaves as much later.
    """

    days: Sequence[int]
    start: int
    end: int
    break_min: int = 0
    flex_min: int = 0
    window: Window = Window()


class Week(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """The week of a plan. Of several the highest `rank` holds: Ramadan over ordinary."""

    plan: str
    hours: Sequence[Hours]
    rank: int = 0


class DayOff(StrEnum):
    """Why a calendar has no duty."""

    HOLIDAY = "hari libur"
    JOINT_LEAVE = "cuti bersama"


class Holiday(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """Days on which whoever follows a calendar has no duty, unless a table says one."""

    calendar: str
    name: str
    kind: DayOff = DayOff.HOLIDAY


class Shift(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A duty that rotations and tables name by its code; a piket of 24 hours is one.

    Attributes:
        unit: whose code it is; "" for everybody's. A unit's own goes first.
    """

    code: str
    start: int
    end: int
    unit: str = ""
    break_min: int = 0
    flex_min: int = 0
    window: Window = Window()


class Rotation(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A plan that repeats: on `anchor` an assignment of offset 0 has `cycle[0]`.

    Attributes:
        cycle: for each day the codes of its shifts, in any order; () for a free day.
    """

    plan: str
    cycle: Sequence[Sequence[str]]
    anchor: date


class Grouped(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A person belongs to a group (regu) that a rotation or a table is made for."""

    person: str
    group: str


class Assignment(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """Whose plan it is: one of `person`, `group`, `unit` is given. A person's goes before a
    group's, a group's before a unit's.

    Attributes:
        plan: a `Week.plan` or `Rotation.plan`; "" for no duty but by table.
        calendar: whose holidays are free; "" works through.
        offset: how many days a rotation's cycle is ahead.
        zone: IANA zone of the duties; "" for the unit's.
    """

    plan: str
    person: str = ""
    group: str = ""
    unit: str = ""
    calendar: str = ""
    offset: int = 0
    zone: str = ""


class Table(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A month's table for one person or one group: it overrides the pattern and the calendar.

    Attributes:
        first: the day of `days[0]`.
        days: for each day the codes of its shifts, () for a free day, None where it says nothing.
            `PATTERN` among codes stands for the pattern's duty.
        edition: of two that name the same day for the same person or group, the higher holds.
    """

    first: date
    days: Sequence[Sequence[str] | None]
    person: str = ""
    group: str = ""
    edition: int = 0


class Swap(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`person` takes what `other` was to do on `other_day`, and `other` what `person` was on `day`.

    Both are of one unit. It speaks of the duties that begin on these days as plan and table say
    them; what one swap gave away cannot be given away by a second one.
    """

    person: str
    day: date
    other: str
    other_day: date
    reference: str = ""


class Counts(StrEnum):
    """Which of several punches in a window counts."""

    FIRST = "first"
    LAST = "last"


class Step(Struct, frozen=True, kw_only=True):
    """A row of a class table: from so many minutes on it is called `code`."""

    from_min: int
    code: str


class Demand(StrEnum):
    """What a method needs, to prove who it was."""

    NOTHING = "nothing"
    SECOND = "second"  # possession only: the same person's finger or face beside it
    GRANT = "grant"  # only with a grant, for those whose finger cannot be read


class Regulation(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """How the duties of a unit are judged.

    Attributes:
        unit: "" for all. A unit's own goes first, as a whole.
        name: where it stands, for people.
        grace_min: so late is not late at all; later counts from the start.
        leave_grace_min: the same for leaving early.
        late, early: the classes (TL1.., PSW1..) in rising order of minutes.
        no_arrival, no_departure: the class of a punch that is not there.
        join_gap_min: duties with no more than that between them are one block: the hand-over needs
            no punch. None: never.
        demands: for methods (drivers' words) that prove less than a finger or a face.
        second_within_s: how near the finger or face must be.
        outage_within_min: an outage is in the way only from so long before the duty until so long
            after it: whoever was there could punch when it was over. None: all over the windows.
        outage_least_min: an outage that is shorter is never in the way: whoever stood there tried
            again.
        in_favour_ms: a time known no better than this is taken at its better end for the person;
            beyond, a person decides.
    """

    unit: str = ""
    name: str = ""
    grace_min: int = 0
    leave_grace_min: int = 0
    arrival: Counts = Counts.FIRST
    departure: Counts = Counts.LAST
    late: Sequence[Step] = ()
    early: Sequence[Step] = ()
    no_arrival: str = ""
    no_departure: str = ""
    join_gap_min: int | None = 0
    demands: Mapping[str, Demand] = {}
    second_within_s: int = 20
    outage_within_min: int | None = None
    outage_least_min: int = 0
    in_favour_ms: int = 15_000


class Pair(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A second factor may be given at the other one of two sources, either way round."""

    kiosk: str
    source: str
    other_kiosk: str
    other_source: str


class RuleBook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of it, or a part: `merge` puts parts together."""

    regulations: Sequence[Regulation] = ()
    weeks: Sequence[Week] = ()
    holidays: Sequence[Holiday] = ()
    shifts: Sequence[Shift] = ()
    rotations: Sequence[Rotation] = ()
    groups: Sequence[Grouped] = ()
    assignments: Sequence[Assignment] = ()
    tables: Sequence[Table] = ()
    swaps: Sequence[Swap] = ()
    pairs: Sequence[Pair] = ()


def merge(parts: Iterable[RuleBook]) -> RuleBook:
    """Return one rule book that says what all of `parts` say; their order is of no meaning."""
    parts = list(parts)
    return RuleBook(
        **{
            rows: tuple(chain.from_iterable(getattr(part, rows) for part in parts))
            for rows in RuleBook.__struct_fields__
        }
    )


class Reason(StrEnum):
    """Why somebody is not at their duty, in the words of screens and recaps."""

    OUTSIDE_DUTY = "dinas luar"
    INSIDE_DUTY = "dinas dalam"
    STUDY = "tugas belajar"
    TRAINING = "diklat"
    PERMISSION = "izin"
    SICK = "sakit"
    ANNUAL_LEAVE = "cuti tahunan"
    SICK_LEAVE = "cuti sakit"
    LONG_LEAVE = "cuti besar"
    MATERNITY_LEAVE = "cuti melahirkan"
    IMPORTANT_LEAVE = "cuti alasan penting"
    JOINT_LEAVE = "cuti bersama"
    UNPAID_LEAVE = "cuti di luar tanggungan negara"
    UNEXPLAINED = "tanpa keterangan"  # said by a person; it excuses nothing


class Absence(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A decision that somebody was away on duties that begin on these days, and why.

    It never hides a punch. Of several on one day the one that began last holds: sakit within cuti.
    """

    person: str
    reason: Reason
    reference: str = ""


class PinGrant(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """A person whose finger cannot be read may say a PIN."""

    person: str
    reference: str = ""


class Post(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """Where somebody belongs, and in which IANA zone its days are. The one begun last holds."""

    unit: str
    zone: str
