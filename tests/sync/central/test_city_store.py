"""The city's tables: what is put there is there, and two who change it take turns."""

import threading
from datetime import date

import pytest

from sync.central.store.city import Place, Post, Rule
from sync.protocol.roster import Grant, Known, Member, Person, Unit

ROWS = (
    Unit(id="A", name="Dinas A", zone="Asia/Jayapura"),
    Person(id="1", name="Ayu"),
    Member(person="1", unit="A", since=date(2026, 1, 1)),
    Post(kiosk="lobi", unit="A", until=date(2026, 12, 31)),
    Known(person="1", credential="card", user="7"),
    Known(person="1", credential="card", user="7", since=date(2026, 1, 1), until=date(2026, 2, 1)),
    Grant(person="1", unit="A", allows="guest", user="9", reference="ST 1"),
)


def test_what_is_put_is_there_until_it_is_removed(central):
    with central.store.writing() as tx:
        tx.city.put(ROWS)
    with central.store.writing() as tx:
        for kind in {type(row) for row in ROWS}:
            assert tx.city.all(kind) == [row for row in ROWS if type(row) is kind]
        tx.city.put(
            [Person(id="1", name="Ni Luh Ayu"), Known(person="2", credential="card", user="7")]
        )
        assert tx.city.all(Person) == [Person(id="1", name="Ni Luh Ayu")]
        assert [one.person for one in tx.city.all(Known)] == ["2", "1"]
        tx.city.remove(ROWS)
        assert not any(tx.city.all(kind) for kind in {type(row) for row in ROWS})


def test_many_rows_are_put_at_once(central):
    people = [Person(id=f"{n:05}", name=f"Orang {n}") for n in range(3000)]
    with central.store.writing() as tx:
        tx.city.put(people)
        tx.city.put(people)
        assert tx.city.all(Person) == people


def test_rules_documents_and_words(central):
    with central.store.writing() as tx:
        tx.city.put_rules([Rule("weeks", "k", b"1"), Rule("shifts", "k", b"2")])
        tx.city.put_rules([Rule("weeks", "k", b"3")])
        assert tx.city.rules() == [Rule("shifts", "k", b"2"), Rule("weeks", "k", b"3")]
        tx.city.remove_rules([Rule("shifts", "k", b"")])
        assert tx.city.rules() == [Rule("weeks", "k", b"3")]
        tx.city.keep_document(b"d" * 32, "a.csv", b"first", 1)
        tx.city.keep_document(b"d" * 32, "b.csv", b"second", 2)
        assert tx.city.document(b"d" * 32) == b"first"
        assert tx.city.document(b"e" * 32) is None
        place = Place("lobi", "e1", 7, b"h" * 32)
        tx.city.identify(place, "1", "admin", 1)
        tx.city.identify(place, "", "admin", 2)
        assert tx.city.identified() == {place: ""}


def test_the_stamp_rises_only_when_it_is_told(central):
    with central.store.writing() as tx:
        tx.city.lock()
        assert tx.city.stamp() == 0
        tx.city.rise()
        tx.city.rise()
    with central.store.reading() as tx:
        assert tx.city.stamp() == 2


@pytest.mark.slow
def test_two_who_change_the_city_wait_for_each_other(central):
    """Each sees what the other did: nothing is overwritten that was never looked at."""
    both = threading.Barrier(2)

    def change() -> None:
        both.wait()
        for _ in range(20):
            with central.store.writing() as tx:
                tx.city.lock()
                number = len(tx.city.all(Person))
                tx.city.put([Person(id=f"{number:03}", name="x")])
                tx.city.rise()

    threads = [threading.Thread(target=change) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    with central.store.reading() as tx:
        assert len(tx.city.all(Person)) == tx.city.stamp() == 40
