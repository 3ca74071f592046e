"""Rows written by the simulator against rows of real terminals."""

import json
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from drivers.sim import zkwire
from drivers.sim.zkrecords import (
    Counts,
    EventLayout,
    LogLayout,
    Record,
    SizesLayout,
    UserLayout,
    UserRow,
    event_row,
    log_row,
    read_user_row,
    sizes,
    user_row,
)
from drivers.sim.zkwire import TcpStream, moment_of

FRAMES = Path(__file__).parent / "frames"
F19: list[dict[str, Any]] = json.loads((FRAMES / "f19_frames.json").read_text())["dumps"]
FIELD: list[dict[str, Any]] = json.loads((FRAMES / "field_records.json").read_text())


def at(*when: int) -> datetime:
    """A naive time, as terminals keep it."""
    return datetime(*when)  # type: ignore[arg-type]  # noqa: DTZ001 - naive


def f19(section: str, start: str = "") -> bytes:
    (dump,) = (d for d in F19 if d["section"] == section and d["hex"].startswith(start))
    return bytes.fromhex(dump["hex"])


def field(issue: str) -> dict[str, Any]:
    (found,) = (record for record in FIELD if issue in record["origin"])
    return found


def test_a_40_byte_row_of_an_f19() -> None:
    real = f19("Example of an Attendance Entry")
    record = Record("999111333", at(2018, 6, 25, 17, 50, 35), 1, 0, uid=13)
    assert moment_of(int.from_bytes(real[27:31], "little")) == record.time
    assert log_row(LogLayout.TFT_40, record) == real


def test_a_40_byte_row_with_another_tail() -> None:
    real = bytes.fromhex(field("pyzk/issues/139")["hex"])
    moment = moment_of(int.from_bytes(real[27:31], "little"))
    record = Record("10036", moment, 15, 0, uid=1)
    assert log_row(LogLayout.TFT_40, record, tail=bytes(8)) == real


@pytest.mark.parametrize(
    ("n", "uid", "moment"),
    [(0, 7, (2016, 1, 1, 19, 2, 0)), (1, 123, (2016, 1, 1, 19, 4, 43))],
)
def test_8_byte_rows_of_a_zem500(n: int, uid: int, moment: tuple[int, ...]) -> None:
    real = bytes.fromhex(field("pyzk/issues/99")["hex_list"][n])
    record = Record(str(uid), at(*moment), 1, 0, uid)
    assert log_row(LogLayout.ZEM500_8, record) == real


def test_16_byte_rows_out_of_a_udp_datagram() -> None:
    real = bytes.fromhex(field("js_zklib/issues/50")["hex"])[12:]
    rows = [real[i : i + 16] for i in range(0, len(real) - 15, 16)]
    assert len(rows) == 7
    for row in rows:
        user, number = struct.unpack_from("<II", row)
        record = Record(str(user), moment_of(number), 0, 0, uid=0)
        assert log_row(LogLayout.OLD_16, record) == row


def test_the_two_8_byte_layouts_differ() -> None:
    record = Record("7", at(2026, 11, 24, 7, 28), 1, 4, uid=7)
    number = zkwire.number_of(record.time).to_bytes(4, "little")
    assert log_row(LogLayout.PLAIN_8, record) == b"\7\0\1" + number + b"\4"
    assert log_row(LogLayout.ZEM500_8, record)[4:] == number


def test_a_72_byte_user_of_an_f19() -> None:
    real = f19("Example of a User Entry")
    row = read_user_row(real)
    assert (row.uid, row.name[:3], row.card, row.group) == (13, b"Ned", 0xDE, 2)
    assert row.user_id[:4] == b"555\0"
    assert row.password == bytes.fromhex("34343400c69a807c")  # with the rubbish after its NUL
    assert user_row(UserLayout.TFT, row) == real


def test_a_written_user_of_an_f19() -> None:
    (packet,) = TcpStream().feed(f19("Example", "5050827d500000000800"))
    row = read_user_row(packet.data)
    assert (row.uid, row.privilege, row.card) == (14, 6, 6543)
    assert user_row(UserLayout.TFT, row) == packet.data


def test_a_28_byte_user() -> None:
    row = UserRow(uid=3, user_id=b"1003", name=b"Ayu Gunawan", card=77)
    packed = user_row(UserLayout.OLD, row)
    assert len(packed) == 28
    again = read_user_row(packed)
    assert (again.uid, again.user_id, again.name, again.card) == (3, b"1003", b"Ayu Guna", 77)


def test_a_user_of_another_width_is_refused() -> None:
    with pytest.raises(ValueError, match="28 or 72"):
        read_user_row(bytes(29))


def test_the_event_of_an_f19() -> None:
    real = f19("Example", "5050827d28000000f401")
    (packet,) = TcpStream().feed(real)
    record = Record("999111333", at(2018, 6, 25, 17, 41, 5), 1, 0, uid=13)
    assert event_row(EventLayout.TFT, record) == packet.data


def test_a_face_event() -> None:
    real = bytes.fromhex(field("kurenai-ryu/pyzk/issues/8")["hex"])
    record = Record("1140064", at(2018, 11, 29, 12, 55, 3), 15, 0, uid=1)
    assert event_row(EventLayout.TFT, record) == real


@pytest.mark.parametrize("layout", EventLayout)
def test_every_event_has_its_width(layout: EventLayout) -> None:
    record = Record("1001", at(2026, 11, 24, 7, 28), 1, 255, uid=1)
    assert len(event_row(layout, record)) == layout


def test_the_counts_of_a_speedface() -> None:
    real = struct.pack("<20i", *field("pyzk/issues/170")["int32"])
    counts = Counts(
        users=567,
        records=0,
        user_capacity=10_000,
        record_capacity=200_000,
        finger_capacity=6_000,
        fingers=2,
        operations=373,
        administrators=1,
        passwords=1,
    )
    assert sizes(SizesLayout.PLAIN, counts) == real


@pytest.mark.parametrize("layout", SizesLayout)
def test_every_answer_has_its_width(layout: SizesLayout) -> None:
    counts = Counts(
        users=55, records=9, user_capacity=100, record_capacity=100, finger_capacity=100
    )
    assert len(sizes(layout, counts)) == layout
