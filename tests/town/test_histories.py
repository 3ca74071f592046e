"""Short histories in which somebody could be wronged: a few people, a few days, one thing amiss."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from town_parts import DAY, MINUTE, City, Happening, Office, Terminal, moment

from sync.central import recap
from sync.central.city import load
from sync.central.judging import judged
from sync.worktime.verdicts import Judged

ZONE = "Asia/Jakarta"
MON, TUE, WED, THU, FRI = (date(2026, 10, day) for day in range(12, 17))
ADVERSE = {"terlambat", "pulang sebelum waktunya", "tidak ada presensi", "tanpa keterangan"}

Sheets = dict[str, tuple[str, list[tuple[object, ...]]]]


def sheets(**more: tuple[str, list[tuple[object, ...]]]) -> Sheets:
    """Return Ani's office, `tu` with kiosk `k-tu`: half past seven to four, every day."""
    return {
        "units": ("unit,name,zone", [(one, one.upper(), ZONE) for one in ("tu", "rsud")]),
        "posts": ("kiosk,unit", [("k-tu", "tu")]),
        "people": ("person,name", [("ani", "Ani"), ("budi", "Budi")]),
        "members": ("person,unit", [("ani", "tu"), ("budi", "tu")]),
        "credentials": (
            "person,unit,credential,user",
            [("ani", "tu", "terminal_user", "1"), ("budi", "tu", "terminal_user", "2")],
        ),
        "weeks": ("plan,hours", [("kantor", "1-7 07:30-16:00")]),
        "assignments": ("plan,unit", [("kantor", "tu"), ("kantor", "rsud")]),
        "regulations": ("late,early", [("1 TL1, 31 TL2", "1 PSW1, 31 PSW2")]),
        **more,
    }


def punch(day: date, minute: int, user: str) -> Happening:
    return Happening(moment(ZONE, day, minute, 30), "punch", user)


def nights(first: date = MON, last: date = FRI) -> list[Happening]:
    """Return each night's complete reading, and the line a minute later."""
    found = []
    at = moment(ZONE, first, 1)
    while at <= moment(ZONE, last, 1439):
        found += [Happening(at + 150 * MINUTE, "night"), Happening(at + 151 * MINUTE, "line")]
        at += DAY
    return found


class Town:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.city = City(home / "city")

    def live(
        self, kiosk: str, happenings: list[Happening], terminal: Terminal | None = None
    ) -> None:
        office = Office(self.home / kiosk, kiosk, ZONE, moment(ZONE, MON, 0))
        if terminal is not None:
            office.terminal = terminal
        office.deliver = self.city.deliver
        self.city.admit(office)
        begin = [Happening(moment(ZONE, MON, 1), "line")]
        end = [Happening(moment(ZONE, FRI, 1439), "end")]
        office.live([*begin, *happenings, *end])
        office.epochs.close()

    def said(self, person: str, day: date) -> Judged:
        with self.city.house.store.reading() as tx:
            now, city = moment(ZONE, date(2026, 11, 1), 0), load(tx)
            found = {one.person: one.duties for one in judged(tx, city, day, day, now)}
            # Of few people fewer presences are read, and the same is said.
            for one, duties in found.items():
                [alone] = judged(tx, city, day, day, now, person=one)
                assert alone.duties == duties
            for unit in city.units:
                assert all(
                    one.duties == found[one.person] for one in judged(tx, city, day, day, now, unit)
                )
        [only] = found[person]
        return only

    def adverse(self, person: str, day: date) -> set[str]:
        """Return what is said against a person on a day."""
        one = self.said(person, day)
        return {one.word, one.arrival.verdict.value, one.departure.verdict.value} & ADVERSE


@pytest.fixture
def town(tmp_path: Path) -> Any:
    made = Town(tmp_path)
    yield made
    made.city.close()


def test_who_was_not_there_is_absent_the_next_morning(town: Town) -> None:
    assert town.city.take_in(sheets()) == 0
    town.live("k-tu", [*nights(), punch(TUE, 440, "1"), punch(TUE, 965, "1")])
    assert town.said("ani", TUE).word == "hadir"
    assert town.said("budi", TUE).word == "tanpa keterangan"


def test_the_minute_that_the_screen_showed_is_the_one_that_is_shown(town: Town) -> None:
    """What is known of a time lies mostly before it: its middle may be of the minute before."""
    assert town.city.take_in(sheets()) == 0
    sharp = Happening(moment(ZONE, TUE, 461, 1), "punch", "1")
    town.live("k-tu", [*nights(), sharp, punch(TUE, 965, "1")])
    said = town.said("ani", TUE)
    assert said.arrival.at is not None
    assert said.arrival.at // MINUTE == sharp.at // MINUTE


def test_at_a_kiosk_that_was_never_installed_anybody_may_have_been(town: Town) -> None:
    two = sheets(posts=("kiosk,unit", [("k-tu", "tu"), ("k-never", "tu")]))
    assert town.city.take_in(two) == 0
    town.live("k-tu", nights())
    assert town.said("budi", TUE).word == "belum lengkap"


def test_what_somebody_ruled_to_be_an_outage_is_one_of_every_source(town: Town) -> None:
    ruled = ("kiosk,since,until,reference", [("k-tu", TUE, TUE, "BA 7")])
    assert town.city.take_in(sheets(outages=ruled)) == 0
    town.live("k-tu", nights())
    assert town.said("budi", TUE).word == "alat mati"
    assert town.said("budi", WED).word == "tanpa keterangan"


def test_who_may_punch_as_a_guest_is_absent_only_if_not_there_either(town: Town) -> None:
    guest = sheets(
        posts=("kiosk,unit", [("k-tu", "tu"), ("k-rsud", "rsud")]),
        grants=("person,unit,allows,since,until,reference",
                [("ani", "rsud", "guest", TUE, TUE, "ST 1")]),
    )  # fmt: skip
    assert town.city.take_in(guest) == 0
    town.live("k-tu", nights())  # of the other one nothing has come yet
    assert town.said("ani", TUE).word == "belum lengkap"
    assert town.said("budi", TUE).word == "tanpa keterangan"


def test_an_id_that_two_people_have_at_one_kiosk_wrongs_neither(town: Town) -> None:
    """A kiosk serves two units, and each counts its people from 1."""
    both = sheets(
        posts=("kiosk,unit", [("k-tu", "tu"), ("k-tu", "rsud")]),
        members=("person,unit", [("ani", "tu"), ("budi", "rsud")]),
        credentials=(
            "person,unit,credential,user",
            [("ani", "tu", "terminal_user", "1"), ("budi", "rsud", "terminal_user", "1")],
        ),
    )
    assert town.city.take_in(both) == 0
    town.live("k-tu", [*nights(), punch(TUE, 440, "1"), punch(TUE, 965, "1")])
    assert not town.adverse("ani", TUE)
    assert not town.adverse("budi", TUE)


def test_a_claim_that_the_roster_of_today_does_not_bear_out_wrongs_nobody(town: Town) -> None:
    """The kiosk knew Budi by 2; somebody has corrected that since, and made a mistake in it."""
    assert town.city.take_in(sheets()) == 0
    town.live("k-tu", [*nights(), punch(TUE, 440, "2"), punch(TUE, 965, "2")])
    assert town.said("budi", TUE).word == "hadir"
    wrong = (
        "person,unit,credential,user,until",
        [("budi", "tu", "terminal_user", "2", date(2026, 9, 30)),
         ("budi", "tu", "terminal_user", "3", "")],
    )  # fmt: skip
    assert town.city.take_in({"credentials": wrong}) == 0
    assert town.said("budi", TUE).word == "jam belum pasti"


NIGHT = {
    "shifts": ("code,start,end,window", [("M", "21:00", "31:00", "before 60 after 120")]),
    "weeks": ("plan,hours", [("tak dipakai", "1-7 07:30-16:00")]),
    "rotations": ("plan,cycle,anchor", [("malam", "M", "2026-09-01")]),
    "assignments": ("plan,unit", [("malam", "tu"), ("malam", "rsud")]),
}


def night(**more: Any) -> Sheets:
    return sheets(**{**NIGHT, **more})  # type: ignore[arg-type]


def test_who_moves_after_a_night_shift_may_punch_out_of_it(town: Town) -> None:
    """Ani belongs to another unit from Wednesday on; her last night here ends on that morning."""
    moved = night(
        posts=("kiosk,unit", [("k-tu", "tu"), ("k-rsud", "rsud")]),
        members=(
            "person,unit,since,until",
            [("ani", "tu", "", TUE), ("ani", "rsud", WED, ""), ("budi", "tu", "", "")],
        ),
        credentials=(
            "person,unit,credential,user,since,until",
            [("ani", "tu", "terminal_user", "1", "", TUE),
             ("ani", "rsud", "terminal_user", "9", WED, "")],
        ),
    )  # fmt: skip
    assert town.city.take_in(moved) == 0
    town.live("k-tu", [*nights(), punch(TUE, 1250, "1"), punch(WED, 425, "1")])
    town.live("k-rsud", nights())
    assert not town.adverse("ani", TUE)


def test_a_guest_of_one_night_may_punch_out_of_it(town: Town) -> None:
    guest = night(
        posts=("kiosk,unit", [("k-tu", "tu"), ("k-rsud", "rsud")]),
        grants=(
            "person,unit,allows,since,until,reference",
            [("ani", "rsud", "guest", TUE, TUE, "ST 1")],
        ),
    )
    assert town.city.take_in(guest) == 0
    town.live("k-tu", [*nights(), punch(TUE, 1250, "1")])
    town.live("k-rsud", [*nights(), punch(WED, 425, "1")])
    assert not town.adverse("ani", TUE)


def test_a_terminal_that_two_kiosks_read_counts_for_both_of_their_units(town: Town) -> None:
    """Two units share a terminal; each has a kiosk of its own, which knows its own people only."""
    shared = sheets(
        posts=("kiosk,unit", [("k-tu", "tu"), ("k-rsud", "rsud")]),
        members=("person,unit", [("ani", "tu"), ("budi", "rsud")]),
        credentials=(
            "person,unit,credential,user",
            [("ani", "tu", "terminal_user", "1"), ("budi", "rsud", "terminal_user", "2")],
        ),
    )
    assert town.city.take_in(shared) == 0
    punches = [punch(TUE, minute, user) for minute in (440, 965) for user in ("1", "2")]
    for kiosk in ("k-tu", "k-rsud"):
        town.live(kiosk, [*nights(), *punches], Terminal("T-shared", ZONE))
    assert town.said("ani", TUE).word == "hadir"
    assert town.said("budi", TUE).word == "hadir"


def test_who_cannot_be_known_at_their_own_unit_yet_is_not_absent_there(town: Town) -> None:
    """Ani has moved; her new finger id has not been entered, her old one was never ended."""
    moved = sheets(
        posts=("kiosk,unit", [("k-tu", "tu"), ("k-rsud", "rsud")]),
        members=("person,unit,since,until", [("ani", "tu", "", MON), ("ani", "rsud", TUE, "")]),
        credentials=("person,unit,credential,user", [("ani", "tu", "terminal_user", "1")]),
    )
    assert town.city.take_in(moved) == 0
    town.live("k-tu", nights())
    town.live("k-rsud", [*nights(), punch(WED, 440, "77"), punch(WED, 965, "77")])
    assert town.said("ani", WED).word == "belum lengkap"
    entered = ("person,unit,credential,user,since", [("ani", "rsud", "terminal_user", "78", THU)])
    assert town.city.take_in({"credentials": entered}) == 0
    assert town.said("ani", WED).word == "belum lengkap"
    assert town.said("ani", THU).word == "tanpa keterangan"


def test_a_terminal_named_as_in_use_from_thursday_says_nothing_of_wednesday(town: Town) -> None:
    """Two kiosks at one office. At one a new terminal hangs since Thursday, and a row says so; the
    old one there was dead since Tuesday, and people punched at the other kiosk or not at all."""
    used = sheets(
        posts=("kiosk,unit", [("k-tu", "tu"), ("k-aula", "tu")]),
        sources=("kiosk,source,since", [("k-tu", "baru", THU)]),
    )
    assert town.city.take_in(used) == 0
    off = Happening(moment(ZONE, TUE, 300), "terminal off")
    town.live("k-tu", [off, *nights()])
    town.live("k-aula", nights())
    assert not town.adverse("ani", WED)


def test_a_source_that_is_new_today_takes_nothing_back_of_what_was_proved(town: Town) -> None:
    """A second terminal is connected on Thursday."""
    assert town.city.take_in(sheets()) == 0
    new = Happening(moment(ZONE, THU, 600), "another source is read")
    town.live("k-tu", [*nights(), new])
    assert town.said("budi", TUE).word == "tanpa keterangan"
    assert town.said("budi", THU).word == "belum lengkap"  # somebody may have punched there at six


@pytest.mark.parametrize(
    ("serial", "word"), [("T-aula", "belum lengkap"), ("T-k-tu", "tanpa keterangan")]
)
def test_a_source_that_was_never_read_is_asked_for_unless_its_terminal_is_read_at_another(
    town: Town, serial: str, word: str
) -> None:
    """A terminal that is read may call as well: its calls prove nothing, and need not."""
    assert town.city.take_in(sheets()) == 0
    town.live("k-tu", [*nights(), Happening(moment(ZONE, TUE, 600), "another source", serial)])
    assert town.said("budi", TUE).word == word
    assert town.said("budi", WED).word == word


USUAL = (
    "late,early,outage_within_min,outage_least_min",
    [("1 TL1, 31 TL2", "1 PSW1, 31 PSW2", 15, 5)],
)


def test_where_the_power_is_off_every_night_absence_can_be_proved(town: Town) -> None:
    """Kiosk and terminal share a switch: on a quarter past six, off at eight in the evening."""
    assert town.city.take_in(sheets(regulations=USUAL)) == 0
    happenings = []
    for day in (MON, TUE, WED, THU):
        on, off = moment(ZONE, day, 375), moment(ZONE, day, 1200)
        happenings += [
            Happening(on, "terminal on"), Happening(on + MINUTE, "power on"),
            Happening(on + 3 * MINUTE, "line"), punch(day, 440, "1"), punch(day, 965, "1"),
            Happening(off - 2 * MINUTE, "nothing"),  # it answers, as all day long
            Happening(off - MINUTE, "power off"), Happening(off, "terminal off"),
        ]  # fmt: skip
    town.live("k-tu", happenings[5:])
    assert town.said("ani", TUE).word == "hadir"
    assert town.said("budi", TUE).word == "tanpa keterangan"


@pytest.mark.parametrize(
    ("minutes", "signs", "word"),
    [
        (4, [1, 2, 3], "tanpa keterangan"),
        (2, [], "tanpa keterangan"),  # who tried meanwhile, tried again
        (30, range(2, 30, 3), "tanpa keterangan"),
        (30, [], "alat mati"),
        (30, [*range(2, 12, 3), *range(20, 30, 3)], "alat mati"),
    ],
)
def test_some_minutes_without_network_at_noon_excuse_nobody_for_the_day(
    town: Town, minutes: int, signs: Sequence[int], word: str
) -> None:
    """The terminal worked on: others punched at it meanwhile, and its record has them."""
    assert town.city.take_in(sheets(regulations=USUAL)) == 0
    off, on = moment(ZONE, TUE, 720), moment(ZONE, TUE, 720 + minutes)
    blip = [Happening(off, "line is cut"), Happening(on, "line is back")]
    passing = [Happening(at, "nothing") for at in range(moment(ZONE, TUE, 700), off, MINUTE)]
    meanwhile = [punch(TUE, 720 + n, "1" if n % 2 else "77") for n in signs]
    happenings = [*nights(), *passing, *blip, *meanwhile, punch(TUE, 440, "1")]
    town.live("k-tu", [*happenings, punch(TUE, 965, "1")])
    assert town.said("budi", TUE).word == word


def test_a_kiosk_that_loses_power_for_a_minute_has_missed_a_minute(town: Town) -> None:
    """The terminal answered until then, and the last punch was hours before."""
    assert town.city.take_in(sheets()) == 0
    cut = moment(ZONE, TUE, 1215)  # departures count until eight
    again = [Happening(cut, "power off"), Happening(cut + MINUTE, "power on")]
    passing = [Happening(at, "nothing") for at in range(moment(ZONE, TUE, 970), cut, 5 * MINUTE)]
    punches = [punch(TUE, 440, "1"), punch(TUE, 965, "1")]
    town.live("k-tu", [*nights(), *again, *passing, *punches])
    assert town.said("budi", TUE).word == "tanpa keterangan"


@pytest.mark.parametrize("line", ["every night", "at the end of the week"])
def test_a_row_whose_date_is_none_is_held_against_when_it_was_read(town: Town, line: str) -> None:
    """Whatever the terminal said of it, Ani punched on Tuesday; who reads it cannot tell when."""
    assert town.city.take_in(sheets()) == 0
    happenings = nights()
    if line != "every night":
        lines = [one for one in happenings if one.what == "line"]
        happenings = [one for one in happenings if one not in lines[:-1]]
    terminal = Terminal("T-k-tu", ZONE)
    shows = terminal.shows
    bad = moment(ZONE, TUE, 440, 30)
    terminal.shows = lambda at: "2026-02-31T07:20:30" if at == bad else shows(at)  # type: ignore[method-assign]
    quiet = [punch(day, minute, "2") for day in (MON, TUE, WED) for minute in (500, 700, 900)]
    cut = [
        Happening(bad - 25_000, "nothing"),
        Happening(bad - 20_000, "line is cut"),
        Happening(bad + 20_000, "line is back"),
    ]
    town.live("k-tu", [*happenings, *quiet, *cut, punch(TUE, 440, "1")], terminal)
    assert not town.adverse("ani", TUE) - {"tidak ada presensi"}


def test_a_unit_counts_those_as_free_who_belong_to_it(town: Town) -> None:
    """Ani has gone to another unit on Wednesday."""
    moved = sheets(
        members=(
            "person,unit,since,until",
            [("ani", "tu", "", TUE), ("ani", "rsud", WED, ""), ("budi", "tu", "", "")],
        ),
    )
    assert town.city.take_in(moved) == 0
    town.live("k-tu", nights())
    with town.city.house.store.reading() as tx:
        city = load(tx)
        [tuesday, wednesday] = recap.of_days(
            judged(tx, city, TUE, WED, moment(ZONE, FRI, 0), "tu"), city, TUE, WED, "tu"
        )
    assert (tuesday.staff, tuesday.free) == (2, 0)
    assert (wednesday.staff, wednesday.free) == (1, 0)
