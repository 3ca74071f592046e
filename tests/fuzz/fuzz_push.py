"""The PUSH listener's parsers under fire: what any HTTP client may send to it."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from fuzz_shape import Script, Target, stretch

from drivers.zkteco.push.answers import Answer, Dialect
from drivers.zkteco.push.asked import FIELDS_MOST, understood
from drivers.zkteco.push.bodies import body_for
from drivers.zkteco.push.commands import results, told_facts
from drivers.zkteco.push.declined import Declined
from drivers.zkteco.push.http import Conversation, End, Head
from drivers.zkteco.push.lines import items, lines
from drivers.zkteco.push.operations import operations
from drivers.zkteco.push.people import users, write
from drivers.zkteco.push.place import placed
from drivers.zkteco.push.rows import attlog, rtlog

SECRET: Final = re.compile(rb"(?:passwd|password|tmp|content)=[^\t\r\n\0]*hunter2", re.IGNORECASE)
ATTLOG: Final = b"1001\t2026-11-26 07:28:00\t255\t1\t\t0\t0\n2\t2026-7-2 6:33:44\t0\t15"
RTLOG: Final = (
    b"time=2026-02-23 14:13:48\tpin=2\tcardno=0\teventaddr=1\tevent=3\tinoutstatus=0\t"
    b"verifytype=15\tindex=140"
)
OPERLOG: Final = b"OPLOG 4\t0\t2026-11-26 07:28:00\t0\t0\t0\t0\nUSER PIN=1\tPasswd=hunter2\tName=A"
USER: Final = b"USER PIN=17\tName=Budi\tPri=0\tPasswd=hunter2\tCard=[00ab]\tGrp=1"
HEAD: Final = b"POST /iclock/cdata?SN=S1&table=ATTLOG&Stamp=9999 HTTP/1.1\r\nHost: a\r\n"
TARGET: Final = "/iclock/cdata?SN=S1&table="


def http(octets: bytes) -> None:
    """Any bytes, cut anywhere: requests one after the other, bodies as long as they came."""
    script, conversation = Script(octets), Conversation()
    came = 0
    while script:
        conversation.feed(script.stretch())
        while (event := conversation.next()) is not None:
            match event:
                case Head():
                    assert event.method
                case bytes():
                    came += len(event)
                    assert came <= len(octets)
                case End.CONNECTION:
                    return
                case End.REQUEST:
                    assert conversation.answer(Answer(200, "OK"))
                    if not conversation.goes_on():
                        return


def asked(octets: bytes) -> None:
    """A request line."""
    method, _, target = octets.decode("latin-1").partition(" ")
    found = understood(method, target)
    assert found.serial
    assert len(found.query) < FIELDS_MOST


def punches(parse: Callable[[bytes, str], object]) -> Callable[[bytes], None]:
    """Return a target for `parse`: no secret is in what it returns, and its terminal is told."""

    def run(octets: bytes) -> None:
        found = parse(octets, "S1")
        assert isinstance(found, list)
        for punch in found:
            assert punch.terminal == "S1"
            assert bool(punch.user) == bool(punch.time)
            assert not SECRET.search(punch.raw)

    return run


def every_line(octets: bytes) -> None:
    """A line of an ATTLOG body is a punch, whatever it says."""
    assert len(attlog(octets, "S1")) == len(list(lines(octets)))


def audit(octets: bytes) -> None:
    """Operations: nothing of a secret is in what an auditor reads."""
    for event in operations(octets):
        assert not SECRET.search(f"{event}".encode())


def people(octets: bytes) -> None:
    """Users: no secret is in what is known of them, and a name is one field of one command."""
    for user in users(octets):
        assert user.user
        assert not SECRET.search(f"{user}".encode())
        assert "\n" not in write(Dialect.ATTENDANCE, "17", user.name).text


def sieve(octets: bytes) -> None:
    """A body that comes in pieces: what is held is what was fed, or less."""
    script = Script(octets)
    tables = ("ATTLOG", "OPERLOG", "BIODATA", "rtlog", "tabledata&tablename=transaction", "options")
    table = tables[script.number() % len(tables)]
    body = body_for(understood("POST", TARGET + table), users=bool(len(octets) % 2))
    fed = held = 0
    while script:
        piece = script.stretch()
        fed += len(piece)
        held += body.feed(piece)
        assert held <= fed + len(b"OPLOG ")
    assert len(body.content()) <= fed


def answers(octets: bytes) -> None:
    """Results of commands, parameters, and a position from an old journal."""
    for result in results(octets):
        assert result
    told_facts(octets)
    assert all(isinstance(name, str) for name in items(octets))
    placed(octets, "S1")


PUSH: Final[Mapping[str, Target]] = {
    "push-http": Target(
        http,
        (Declined,),
        [
            stretch(HEAD + b"Content-Length: 4\r\n\r\n") + stretch(b"a\tb\n"),
            stretch(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            + stretch(b"2\r\nab\r\n0\r\n\r\n"),
            stretch(b"GET /iclock/getrequest?SN=S1 HTTP/1.1\r\nHost: a\r\n\r\n" * 2),
        ],
    ),
    "push-asked": Target(
        asked,
        (Declined,),
        [b"POST /iclock/iclock/cdata.aspx?SN=S1&table=ATTLOG&Stamp=1", b"GET /iclock/ping?SN=S%31"],
    ),
    "push-attlog": Target(punches(attlog), (Declined,), [ATTLOG, ATTLOG + b"\tPasswd=hunter2"]),
    "push-lines": Target(every_line, (Declined,), [ATTLOG, ATTLOG.replace(b"\n", b"\r\n\0")]),
    "push-rtlog": Target(punches(rtlog), (Declined,), [RTLOG, RTLOG + b"\npassword=hunter2"]),
    "push-operlog": Target(audit, (Declined,), [OPERLOG]),
    "push-people": Target(people, (Declined,), [USER, USER.replace(b"PIN", b"Passwd")]),
    "push-sieve": Target(sieve, (Declined,), [b"\1" + stretch(OPERLOG), b"\0" + stretch(ATTLOG)]),
    "push-answers": Target(
        answers, (Declined,), [b"ID=1&Return=0&CMD=DATA\nID=2&Return=-1", b"~A=1,B=2,3,C=4"]
    ),
}
"""Every parser of the listener, by name."""
