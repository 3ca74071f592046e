"""Fingers that kiosks enrolled: whose a punch by a slot is, and what kiosks get to know of it."""

import secrets
from datetime import date

import pytest

from sync.central.assembly import roster_for
from sync.central.city import load
from sync.central.sightings import resolved
from sync.central.store.city import Post
from sync.edge.roster import Adopted
from sync.protocol import entry
from sync.protocol.entry import Mark
from sync.protocol.roster import Member, Person, Unit
from tests.sync.central.conftest import STAMP

LONG_AGO = date(2000, 1, 1)
TODAY = date(2026, 11, 24)
USER = "R503-0042/12-9f3a61c2"
ROWS = (
    Unit(id="RSUD", name="Rumah Sakit"),
    Person(id="siti", name="Siti"),
    Person(id="budi", name="Budi"),
    Post(kiosk="lobi", unit="RSUD"),
    Post(kiosk="aula", unit="RSUD"),
    Member(person="siti", unit="RSUD"),
    Member(person="budi", unit="RSUD"),
)
SLOT = {"credential": "finger_slot", "method": "fingerprint", "terminal": "R503-0042"}


def said(action, user=USER, person="siti"):
    detail = {"person": person, "terminal": "R503-0042", "slot": "12", "user": user}
    return entry.Audit(at=STAMP, actor="rudi", action=action, detail=detail)


def deliver(central, kiosk):
    central.hello(kiosk)
    central.batch(kiosk, 1)


def found(central):
    with central.store.reading() as tx:
        return [(one.person, one.why.value) for one in resolved(tx, load(tx), LONG_AGO)]


def sent(central, kiosk="lobi"):
    """Return whom a kiosk's roster names by the slot."""
    with central.store.reading() as tx:
        return Adopted(roster_for(load(tx), kiosk, TODAY)).person("finger_slot", USER, TODAY)


@pytest.fixture
def staffed(central):
    with central.store.writing() as tx:
        tx.city.put(ROWS)
        tx.city.rise()
    return central


def test_a_finger_is_whose_the_kiosk_enrolled_it_for(staffed, kiosk):
    kiosk.add(said("finger enrolled"))
    kiosk.punch(user=USER, person="siti", **SLOT)
    kiosk.punch(user="R503-0042/12", person=None, mark=Mark.STRANGER, **SLOT)
    deliver(staffed, kiosk)
    assert found(staffed) == [("siti", "roster"), (None, "unknown")]
    assert sent(staffed) == "siti"
    assert sent(staffed, "aula") == "siti"  # the module may be moved there


def test_a_finger_that_was_removed_is_sent_to_nobody_and_its_punches_stay_whose_they_were(
    staffed, kiosk
):
    kiosk.add(said("finger enrolled"))
    kiosk.punch(user=USER, person="siti", **SLOT)
    kiosk.add(said("finger removed"))
    deliver(staffed, kiosk)
    assert sent(staffed) is None
    assert found(staffed) == [("siti", "roster")]


def test_nobody_takes_over_a_user_that_somebody_has(staffed, kiosk, make_kiosk):
    kiosk.add(said("finger enrolled"))
    kiosk.punch(user=USER, person="siti", **SLOT)
    deliver(staffed, kiosk)
    other = make_kiosk("aula")
    staffed.admit(other)
    other.add(said("finger enrolled", person="budi"))
    deliver(staffed, other)
    with staffed.store.reading() as tx:
        assert [one.person for one in tx.city.fingers()] == ["siti"]
    assert found(staffed) == [("siti", "roster")]


def test_who_is_not_in_the_city_is_nobody(staffed, kiosk):
    kiosk.add(said("finger enrolled", person="hantu"))
    kiosk.punch(user=USER, person=None, mark=Mark.STRANGER, **SLOT)
    deliver(staffed, kiosk)
    assert found(staffed) == [(None, "unknown")]


def test_each_word_of_a_finger_raises_the_citys_stamp(staffed, kiosk):
    stamps = []
    for word in ("finger enrolled", "finger removed"):
        kiosk.add(said(word))
        deliver(staffed, kiosk)
        with staffed.store.reading() as tx:
            stamps.append(tx.city.stamp())
    assert stamps[0] < stamps[1]


@pytest.mark.parametrize(
    "user",
    ["R503-0042/12", "R503-0042/12-", "?5b1c0e77aa90d1f2", "R503-0042/13-9f3a61c2", "1", ""],
)
def test_no_kiosk_makes_a_stranger_somebody(staffed, kiosk, make_kiosk, user):
    """Whoever stood there before is nobody by the word of another kiosk, now and later."""
    kiosk.punch(user=user, person=None, mark=Mark.STRANGER, **SLOT)
    deliver(staffed, kiosk)
    other = make_kiosk("aula")
    staffed.admit(other)
    other.add(said("finger enrolled", user=user))
    deliver(staffed, other)
    assert found(staffed) == [(None, "unknown")]
    with staffed.store.reading() as tx:
        assert tx.city.fingers() == []


def test_a_user_as_long_as_an_entry_stops_nobody(staffed, kiosk):
    """No index takes it; what comes behind it is taken in all the same."""
    long = secrets.token_hex(3500)
    detail = {"person": "siti", "terminal": long[:3600], "slot": "1"}
    detail["user"] = f"{detail['terminal']}/1-9f3a61c2"
    kiosk.add(entry.Audit(at=STAMP, actor="rudi", action="finger enrolled", detail=detail))
    kiosk.add(said("finger enrolled"))
    deliver(staffed, kiosk)
    with staffed.store.reading() as tx:
        assert [one.user for one in tx.city.fingers()] == [USER]
