"""Presences as kiosks delivered them, with whose they are; strangers, and a person's word."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from sync.central import strangers
from sync.central.city import Cities, load
from sync.central.decisions import Decisions
from sync.central.exits import Refused
from sync.central.house import House
from sync.central.resolve import Why
from sync.central.settings import Place, Settings
from sync.central.sightings import resolved
from sync.central.store.city import Post
from sync.line import Broker
from sync.protocol import entry
from sync.protocol.entry import Mark
from sync.protocol.roster import Known, Member, Person, Unit
from tests.sync.central.conftest import STAMP

LONG_AGO = date(2000, 1, 1)
ROWS = (
    Unit(id="RSUD", name="Rumah Sakit"),
    Unit(id="TU", name="Tata Usaha"),
    Person(id="siti", name="Siti"),
    Person(id="budi", name="Budi"),
    Post(kiosk="lobi", unit="RSUD"),
    Post(kiosk="aula", unit="RSUD"),
    Member(person="budi", unit="TU"),
    Known(person="siti", credential="terminal_user", user="17", unit="RSUD"),
    Known(person="budi", credential="terminal_user", user="4", unit="TU"),
)


def replaced(before="CKPG1", after="T2", source="pintu"):
    detail = {"source": source, "before": before, "after": after}
    return entry.Audit(at=STAMP, actor="teknisi", action="terminal replaced", detail=detail)


def deliver(central, kiosk):
    central.hello(kiosk)
    central.batch(kiosk, 1)


def found(central):
    with central.store.reading() as tx:
        return [(one.sighted.user, one.person, one.why.value)
                for one in resolved(tx, load(tx), LONG_AGO)]  # fmt: skip


@pytest.fixture
def staffed(central):
    with central.store.writing() as tx:
        tx.city.put(ROWS)
        tx.city.rise()
    return central


@pytest.fixture
def house(staffed, tmp_path):
    """Return a house over that database, as a command would open it."""
    settings = Settings(data="data", broker=Broker(host="x"))
    own = Decisions(
        tmp_path / "journal", "central", staffed.authority.public, lambda: STAMP, is_alone=True
    )
    return House(Place(settings, tmp_path / "c.toml"), staffed.store, staffed.authority, own)


def test_what_was_delivered_is_resolved_by_the_city_and_not_by_the_claim(staffed, kiosk):
    kiosk.punch(user="17", person="budi")
    kiosk.punch(user="4", person=None, mark=Mark.STRANGER)
    card = {"credential": "card", "time": "2026-11-24T08:00:00"}
    kiosk.punch(user="17", person=None, mark=Mark.STRANGER, **card)
    kiosk.punch(user="17", time="2026-02-31T07:00:00", mark=Mark.UNREADABLE, person=None)
    kiosk.punch(user="17", person="budi")  # the first one again
    deliver(staffed, kiosk)
    assert found(staffed) == [
        ("17", "siti", "roster"),
        ("4", None, "unknown"),
        ("17", None, "unknown"),
        ("17", None, "unreadable"),
    ]


def test_a_row_without_any_time_is_found_by_when_it_came(staffed, kiosk):
    kiosk.punch(user="", time="", raw="00", mark=Mark.UNREADABLE, person=None)
    deliver(staffed, kiosk)
    came = datetime.fromtimestamp(staffed.now / 1000, UTC).date()
    with staffed.store.reading() as tx:
        assert len(tx.city.sighted(came)) == 1
        assert tx.city.sighted(came + timedelta(days=1)) == []


def test_the_city_is_made_anew_when_its_stamp_has_risen(staffed):
    cities = Cities()
    with staffed.store.reading() as tx:
        first = cities.current(tx)
        assert cities.current(tx) is first
    with staffed.store.writing() as tx:
        tx.city.put([Person(id="made", name="Made")])
        tx.city.rise()
        assert cities.current(tx) is not first
        assert cities.current(tx).name("made") == "Made"


def test_a_replaced_terminals_punches_count_and_its_predecessors_are_not_counted_twice(
    staffed, kiosk
):
    kiosk.punch(user="17", time="2026-11-24T07:00:00")
    kiosk.punch(user="17", time="2026-11-24T07:00:00", ordinal=2)
    strange = {"terminal": "T2", "mark": Mark.UNBOUND, "person": None}
    kiosk.punch(user="17", time="2026-11-24T07:00:00", **strange)  # brought along
    kiosk.punch(user="17", time="2026-11-24T07:00:00", ordinal=2, **strange)
    kiosk.punch(user="17", time="2026-11-24T07:00:00", ordinal=3, **strange)  # only the new one
    kiosk.punch(user="17", time="2026-11-25T07:00:00", **strange)
    deliver(staffed, kiosk)
    assert [why for _, _, why in found(staffed)] == ["roster"] * 2 + ["unbound"] * 4
    with staffed.store.reading() as tx:
        stamp = tx.city.stamp()
    kiosk.add(replaced())
    kiosk.punch(user="17", time="2026-11-26T07:00:00", **strange)  # after it: not by this word
    staffed.hello(kiosk)
    staffed.batch(kiosk, 7)
    assert found(staffed) == [
        ("17", "siti", "roster"),
        ("17", "siti", "roster"),
        ("17", None, "copy"),
        ("17", None, "copy"),
        ("17", "siti", "roster"),
        ("17", "siti", "roster"),
        ("17", None, "unbound"),
    ]
    with staffed.store.reading() as tx:
        assert tx.city.stamp() == stamp + 1  # whoever has the city in hand notices


def test_a_log_that_two_terminals_before_had_is_a_copy_as_well(staffed, kiosk):
    kiosk.punch(user="17")
    kiosk.add(replaced("CKPG1", "T2"))
    kiosk.punch(user="17", terminal="T3", mark=Mark.UNBOUND, person=None)
    kiosk.add(replaced("T2", "T3"))
    deliver(staffed, kiosk)
    assert [why for _, _, why in found(staffed)] == ["roster", "copy"]


def test_what_an_island_says_binds_nothing_until_it_is_linked(staffed, kiosk):
    kiosk.punch(user="17", terminal="T2", mark=Mark.UNBOUND, person=None)
    kiosk.add(replaced())
    staffed.hello(kiosk)
    staffed.batch(kiosk, 2)
    with staffed.store.reading() as tx:
        assert tx.city.bindings() == []
    staffed.batch(kiosk, 1, 1)
    assert found(staffed) == [("17", "siti", "roster")]


def test_a_binding_in_a_later_epoch_is_after_all_of_the_earlier(staffed, kiosk, make_kiosk):
    kiosk.punches(5)
    kiosk.punch(user="17", terminal="T2", mark=Mark.UNBOUND, person=None)
    deliver(staffed, kiosk)
    staffed.now += 1000
    second = make_kiosk(epoch="e2", key=kiosk.key)
    second.add(replaced())
    staffed.hello(second, number=2)
    staffed.batch(second, 1)
    assert found(staffed)[-1] == ("17", "siti", "roster")


def test_a_terminal_that_was_at_the_wrong_kiosk_counts_where_it_belongs(staffed, kiosk, make_kiosk):
    """A technician swapped two terminals and took that back: what was recorded meanwhile counts."""
    kiosk.punch(user="17", mark=Mark.UNBOUND, person=None)
    kiosk.punch(user="17", time="2026-11-24T07:30:00", mark=Mark.UNBOUND, person=None)
    deliver(staffed, kiosk)
    other = make_kiosk("aula")
    staffed.admit(other)
    other.punch(user="17", person="siti")  # the same terminal's same row
    deliver(staffed, other)
    assert found(staffed) == [("17", "siti", "roster"), ("17", None, "unbound")]


def test_a_stranger_at_one_kiosk_is_who_another_knows_that_reads_the_same_terminal(
    staffed, kiosk, make_kiosk
):
    kiosk.punch(user="4", person=None, mark=Mark.STRANGER)
    kiosk.punch(user="4", time="2026-11-24T07:30:00", person=None, mark=Mark.STRANGER)
    kiosk.punch(user="5", person=None, mark=Mark.STRANGER)
    kiosk.punch(user="17", person="siti")
    deliver(staffed, kiosk)
    aula, tu = make_kiosk("aula"), make_kiosk("tu")
    with staffed.store.writing() as tx:
        tx.city.put([Post(kiosk="tu", unit="TU")])
        tx.city.rise()
    for one in (aula, tu):  # aula serves the same unit as lobi
        staffed.admit(one)
        one.punch(user="4", person=None, mark=Mark.STRANGER)
        one.punch(user="5", person="budi" if one is tu else None)
        one.punch(user="17", person=None, mark=Mark.STRANGER)
        deliver(staffed, one)
    assert found(staffed) == [
        ("4", "budi", "roster"),
        ("4", None, "unknown"),  # nobody else reported that one
        ("5", None, "unknown"),
        ("17", "siti", "roster"),
    ]
    with staffed.store.reading() as tx:
        assert [set(one.perhaps) for one in resolved(tx, load(tx), LONG_AGO)] == [
            set(), set(), {"budi"}, set()
        ]  # fmt: skip


# Strangers.


def test_strangers_are_listed_with_everybody_it_may_have_been(house, staffed, kiosk):
    kiosk.punch(user="17", person="siti")
    kiosk.punch(user="4", person=None, mark=Mark.STRANGER)
    kiosk.punch(user="99", person=None, mark=Mark.STRANGER, time="2026-11-24T08:00:00")
    deliver(staffed, kiosk)
    days = 365 * 100
    assert strangers.listed(house, "", days, as_json=False).splitlines()[:-1] == [
        "lobi e1 2  2026-11-24T07:28:41  CKPG1 terminal_user 4: nobody has that credential there",
        "    perhaps budi Budi (TU)",
        "lobi e1 3  2026-11-24T08:00:00  CKPG1 terminal_user 99: nobody has that credential there",
    ]
    first, second = map(json.loads, strangers.listed(house, "", days, as_json=True).splitlines())
    assert first["candidates"] == [{"person": "budi", "name": "Budi", "units": ["TU"]}]
    assert (second["seq"], second["why"], second["candidates"]) == (3, "unknown", [])
    assert strangers.listed(house, "aula", days, as_json=True) == ""


def test_a_stranger_is_named_by_a_decision(house, staffed, kiosk):
    kiosk.punch(user="4", person=None, mark=Mark.STRANGER)
    deliver(staffed, kiosk)
    said = strangers.name(house, "lobi", "e1", 1, "budi", "dinas dalam, lupa surat")
    assert said == "lobi e1 1, 2026-11-24T07:28:41: budi Budi\n"
    assert found(staffed) == [("4", "budi", Why.NAMED)]
    [one] = [one.said for one in house.decisions.read()]
    assert (one.action, one.subject, one.reason) == (
        "name stranger", "lobi e1 1", "dinas dalam, lupa surat",
    )  # fmt: skip
    assert one.detail == {
        "person": "budi",
        "terminal": "CKPG1",
        "terminal_user": "4",
        "time": "2026-11-24T07:28:41",
        "hash": kiosk.hash_at(1).hex(),
    }
    strangers.name(house, "lobi", "e1", 1, "", "tamu")
    assert found(staffed) == [("4", None, Why.NAMED)]
    assert strangers.listed(house, "", 36500, as_json=True) == ""


def test_only_what_is_there_is_named_and_only_people_are(house, staffed, kiosk):
    kiosk.punch(user="4", person=None, mark=Mark.STRANGER)
    deliver(staffed, kiosk)
    with pytest.raises(Refused, match="no presence that is held"):
        strangers.name(house, "lobi", "e1", 2, "budi", "")
    with pytest.raises(Refused, match="no person 'bdui'"):
        strangers.name(house, "lobi", "e1", 1, "bdui", "")
    assert list(house.decisions.read()) == []
    fork = kiosk.copy()
    fork.bodies, fork.hashes = [], []
    fork.punch(user="5")
    staffed.batch(fork, 1)
    with pytest.raises(Refused, match="two histories contradict each other"):
        strangers.name(house, "lobi", "e1", 1, "budi", "")
