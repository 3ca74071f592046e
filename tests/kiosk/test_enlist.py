"""The plan that brings a terminal's users to the roster: tables, and what holds of any history."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct, structs

from drivers.options import Users
from drivers.store import Privilege, Secret, TerminalUser
from kiosk.enlist import AHEAD, Holder, Kind, Plan, Wish, plan
from kiosk.namesakes import alike, clean
from sync.edge.roster import Adopted
from sync.protocol.roster import Allowed, Grant, Known, Person, Roster

TODAY = date(2026, 11, 26)
DAY = timedelta(days=1)
NAMES = {
    "budi": "Budi Santoso",
    "siti": "Siti Aminah",
    "rudi": "Drs. H. Rudi Hartono, M.Si.",
    "wati": "Siti Aminah Wati",
}


class Cuts:
    """A terminal that keeps so many letters of a name."""

    def __init__(self, most: int = 24) -> None:
        self.most = most

    def kept(self, name: str) -> str:
        return name[: self.most]


def known(user: str, person: str, since: date | None = None, until: date | None = None) -> Known:
    return Known(person=person, credential="terminal_user", user=user, since=since, until=until)


def roster(*dated: Known, grants: Sequence[Grant] = ()) -> Adopted:
    people = [Person(id=one, name=name) for one, name in NAMES.items()]
    return Adopted(Roster(version=1, people=people, known=dated, grants=grants))


def row(user: str, name: str, privilege: Privilege = Privilege.USER) -> TerminalUser:
    return TerminalUser(
        user=user, name=name, privilege=privilege, card=77, password=Secret(b"4711")
    )


def planned(
    adopted: Adopted,
    there: Sequence[TerminalUser],
    holders: Mapping[str, Holder] | None = None,
    policy: Users = Users.MIRROR,
    most: int = 24,
    **more: object,
) -> Plan:
    wish = Wish(policy=policy, day=TODAY, **more)  # type: ignore[arg-type]
    return plan(adopted, there, Cuts(most), holders or {}, wish)


def kinds(made: Plan) -> list[tuple[Kind, str]]:
    return [(one.kind, one.user) for one in made.found]


BUDI = known("17", "budi")
HANDED_ON = [known("17", "budi", until=TODAY - DAY), known("17", "siti", since=TODAY)]


def test_who_is_missing_is_written_under_the_name_that_the_terminal_keeps() -> None:
    made = planned(roster(BUDI), [], policy=Users.ADD, most=8)
    assert kinds(made) == [(Kind.MISSING, "17")]
    assert made.write == (TerminalUser(user="17", name="Budi San"),)
    assert (made.fresh, made.persons) == ({"17"}, {"17": "budi"})


def test_a_name_is_written_anew_and_all_else_of_the_row_stays() -> None:
    [budi] = planned(roster(BUDI), [row("17", "BUDI SANTOSO")]).write
    assert budi == row("17", "Budi Santoso")
    assert planned(roster(BUDI), [row("17", "Budi Santoso")]).found == ()
    assert planned(roster(BUDI), [row("17", "Budi San")], most=8).found == ()


@pytest.mark.parametrize(
    ("day", "is_written"), [(0, True), (1, True), (AHEAD.days, True), (AHEAD.days + 1, False)]
)
def test_who_begins_soon_is_written_ahead(day: int, is_written: bool) -> None:
    adopted = roster(known("17", "budi", since=TODAY + day * DAY))
    made = planned(adopted, [], policy=Users.ADD)
    assert bool(made.write) is is_written
    # And once there they are nobody's surprise.
    holders = {"17": Holder("budi", "Budi Santoso")}
    if is_written:
        assert planned(adopted, [row("17", "Budi Santoso")], holders).found == ()


def test_nobody_gets_a_number_that_is_somebody_elses_until_then() -> None:
    adopted = roster(known("17", "budi", until=TODAY), known("17", "siti", since=TODAY + DAY))
    assert planned(adopted, []).write == (TerminalUser(user="17", name="Budi Santoso"),)
    assert planned(adopted, [row("17", "Budi Santoso")]).found == ()


def test_a_guest_is_written_as_long_as_the_grant_holds() -> None:
    grant = Grant(
        person="budi", unit="b", allows=Allowed.GUEST, user="99", until=TODAY, since=TODAY
    )
    home = Known(person="budi", credential="terminal_user", user="17", unit="a")
    made = planned(roster(home, grants=[grant]), [row("17", "Budi Santoso")])
    assert [one.user for one in made.write] == ["99"]


@pytest.mark.parametrize(
    "holders",
    [{}, {"17": Holder("budi", "Budi Santoso")}],
    ids=["by its name", "by what was written"],
)
def test_a_number_that_changed_hands_is_emptied_first(holders: dict[str, Holder]) -> None:
    there = [row("17", "Budi Santoso")]
    made = planned(roster(*HANDED_ON), there, holders)
    assert kinds(made) == [(Kind.TAKEN, "17")]
    assert (made.remove, made.write) == (("17",), (TerminalUser(user="17", name="Siti Aminah"),))
    assert made.fresh == {"17"}
    # In pages: what is written is planned from what is there after the removal.
    assert (made.first(1).remove, made.first(1).write) == (("17",), ())
    for policy in (Users.ADD, Users.REPORT):
        made = planned(roster(*HANDED_ON), there, holders, policy)
        assert made.is_empty
        assert "TAKEN     17 is 'Siti Aminah' now" in made.found[0].line


def test_what_we_wrote_for_somebody_is_theirs_though_the_roster_has_forgotten_them() -> None:
    holders = {"17": Holder("gone", "Pak Lama")}
    made = planned(roster(known("17", "siti")), [row("17", "Pak Lama")], holders)
    assert kinds(made) == [(Kind.TAKEN, "17")]
    assert made.remove == ("17",)


@pytest.mark.parametrize(
    ("name", "holders"),
    [
        ("Pak Lama", {}),
        ("", {}),
        ("17", {}),
        ("Siti", {}),  # too little of a name: Siti Aminah, or another Siti
        (
            "Siti Aminah",
            {"17": Holder("budi", "Budi Santoso", until=TODAY - DAY)},
        ),  # renamed at the terminal
    ],
)
def test_whose_nobody_can_tell_is_told_and_left_alone(
    name: str, holders: dict[str, Holder]
) -> None:
    adopted = roster(*HANDED_ON) if holders else roster(known("17", "siti"))
    made = planned(adopted, [row("17", name)], holders)
    assert kinds(made) == [(Kind.DOUBTED, "17")]
    assert made.is_empty
    assert made.holders == holders  # and so it stays at every later look
    # Until somebody has looked.
    made = planned(adopted, [row("17", name)], holders, settled=["17"])
    assert made.remove == ()
    assert made.holders["17"].person == "siti"
    assert planned(adopted, [row("17", name)], made.holders).remove == ()


def test_two_of_one_name_are_doubted() -> None:
    adopted = roster(known("17", "siti", until=TODAY - DAY), known("17", "wati", since=TODAY))
    assert kinds(planned(adopted, [row("17", "Siti Aminah")])) == [(Kind.DOUBTED, "17")]
    # What we wrote ourselves is no doubt.
    for person, expected in (("wati", []), ("siti", [(Kind.TAKEN, "17")])):
        holders = {"17": Holder(person, "Siti Aminah", wrote="Siti Aminah")}
        found = kinds(planned(adopted, [row("17", "Siti Aminah")], holders, most=11))
        assert found == expected


def test_a_cut_name_that_others_have_too_is_doubted() -> None:
    """An old terminal keeps `Siti Ami` of both; either may have had the number before."""
    adopted = roster(known("17", "siti"))
    assert kinds(planned(adopted, [row("17", "Siti Ami")], most=8)) == [(Kind.DOUBTED, "17")]
    assert kinds(planned(adopted, [row("17", "Siti Aminah W")])) == [(Kind.DOUBTED, "17")]
    assert planned(adopted, [row("17", "Siti Aminah")]).found == ()
    assert planned(roster(BUDI), [row("17", "Budi San")], most=8).found == ()
    settled = planned(adopted, [row("17", "Siti Ami")], most=8, settled=["17"])
    assert planned(adopted, [row("17", "Siti Ami")], settled.holders, most=8).found == ()


def test_a_number_of_two_people_is_nobodys() -> None:
    made = planned(roster(BUDI, known("17", "siti")), [row("17", "Budi Santoso")])
    assert kinds(made) == [(Kind.SHARED, "17")]
    assert made.is_empty


@pytest.mark.parametrize(("days", "is_removed"), [(1, False), (31, False), (32, True)])
def test_who_has_gone_is_removed_after_their_days(days: int, is_removed: bool) -> None:
    adopted = roster(known("17", "budi", until=TODAY - days * DAY))
    there = [row("17", "Budi Santoso")]
    made = planned(adopted, there)
    assert kinds(made) == [(Kind.ENDED, "17")]
    assert made.remove == (("17",) if is_removed else ())
    assert planned(adopted, there, policy=Users.ADD).is_empty
    assert planned(adopted, there, policy=Users.REPORT).is_empty


def test_who_has_gone_under_another_name_is_doubted() -> None:
    adopted = roster(known("17", "budi", until=TODAY - 99 * DAY))
    assert planned(adopted, [row("17", "Orang Baru")]).is_empty


def test_whom_the_roster_never_knew_is_told_and_never_removed() -> None:
    made = planned(roster(), [row("17", "Orang Baru")], keep_days=0)
    assert kinds(made) == [(Kind.UNKNOWN, "17")]
    assert made.is_empty


@pytest.mark.parametrize("privilege", [one for one in Privilege if one is not Privilege.USER])
def test_menu_rights_are_told_of_and_never_touched(privilege: Privilege) -> None:
    for adopted, name in (
        (roster(BUDI), "BUDI SANTOSO"),
        (roster(*HANDED_ON), "Budi Santoso"),
        (roster(known("17", "budi", until=TODAY - 99 * DAY)), "Budi Santoso"),
    ):
        made = planned(adopted, [row("17", name, privilege)])
        assert made.is_empty
        assert f"{privilege.value} there: left alone" in made.found[0].line


def test_a_user_id_that_is_there_twice_is_doubted() -> None:
    made = planned(roster(BUDI), [row("17", "Budi Santoso"), row("17", "Budi Santoso")])
    assert kinds(made) == [(Kind.DOUBTED, "17")]


def test_whom_the_terminal_refused_is_told_with_the_reason() -> None:
    made = planned(roster(BUDI), [], refused={"17": "no room"})
    assert made.is_empty
    assert made.found[0].line == "missing   17 Budi Santoso; left: no room"


def test_a_terminal_that_keeps_less_of_a_name_is_not_written_to_every_night() -> None:
    holders = {"17": Holder("budi", "Budi Santoso", wrote="Budi Santoso")}
    made = planned(roster(BUDI), [row("17", "Budi Sant")], holders)
    assert made.found == ()
    assert planned(roster(BUDI), [row("17", "Budi Sant")], made.holders).found == ()


def test_off_and_report_write_nothing() -> None:
    for policy in (Users.OFF, Users.REPORT):
        assert planned(roster(BUDI), [], policy=policy).is_empty


@pytest.mark.parametrize(
    ("there", "name", "is_one"),
    [
        ("Budi Santoso", "Budi Santoso", True),
        ("BUDI  SANTOSO", "Budi Santoso", True),
        ("Budi San", "Budi Santoso", True),
        ("Budi", "Budi Santoso", False),
        ("Sri", "Sri", True),
        ("Rudi Hartono", "Drs. H. Rudi Hartono, M.Si.", True),
        ("dr. Rudi Hartono", "Drs. H. Rudi Hartono, M.Si.", True),
        ("M. Ali", "H. Ali", False),
        ("Budi Santoso, S.H.", "Budi Santosa", False),
        ("", "Budi", False),
        ("Budi", "", False),
        ("", "", False),
    ],
)
def test_names_are_one_persons(there: str, name: str, is_one: bool) -> None:
    assert alike(there, name, lambda one: one[:24]) is is_one


def test_a_name_brings_no_command_along() -> None:
    assert clean("Budi\tPri=14\r\nC:1:CLEAR DATA\0") == "Budi Pri=14 C:1:CLEAR DATA"


# Any history.

PEOPLE = ["budi", "siti", "rudi", "wati"]
USERS = ["17", "18", "9"]
DATES = st.integers(-60, 60).map(lambda n: TODAY + n * DAY)


class Model(Struct):
    """A terminal: rows, and whose fingers are under a number. Slots do not matter here."""

    rows: dict[str, TerminalUser]
    fingers: dict[str, set[str]]

    def apply(self, made: Plan) -> dict[str, Holder]:
        holders = dict(made.holders)
        for user in made.remove:
            del self.rows[user]
            self.fingers.pop(user, None)
            holders.pop(user)
        for one in made.write:
            assert one.user not in made.fresh or not self.fingers.get(one.user)
            self.rows[one.user] = one
            holders[one.user] = Holder(made.persons[one.user], one.name, wrote=one.name)
        return holders


@st.composite
def dated(draw: st.DrawFn) -> list[Known]:
    found = []
    for user in USERS:
        cuts = sorted(draw(st.lists(DATES, unique=True, max_size=4)))
        for n, since in enumerate(cuts):
            person = draw(st.sampled_from(PEOPLE))
            last = n + 1 == len(cuts)
            until: date | None = since + 3 * DAY if last else cuts[n + 1] - DAY
            if last and draw(st.booleans()):
                until = None
            if draw(st.booleans()) or last:
                found.append(known(user, person, since, until))
    return found


ROWS = st.dictionaries(
    st.sampled_from([*USERS, "500"]),
    st.tuples(
        st.sampled_from([*NAMES.values(), "", "Orang Lain", "Siti"]),
        st.sampled_from([Privilege.USER, Privilege.USER, Privilege.ADMIN, Privilege.ENROLLER]),
    ),
)


@given(dated(), ROWS, st.sampled_from(Users), st.integers(0, 60))
def test_done_it_is_done_and_nobody_with_rights_is_touched(
    history: list[Known],
    there: dict[str, tuple[str, Privilege]],
    policy: Users,
    keep_days: int,
) -> None:
    model = Model({user: row(user, *what) for user, what in there.items()}, {})
    before = dict(model.rows)
    adopted = roster(*history)
    wish = Wish(policy=policy, day=TODAY, keep_days=keep_days)
    made = plan(adopted, list(model.rows.values()), Cuts(), {}, wish)
    holders = model.apply(made)
    again = plan(adopted, list(model.rows.values()), Cuts(), holders, wish)
    assert again.is_empty
    for user, one in before.items():
        if one.privilege is not Privilege.USER:
            assert model.rows[user] == one
        elif user in model.rows and user not in made.remove:
            assert structs.replace(model.rows[user], name="") == structs.replace(one, name="")
    if policy is not Users.MIRROR:
        assert before.keys() <= model.rows.keys()
    if policy in (Users.OFF, Users.REPORT):
        assert model.rows == before
    for user in made.remove:
        assert any(one.user == user for one in history)  # the roster knew them


@given(dated(), st.lists(st.booleans(), min_size=60, max_size=60), st.integers(1, 5))
def test_a_terminal_that_we_keep_never_has_anothers_fingers_under_a_number(
    history: list[Known], looks: list[bool], page: int
) -> None:
    """Over two months: people enrol under their own number, and most nights nobody looks."""
    model, holders, adopted = Model({}, {}), {}, roster(*history)
    for n, looked in enumerate(looks):
        day = TODAY + (n - 30) * DAY
        if looked:
            wish = Wish(policy=Users.MIRROR, day=day, keep_days=5)
            while True:
                made = plan(adopted, list(model.rows.values()), Cuts(), holders, wish)
                holders = model.apply(made.first(page))
                if made.is_empty:
                    break
            for user, fingers in model.fingers.items():
                now = {one.person for one in history if one.user == user and one.covers(day)}
                assert not now or fingers <= now
        for user in model.rows:
            held = holders[user].person  # the terminal shows the name: they see whose row it is
            if any(one.user == user and one.person == held and one.covers(day) for one in history):
                model.fingers.setdefault(user, set()).add(held)


def test_who_ended_goes_though_the_roster_has_forgotten_them() -> None:
    """It reaches 31 days back, and they stay for 31: what it said before is remembered."""
    there, ended = [row("17", "Budi Santoso")], known("17", "budi", until=TODAY - 31 * DAY)
    seen = planned(roster(ended), there)
    assert kinds(seen) == [(Kind.ENDED, "17")]
    assert seen.is_empty
    later = plan(roster(), there, Cuts(), seen.holders, Wish(policy=Users.MIRROR, day=TODAY + DAY))
    assert (kinds(later), later.remove) == ([(Kind.ENDED, "17")], ("17",))
    never = planned(roster(known("17", "budi")), there)  # half a roster came: nobody's time ended
    assert kinds(planned(roster(), there, never.holders)) == [(Kind.UNKNOWN, "17")]
    other = [row("17", "Siapa Ini")]
    doubted = plan(
        roster(), other, Cuts(), seen.holders, Wish(policy=Users.MIRROR, day=TODAY + DAY)
    )
    assert (kinds(doubted), doubted.remove) == ([(Kind.UNKNOWN, "17")], ())


def test_who_came_back_has_no_last_day() -> None:
    there = [row("17", "Budi Santoso")]
    back = [known("17", "budi", until=TODAY - 40 * DAY), known("17", "budi", since=TODAY - DAY)]
    held = planned(roster(*back), there).holders
    half = planned(roster(), there, held)
    assert (kinds(half), half.remove) == ([(Kind.UNKNOWN, "17")], ())


def test_nothing_is_done_that_was_not_shown() -> None:
    gone = known("17", "budi", until=TODAY - 40 * DAY)
    there = [row("17", "Budi Santoso")]
    shown = planned(roster(known("18", "siti")), there)
    now = planned(roster(gone, known("18", "siti"), known("19", "rudi")), there)
    assert now.remove == ("17",)
    part = now.among(shown)
    assert (part.remove, [one.user for one in part.write], part.fresh) == ((), ["18"], {"18"})
