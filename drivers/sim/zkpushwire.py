"""What a simulated push terminal writes and reads: requests, body lines, options, commands.

Written from the protocol page zk-push alone and apart from the driver's codec, so that a mistake in
one is seen by the other.
"""

import socket
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from msgspec import Struct

AGENT: Final = "iClock Proxy/1.09"
ANSWER_MOST_BYTES: Final = 1 << 20


class Template(StrEnum):
    """The kind of line in which a profile sends templates."""

    FP = "FP"
    BIODATA = "BIODATA"


class PushProfile(Struct, frozen=True, kw_only=True):
    """A kind of push terminal.

    Attributes:
        pushver: what it calls its protocol; "" on units that say nothing.
        fields: how many fields an ATTLOG line has.
        access: whether it speaks the access dialect.
        batch: most records in one upload.
        users_table: in which table it tells of its users.
        counts_users: whether the result of being asked for them says how many they are.
        name_most: so many letters of a name it keeps.
    """

    model: str
    firmware: str = "Ver 8.0.4.3-20240101"
    pushver: str = ""
    fields: int = 5
    template: Template = Template.FP
    access: bool = False
    batch: int = 500
    users_table: str = "OPERLOG"
    counts_users: bool = False
    name_most: int = 24


PUSH_PROFILES: Final = {
    "old": PushProfile(model="X628-C", firmware="Ver 6.60 Sep 19 2013"),
    "2.2": PushProfile(model="K40", pushver="2.2.14", fields=7),
    "2.4": PushProfile(
        model="SpeedFace-V5L",
        pushver="2.4.1",
        fields=10,
        template=Template.BIODATA,
        users_table="USERINFO",
        counts_users=True,
    ),
    "access": PushProfile(model="SenseFace 3A", pushver="3.1.2", access=True, counts_users=True),
}
"""The profiles of the protocol page's section 10."""


class Record(Struct, frozen=True):
    """One punch in the terminal's log; `index` is its place there, from 1."""

    index: int
    user_id: str
    time: datetime
    method: int
    state: int


class Served(Struct, frozen=True):
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    text: str


class HungUp(Exception):
    """The server ended the connection without a whole answer."""


def attlog_line(record: Record, fields: int) -> str:
    """Return an ATTLOG line of 5 to 10 fields."""
    when = f"{record.time:%Y-%m-%d %H:%M:%S}"
    whole = [record.user_id, when, str(record.state), str(record.method), "", *"000000"]
    return "\t".join(whole[:fields])


def rtlog_line(record: Record) -> str:
    """Return an rtlog line of the access dialect."""
    said = {
        "time": f"{record.time:%Y-%m-%d %H:%M:%S}",
        "pin": record.user_id,
        "cardno": "0",
        "eventaddr": "1",
        "event": "3",
        "inoutstatus": "0",
        "verifytype": str(record.method),
        "index": str(record.index),
        "sitecode": "0",
        "linkid": "0",
        "maskflag": "0",
        "temperature": "0",
        "convtemperature": "0",
    }
    return "\t".join(f"{name}={value}" for name, value in said.items())


def oplog_line(code: int, admin: str, when: datetime, *objects: str) -> str:
    """Return an OPLOG line."""
    four = [*objects, "0", "0", "0", "0"][:4]
    return "\t".join([f"OPLOG {code}", admin, f"{when:%Y-%m-%d %H:%M:%S}", *four])


def user_line(user_id: str, name: str, password: str) -> str:
    """Return a USER line, keypad password and all, as terminals send it."""
    return f"USER PIN={user_id}\tName={name}\tPri=0\tPasswd={password}\tCard=\tGrp=1\tTZ=0"


def template_line(kind: Template, user_id: str, template: str) -> str:
    """Return a line that carries a template, base64."""
    if kind is Template.FP:
        return f"FP PIN={user_id}\tFID=6\tSize={len(template)}\tValid=1\tTMP={template}"
    return (
        f"BIODATA Pin={user_id}\tNo=6\tIndex=0\tValid=1\tDuress=0\tType=1\tMajorVer=10"
        f"\tMinorVer=0\tFormat=0\tTmp={template}"
    )


def request(
    method: str,
    path: str,
    query: Mapping[str, str],
    body: bytes | None = None,
    *,
    chunked: bool = False,
    keep_alive: bool = True,
) -> tuple[bytes, bytes]:
    """Return head and body of a request."""
    said = "&".join(f"{name}={quote(value, safe='/:,;-. ')}" for name, value in query.items())
    lines = [
        f"{method} {path}?{said} HTTP/1.1",
        "Host: kiosk",
        f"User-Agent: {AGENT}",
        f"Connection: {'keep-alive' if keep_alive else 'close'}",
    ]
    if body is None:
        return _head(lines), b""
    if not chunked:
        return _head([*lines, f"Content-Length: {len(body)}"]), body
    half = len(body) // 2
    pieces = [piece for piece in (body[:half], body[half:]) if piece]
    whole = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return _head([*lines, "Transfer-Encoding: chunked"]), whole + b"0\r\n\r\n"


def _head(lines: list[str]) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def read_answer(line: socket.socket) -> Served:
    """Read one answer. Raises HungUp, TimeoutError, OSError."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += _more(line, got)
    head, _, rest = got.partition(b"\r\n\r\n")
    first, *named = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in named)}
    length = int(headers["content-length"])
    while len(rest) < length:
        rest += _more(line, rest)
    return Served(int(first.split()[1]), headers, rest.decode())


def _more(line: socket.socket, so_far: bytes) -> bytes:
    got = line.recv(65_536)
    if not got or len(so_far) > ANSWER_MOST_BYTES:
        raise HungUp(f"after {len(so_far)} bytes")
    return got


def option_list(text: str) -> dict[str, str]:
    """Return the options of an answer to options=all."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def commands(text: str) -> list[tuple[int, str]]:
    """Return the commands of an answer to getrequest, with their ids."""
    found = []
    for line in text.splitlines():
        if line.startswith("C:"):
            _, number, command = line.split(":", 2)
            found.append((int(number), command))
    return found


def asked_span(command: str) -> tuple[datetime, datetime] | None:
    """Return for which time a command asks for punches; None for any other command."""
    if not command.startswith("DATA QUERY ATTLOG "):
        return None
    said = dict(one.split("=", 1) for one in command[len("DATA QUERY ATTLOG ") :].split("\t"))
    return datetime.fromisoformat(said["StartTime"]), datetime.fromisoformat(said["EndTime"])
