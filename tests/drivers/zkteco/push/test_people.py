"""Commands about users and the lines in which they are told; and when that is everybody."""

import pytest

from drivers.errors import Refused
from drivers.store import Privilege, TerminalUser
from drivers.zkteco.push import people
from drivers.zkteco.push.answers import Dialect
from drivers.zkteco.push.commands import Command
from drivers.zkteco.push.people import Census

ATT, ACC = Dialect.ATTENDANCE, Dialect.ACCESS


def test_the_commands_of_both_dialects() -> None:
    assert people.query(ATT).text == "DATA QUERY USERINFO"
    assert people.query(ACC).text == "DATA QUERY tablename=user,fielddesc=*,filter=*"
    assert people.write(ATT, "17", "Budi").text == "DATA UPDATE USERINFO PIN=17\tName=Budi"
    assert people.write(ACC, "17", "Budi").text == "DATA UPDATE user Pin=17\tName=Budi"
    assert people.delete(ATT, "17").text == "DATA DELETE USERINFO PIN=17"
    assert people.delete_fingers(ATT, "17") is None
    assert people.delete(ACC, "17").text == "DATA DELETE user Pin=17"
    assert people.delete_fingers(ACC, "17") == Command("DATA DELETE biodata Pin=17")


@pytest.mark.parametrize("user", ["", "17\tPri=14", "17\n", "1 7", "é", "1" * 25])
def test_a_user_id_that_is_none_is_in_no_command(user: str) -> None:
    """Without one, some firmware deletes everybody."""
    for dialect in (ATT, ACC):
        with pytest.raises(Refused, match="cannot be said in a command"):
            people.delete(dialect, user)
        with pytest.raises(Refused, match="cannot be said in a command"):
            people.write(dialect, user, "Budi")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Budi Santoso", "Budi Santoso"),
        ("José Núñez", "Jose Nunez"),
        ("Budi\tPri=14\r\nC:9:CLEAR DATA", "Budi Pri=14  C:9:CLEAR D"),
        ("陳", ""),
        ("A" * 30, "A" * 24),
    ],
)
def test_a_name_is_one_field_of_one_line(name: str, kept: str) -> None:
    assert people.kept(name) == kept
    assert people.kept(kept) == kept
    said = people.write(ATT, "17", name).text
    assert said == f"DATA UPDATE USERINFO PIN=17\tName={kept}"


def test_the_lines_of_both_dialects() -> None:
    body = (
        b"USER PIN=17\tName=Budi\tPri=0\tPasswd=4711\tCard=[0000abcd]\tGrp=1\r\n"
        b"FP PIN=17\tFID=6\tSize=4\tValid=1\tTMP=AAAA\r\n"
        b"USER PIN=18\tName=Ani\xff\tPri=14\tPasswd=\tCard=\n"
        b"user uid=1\tcardno=77\tpin=19\tpassword=1\tname=Siti\tprivilege=2\n"
        b"USER Name=nobody\tPri=0\n"
        b"USER PIN=20\tName=Rudi\n"
        b"USER PIN=21\tName=Eka\tPri=7\n"
        b"USER PIN=22\tName=Eka\tPri=\0"
    )
    assert people.users(body) == [
        TerminalUser(user="17", name="Budi", card=0xABCD),
        TerminalUser(user="18", name="Ani\ufffd", privilege=Privilege.ADMIN),
        TerminalUser(user="19", name="Siti", privilege=Privilege.ENROLLER, card=77),
        # Not told, or told in a way that no page has: it may be more than a user's.
        TerminalUser(user="20", name="Rudi", privilege=Privilege.ADMIN),
        TerminalUser(user="21", name="Eka", privilege=Privilege.ADMIN),
        TerminalUser(user="22", name="Eka"),
    ]
    assert not any(one.password for one in people.users(body))


def test_everybody_is_as_many_as_the_terminal_counts() -> None:
    census = Census()
    assert not census.is_whole  # nobody said that they are none
    census.take([TerminalUser(user="17"), TerminalUser(user="18")])
    assert not census.is_whole
    census.counted(-1)
    assert census.count is None
    census.counted(3)
    census.counted(2)  # the smaller may be of before, or no count at all
    assert not census.is_whole
    census.take([TerminalUser(user="18"), TerminalUser(user="19")])  # one came twice
    assert census.is_whole
