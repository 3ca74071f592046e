"""Bodies into punches: ATTLOG of the attendance dialect, rtlog and transactions of the access one.

A line that cannot be read is a punch without user and time, with its bytes: recorded first, looked
at by people later. It never keeps the lines beside it from being recorded, and never makes the
terminal send the batch again.

Source: the protocol page zk-push, sections 4 and 8.
"""

import re
from typing import Final

from drivers.base import Credential, Method, Punch, State, Witness
from drivers.zkteco import times
from drivers.zkteco.push.lines import fields, lines, naive_time, number
from drivers.zkteco.records import METHODS, STATES

USER_MOST: Final = 64
"""Longest user id, characters; terminals have 9 to 24."""

NOBODY: Final = ("", "0")
"""User ids and card numbers that say that there is none."""

_HEADING: Final = re.compile(rb"(?i)TABLE=\w{1,32}\s*")
"""What some bridges write above the lines."""

_TICKS_END: Final = 1 << 32


def attlog(body: bytes, serial: str) -> list[Punch]:
    """Return the punches of an ATTLOG body. Raises Declined."""
    return [punch for line in lines(body) if (punch := _attlog_line(line, serial)) is not None]


def rtlog(body: bytes, serial: str, witness: Witness = Witness.LIVE) -> list[Punch]:
    """Return the punches of an rtlog body or of a table of transactions. Raises Declined.

    Lines in which the terminal names neither user nor card (a door opened from inside, a face that
    it did not know) are no punches.
    """
    punches, is_whole = [], body.rstrip(b"\r\0").endswith(b"\n")
    found = list(lines(body))
    for n, line in enumerate(found, 1):
        # Where the batch was cut inside a user, what is left of it is another user.
        is_cut = n == len(found) and not is_whole and _ends_in_what_counts(line)
        punch = unreadable(line, serial) if is_cut else _rtlog_line(line, serial, witness)
        if punch is not None:
            punches.append(punch)
    return punches


def _ends_in_what_counts(line: bytes) -> bool:
    return next(reversed(fields(line)), "") in ("time", "time_second", "pin", "cardno")


def _attlog_line(line: bytes, serial: str) -> Punch | None:
    """PIN, time, state, verify and what else there may be; by tabs, on old units by spaces."""
    if _HEADING.fullmatch(line):
        return None
    # As the 4370 driver has it: one user is one origin by either way.
    text = line.decode("utf-8", "backslashreplace")
    if "\t" in text:
        user, when, *more = text.split("\t")
    else:
        user, day, clock, *more = [*text.split(), "", "", ""]
        when = f"{day} {clock}"
    user, time = user.strip(), naive_time(when.strip())
    if not time or not _is_user(user):
        return unreadable(line, serial)
    state, verify, *_ = [*more, "", ""]
    return Punch(
        terminal=serial,
        credential=Credential.TERMINAL_USER,
        user=user,
        time=time,
        method=_method(verify),
        state=_state(state),
        raw=line,
    )


def _rtlog_line(line: bytes, serial: str, witness: Witness) -> Punch | None:
    said = fields(line)
    if said.keys().isdisjoint(("pin", "cardno")):
        return unreadable(line, serial)  # that it was nobody is not said
    stamp = said.get("time", "") or said.get("time_second", "")
    ticks = number(stamp, _TICKS_END)
    time = times.text(ticks) if ticks < _TICKS_END else naive_time(stamp)
    if not time:
        return unreadable(line, serial)
    user, card = said.get("pin", ""), said.get("cardno", "")
    credential = Credential.TERMINAL_USER
    if user in NOBODY:
        if card in NOBODY:
            return None
        user, credential = card, Credential.CARD
    if not _is_user(user):
        return unreadable(line, serial)
    # `inoutstatus` is the side of the door that a reader hangs on, not what somebody pressed.
    return Punch(
        terminal=serial,
        credential=credential,
        user=user,
        time=time,
        method=_method(said.get("verifytype", "") or said.get("verified", "")),
        witness=witness,
        raw=line,
    )


def unreadable(line: bytes, serial: str) -> Punch:
    """Return the punch that stands for a line that cannot be read."""
    return Punch(terminal=serial, credential=Credential.TERMINAL_USER, user="", time="", raw=line)


def _is_user(text: str) -> bool:
    return 0 < len(text) <= USER_MOST and text.isprintable()


def _method(code: str) -> Method:
    octet = number(code.strip())
    return METHODS[octet] if 0 <= octet < len(METHODS) else Method.UNKNOWN


def _state(code: str) -> State:
    octet = number(code.strip())
    return STATES[octet] if 0 <= octet < len(STATES) else State.UNDEFINED
