"""Targets: one path in many spellings, and stamps that stay as they came."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.zkteco.push.asked import FIELDS_MOST, TARGET_MOST, Endpoint, Table, Verb, understood
from drivers.zkteco.push.declined import Declined


@pytest.mark.parametrize(
    "path",
    [
        "/iclock/cdata",
        "/iclock/cdata/",
        "/iclock/cdata.aspx",
        "/iclock/iclock/cdata",
        "//ICLOCK/cdata",
        "/iclock/CData.aspx/",
    ],
)
def test_a_path_in_any_spelling(path: str) -> None:
    asked = understood("POST", f"{path}?SN=CJDE193560303&table=ATTLOG&Stamp=9999")
    assert (asked.verb, asked.endpoint, asked.table) == (Verb.POST, Endpoint.CDATA, Table.ATTLOG)
    assert asked.serial == "CJDE193560303"
    assert asked.query == {"table": "ATTLOG", "stamp": "9999"}


def test_a_stamp_stays_as_it_came() -> None:
    asked = understood("POST", "/iclock/cdata?sn=S1&Stamp=2026-11-26T07:28:00+07:00&x=%41%2B")
    assert asked.query["stamp"] == "2026-11-26T07:28:00+07:00"
    assert asked.query["x"] == "A+"


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("PUT", "/iclock/cdata?SN=S1", 405),
        ("GET", "/cdata?SN=S1", 404),
        ("GET", "/", 404),
        ("GET", "/iclock/", 404),
        ("GET", "/iclock/../etc/passwd?SN=S1", 404),
        ("GET", "/UserServer/user?action=getserver", 404),
        ("GET", "/iclock/cdata", 400),
        ("GET", "/iclock/cdata?SN=", 400),
        ("GET", "/iclock/cdata?SN=a%0Ab", 400),
        ("GET", "/iclock/cdata?SN=" + "9" * 65, 400),
        ("GET", "/iclock/cdata?SN=S1&" + "&".join("a=1" for _ in range(FIELDS_MOST)), 400),
        ("GET", "/iclock/cdata?SN=S1&a=" + "1" * TARGET_MOST, 414),
    ],
)
def test_what_is_no_request_is_declined(method: str, target: str, status: int) -> None:
    with pytest.raises(Declined) as declined:
        understood(method, target)
    assert declined.value.status == status


@given(st.sampled_from(["GET", "POST", "X"]), st.text(max_size=300))
def test_any_target_is_understood_or_declined(method: str, rest: str) -> None:
    for target in (rest, f"/iclock/cdata?{rest}", f"/iclock/cdata?SN=S1&{rest}"):
        with suppress(Declined):
            assert isinstance(understood(method, target).table, Table)
