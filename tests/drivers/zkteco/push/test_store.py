"""Users over the command queue, against the simulator, which has a codec of its own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from drivers.errors import NotOffered, Refused, SourceError, TimedOut
from drivers.sim.people import Person
from drivers.sim.zkpush import PUSH_PROFILES, PushFaults, PushTerminal, Results
from drivers.store import HasStore, Known, Privilege, Secret, Store, Template, TerminalUser
from drivers.zkteco.push.source import PushSource
from drivers.zkteco.push.store import PushStore
from tests.drivers.zkteco.push.conftest import Reader, Stand

BUDI = Person("17", "Budi Santoso", card=77, password="4711")
ADMIN = Person("1", "Teknisi", privilege=14)
PROFILES = pytest.mark.parametrize("profile", ["2.2", "2.4", "access"])
Make = Callable[..., PushTerminal]


@contextmanager
def opened(
    stand: Stand, terminal: Make, within_s: float = 5.0, **more: object
) -> Iterator[tuple[Store, PushTerminal, Reader]]:
    """Yield the store of a terminal that calls all the time, and what the source has read."""
    source = stand.source()
    sim = terminal(staff=[ADMIN, BUDI], **more)
    with Reader(source) as reader:
        sim.start(every_s=0.01)
        try:
            yield PushStore(source._desk, "source lobi", within_s), sim, reader
        finally:
            sim.stop()


def profiled(profile: str, **faults: object) -> dict[str, object]:
    return {"profile": PUSH_PROFILES[profile], "faults": PushFaults(**faults)}  # type: ignore[arg-type]


def written(user: str, name: str) -> Known:
    return Known(user=TerminalUser(user=user, name=name))


@PROFILES
def test_people_are_read_written_and_removed(stand: Stand, terminal: Make, profile: str) -> None:
    with opened(stand, terminal, **profiled(profile)) as (store, sim, reader):
        sim.people.fingers["17"] = "budi"
        users = {one.user: one for one in store.users()}
        assert users.keys() == {"1", "17"}
        assert users["1"].privilege is Privilege.ADMIN
        assert (users["17"].name, users["17"].privilege) == ("Budi Santoso", Privilege.USER)
        assert not users["17"].password  # withheld as it came in
        renamed = TerminalUser(user="17", name="Budi S", card=users["17"].card)
        store.write([Known(user=renamed), written("20", "Siti Aminah"), written("21", "Ani")])
        assert sim.people.users["17"].name == "Budi S"
        assert (sim.people.users["17"].card, sim.people.users["17"].password) == (77, "4711")
        assert sim.people.fingers == {"17": "budi"}
        sim.punch("17")
        store.remove("17", "99")
        assert [one.user for one in store.users()] == ["1", "20", "21"]
        assert sim.people.fingers == {}
    assert [one.user for one in reader.punches] == ["17"]


@PROFILES
def test_nothing_blocks_punches(stand: Stand, terminal: Make, profile: str) -> None:
    """A terminal that never says what became of a command goes on sending punches."""
    faults = profiled(profile, results=Results.NEVER)
    with opened(stand, terminal, within_s=1.0, **faults) as (store, sim, reader):
        failed: list[SourceError] = []

        def ask() -> None:
            try:
                store.remove("17")
            except SourceError as error:
                failed.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while asking.is_alive() and not reader.punches:
            sim.punch("9")
            asking.join(0.05)
        assert asking.is_alive()
        asking.join(10)
    assert isinstance(failed[0], TimedOut)
    assert "no word of what became of a command" in str(failed[0])


@PROFILES
def test_a_lost_result_is_asked_for_again(
    stand: Stand, terminal: Make, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drivers.zkteco.push.commands.REPEAT_S", 0.05)
    faults = profiled(profile, results_lost=3, results_late=2)
    with opened(stand, terminal, **faults) as (store, sim, _):
        store.remove("17")
        store.write([written("20", "Siti")])
        assert list(sim.people.users) == ["1", "20"]
        told = [one for one in sim.executed if "DELETE" in one]
        assert len(told) > 1  # and done twice it is done


def test_what_nobody_waits_for_is_not_done_hours_later(stand: Stand, terminal: Make) -> None:
    source = stand.source()
    with Reader(source):
        sim = terminal(staff=[BUDI])
        assert sim.handshake()  # and then it is off
        with pytest.raises(TimedOut):
            PushStore(source._desk, "lobi", 0.1).remove("17")
        while sim.turn() and sim.executed[-1:] != ["INFO"]:
            pass
        sim.turn()
        assert not any("DELETE" in one for one in sim.executed)
        assert "17" in sim.people.users


@PROFILES
@pytest.mark.parametrize(
    ("fault", "kind", "why"),
    [
        ("refuses_users", Refused, "refused `DATA UPDATE .*` with code -1002"),
        ("forgets_users", Refused, "did otherwise: user 20 is not there after being written"),
    ],
)
def test_what_is_not_taken_is_said(
    stand: Stand, terminal: Make, profile: str, fault: str, kind: type[Exception], why: str
) -> None:
    faults = profiled(profile, **{fault: True})
    with (
        opened(stand, terminal, **faults) as (store, _, _),
        pytest.raises(kind, match=why) as failed,
    ):
        store.write([written("20", "Siti Aminah")])
    assert "Siti" not in str(failed.value)


@PROFILES
def test_what_is_not_removed_is_said(stand: Stand, terminal: Make, profile: str) -> None:
    with (
        opened(stand, terminal, **profiled(profile, forgets_users=True)) as (store, _, _),
        pytest.raises(Refused, match="user 17 is still there after being removed"),
    ):
        store.remove("17")


def test_whose_fingers_would_stay_behind_is_not_removed(stand: Stand, terminal: Make) -> None:
    """Else the number was free, and whoever got it next would have them."""
    faults = profiled("access", refuses_fingers=True)
    with opened(stand, terminal, **faults) as (store, sim, _):
        sim.people.fingers["17"] = "budi"
        with pytest.raises(Refused, match="refused `DATA DELETE biodata` with code -1002"):
            store.remove("17")
        assert "17" in sim.people.users
        assert not [one for one in sim.executed if "DELETE user" in one]


@PROFILES
def test_firmware_that_loses_a_card_is_found_out_by_one_person(
    stand: Stand, terminal: Make, profile: str
) -> None:
    with opened(stand, terminal, **profiled(profile, resets_users=True)) as (store, sim, _):
        there = {one.user: one for one in store.users()}
        people = [
            Known(user=TerminalUser(user=user, name="N", privilege=one.privilege, card=one.card))
            for user, one in there.items()
        ]
        assert people[0].user.privilege is Privilege.ADMIN
        with pytest.raises(Refused, match="has got other rights or another card"):
            store.write(people)
        assert sim.people.users["17"].card == 77  # not reached


@PROFILES
def test_half_of_them_is_not_taken_for_all(stand: Stand, terminal: Make, profile: str) -> None:
    faults = profiled(profile, tells_half=True)
    with (
        opened(stand, terminal, within_s=0.5, **faults) as (store, _, _),
        pytest.raises(TimedOut, match=r"told of 1 users and not .* its own count: 2"),
    ):
        store.users()


@PROFILES
def test_a_list_without_a_word_that_it_is_the_answer_is_none(
    stand: Stand, terminal: Make, profile: str
) -> None:
    """What is sent by itself may be of before."""
    faults = profiled(profile, results=Results.NEVER)
    with (
        opened(stand, terminal, within_s=0.5, **faults) as (store, _, _),
        pytest.raises(TimedOut, match="it told of 2 users"),
    ):
        store.users()


@PROFILES
def test_an_empty_terminal_has_nobody(stand: Stand, terminal: Make, profile: str) -> None:
    with opened(stand, terminal, **profiled(profile)) as (store, sim, _):
        sim.people.users.clear()
        assert store.users() == []


def test_a_terminal_that_goes_on_without_a_greeting_is_asked_for_one(
    stand: Stand, terminal: Make
) -> None:
    source = stand.source()
    with Reader(source):
        sim = terminal(staff=[BUDI])
        sim._is_greeted = True  # the kiosk has begun anew, the terminal has not
        sim.start(every_s=0.01)
        assert [one.user for one in PushStore(source._desk, "lobi", 5.0).users()] == ["17"]
        sim.stop()
    assert sim.executed[0] == "CHECK"


def test_one_that_never_greets_is_told_of(stand: Stand) -> None:
    source = stand.source()
    with Reader(source), pytest.raises(TimedOut, match="has not said which protocol"):
        PushStore(source._desk, "lobi", 0.05).users()


def test_old_firmware_is_not_known_to_take_users(stand: Stand, terminal: Make) -> None:
    with opened(stand, terminal, **profiled("old")) as (store, sim, _):
        sim.turn()
        with pytest.raises(NotOffered, match="as old as its"):
            store.users()


def test_what_cannot_be_asked_is_said_with_the_reason(stand: Stand) -> None:
    source: object = stand.source()
    assert isinstance(source, PushSource)
    assert isinstance(source, HasStore)
    store = source.store()
    finger = Template(user="17", finger=1, octets=Secret(b"x"))
    for ask in (
        store.facts,
        store.sound,
        store.templates,
        store.restart,
        lambda: store.set_clock(None),  # type: ignore[arg-type]
        lambda: store.set_comm_key(1),
        lambda: store.write([Known(user=TerminalUser(user="17"), fingers=(finger,))]),
    ):
        with pytest.raises(NotOffered, match=r"calls the kiosk, and .*Do it at the terminal"):
            ask()
    assert store.kept("Budi") == "Budi"


@PROFILES
def test_users_are_let_past_again_once_nobody_asks(
    stand: Stand, terminal: Make, profile: str
) -> None:
    with opened(stand, terminal, **profiled(profile)) as (store, _, _):
        store.users()
        desk = store._desk  # type: ignore[attr-defined]
        assert desk._session.census is None
        assert not desk.wants_users
