"""Rows of users and templates as bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import Garbled
from drivers.store import Privilege, Secret, TerminalUser
from drivers.zkteco.people import (
    Row,
    Width,
    as_kept,
    cut,
    decode_people,
    decode_templates,
    encode_person,
    free_slot,
)


def table(*rows: bytes) -> bytes:
    content = b"".join(rows)
    return len(content).to_bytes(4, "little") + content


@given(
    st.integers(1, 65_534),
    st.integers(0, 2**32 - 1),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12),
    st.integers(0, 255),
    st.sampled_from(list(Width)),
)
def test_a_row_is_what_it_was(slot: int, number: int, name: str, bits: int, width: Width) -> None:
    privilege = {0: Privilege.USER, 2: Privilege.ENROLLER, 6: Privilege.MANAGER}.get(
        bits & ~1, Privilege.ADMIN
    )
    user = as_kept(TerminalUser(user=str(number), name=name, privilege=privilege, card=7), width)
    row = Row(slot, user, 3, (1, 0, 0, 0), bits)
    [again], found = decode_people(table(encode_person(row, width)), 1)
    assert (again, found) == (row, width)


@given(st.sampled_from(list(Privilege)), st.integers(0, 255), st.sampled_from(list(Width)))
def test_another_privilege_is_written_and_who_was_disabled_stays_so(
    privilege: Privilege, bits: int, width: Width
) -> None:
    row = Row(1, TerminalUser(user="7", privilege=privilege), bits=bits)
    [again], _ = decode_people(table(encode_person(row, width)), 1)
    assert again.user.privilege is privilege
    assert again.bits & 1 == bits & 1


def test_a_privilege_that_nobody_knows_is_an_admins() -> None:
    row = struct.pack("<HB8s24sIB4H24s", 1, 10, b"", b"Ani", 0, 1, 0, 0, 0, 0, b"1001")
    [one], _ = decode_people(table(row), 1)
    assert one.user.privilege is Privilege.ADMIN


def test_rubbish_behind_the_first_nul_is_none_of_ours() -> None:
    row = struct.pack("<HB8s24sIB4H24s", 1, 0, b"12\0xyz", b"Ani\0\xff\xfe", 0, 1, 0, 0, 0, 0, b"7")
    [one], _ = decode_people(table(row), 1)
    assert one.user == TerminalUser(user="7", name="Ani", password=Secret(b"12"))


def test_names_end_between_characters() -> None:
    assert cut("é" * 5, 8) == ("é" * 4).encode()
    assert cut("aé", 2) == b"a"


def test_templates_of_nobody_are_passed_over_and_cut_ones_are_an_error() -> None:
    entry = struct.pack("<HHBB", 9, 1, 4, 1) + b"abc"
    stranger = struct.pack("<HHBB", 7, 2, 0, 1) + b"x"
    [found] = decode_templates(table(entry, stranger), {1: "1001"})
    assert (found.user, found.finger, found.octets) == ("1001", 4, Secret(b"abc"))
    for spoiled in (entry[:-1], entry + b"\1", b"\5\0\1\0\1\1", b"\0" * 6):
        with pytest.raises(Garbled, match="a template of"):
            decode_templates(table(spoiled), {1: "1001"})


def test_a_free_slot_is_behind_the_last_one_or_between() -> None:
    def rows(*slots: int) -> list[Row]:
        return [Row(slot, TerminalUser(user=str(slot))) for slot in slots]

    assert free_slot([], "A77", Width.TFT) == 1
    assert free_slot(rows(1, 5), "A77", Width.TFT) == 6
    assert free_slot(rows(1, 65_534), "A77", Width.TFT) == 2
    assert free_slot(rows(*range(1, 65_535)), "A77", Width.TFT) is None
    assert free_slot(rows(1, 5), "9", Width.OLD) == 9
    assert free_slot(rows(1, 9), "9", Width.OLD) is None
    assert free_slot([], "65535", Width.OLD) is None
