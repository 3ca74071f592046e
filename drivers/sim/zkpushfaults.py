"""What a simulated push terminal does wrong. Every fault is something the field has shown."""

from enum import StrEnum

from msgspec import Struct


class Results(StrEnum):
    """In which order a terminal tells what became of commands."""

    IN_ORDER = "in order"
    REVERSED = "reversed"
    NEVER = "never"


class PushFaults(Struct, frozen=True, kw_only=True):
    """The fault switches.

    Attributes:
        twice: every batch goes out twice, though it was answered 200.
        hang_up: so many uploads end in a broken connection before their answer is read.
        two_at_once: a batch goes out in two halves, at one time, over two connections.
        cut_line: the first batch ends inside its last line; the next begins with it, whole.
        crlf, no_last_newline, nul_bytes: how lines end.
        encoding: of names.
        stamp_back: the second upload has the stamp of the first.
        unknown_table: an upload of a table that nobody knows goes along.
        chunked: bodies go out in chunks.
        keep_alive: one connection for all requests.
        slow_body_s: how long the body takes, in eight pieces.
        path: how the path is written, {} standing for the endpoint.
        results: when results of commands come.
        results_late: so many polls later.
        results_lost: so many times what became of commands is never told.
        refuses_users: commands about users are unknown to it.
        refuses_fingers: it knows no command that deletes fingers by themselves.
        forgets_users: it says yes to what is to be done to a user and does nothing.
        resets_users: a new name takes card and menu rights along.
        tells_half: asked for its users it tells of half of them.
    """

    twice: bool = False
    hang_up: int = 0
    two_at_once: bool = False
    cut_line: bool = False
    crlf: bool = False
    no_last_newline: bool = False
    nul_bytes: bool = False
    encoding: str = "utf-8"
    stamp_back: bool = False
    unknown_table: bool = False
    chunked: bool = False
    keep_alive: bool = True
    slow_body_s: float = 0.0
    path: str = "/iclock/{}"
    results: Results = Results.IN_ORDER
    results_late: int = 0
    results_lost: int = 0
    refuses_users: bool = False
    refuses_fingers: bool = False
    forgets_users: bool = False
    resets_users: bool = False
    tells_half: bool = False
