"""A request's target, typed: which endpoint of the iclock path is asked, by whom, and for what.

Firmware writes one path in many ways: `cdata.aspx`, a slash behind it, `/iclock/iclock/cdata`,
capitals. A query is split by `&` and `=` alone and a plus stays a plus: stamps are handed back as
they came.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final
from urllib.parse import unquote

from msgspec import Struct

from drivers.zkteco.push.declined import Declined

TARGET_MOST: Final = 8192
"""Longest target, characters; registration parameters travel in a body."""

FIELDS_MOST: Final = 64
"""Most fields of a query."""

_SERIAL: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_ROOT: Final = "iclock"


class Verb(Enum):
    """The two methods that terminals know."""

    GET = "GET"
    POST = "POST"


class Endpoint(Enum):
    """The last word of the path."""

    CDATA = "cdata"
    GETREQUEST = "getrequest"
    DEVICECMD = "devicecmd"
    PING = "ping"
    FDATA = "fdata"
    REGISTRY = "registry"
    PUSH = "push"
    QUERYDATA = "querydata"
    RTDATA = "rtdata"
    EXCHANGE = "exchange"


class Table(Enum):
    """The word after `table=`: what a `cdata` upload holds."""

    ATTLOG = "ATTLOG"
    OPERLOG = "OPERLOG"
    RTLOG = "RTLOG"
    RTSTATE = "RTSTATE"
    TABLEDATA = "TABLEDATA"
    OPTIONS = "OPTIONS"
    ATTPHOTO = "ATTPHOTO"
    BIODATA = "BIODATA"
    USERINFO = "USERINFO"
    UNKNOWN = ""


class Asked(Struct, frozen=True, kw_only=True):
    """One request, without its body.

    Attributes:
        serial: who asks; it is all that a terminal says of itself.
        query: the other fields, by their names in small letters. May hold a communication key:
            never to be logged.
    """

    verb: Verb
    endpoint: Endpoint
    serial: str
    query: Mapping[str, str]

    @property
    def table(self) -> Table:
        """Return what is uploaded."""
        word = self.query.get("table", "").upper()
        try:
            return Table(word)
        except ValueError:
            return Table.UNKNOWN


def understood(method: str, target: str) -> Asked:
    """Return what is asked. Raises Declined."""
    try:
        verb = Verb(method)
    except ValueError:
        raise Declined(405, "terminals use GET and POST only") from None
    if len(target) > TARGET_MOST:
        raise Declined(414, f"a target of {len(target)} characters, at most {TARGET_MOST}")
    path, _, text = target.partition("?")
    endpoint = _endpoint(path)
    query = _query(text)
    serial = query.pop("sn", "")
    if not _SERIAL.fullmatch(serial):
        raise Declined(400, "no serial number (SN=) in the request")
    return Asked(verb=verb, endpoint=endpoint, serial=serial, query=query)


def _endpoint(path: str) -> Endpoint:
    words = [word for word in path.lower().split("/") if word]
    if len(words) < 2 or set(words[:-1]) != {_ROOT}:
        raise Declined(404, "not a path of the push protocol")
    try:
        return Endpoint(words[-1].removesuffix(".aspx"))
    except ValueError:
        raise Declined(404, "not an endpoint of the push protocol") from None


def _query(text: str) -> dict[str, str]:
    fields = text.split("&", FIELDS_MOST)
    if len(fields) > FIELDS_MOST:
        raise Declined(400, f"more than {FIELDS_MOST} fields in the query")
    query: dict[str, str] = {}
    for field in fields:
        name, _, value = field.partition("=")
        query[unquote(name).strip().lower()] = unquote(value).strip()
    return query
