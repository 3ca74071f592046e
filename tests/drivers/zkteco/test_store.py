"""Reading and writing a terminal's people against the simulator, which has a codec of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from msgspec import structs

from drivers.errors import Refused, SourceError
from drivers.options import Transport
from drivers.registry import build
from drivers.sim import zkteco as sim
from drivers.sim.people import Person
from drivers.sim.zktemplates import Finger
from drivers.store import HasStore, Known, Privilege, Secret, Store, Template, TerminalUser
from tests.drivers.zkteco.test_source import NOW, STAFF, options, terminal, wall_clock

BUDI = TerminalUser(user="9001", name="Budi Santoso", card=77123, password=Secret(b"4711"))
THUMB = Template(user="9001", finger=0, octets=Secret(bytes(range(200)) * 3))
INDEX = Template(user="9001", finger=1, octets=Secret(b"\x01" * 498), flag=3)
LAYOUTS = pytest.mark.parametrize(
    "profile", [sim.PROFILES["f19"], sim.PROFILES["zem500"]], ids=["72 bytes", "28 bytes"]
)


@contextmanager
def opened(device: sim.SimulatedTerminal, **changes: object) -> Iterator[Store]:
    transport = Transport.TCP if device.terminal.profile.tcp else Transport.UDP
    chosen = options(device.port, **{"transport": transport, **changes})
    source = build(chosen, lambda: NOW)
    source.open(None, lambda: None)
    try:
        assert isinstance(source, HasStore)
        yield source.store()
    finally:
        source.close()


@LAYOUTS
def test_people_are_read_as_they_are(profile: sim.Profile) -> None:
    with terminal(profile) as device:
        device.terminal.store_person(Person("2001", "Ani", privilege=14, password="1234", card=99))
        device.terminal.fingers[1, 3] = Finger(b"left ring", flag=3)
        with opened(device) as store:
            users = {one.user: one for one in store.users()}
            assert len(users) == len(STAFF) + 1
            assert users["2001"] == TerminalUser(
                user="2001",
                name="Ani",
                privilege=Privilege.ADMIN,
                card=99,
                password=Secret(b"1234"),
            )
            assert list(store.templates()) == [
                Template(user="1001", finger=3, octets=Secret(b"left ring"), flag=3)
            ]
            facts = store.facts()
    assert (facts.users, facts.records, facts.finger_format) == (len(STAFF) + 1, 0, "10")
    assert facts.shown == wall_clock()


def test_somebody_new_is_written_into_a_free_slot_with_their_fingers() -> None:
    with terminal() as device:
        with opened(device) as store:
            store.write([Known(user=BUDI, fingers=(THUMB, INDEX))])
            assert store.users()[-1] == BUDI
        slot = device.terminal.uid_of("9001")
        assert slot == len(STAFF) + 1
        assert device.terminal.people[slot].password == "4711"
        assert device.terminal.fingers[slot, 0].octets == THUMB.octets.octets
        assert device.terminal.fingers[slot, 1].octets == INDEX.octets.octets
        # Everybody else is who they were: pyzk without a read first writes over slot 1.
        assert [device.terminal.people[n].user_id for n in range(1, 41)] == [
            one.user_id for one in STAFF
        ]
        assert not {1002, 1003, 14, 15} & set(device.requests)  # no disable, no clear


def test_somebody_known_keeps_slot_and_fingers() -> None:
    with terminal() as device:
        device.terminal.fingers[3, 5] = Finger(b"kept")
        with opened(device) as store:
            changed = structs.replace(store.users()[2], card=5)
            store.write([Known(user=changed)])
            assert changed in store.users()
        assert device.terminal.people[3].user_id == "1003"
        assert device.terminal.fingers[3, 5] == Finger(b"kept")


@LAYOUTS
def test_menu_rights_that_nobody_here_knows_stay_what_they_are(profile: sim.Profile) -> None:
    """Told as an admin's; a new card must not make somebody an administrator."""
    with terminal(profile) as device, opened(device) as store:
        device.terminal.store_person(Person("2001", "Ani", privilege=10, uid=2001))
        [ani] = [one for one in store.users() if one.user == "2001"]
        assert ani.privilege is Privilege.ADMIN
        store.write([Known(user=structs.replace(ani, card=5))])
        assert device.terminal.people[2001].privilege == 10
        assert device.terminal.people[2001].card == 5


def test_each_person_written_is_a_sign_of_life() -> None:
    """Some thousand of them take minutes: a worker that is silent so long is given up."""
    beats: list[None] = []
    with terminal() as device:
        source = build(options(device.port), lambda: NOW)
        source.open(None, lambda: beats.append(None))
        assert isinstance(source, HasStore)
        people = [Known(user=TerminalUser(user=str(9000 + n))) for n in range(20)]
        before = len(beats)
        source.store().write(people)
        assert len(beats) - before >= len(people)
        source.close()


@LAYOUTS
def test_a_name_is_cut_between_characters(profile: sim.Profile) -> None:
    name = "ABCDEFGé" if profile.users == sim.UserLayout.OLD else "A" * 23 + "é"
    with terminal(profile) as device, opened(device) as store:
        store.write([Known(user=TerminalUser(user="41", name=name))])
        assert store.users()[-1].name == name[:-1]


def test_an_old_unit_keeps_numbers_in_the_slot_of_the_same_number() -> None:
    with terminal(sim.PROFILES["zem500"]) as device, opened(device) as store:
        store.write([Known(user=TerminalUser(user="500", name="Ani"))])
        assert device.terminal.uid_of("500") == 500
        for user in ("A77", "0501", "", str(1 << 32)):
            with pytest.raises(Refused, match=f"user id '{user}' does not fit: a number"):
                store.write([Known(user=TerminalUser(user=user))])
        assert device.terminal.uid_of("501") == 0
        with pytest.raises(Refused, match="no slot for user 70000"):
            store.write([Known(user=TerminalUser(user="70000"))])


def test_a_user_id_that_would_be_cut_is_refused() -> None:
    """Cut, it is another, and may be somebody's."""
    with terminal() as device, opened(device) as store:
        store.write([Known(user=TerminalUser(user="1" * 24))])
        with pytest.raises(Refused, match="does not fit: at most 24 characters"):
            store.write([Known(user=TerminalUser(user="1" * 24 + "7"))])


@LAYOUTS
def test_a_password_that_would_be_cut_is_refused(profile: sim.Profile) -> None:
    """Cut, it is another and a weaker one, and read back it looks as written."""
    most = 5 if profile.users == sim.UserLayout.OLD else 8
    known = [
        Known(user=TerminalUser(user="41", password=Secret(b"123456789"[:digits])))
        for digits in (most, most + 1)
    ]
    with terminal(profile) as device, opened(device) as store:
        store.write(known[:1])
        assert store.users()[-1].password == known[0].user.password
        with pytest.raises(Refused, match=f"too long: expected at most {most} digits") as refused:
            store.write(known[1:])
        assert "1234" not in str(refused.value)


def test_what_was_said_yes_to_and_not_kept_is_an_error() -> None:
    with terminal(faults=sim.Faults(keeps_no_writes=True)) as device, opened(device) as store:
        with pytest.raises(Refused, match=r"did otherwise: user 9001 is not kept as written"):
            store.write([Known(user=BUDI)])
        with pytest.raises(Refused, match="its clock shows"):
            store.set_clock(wall_clock() + timedelta(hours=1))


def test_a_finger_that_is_not_kept_is_an_error() -> None:
    with terminal() as device, opened(device) as store:
        device.terminal.store_upload = lambda upload: [  # type: ignore[method-assign]
            device.terminal.store_row(row) for row in upload.users
        ]
        with pytest.raises(Refused, match="finger 0 of user 9001 is not kept"):
            store.write([Known(user=BUDI, fingers=(THUMB,))])


def test_one_is_removed_with_their_fingers_and_nobody_else() -> None:
    with terminal() as device:
        device.terminal.fingers[2, 1] = Finger(b"gone")
        device.terminal.fingers[3, 1] = Finger(b"stays")
        with opened(device) as store:
            store.remove("1002")
            store.remove("never there")
            assert "1002" not in {one.user for one in store.users()}
        assert list(device.terminal.fingers) == [(3, 1)]
        assert len(device.terminal.people) == len(STAFF) - 1


def test_the_clock_is_set() -> None:
    with terminal(drift=timedelta(hours=-3)) as device, opened(device) as store:
        store.set_clock(wall_clock())
        assert store.facts().shown == wall_clock()
        assert device.terminal.now() == wall_clock()


def test_a_restart_ends_the_session_and_is_no_error() -> None:
    with terminal() as device, opened(device) as store:
        store.restart()
        with pytest.raises(SourceError):
            store.users()
    with terminal(sim.PROFILES["zem500"]) as device, opened(device, timeout_s=0.2) as store:
        store.restart()


def test_a_comm_key_counts_from_the_next_connection_on() -> None:
    with terminal() as device:
        with opened(device) as store:
            store.set_comm_key(4711)
        with pytest.raises(Refused, match="refused the comm key"), opened(device):
            pass
        with opened(device, comm_key=4711) as store:
            assert len(store.users()) == len(STAFF)


def test_secrets_are_not_shown() -> None:
    assert "4711" not in repr(BUDI)
    assert "4711" not in f"{BUDI}{BUDI.password}"
    assert repr(THUMB.octets) == "Secret(600 bytes)"


def test_the_year_that_a_terminal_can_say_is_this_centurys() -> None:
    with terminal() as device, opened(device) as store:
        store.set_clock(datetime(2099, 12, 31, 23, 59, 59))  # noqa: DTZ001 - naive, as it is
        assert store.facts().shown == datetime(2099, 12, 31, 23, 59, 59)  # noqa: DTZ001


@LAYOUTS
def test_a_name_is_told_as_far_as_it_is_kept(profile: sim.Profile) -> None:
    with terminal(profile) as device, opened(device) as store:
        most = 8 if profile.users == sim.UserLayout.OLD else 24
        assert store.kept("A" * 30) == "A" * most
        assert store.kept("A" * (most - 1) + "é") == "A" * (most - 1)


def test_an_empty_terminal_does_not_tell_how_wide_its_rows_are() -> None:
    """An old one would be written rows of a new one's width."""
    with terminal(sim.PROFILES["zem500"]) as device:
        device.terminal.delete_people()
        with opened(device) as store, pytest.raises(Refused, match="it knows nobody yet"):
            store.write([Known(user=TerminalUser(user="500"))])
        device.terminal.store_person(Person("1", "Teknisi", privilege=14, uid=1))
        with opened(device) as store:
            store.write([Known(user=TerminalUser(user="500"))])
            store.remove("1")
            store.remove("500")
            store.write([Known(user=TerminalUser(user="500", name="Budi Santoso"))])
            assert store.users() == [TerminalUser(user="500", name="Budi San")]


def test_names_of_many_are_cut_without_asking_an_empty_terminal_again() -> None:
    with sim.SimulatedTerminal([], serial="EMPTY") as device, opened(device) as store:
        assert list(store.users()) == []
        asked = len(device.requests)
        assert {store.kept(f"Orang Nomor {n}") for n in range(100)}
        assert len(device.requests) == asked
