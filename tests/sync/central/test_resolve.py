"""Whose a presence is: reused ids, moves, guests, cards, terminals that were replaced."""

from datetime import date

import pytest

from sync.central.city import City
from sync.central.concern import concern
from sync.central.resolve import Why, bound, candidates, resolve
from sync.central.roster.layout import SHEETS
from sync.central.store.city import Binding, Place, Post, Sighted
from sync.protocol.roster import OF_A_PERSON, Grant, Known, Member, Person, Unit

SHEET_OF = {sheet.row: sheet for sheet in SHEETS.values()}

BUDI, SITI, MADE, PUTU = "budi", "siti", "made", "putu"


def city(*rows, **more) -> City:
    state = {name: {} for name in SHEETS}
    for one in rows:
        sheet = SHEET_OF[type(one)]
        state[sheet.name][sheet.key_of(one)] = one
    return City(state, **more)


def user(person, user, unit, since=None, until=None):
    return Known(
        person=person, credential="terminal_user", user=user, unit=unit, since=since, until=until
    )


JUNE, JULY = date(2026, 6, 30), date(2026, 7, 1)

ROWS = (
    *(Unit(id=name, name=name) for name in ("RSUD", "BKPSDM", "DINKES")),
    *(Person(id=one, name=one.title()) for one in (BUDI, SITI, MADE, PUTU)),
    Post(kiosk="igd", unit="RSUD", since=date(2026, 1, 1)),
    Post(kiosk="lobi", unit="BKPSDM"),
    Post(kiosk="bersama", unit="BKPSDM"),
    Post(kiosk="bersama", unit="DINKES"),
    Post(kiosk="ujung", unit="RSUD", until=JUNE),
    Post(kiosk="pindah", unit="RSUD", until=JUNE),
    Post(kiosk="pindah", unit="DINKES", since=JULY),
    Member(person=BUDI, unit="RSUD", until=JUNE),
    Member(person=BUDI, unit="BKPSDM", since=JULY),
    user(BUDI, "17", "RSUD", until=JUNE),  # 17 was Budi's until June, Siti's since July
    user(SITI, "17", "RSUD", since=JULY),
    user(BUDI, "4", "BKPSDM", since=JULY),
    user(MADE, "21", "RSUD"),
    user(PUTU, "21", "DINKES"),
    user(PUTU, "4", "DINKES"),
    Known(person=MADE, credential="card", user="0004821377", since=date(2026, 1, 1)),
    Grant(
        person=MADE,
        unit="BKPSDM",
        allows="guest",
        user="90",
        since=date(2026, 7, 6),
        until=date(2026, 7, 10),
    ),
    Grant(person=SITI, unit="BKPSDM", allows="pin"),
)
CITY = city(*ROWS)


def seen(kiosk="igd", who="17", day="2026-07-03", **more) -> Sighted:
    fields = {
        "place": Place(kiosk, "e1", 7, b"h"),
        "life": 0,
        "source": "pintu",
        "terminal": "T1",
        "credential": "terminal_user",
        "user": who,
        "time": f"{day}T07:28:41",
        "mark": "known",
        "claimed": None,
    }
    return Sighted(**{**fields, **more})


@pytest.mark.parametrize(
    ("kiosk", "who", "day", "person", "why"),
    [
        # A user id that was given to somebody else.
        ("igd", "17", "2026-06-30", BUDI, Why.ROSTER),
        ("igd", "17", "2026-07-01", SITI, Why.ROSTER),
        # Who moves takes nothing along.
        ("lobi", "4", "2026-06-30", None, Why.UNKNOWN),
        ("lobi", "4", "2026-07-01", BUDI, Why.ROSTER),
        ("lobi", "17", "2026-07-01", None, Why.UNKNOWN),
        # The same id elsewhere is somebody else's.
        ("igd", "21", "2026-07-03", MADE, Why.ROSTER),
        ("bersama", "21", "2026-07-03", PUTU, Why.ROSTER),
        # A guest is known at the host's as long as the letter says, under the host's id only.
        ("lobi", "90", "2026-07-05", None, Why.UNKNOWN),
        ("lobi", "90", "2026-07-06", MADE, Why.ROSTER),
        ("lobi", "90", "2026-07-10", MADE, Why.ROSTER),
        ("lobi", "90", "2026-07-11", MADE, Why.ROSTER),  # out of a night shift that began then
        ("lobi", "90", "2026-07-12", None, Why.UNKNOWN),
        ("lobi", "21", "2026-07-06", None, Why.UNKNOWN),
        ("igd", "21", "2026-07-06", MADE, Why.ROSTER),
        # A kiosk of two units, where 4 is somebody of each.
        ("bersama", "4", "2026-06-30", PUTU, Why.ROSTER),
        ("bersama", "4", "2026-07-01", None, Why.AMBIGUOUS),
        # A kiosk that was carried elsewhere.
        ("pindah", "21", "2026-06-30", MADE, Why.ROSTER),
        ("pindah", "21", "2026-07-01", PUTU, Why.ROSTER),
        ("ujung", "21", "2026-07-01", MADE, Why.ROSTER),  # as long as a shift may go on
        ("ujung", "21", "2026-07-02", None, Why.UNKNOWN),
        # A day on which the kiosk served nobody.
        ("igd", "21", "2025-12-31", None, Why.UNKNOWN),
    ],
)
def test_whose_it_is_by_the_punchs_own_date(kiosk, who, day, person, why):
    found = resolve(CITY, seen(kiosk, who, day))
    assert (found.person, found.why) == (person, why)


def test_a_card_names_its_owner_everywhere_once_it_is_theirs():
    card = {"credential": "card", "who": "0004821377"}
    for kiosk in ("igd", "lobi", "bersama"):
        assert resolve(CITY, seen(kiosk, **card)).person == MADE
    assert resolve(CITY, seen(day="2025-12-31", **card)).person is None
    assert resolve(CITY, seen(who="0004821377")).person is None  # a user id is no card


@pytest.mark.parametrize("credential", OF_A_PERSON)
def test_a_face_and_a_code_are_their_persons_without_a_row(credential):
    for kiosk in ("igd", "lobi"):
        found = resolve(CITY, seen(kiosk=kiosk, who=MADE, credential=credential))
        assert (found.person, found.why) == (MADE, Why.ROSTER)
    for who in ("?0badf00d", "nobody"):
        found = resolve(CITY, seen(who=who, credential=credential))
        assert (found.person, found.why, found.is_stranger) == (None, Why.UNKNOWN, True)
    assert resolve(CITY, seen(who=MADE, credential="terminal_user")).person is None


def test_whom_a_face_concerns():
    found = concern(CITY, [MADE])
    assert MADE in found.users, "who is judged alone is judged by their face too"
    assert MADE in found.cards, "wherever it was seen"
    assert SITI not in found.users


def test_naming_one_visit_names_no_other():
    first, second = (
        seen(who="?0badf00d", credential="face", place=Place("igd", "e1", seq, b"h"))
        for seq in (7, 8)
    )
    named = city(*ROWS, identified={first.place: MADE})
    assert resolve(named, first).person == MADE
    assert resolve(named, second).person is None


def test_what_the_kiosk_claimed_is_shown_beside_it():
    claimed = resolve(CITY, seen(claimed=BUDI))  # its roster was of June
    assert (claimed.person, claimed.sighted.claimed, claimed.differs) == (SITI, BUDI, True)
    assert not resolve(CITY, seen(claimed=SITI)).differs


def test_a_kiosk_of_which_nobody_said_what_it_serves_is_taken_at_its_word():
    found = resolve(CITY, seen("baru", claimed=PUTU))
    assert (found.person, found.why, found.differs) == (PUTU, Why.CLAIM, False)
    assert resolve(CITY, seen("baru")).is_stranger
    # Once a post is known, not even on days before it.
    assert resolve(CITY, seen("igd", "99", "2025-12-31", claimed=PUTU)).person is None


def test_of_what_is_nobodys_it_is_told_whose_it_may_be():
    assert resolve(CITY, seen("bersama", "4")).perhaps == {BUDI, PUTU}
    assert set(resolve(CITY, seen("igd", "99", claimed=SITI)).perhaps) == {SITI}
    assert not resolve(CITY, seen("igd", "99")).perhaps
    assert not resolve(CITY, seen(claimed=BUDI)).perhaps  # it is Siti's


def test_who_cannot_be_read_is_nobody():
    assert resolve(CITY, seen(time="2026-02-31T07:00:00", mark="unreadable")).why is Why.UNREADABLE
    assert resolve(CITY, seen(time="")).why is Why.UNREADABLE
    assert candidates(CITY, seen(time="")) == []
    assert candidates(CITY, seen(who="")) == []


def test_candidates_come_from_the_whole_city():
    assert candidates(CITY, seen("lobi", "17")) == [SITI]
    assert candidates(CITY, seen("lobi", "21")) == [MADE, PUTU]
    assert candidates(CITY, seen("lobi", "17", "2026-06-01")) == [BUDI]


def test_a_persons_word_wins_over_everything():
    place = Place("igd", "e1", 7, b"h")
    for person, words in ((PUTU, PUTU), (None, "")):
        named = city(*ROWS, identified={place: words})
        for one in (seen(), seen(mark="unbound"), seen(time=""), seen(claimed=BUDI)):
            found = resolve(named, one)
            assert (found.person, found.why, found.is_stranger) == (person, Why.NAMED, False)
        assert (
            resolve(named, seen(place=place._replace(hash=b"x"))).person == SITI
        )  # a fork's other


# Terminals that were replaced.


def binding(seq, before, after, *, life=0, kiosk="igd", source="pintu"):
    return Binding(kiosk=kiosk, life=life, seq=seq, source=source, before=before, after=after)


def test_an_unbound_terminals_punches_are_nobodys_until_it_is_called_the_successor():
    one = seen(terminal="T2", mark="unbound")
    assert resolve(CITY, one).why is Why.UNBOUND
    assert resolve(CITY, one).is_stranger
    replaced = city(*ROWS, bindings=[binding(9, "T1", "T2")])
    assert resolve(replaced, one).person == SITI
    for other in (
        seen(terminal="T3", mark="unbound"),  # another terminal
        seen(terminal="T2", mark="unbound", source="belakang"),  # another source
        seen("lobi", terminal="T2", mark="unbound"),  # another kiosk
        seen(terminal="T2", mark="unbound", place=Place("igd", "e1", 10, b"h")),  # after it
        seen(terminal="T2", mark="unbound", life=1),  # in a later epoch
    ):
        assert resolve(replaced, other).why is Why.UNBOUND
    later = city(*ROWS, bindings=[binding(2, "T1", "T2", life=3)])
    assert resolve(later, one).person == SITI


def test_a_terminal_that_came_back_is_bound_by_the_first_word_after_the_punch():
    there_and_back = [binding(9, "T1", "T2"), binding(20, "T2", "T1"), binding(30, "T1", "T2")]
    world = city(*ROWS, bindings=there_and_back)
    one = seen(terminal="T2", mark="unbound", place=Place("igd", "e1", 25, b"h"))
    assert bound(world, one).seq == 30
    assert bound(world, seen(terminal="T2", mark="unbound")).seq == 9
    assert bound(world, seen(terminal="T1", mark="unbound")).seq == 20


def test_a_row_that_was_brought_along_is_the_same_punch():
    replaced = city(*ROWS, bindings=[binding(9, "T1", "T2")])
    one = seen(terminal="T2", mark="unbound")
    found = resolve(replaced, one, copies={one.place})
    assert (found.person, found.why, found.is_stranger) == (None, Why.COPY, False)
    assert resolve(replaced, seen(), copies=set()).person == SITI


def test_who_has_the_number_is_not_whose_fingers_a_terminal_has() -> None:
    """The kiosk saw that the row was still Budi's: not Siti's punch, until somebody says so."""
    taken = seen(mark="taken")
    found = resolve(CITY, taken)
    assert (found.person, found.why, found.is_stranger) == (None, Why.TAKEN, True)
    assert found.perhaps == {BUDI, SITI}
    assert resolve(CITY, seen(mark="taken", day="2026-08-15")).perhaps == {SITI}
    named = city(*ROWS, identified={taken.place: BUDI})
    assert resolve(named, taken).person == BUDI
