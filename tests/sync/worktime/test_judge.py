"""What a duty comes to, in stories: proof, outages, dead clocks, absences, shifts, piket, swaps."""

from datetime import date
from itertools import pairwise

import pytest
from decrees import PERMENTAN_68_2012, PERPRES_21_2023, clock, office
from duty_desk import Desk, ms
from msgspec import structs

from drivers.base import Method
from sync.worktime.evidence import Reach
from sync.worktime.proving import PROVES_WHO
from sync.worktime.rules import (
    PATTERN,
    Assignment,
    Demand,
    Grouped,
    Holiday,
    Hours,
    Pair,
    PinGrant,
    Reason,
    Regulation,
    Rotation,
    RuleBook,
    Shift,
    Swap,
    Table,
    Week,
    Window,
    merge,
)
from sync.worktime.slots import Side
from sync.worktime.verdicts import Judged, Shares, Verdict

MON, TUE, WED = date(2026, 11, 2), date(2026, 11, 3), date(2026, 11, 4)
DAILY = Hours(days=(1, 2, 3, 4, 5), start=clock("07.30"), end=clock("16.00"))
OFFICE = office([Week(plan="kantor", hours=[DAILY])])
SHIFTS = RuleBook(
    regulations=[PERMENTAN_68_2012],
    shifts=[
        Shift(code="P", start=clock("07.00"), end=clock("14.00")),
        Shift(code="S", start=clock("14.00"), end=clock("21.00")),
        Shift(code="M", start=clock("21.00"), end=clock("31.00")),
        Shift(code="PK", start=clock("08.00"), end=clock("32.00")),
    ],
    assignments=[Assignment(plan="", unit="u")],
)


def listed(*days: list[str] | None, rules: RuleBook = SHIFTS, person: str = "a") -> RuleBook:
    """Return rules with a table for `person` from Monday on."""
    return merge([rules, RuleBook(tables=[Table(person=person, first=MON, days=days)])])


def said(one: Judged) -> tuple[str, str, str]:
    return one.verdict.value, one.arrival.verdict.value, one.departure.verdict.value


# --- proof


def test_silence_that_was_read_is_absence() -> None:
    one = Desk(rules=OFFICE).day(MON)
    assert said(one) == ("tanpa keterangan", "tidak ada presensi", "tidak ada presensi")
    assert one.shares == Shares(absent=510)
    assert (one.arrival.code, one.departure.code) == ("", "")  # absent, not late as well


def test_silence_that_nobody_read_is_incomplete() -> None:
    one = Desk(rules=OFFICE, read=()).day(MON)
    assert said(one) == ("belum lengkap", "belum lengkap", "belum lengkap")
    assert one.shares == Shares(unproved=510)


def test_without_a_source_in_reach_nothing_is_proved() -> None:
    assert Desk(rules=OFFICE, reach=()).day(MON).verdict is Verdict.INCOMPLETE


def test_each_source_in_reach_must_be_read() -> None:
    other = Reach(kiosk="k2", source="hall")
    desk = Desk(rules=OFFICE, unread=(other,)).punched(f"{TUE} 07.45", f"{TUE} 16.00")
    absent, late = desk.judged(MON, TUE)
    assert said(absent) == ("belum lengkap", "belum lengkap", "belum lengkap")
    assert said(late) == ("belum lengkap", "belum lengkap", "hadir")
    # Until Sunday only: on Monday the person could not have punched there.
    gone = structs.replace(other, until=date(2026, 11, 1))
    assert desk.but(unread=(gone,)).day(MON).verdict is Verdict.ABSENT


@pytest.mark.parametrize(
    ("unread", "verdict"),
    [
        (("05.30", "05.31"), "belum lengkap"),  # the very first minute in which one may come
        (("07.44", "07.45"), "belum lengkap"),  # the last one before
        (("07.45.00", "12.00"), "terlambat"),  # what came after cannot help
        (("00.00", "05.30"), "terlambat"),  # nor what was before the window
    ],
)
def test_late_is_said_if_all_before_was_read(unread: tuple[str, str], verdict: str) -> None:
    read = [("2026-01-01 00.00", f"{MON} {unread[0]}"), (f"{MON} {unread[1]}", "2027-01-01 00.00")]
    one = Desk(rules=OFFICE, read=read).punched(f"{MON} 07.45", f"{MON} 16.00").day(MON)
    assert one.arrival.verdict.value == verdict
    assert one.arrival.minutes == (15 if verdict == "terlambat" else 0)
    assert one.arrival.ref == f"{MON} 07.45"  # it is shown, whatever it comes to


def test_stretches_that_touch_are_one() -> None:
    nights = [f"2026-11-{day:02} 00.00" for day in range(1, 6)]
    desk = Desk(rules=OFFICE, read=list(pairwise(nights)))
    assert desk.day(MON).verdict is Verdict.ABSENT
    piket = Desk(rules=listed(["PK"]), read=list(pairwise(nights)))
    assert piket.day(MON).verdict is Verdict.ABSENT
    assert piket.but(read=piket.read[::2]).day(MON).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    ("begin", "until", "verdict"),
    [
        ("05.00", "05.30", "terlambat"),  # over when the window begins
        ("05.00", "05.30.01", "alat mati"),
        ("07.44.59", "09.00", "alat mati"),
        ("07.45", "09.00", "terlambat"),  # begun with the punch
    ],
)
def test_an_outage_counts_where_one_could_have_come_earlier(
    begin: str, until: str, verdict: str
) -> None:
    desk = Desk(rules=OFFICE, out=[(f"{MON} {begin}", f"{MON} {until}")])
    one = desk.punched(f"{MON} 07.45", f"{MON} 16.00").day(MON)
    assert one.arrival.verdict.value == verdict


@pytest.mark.parametrize(
    ("begin", "until", "came", "left"),
    [
        ("05.30", "07.15", "terlambat", "tidak ada presensi"),  # on again a quarter before
        ("05.30", "07.15.01", "alat mati", "tidak ada presensi"),
        ("16.15", "23.00", "terlambat", "tidak ada presensi"),  # off a quarter after
        ("16.14.59", "23.00", "terlambat", "alat mati"),
    ],
)
def test_whoever_was_there_could_punch_when_the_outage_was_over(
    begin: str, until: str, came: str, left: str
) -> None:
    """An office that switches the power off every night, and a rule that says what that excuses."""
    [regulation] = OFFICE.regulations
    within = structs.replace(regulation, outage_within_min=15)
    rules = structs.replace(OFFICE, regulations=[within])
    one = Desk(rules=rules, out=[(f"{MON} {begin}", f"{MON} {until}")]).punched(f"{MON} 07.45")
    assert one.day(MON).arrival.verdict.value == came
    assert one.day(MON).departure.verdict.value == left


def test_in_time_needs_no_proof() -> None:
    one = Desk(rules=OFFICE, read=()).punched(f"{MON} 07.29", f"{MON} 16.00").day(MON)
    assert said(one) == ("hadir", "hadir", "hadir")
    assert one.shares == Shares(present=510)


def test_nobody_is_absent_or_late_during_an_outage() -> None:
    desk = Desk(rules=OFFICE, out=[(f"{MON} 06.00", f"{WED} 06.00")])
    days = desk.punched(f"{TUE} 07.45").judged(MON, WED)
    assert [one.verdict.value for one in days] == ["alat mati", "alat mati", "alat mati"]
    assert days[1].arrival.verdict is Verdict.OUTAGE
    assert days[2].arrival.verdict is Verdict.OUTAGE  # it lasted into Wednesday's window
    assert days[2].departure.verdict is Verdict.MISSING


def test_an_outage_weighs_more_than_what_was_not_read() -> None:
    desk = Desk(rules=OFFICE, read=(), out=[(f"{MON} 08.00", f"{MON} 08.10")])
    assert said(desk.day(MON)) == ("alat mati", "alat mati", "belum lengkap")


def test_a_punch_between_the_windows_shows_that_one_was_there() -> None:
    window = Window(arrive_until_min=60, leave_from_min=480)
    rules = office([Week(plan="kantor", hours=[structs.replace(DAILY, window=window)])])
    one = Desk(rules=rules).punched(f"{MON} 11.00").day(MON)
    assert said(one) == ("hadir", "tidak ada presensi", "tidak ada presensi")
    assert (one.between, one.arrival.code, one.was_here) == ([f"{MON} 11.00"], "TL4", True)
    read = [("2026-01-01 00.00", f"{MON} 11.00"), (f"{MON} 11.01", "2027-01-01 00.00")]
    assert Desk(rules=rules, read=read).day(MON).verdict is Verdict.INCOMPLETE


# --- punches that may be another's


@pytest.mark.parametrize(
    ("mine", "perhaps", "expected"),
    [
        ([], ["07.20"], ("jam belum pasti", "jam belum pasti", "tidak ada presensi")),
        ([], ["11.00"], ("jam belum pasti", "jam belum pasti", "tidak ada presensi")),
        ([], ["23.59"], ("tanpa keterangan", "tidak ada presensi", "tidak ada presensi")),
        (["07.40", "16.05"], ["07.20"], ("jam belum pasti", "jam belum pasti", "hadir")),
        (["07.40", "16.05"], ["07.50"], ("hadir", "terlambat", "hadir")),
        (["07.20", "15.00"], ["16.30"], ("jam belum pasti", "hadir", "jam belum pasti")),
        (["07.20", "16.05"], ["07.50", "15.00"], ("hadir", "hadir", "hadir")),
    ],
)
def test_a_punch_that_may_be_anothers_counts_for_nobody_and_hides_nothing(
    mine: list[str], perhaps: list[str], expected: tuple[str, str, str]
) -> None:
    desk = Desk(rules=OFFICE).punched(*(f"2026-11-02 {one}" for one in mine))
    one = desk.perhaps(*(f"2026-11-02 {when}" for when in perhaps)).day(MON)
    assert said(one) == expected
    assert {*one.arrival.refs, *one.departure.refs} == {f"2026-11-02 {when}" for when in mine}


def test_a_card_that_only_anothers_finger_may_second_is_in_doubt() -> None:
    rule = structs.replace(PERMENTAN_68_2012, demands={"card": Demand.SECOND})
    desk = Desk(rules=structs.replace(OFFICE, regulations=[rule]))
    desk = desk.punched("2026-11-02 07.20", method="card").punched("2026-11-02 16.05")
    assert desk.day(MON).arrival.verdict is Verdict.MISSING
    assert desk.perhaps("2026-11-02 07.20").day(MON).arrival.verdict is Verdict.UNSURE
    assert desk.punched("2026-11-02 07.20").day(MON).arrival.verdict is Verdict.PRESENT


@pytest.mark.parametrize("method", ["card", "qr", "password"])
@pytest.mark.parametrize("other", ["card", "qr", "password", "fingerprint", "face"])
def test_who_has_or_knows_something_seconds_nobody(method: str, other: str) -> None:
    """A card and a code are lent together with the PIN: two of them prove no more than one."""
    demands = dict.fromkeys(("card", "qr", "password"), Demand.SECOND)
    rule = structs.replace(PERMENTAN_68_2012, demands=demands)
    desk = Desk(rules=structs.replace(OFFICE, regulations=[rule])).punched("2026-11-02 16.05")
    both = desk.punched("2026-11-02 07.20", method=method).punched("2026-11-02 07.20", method=other)
    expected = Verdict.PRESENT if other in PROVES_WHO else Verdict.MISSING
    assert both.day(MON).arrival.verdict is expected


def test_what_proves_who_it_was_is_a_closed_list() -> None:
    """Whoever adds a way of verification decides here whether it proves more than possession."""
    possession = {Method.CARD, Method.QR, Method.PASSWORD, Method.UNKNOWN}
    assert {one.value for one in Method} - possession == PROVES_WHO


# --- time that is not known


@pytest.mark.parametrize(
    ("at", "error_s", "verdict", "minutes"),
    [
        ("07.40", 20, "terlambat", 9),  # TL1 at both ends; the fewest minutes it can have been
        ("07.31", 15, "hadir", 0),  # so little is taken at its better end
        ("07.31", 16, "jam belum pasti", 0),
        ("08.00", 1800, "jam belum pasti", 0),
        ("08.01", 40, "jam belum pasti", 0),  # TL1 or TL2
        ("05.00", 1801, "jam belum pasti", 0),  # in the window or before it
        ("05.00", 1800, "jam belum pasti", 0),
        ("05.00", 1799, "tidak ada presensi", 0),
    ],
)
def test_a_time_in_doubt(at: str, error_s: float, verdict: str, minutes: int) -> None:
    desk = Desk(rules=OFFICE).punched(f"{MON} {at}", error_s=error_s)
    one = desk.punched(f"{MON} 16.00").day(MON)
    assert (one.arrival.verdict.value, one.arrival.minutes) == (verdict, minutes)


def test_in_time_or_late_is_in_doubt_without_classes_too() -> None:
    rules = office([Week(plan="kantor", hours=[DAILY])], Regulation(name="no classes"))
    one = Desk(rules=rules).punched(f"{MON} 07.31", error_s=60).day(MON)
    assert one.arrival.verdict is Verdict.UNSURE


def test_a_dead_clock_makes_nobody_absent() -> None:
    three_days = 3 * 86_400
    desk = Desk(rules=OFFICE).punched(f"{TUE} 12.00", error_s=three_days)
    assert {one.verdict for one in desk.judged(MON, WED)} == {Verdict.UNSURE}


def test_a_doubtful_punch_that_cannot_help_is_no_obstacle() -> None:
    desk = Desk(rules=OFFICE).punched(f"{MON} 07.45", f"{MON} 16.00")
    one = desk.punched(f"{MON} 09.00", error_s=3600).day(MON)
    assert (one.arrival.verdict, one.arrival.minutes) == (Verdict.LATE, 15)


# --- not over yet


@pytest.mark.parametrize(
    ("now", "came", "expected"),
    [
        ("07.00", None, ("berlangsung", "berlangsung", "berlangsung")),
        ("08.00", "07.45", ("berlangsung", "terlambat", "berlangsung")),  # it cannot become better
        ("08.00", "07.20", ("berlangsung", "hadir", "berlangsung")),
        ("13.00", None, ("berlangsung", "tidak ada presensi", "berlangsung")),
        ("20.01", None, ("tanpa keterangan", "tidak ada presensi", "tidak ada presensi")),
    ],
)
def test_pending(now: str, came: str | None, expected: tuple[str, str, str]) -> None:
    desk = Desk(rules=OFFICE, now=f"{MON} {now}")
    desk = desk.punched(f"{MON} {came}") if came else desk
    assert said(desk.day(MON)) == expected


# --- absences


def test_an_absence_excuses_and_is_the_word() -> None:
    one = Desk(rules=OFFICE).away(Reason.ANNUAL_LEAVE, MON).day(MON)
    assert (one.word, one.shares) == ("cuti tahunan", Shares(excused=510))


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.UNEXPLAINED])
def test_every_reason_but_unexplained_excuses(reason: Reason) -> None:
    one = Desk(rules=OFFICE).away(reason, MON).day(MON)
    assert (one.verdict, one.word, one.reason) == (Verdict.EXCUSED, reason.value, reason)


def test_unexplained_said_by_a_person_neither_excuses_nor_accuses() -> None:
    desk = Desk(rules=OFFICE).away(Reason.UNEXPLAINED, MON)
    assert (desk.day(MON).verdict, desk.day(MON).reason) == (Verdict.ABSENT, Reason.UNEXPLAINED)
    assert desk.but(read=()).day(MON).verdict is Verdict.INCOMPLETE


def test_unexplained_said_by_a_person_takes_no_reason_away() -> None:
    leave = Desk(rules=OFFICE).away(Reason.ANNUAL_LEAVE, MON, WED)
    assert leave.away(Reason.UNEXPLAINED, TUE).day(TUE).word == "cuti tahunan"


def test_an_absence_hides_no_punch() -> None:
    desk = Desk(rules=OFFICE).away(Reason.OUTSIDE_DUTY, MON)
    late = desk.punched(f"{MON} 08.00").day(MON)
    assert (late.word, late.arrival.ref, late.arrival.code) == ("dinas luar", f"{MON} 08.00", "")
    both = desk.punched(f"{MON} 07.20", f"{MON} 16.00").day(MON)
    assert (both.verdict, both.reason) == (Verdict.PRESENT, Reason.OUTSIDE_DUTY)


def test_sick_within_leave() -> None:
    desk = Desk(rules=OFFICE).away(Reason.ANNUAL_LEAVE, MON, WED).away(Reason.SICK, TUE)
    words = ["cuti tahunan", "sakit", "cuti tahunan"]
    assert [one.word for one in desk.judged(MON, WED)] == words


# --- rules that change


def test_ramadan_announced_two_days_before_and_a_past_month_changed() -> None:
    wednesday = date(2026, 2, 18)  # the first day of Ramadan in the later book
    ordinary = structs.replace(PERPRES_21_2023, weeks=PERPRES_21_2023.weeks[:1])
    desk = Desk(rules=ordinary).punched(f"{wednesday} 07.55", f"{wednesday} 15.00")
    before = desk.day(wednesday)
    assert (before.arrival.minutes, before.departure.minutes) == (25, 60)
    after = desk.but(rules=PERPRES_21_2023).day(wednesday)
    assert (after.verdict, after.arrival.minutes, after.departure.minutes) == ("hadir", 0, 0)


def test_holidays_and_joint_leave_have_no_duty() -> None:
    rules = office([Week(plan="kantor", hours=[DAILY])], calendar="nasional")
    holiday = Holiday(calendar="nasional", name="HUT RI", since=MON, until=TUE)
    desk = Desk(rules=merge([rules, RuleBook(holidays=[holiday])]))
    assert [one.duty.day for one in desk.judged(MON, WED)] == [WED]


# --- flexible hours


@pytest.mark.parametrize(
    ("came", "left", "late", "early"),
    [
        ("07.20", "16.00", 0, 0),
        ("07.50", "16.20", 0, 0),
        ("07.50", "16.00", 0, 20),
        ("08.00", "16.30", 0, 0),
        ("08.10", "16.30", 10, 0),
        ("08.10", "16.00", 10, 30),
    ],
)
def test_come_later_leave_later(came: str, left: str, late: int, early: int) -> None:
    rules = office([Week(plan="kantor", hours=[structs.replace(DAILY, flex_min=30)])])
    desk = Desk(rules=rules).punched(f"{MON} {came}")
    shown = desk.shown(f"{MON} {left}")
    one = desk.punched(f"{MON} {left}").day(MON)
    assert (one.arrival.minutes, one.departure.minutes, shown.minutes) == (late, early, early)


def test_leaving_later_is_asked_only_if_an_earlier_arrival_is_ruled_out() -> None:
    rules = office([Week(plan="kantor", hours=[structs.replace(DAILY, flex_min=30)])])
    read = [(f"{MON} 07.40", "2027-01-01 00.00")]
    one = Desk(rules=rules, read=read).punched(f"{MON} 07.50", f"{MON} 16.00").day(MON)
    assert said(one) == ("belum lengkap", "hadir", "belum lengkap")


# --- shifts, piket, tables, swaps


def test_a_shift_across_midnight_belongs_to_the_day_it_begins() -> None:
    one = Desk(rules=listed(["M"])).punched(f"{MON} 20.50", f"{TUE} 07.05").day(MON)
    assert (one.verdict, one.duty.day, one.duty.length_min) == ("hadir", MON, 600)


def test_a_piket_of_24_hours() -> None:
    desk = Desk(rules=listed(["PK"])).punched(f"{MON} 08.30", f"{TUE} 07.00")
    one = desk.day(MON)
    assert (one.arrival.code, one.departure.code) == ("TL1", "PSW2")
    assert one.shares == Shares(present=1440 - 90, late=30, early=60)


def test_a_double_shift_needs_no_punch_at_its_hand_over() -> None:
    desk = Desk(rules=listed(["P", "S"])).punched(f"{MON} 06.50", f"{MON} 21.05")
    morning, noon = desk.judged(MON)
    assert said(morning) == ("hadir", "hadir", "tidak perlu")
    assert said(noon) == ("hadir", "tidak perlu", "hadir")
    assert (morning.shares, noon.shares) == (Shares(present=420), Shares(present=420))


def test_flexible_hours_ask_for_nothing_inside_a_block() -> None:
    """The screen once put off the end of a second shift because its hand-over came late."""
    flexible = [structs.replace(one, flex_min=15) for one in SHIFTS.shifts]
    rules = structs.replace(listed(["P", "S"]), shifts=flexible)
    desk = Desk(rules=rules).punched(f"{MON} 06.50", f"{MON} 14.10")
    assert desk.shown(f"{MON} 21.00").minutes == 0
    noon = desk.punched(f"{MON} 21.00").judged(MON)[1]
    assert said(noon) == ("hadir", "tidak perlu", "hadir")


def test_the_screen_asks_for_nothing_at_a_hand_over() -> None:
    desk = Desk(rules=listed(["P", "S"]))
    for when, side in (("13.00", Side.DEPARTURE), ("14.30", Side.ARRIVAL)):
        shown = desk.shown(f"{MON} {when}")
        assert (shown.side, shown.minutes, shown.code) == (side, 0, "")
    assert desk.shown(f"{MON} 20.00").code == "PSW2"


def test_a_double_shift_of_which_only_the_first_was_done() -> None:
    desk = Desk(rules=listed(["P", "S"])).punched(f"{MON} 06.50", f"{MON} 14.05")
    morning, noon = desk.judged(MON)
    assert said(morning) == ("hadir", "hadir", "tidak perlu")
    assert (said(noon), noon.departure.code) == (
        ("hadir", "tidak perlu", "tidak ada presensi"),
        "PSW4",
    )


def test_a_double_shift_that_nobody_did_is_absence_twice() -> None:
    days = Desk(rules=listed(["P", "S"])).judged(MON)
    assert [one.verdict for one in days] == [Verdict.ABSENT, Verdict.ABSENT]


def test_duties_that_are_not_joined_need_all_four_punches() -> None:
    apart = structs.replace(
        listed(["P", "S"]), regulations=[structs.replace(PERMENTAN_68_2012, join_gap_min=None)]
    )
    desk = Desk(rules=apart).punched(f"{MON} 06.50", f"{MON} 13.59", f"{MON} 14.00", f"{MON} 21.00")
    morning, noon = desk.judged(MON)
    assert morning.departure.refs == [f"{MON} 13.59"]
    assert noon.arrival.refs == [f"{MON} 14.00"]


def test_an_absence_ends_a_block_and_its_windows_give_way() -> None:
    rules = listed(["M"], ["P"])  # the night of Monday to Tuesday, then Tuesday's morning at once
    desk = Desk(rules=rules).away(Reason.SICK, MON).punched(f"{TUE} 06.50", f"{TUE} 14.00")
    night, morning = desk.judged(MON, TUE)
    assert (night.word, night.was_here) == ("sakit", False)
    assert (said(morning), morning.arrival.ref) == (("hadir", "hadir", "hadir"), f"{TUE} 06.50")


def test_an_excused_duty_takes_no_punch_of_the_one_before_it() -> None:
    desk = Desk(rules=listed(["M"], ["P"])).away(Reason.SICK, TUE)
    night, morning = desk.punched(f"{MON} 20.50", f"{TUE} 07.10").judged(MON, TUE)
    assert (said(night), night.departure.ref) == (("hadir", "hadir", "hadir"), f"{TUE} 07.10")
    assert (morning.word, morning.was_here) == ("sakit", False)
    within = desk.punched(f"{MON} 20.50", f"{TUE} 05.10").judged(MON, TUE)
    assert [one.was_here for one in within] == [True, False]


def test_a_piket_beside_office_hours() -> None:
    rules = merge(
        [
            SHIFTS,
            RuleBook(
                weeks=[Week(plan="kantor", hours=[DAILY])],
                assignments=[Assignment(plan="kantor", person="a")],
                tables=[Table(person="a", first=MON, days=[[PATTERN, "PK"]])],
            ),
        ]
    )
    office_day, piket = Desk(rules=rules).judged(MON)
    assert (office_day.duty.code, piket.duty.code) == ("kantor", "PK")
    assert piket.duty.start == office_day.duty.end == ms(f"{MON} 16.00")


def test_a_table_overrides_the_rota_and_the_calendar() -> None:
    rules = merge(
        [
            SHIFTS,
            RuleBook(
                rotations=[Rotation(plan="rota", cycle=[["P"], ["S"], []], anchor=MON)],
                groups=[Grouped(person="a", group="A")],
                assignments=[Assignment(plan="rota", group="A", calendar="id", offset=1)],
                holidays=[Holiday(calendar="id", name="x", since=MON, until=WED)],
                tables=[Table(person="a", first=TUE, days=[["M"]])],
            ),
        ]
    )
    assert [(one.duty.day, one.duty.code) for one in Desk(rules=rules).judged(MON, WED)] == [
        (TUE, "M")
    ]


def test_a_swap_moves_duties_to_the_other_one() -> None:
    rules = merge(
        [
            listed(["P"], []),
            listed([], ["M"], rules=RuleBook(), person="b"),
            RuleBook(swaps=[Swap(person="a", day=MON, other="b", other_day=TUE)]),
        ]
    )
    for person, days in (("a", [(TUE, "M")]), ("b", [(MON, "P")])):
        desk = Desk(rules=rules, person=person)
        assert [(one.duty.day, one.duty.code) for one in desk.judged(MON, WED)] == days


# --- what proves who it was

CARDS = office(
    [Week(plan="kantor", hours=[DAILY])],
    structs.replace(PERMENTAN_68_2012, demands={"card": Demand.SECOND, "password": Demand.GRANT}),
)
PAIRED = merge(
    [
        CARDS,
        RuleBook(pairs=[Pair(kiosk="k1", source="face", other_kiosk="k1", other_source="gate")]),
    ]
)
FACE = ("k1", "face")


@pytest.mark.parametrize(
    ("rules", "place", "seen", "counts"),
    [
        (CARDS, FACE, None, False),
        (CARDS, ("k1", "gate"), "07.20.20", True),  # at the reader itself
        (CARDS, FACE, "07.20.05", False),  # nobody paired them
        (PAIRED, FACE, "07.20.20", True),
        (PAIRED, FACE, "07.19.40", True),
        (PAIRED, FACE, "07.20.21", False),
    ],
)
def test_a_card_counts_with_a_face_beside_it(
    rules: RuleBook, place: tuple[str, str], seen: str | None, counts: bool
) -> None:
    # The face's own punch counts as well: what the card adds is seen by whether it is named.
    desk = Desk(rules=rules).punched(f"{MON} 07.20", method="card").punched(f"{MON} 16.00")
    one = (desk.at(place, f"{MON} {seen}", method="face") if seen else desk).day(MON)
    assert (f"{MON} 07.20" in one.arrival.refs) is counts
    assert (f"{MON} 07.20" in one.uncounted) is not counts


def test_a_second_factor_is_believed_as_far_as_clocks_allow() -> None:
    desk = Desk(rules=CARDS).punched(f"{MON} 07.20", method="card", error_s=3)
    for error_s, counts in ((6.999, False), (7, True)):
        one = desk.punched(f"{MON} 07.20.30", method="face", error_s=error_s).day(MON)
        assert (f"{MON} 07.20" in one.arrival.refs) is counts


def test_a_second_factor_that_was_not_read_is_no_proof_against_a_card() -> None:
    window = Window(before_min=60, after_min=60)
    rules = structs.replace(
        CARDS, weeks=[Week(plan="kantor", hours=[structs.replace(DAILY, window=window)])]
    )
    desk = Desk(rules=rules).punched(f"{MON} 07.00").punched(f"{MON} 17.00.55", method="card")
    assert desk.day(MON).departure.verdict is Verdict.MISSING
    read = [("2026-01-01 00.00", f"{MON} 17.01")]  # the window, but not the seconds after it
    assert desk.but(read=read).day(MON).departure.verdict is Verdict.INCOMPLETE


def test_a_pin_counts_with_a_grant() -> None:
    desk = Desk(rules=CARDS).punched(f"{MON} 07.20", f"{MON} 16.00", method="password")
    without = desk.day(MON)
    assert (without.verdict, len(without.uncounted)) == (Verdict.ABSENT, 2)
    granted = desk.but(pin_grants=[PinGrant(person="a", since=MON, until=MON)])
    assert granted.day(MON).verdict is Verdict.PRESENT
    late = desk.but(pin_grants=[PinGrant(person="a", since=TUE)])
    assert late.day(MON).verdict is Verdict.ABSENT


def test_grace_forgives_wholly_or_not_at_all() -> None:
    rules = office(
        [Week(plan="kantor", hours=[DAILY])], Regulation(grace_min=10, leave_grace_min=5)
    )
    desk = Desk(rules=rules)
    forgiven = desk.punched(f"{MON} 07.40.59", f"{MON} 15.55").day(MON)
    assert (forgiven.arrival.minutes, forgiven.departure.minutes) == (0, 0)
    counted = desk.punched(f"{MON} 07.41", f"{MON} 15.54").day(MON)
    assert (counted.arrival.minutes, counted.departure.minutes) == (11, 6)
    assert (counted.arrival.verdict, counted.arrival.code) == (Verdict.LATE, "")
