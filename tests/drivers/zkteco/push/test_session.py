"""A terminal's conversation, without a socket: both dialects, stamps, the time, the key."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.options import ZkPush
from drivers.zkteco.push.answers import OK, Answer, Dialect
from drivers.zkteco.push.asked import understood
from drivers.zkteco.push.commands import INFO, Outcome
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.people import Census, query
from drivers.zkteco.push.place import Place, placed, position
from drivers.zkteco.push.session import (
    QUERY_EVERY_S,
    UNKNOWN_TABLE,
    Phase,
    Session,
    Upload,
)

NOW = datetime(2026, 11, 26, 0, 28, tzinfo=UTC)
ATTLOG = b"7\t2026-11-26 07:28:00\t255\t15\n"
WIB, WIT = "Asia/Jakarta", "Asia/Jayapura"
GREETING = "cdata?SN=S1&options=all&language=69&pushver=2.4.1"


class Talk:
    """A session, and a clock that may be trusted or not."""

    def __init__(self, zone: str = WIB, key: str = "", *, trusted: bool = True) -> None:
        self.trusted = trusted
        options = ZkPush(name="lobi", serial="S1", timezone=zone, comm_key=key)
        self.session = Session(
            options,
            ZoneInfo(zone),
            lambda: NOW,
            lambda: NOW if self.trusted else None,
            code="c0de",
        )

    def hear(
        self, method: str, target: str, body: bytes = b"", where: str = "10.0.0.5", at_s: float = 0
    ) -> Answer | Upload:
        asked = understood(method, f"/iclock/{target}")
        self.session.admit(asked, where)
        return self.session.hear(asked, body, at_s)

    def get(self, target: str, at_s: float = 0) -> Answer:
        answer = self.hear("GET", target, at_s=at_s)
        assert isinstance(answer, Answer)
        return answer

    def recorded(self, target: str, body: bytes) -> None:
        """Upload something, and have it committed and answered."""
        asked = understood("POST", f"/iclock/{target}")
        self.session.enter(asked)
        assert isinstance(self.session.hear(asked, body, 0), Upload)
        self.session.recorded(placed(position(self.session.known), "S1"))
        self.session.leave(asked, answered=True)

    def post(self, target: str, body: bytes) -> Upload:
        upload = self.hear("POST", target, body)
        assert isinstance(upload, Upload)
        return upload


def options(answer: Answer) -> dict[str, str]:
    first, *rest = answer.text.splitlines()
    assert first == "GET OPTION FROM: S1"
    return dict(line.split("=", 1) for line in rest)


def test_an_old_terminal_is_told_old_names() -> None:
    told = options(Talk().get("cdata?SN=S1&options=all"))
    assert (told["Stamp"], told["OpStamp"], told["TimeZone"]) == ("None", "None", "7")
    assert told["TransFlag"] == "1100000000"
    assert "ATTLOGStamp" not in told


def test_a_newer_terminal_is_asked_for_punches_and_operations_only() -> None:
    talk = Talk(WIT)
    told = options(talk.get(GREETING))
    assert (told["ATTLOGStamp"], told["OPERLOGStamp"], told["TimeZone"]) == ("None", "None", "9")
    assert told["TransFlag"] == "TransData AttLog\tOpLog"
    assert told["Realtime"] == "1"
    assert talk.session.phase is Phase.GREETED


@pytest.mark.parametrize(
    ("query", "dialect"),
    [
        ("", Dialect.OLD),
        ("&pushver=1.0", Dialect.OLD),
        ("&pushver=2.2.14", Dialect.ATTENDANCE),
        ("&pushver=2.4.2&DeviceType=att", Dialect.ATTENDANCE),
        ("&pushver=3.2.0&DeviceType=att", Dialect.ATTENDANCE),
        ("&pushver=3.1.2", Dialect.ACCESS),
        ("&DeviceType=acc", Dialect.ACCESS),
    ],
)
def test_dialects(query: str, dialect: Dialect) -> None:
    talk = Talk()
    talk.get(f"cdata?SN=S1&options=all{query}")
    assert talk.session.dialect is dialect


def test_nobody_is_told_the_time_by_an_untrusted_clock() -> None:
    talk = Talk(trusted=False)
    assert "TimeZone" not in options(talk.get(GREETING))
    for target in ("cdata?SN=S1&type=time", "rtdata?SN=S1&type=time"):
        with pytest.raises(Declined) as declined:
            talk.get(target)
        assert declined.value.status == 503
    assert talk.get("getrequest?SN=S1") == OK  # nor is anything asked that needs a date
    talk.trusted = True
    assert talk.get("cdata?SN=S1&type=time").text == "Time=2026-11-26T07:28:00+07:00"
    # Who asks so speaks the access dialect, even if it was greeted before we started anew.
    assert talk.get("rtdata?SN=S1&type=time").text.startswith("DateTime=")
    assert options(talk.get(GREETING))["TimeZone"] == "7"


def test_stamps_are_handed_back_as_they_came() -> None:
    talk = Talk()
    talk.get(GREETING)
    for stamp in ("9999", "2026-11-26T07:28:00+07:00", "5", "None", "9999"):
        talk.recorded(f"cdata?SN=S1&table=ATTLOG&Stamp={stamp}", ATTLOG)
        talk.session.recorded(placed(position(talk.session.known), "S1"))
        assert options(talk.get(GREETING))["ATTLOGStamp"] == stamp
        assert options(talk.get(GREETING))["OPERLOGStamp"] == "None"


def test_until_it_is_recorded_the_old_stamp_holds() -> None:
    talk = Talk()
    talk.post("cdata?SN=S1&table=ATTLOG&Stamp=9999", ATTLOG)
    assert options(talk.get(GREETING))["ATTLOGStamp"] == "None"


@pytest.mark.parametrize("stamp", ["", "a%0AEvil=1", "1%0D2", "9" * 65, "%C3%A9"])
def test_a_stamp_that_could_be_no_stamp_is_none(stamp: str) -> None:
    talk = Talk()
    talk.get(GREETING)
    talk.recorded(f"cdata?SN=S1&table=ATTLOG&Stamp={stamp}", ATTLOG)
    assert talk.session.place.stamps == {}


def test_an_upload_without_news_needs_no_disk() -> None:
    talk = Talk()
    assert not talk.session.is_news(talk.post("cdata?SN=S1&table=OPERLOG&OpStamp=5", b""))
    assert not talk.session.is_news(talk.post("cdata?SN=S1&table=BIODATA&Stamp=7", b""))


def test_an_upload_of_nobody_knows_what_stays_in_the_terminal() -> None:
    for target in ("cdata?SN=S1&Stamp=5", "cdata?SN=S1&table=&Stamp=5"):
        with pytest.raises(Declined) as declined:
            Talk().hear("POST", target, ATTLOG)
        assert declined.value.status == 400


def test_an_unknown_table_is_told_and_not_kept() -> None:
    upload = Talk().post("cdata?SN=S1&table=FUTURE%0A", b"TMP=739146")
    [event] = upload.events
    assert (event.action, event.detail) == (UNKNOWN_TABLE, {"table": "FUTURE"})
    assert upload.answer.status == 200


def test_the_access_dialect_registers_first() -> None:
    talk = Talk()
    hello = "cdata?SN=S1&options=all&pushver=3.1.2&DeviceType=acc"
    assert talk.get(hello) == OK
    registry = talk.hear("POST", "registry?SN=S1", b"~DeviceName=SenseFace 3A,FirmVer=Ver 1.1")
    assert registry == Answer(200, "RegistryCode=c0de\n")
    push = talk.hear("POST", "push?SN=S1")
    assert isinstance(push, Answer)
    assert "TransTables=Transaction\n" in push.text
    assert "registry=ok\nRegistryCode=c0de\n" in talk.get(hello).text
    assert talk.session.identity.model == "SenseFace 3A"
    assert talk.session.identity.firmware == "Ver 1.1"


def test_a_table_is_acknowledged_by_its_name_and_count() -> None:
    talk = Talk()
    target = "cdata?SN=S1&table=tabledata&tablename=user&count=12"
    assert talk.post(target, b"").answer.text == "user=12"
    body = b"transaction cardno=0\tpin=7\ttime_second=838279428\n"
    upload = talk.post("querydata?SN=S1&type=tabledata&tablename=transaction&cmdid=3", body)
    assert upload.answer.text == "transaction=1"
    assert [punch.user for punch in upload.punches] == ["7"]
    with pytest.raises(Declined):
        talk.post("cdata?SN=S1&table=tabledata&tablename=a%0Ab", b"")


def test_the_access_dialect_is_told_utc_and_the_zone() -> None:
    talk = Talk(WIT)
    talk.hear("POST", "registry?SN=S1", b"")
    # 2026-11-26 00:28:00: ((26 * 12 + 10) * 31 + 25) days
    ticks = ((26 * 12 + 10) * 31 + 25) * 86_400 + 28 * 60
    assert talk.get("rtdata?SN=S1&type=time").text == f"DateTime={ticks},ServerTZ=+0900"


def test_drift_is_measured_where_a_terminal_tells_its_time() -> None:
    talk = Talk()
    talk.session.unheeded = False
    body = b"~DeviceName=K40,DateTime=2026-11-26 07:28:05"
    assert talk.post("cdata?SN=S1&table=options", body).drift_ms == 5000
    body = b"time=2026-11-26 07:27:50\tsensor=00"
    assert talk.post("cdata?SN=S1&table=rtstate", body).drift_ms is None  # or it was long under way
    assert talk.post("cdata?SN=S1&table=rtstate", body).drift_ms == -10_000
    assert talk.post("cdata?SN=S1&table=rtstate", b"time=2026-02-31 07:27:50").drift_ms is None
    talk.session.unheeded = True  # it may be an old request, sent again
    assert talk.post("cdata?SN=S1&table=rtstate", body).drift_ms is None


def test_what_it_is_goes_with_the_place() -> None:
    talk = Talk()
    talk.get("getrequest?SN=S1&INFO=Ver 8.0,5,12,300,10.0.0.5,10,7,0,0,111")
    assert talk.session.counts == (5, 12, 300)
    assert talk.session.is_news(talk.post("cdata?SN=S1&table=OPERLOG", b""))  # what it is
    talk.get(GREETING)
    talk.recorded("cdata?SN=S1&table=ATTLOG&Stamp=5", ATTLOG)
    place = talk.session.known
    assert place == Place(serial="S1", stamps={"ATTLOG": "5"}, firmware="Ver 8.0")
    other = Talk()
    other.session.began(placed(position(place), "S1"), 0.0)
    assert other.session.identity.firmware == "Ver 8.0"
    assert options(other.get(GREETING))["ATTLOGStamp"] == "5"


@pytest.mark.parametrize(
    "stored",
    [
        *(None, b"", b"{", b"\xff", b'{"stamps": 5}', b"[]", b'{"stamps": {"ATTLOG": "5"}}'),
        position(Place(serial="S2", stamps={"ATTLOG": "5"}, model="SpeedFace")),
    ],
)
def test_a_position_that_is_not_this_terminals_is_none(stored: bytes | None) -> None:
    assert placed(stored, "S1") == Place(serial="S1")


def test_the_last_days_are_asked_for_once_a_day() -> None:
    talk = Talk()
    talk.get(GREETING)
    asked = talk.get("getrequest?SN=S1").text
    assert asked == (
        "C:1:INFO\n"
        "C:2:DATA QUERY ATTLOG StartTime=2026-11-18 07:28:00\tEndTime=2026-11-27 07:28:00\n"
    )
    assert talk.get("getrequest?SN=S1", at_s=1) == OK
    talk.hear("POST", "devicecmd?SN=S1", b"ID=1&Return=0&CMD=INFO\nID=2&Return=9&CMD=DATA\n")
    assert [one.outcome for one in talk.session.queue] == [Outcome.DONE, Outcome.DONE]
    assert talk.get("getrequest?SN=S1", at_s=QUERY_EVERY_S - 1) == OK
    assert "C:4:DATA QUERY" in talk.get("getrequest?SN=S1", at_s=QUERY_EVERY_S).text


def test_a_new_card_has_a_known_terminal_ask_for_the_stamps_anew() -> None:
    talk = Talk()
    talk.get(GREETING)
    talk.session.began(Place(), 0.0)
    assert ":CHECK\n" in talk.get("getrequest?SN=S1").text


def test_a_communication_key_is_shown_before_anything_else() -> None:
    talk = Talk(key="8812")
    for target in ("getrequest?SN=S1", GREETING, f"{GREETING}&pushcommkey=8811"):
        with pytest.raises(Declined) as declined:
            talk.hear("GET", target)
        assert declined.value.status == 403
        assert "881" not in str(declined.value)
    talk.get(f"{GREETING}&pushcommkey=8812")
    assert talk.get("ping?SN=S1") == OK
    with pytest.raises(Declined):
        talk.hear("GET", "ping?SN=S1", where="10.0.0.6")
    for where in ("10.0.0.5", "10.0.0.6"):
        with pytest.raises(Declined):
            talk.hear("GET", f"{GREETING}&pushcommkey=x", where=where)
    assert talk.get("ping?SN=S1") == OK  # whoever guesses takes nothing from it


_TARGET = st.sampled_from(
    [
        GREETING,
        "cdata?SN=S1",
        "cdata?SN=S1&table=ATTLOG&Stamp=5",
        "cdata?SN=S1&table=OPERLOG",
        "cdata?SN=S1&table=rtlog",
        "cdata?SN=S1&table=options",
        "cdata?SN=S1&table=rtstate",
        "cdata?SN=S1&table=tabledata&tablename=transaction&count=x",
        "cdata?SN=S1&table=x",
        "cdata?SN=S1&options=all&pushver=3.1.2",
        "devicecmd?SN=S1",
        "registry?SN=S1",
        "querydata?SN=S1",
        "getrequest?SN=S1&INFO=,,,x",
        "rtdata?SN=S1&type=time",
        "push?SN=S1",
        "exchange?SN=S1&type=publickey",
    ]
)


@given(
    st.lists(st.tuples(st.sampled_from(["GET", "POST"]), _TARGET, st.binary(max_size=200))),
    st.booleans(),
)
def test_any_requests_in_any_order(asked: list[tuple[str, str, bytes]], trusted: bool) -> None:
    talk = Talk(trusted=trusted)
    for n, (method, target, body) in enumerate(asked):
        try:
            meant = talk.hear(method, target, body, at_s=n * 10.0)
        except Declined:
            continue
        answer = meant.answer if isinstance(meant, Upload) else meant
        assert answer.status == 200
        assert "TimeZone" not in answer.text or trusted
        if isinstance(meant, Upload):
            talk.session.recorded(placed(position(talk.session.known), "S1"))


def test_users_are_counted_only_by_what_says_how_many() -> None:
    """A code of 0 may say as well that it is done, and all of them come later."""
    talk = Talk()
    talk.get(GREETING)
    talk.session.census = census = Census()
    order = talk.session.queue.put(query(Dialect.ATTENDANCE), 0)
    talk.hear("POST", "devicecmd?SN=S1", f"ID={order.id}&Return=0&CMD=DATA".encode())
    assert census.count is None
    assert not census.is_whole
    talk.post("cdata?SN=S1&table=OPERLOG", b"USER PIN=17\tName=Budi\tPri=0\nOPLOG 4\t1\t\n")
    other = talk.session.queue.put(INFO, 1)
    talk.hear("POST", "devicecmd?SN=S1", f"ID={other.id}&Return=7&CMD=INFO".encode())
    assert census.count is None
    talk.hear("POST", "devicecmd?SN=S1", b"ID=9&Return=0&CMD=INFO\nUserCount=1\n")
    assert census.is_whole
    talk.hear("GET", "getrequest?SN=S1&INFO=Ver 8,2,0,0,10.0.0.9,10,7")
    assert not census.is_whole
    talk.post("cdata?SN=S1&table=USERINFO", b"USER PIN=18\tName=Ani\tPri=14\n")
    assert [one.user for one in census.people] == ["17", "18"]
    assert census.is_whole


def test_users_that_nobody_has_asked_for_are_let_go() -> None:
    talk = Talk()
    talk.get(GREETING)
    talk.post("cdata?SN=S1&table=USERINFO", b"USER PIN=18\tName=Ani\tPri=14\n")
    assert talk.session.census is None
