"""What Indonesian rules say of working time, as rows: the sources are named in each regulation.

Where a source was not seen whole, what is missing (a Friday, a percentage) is ours and says so.
"""

from collections.abc import Sequence
from datetime import date

from sync.worktime.rules import (
    Assignment,
    Counts,
    Hours,
    Regulation,
    RuleBook,
    Shift,
    Step,
    Week,
    Window,
)

WORKDAYS, FRIDAY = (1, 2, 3, 4), (5,)


def clock(text: str) -> int:
    """Return the minute of the day that "07.30" is; "24.00" and later go on."""
    hours, minutes = text.split(".")
    return int(hours) * 60 + int(minutes)


def steps(name: str, starts: Sequence[int]) -> list[Step]:
    return [Step(from_min=start, code=f"{name}{n}") for n, start in enumerate(starts, 1)]


PERMENTAN_68_2012 = Regulation(
    name="Permentan 68/2012",
    late=steps("TL", (1, 31, 61, 91)),
    early=steps("PSW", (1, 31, 61, 91)),
    no_arrival="TL4",
    no_departure="PSW4",
)

BGN_4_2025 = Regulation(
    name="BGN 4/2025",
    late=steps("TL", (1, 61)),
    early=steps("PSW", (1, 61)),
    no_arrival="TL2",
    no_departure="PSW2",
)

BALI_54_2014 = Regulation(
    name="Pergub Bali 54/2014", arrival=Counts.LAST, late=steps("TL", (1,)), no_arrival="TL1"
)


def office(weeks: Sequence[Week], *regulations: Regulation, calendar: str = "") -> RuleBook:
    """Return the rules of unit `u`, whose plan is that of `weeks`."""
    return RuleBook(
        weeks=weeks,
        regulations=regulations or [PERMENTAN_68_2012],
        assignments=[Assignment(plan=weeks[0].plan, unit="u", calendar=calendar)],
    )


# Pasal 15: Monday to Thursday 07.30 to 16.00 with 45 minutes of rest. Friday was not seen; ours
# makes the 37.5 hours of the week whole.
TANJUNGPINANG_2_2024 = office(
    [
        Week(
            plan="kantor",
            since=date(2024, 5, 2),
            hours=[
                Hours(days=WORKDAYS, start=clock("07.30"), end=clock("16.00"), break_min=45),
                Hours(days=FRIDAY, start=clock("07.30"), end=clock("15.30"), break_min=90),
            ],
        ),
        Week(  # 32/2018, until then; its hours are ours
            plan="kantor",
            until=date(2024, 5, 1),
            hours=[Hours(days=(*WORKDAYS, *FRIDAY), start=clock("08.00"), end=clock("16.00"))],
        ),
    ]
)

RAMADAN_2026 = (date(2026, 2, 18), date(2026, 3, 19))

# 37 h 30 min a week without rest from 07.30, rest 60 (Friday 90); in Ramadan 32 h 30 min from
# 08.00, rest 30 (Friday 60).
PERPRES_21_2023 = office(
    [
        Week(
            plan="asn",
            hours=[
                Hours(days=WORKDAYS, start=clock("07.30"), end=clock("16.00"), break_min=60),
                Hours(days=FRIDAY, start=clock("07.30"), end=clock("16.30"), break_min=90),
            ],
        ),
        Week(
            plan="asn",
            rank=1,
            since=RAMADAN_2026[0],
            until=RAMADAN_2026[1],
            hours=[
                Hours(days=WORKDAYS, start=clock("08.00"), end=clock("15.00"), break_min=30),
                Hours(days=FRIDAY, start=clock("08.00"), end=clock("15.30"), break_min=60),
            ],
        ),
    ]
)

# SE e-0059/2023: regular, in from 06.30, out until 23.00; special shift, in from one hour before,
# out until three hours after.
DKI_WINDOWS = RuleBook(
    regulations=[PERMENTAN_68_2012],
    weeks=[
        Week(
            plan="reguler",
            hours=[
                Hours(
                    days=(*WORKDAYS, *FRIDAY),
                    start=clock("07.30"),
                    end=clock("16.00"),
                    window=Window(before_min=60, after_min=420),
                )
            ],
        )
    ],
    shifts=[
        Shift(
            code="KHUSUS",
            start=clock("19.00"),
            end=clock("31.00"),
            window=Window(before_min=60, after_min=180),
        )
    ],
    assignments=[Assignment(plan="reguler", unit="u")],
)
