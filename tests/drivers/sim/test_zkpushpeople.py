"""Who a simulated push terminal knows: what commands do to them, and what they do not."""

import pytest

from drivers.sim.people import Person
from drivers.sim.zkpushfaults import PushFaults
from drivers.sim.zkpushpeople import BAD, DONE, NO_SUCH_PIN, UNKNOWN, PushPeople
from drivers.sim.zkpushwire import PUSH_PROFILES

STAFF = [Person("17", "Budi Santoso", card=77, password="4711"), Person("18", "Ani", privilege=14)]


def people(profile: str, **faults: bool) -> PushPeople:
    one = PushPeople(STAFF, PUSH_PROFILES[profile], PushFaults(**faults))  # type: ignore[arg-type]
    one.fingers = {"17": "budi", "18": "ani"}
    return one


@pytest.mark.parametrize(
    ("profile", "command", "code"),
    [
        ("2.4", "DATA UPDATE USERINFO PIN=17\tName=Budi", DONE),
        ("2.4", "DATA UPDATE USERINFO Name=Budi", BAD),
        ("2.4", "DATA UPDATE user Pin=17\tName=Budi", None),  # the other dialect's
        ("2.4", "DATA DELETE USERINFO PIN=99", NO_SUCH_PIN),
        ("2.4", "INFO", None),
        ("access", "DATA UPDATE user Pin=17\tName=Budi", DONE),
        ("access", "DATA UPDATE biodata Pin=17", BAD),
        ("access", "DATA UPDATE USERINFO PIN=17\tName=Budi", None),
        ("access", "DATA DELETE biodata Pin=99", NO_SUCH_PIN),
    ],
)
def test_what_becomes_of_a_command(profile: str, command: str, code: int | None) -> None:
    assert people(profile).obey(command) == code


@pytest.mark.parametrize(
    ("profile", "command"),
    [("2.4", "DATA UPDATE USERINFO PIN=17\tName=B"), ("access", "DATA UPDATE user Pin=17\tName=B")],
)
def test_a_new_name_leaves_all_else(profile: str, command: str) -> None:
    one = people(profile)
    one.obey(command)
    budi = one.users["17"]
    assert (budi.name, budi.card, budi.password, budi.rights) == ("B", 77, "4711", 0)
    one = people(profile, resets_users=True)
    one.obey(command)
    assert one.users["17"].card == 0
    one = people(profile, refuses_users=True)
    assert one.obey(command) == UNKNOWN


def test_without_a_number_everybody_goes() -> None:
    one = people("2.4")
    assert one.obey("DATA DELETE USERINFO") == DONE
    assert (one.users, one.fingers) == ({}, {})


def test_fingers_are_a_table_of_their_own_in_the_access_dialect() -> None:
    one = people("access")
    assert one.obey("DATA DELETE user Pin=17") == DONE
    assert one.fingers == {"17": "budi", "18": "ani"}
    assert one.obey("DATA DELETE biodata Pin=17") == DONE
    assert one.fingers == {"18": "ani"}
    one = people("2.4")
    assert one.obey("DATA DELETE USERINFO PIN=17") == DONE
    assert one.fingers == {"18": "ani"}


def test_everybody_is_told_of_in_each_dialects_way() -> None:
    [upload] = people("2.4").uploads(5)
    assert (upload.endpoint, upload.query) == ("cdata", {"table": "USERINFO"})
    assert upload.lines[0].startswith("USER PIN=17\tName=Budi Santoso\tPri=0\tPasswd=4711\tCard=[")
    [upload] = people("access").uploads(5)
    assert upload.endpoint == "querydata"
    assert upload.query["cmdid"] == "5"
    assert "\tpin=18\tpassword=\t" in upload.lines[1]
    assert len(people("2.4", tells_half=True).uploads(5)[0].lines) == 1
