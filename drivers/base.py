"""What a source is: the contract between a terminal's driver and the kiosk, on one page.

A source neither loops for ever, nor retries, nor sleeps: `open`, then `read` again and again, each
call bounded by its deadline, `confirm` what has been recorded, `close`. Any call may raise a
`SourceError`; the source is then closed and opened anew by its worker, never mended in place.

A driver does not judge. Repeats, strangers and impossible dates are punches like any other.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

from msgspec import Struct


class Credential(StrEnum):
    """How a person is known to a terminal."""

    TERMINAL_USER = "terminal_user"
    FINGER_SLOT = "finger_slot"
    CARD = "card"
    FACE = "face"
    QR = "qr"  # a signed code; its user is the person's id, as a face's is


class Method(StrEnum):
    """How the terminal says it verified the person."""

    PASSWORD = "password"  # noqa: S105 - a way of verification, not a secret
    FINGERPRINT = "fingerprint"
    CARD = "card"
    FACE = "face"
    PALM = "palm"
    QR = "qr"
    UNKNOWN = "unknown"


class State(StrEnum):
    """What the person told the terminal; most never press the key (`undefined`)."""

    IN = "in"
    OUT = "out"
    BREAK_OUT = "break_out"
    BREAK_IN = "break_in"
    OVERTIME_IN = "overtime_in"
    OVERTIME_OUT = "overtime_out"
    UNDEFINED = "undefined"


class Witness(StrEnum):
    """By which road a punch reached us."""

    LIVE = "live"
    LOG = "log"


class Punch(Struct, frozen=True, kw_only=True, gc=False):
    """What a terminal says about one person at one moment.

    Attributes:
        terminal: the terminal's serial; with `user`, `time` and `ordinal` it makes the origin.
        credential: what kind of thing `user` is.
        user: the credential as text; "" where the row could not be read at all.
        time: the terminal's own naive wall clock, `YYYY-MM-DDTHH:MM:SS`. It is what the device
            said and may be no real date (2026-02-31); "" where the row could not be read at all.
        ordinal: 1, or n for the n-th row with the same user and time in one complete log.
        raw: the bytes the terminal sent for it.
    """

    terminal: str
    credential: Credential
    user: str
    time: str
    ordinal: int = 1
    method: Method = Method.UNKNOWN
    state: State = State.UNDEFINED
    witness: Witness = Witness.LIVE
    raw: bytes = b""


class Identity(Struct, frozen=True, kw_only=True):
    """Which device is at the other end, as it says itself.

    Attributes:
        has_clock: whether its times are by a clock of its own; else they are by the kiosk's.
    """

    serial: str
    model: str = ""
    firmware: str = ""
    platform: str = ""
    has_clock: bool = True


class Coverage(Struct, frozen=True, kw_only=True):
    """The terminal's record has been read completely.

    Attributes:
        through: the terminal's naive clock when that read began, `YYYY-MM-DDTHH:MM:SS`. No punch
            up to then is missing; one made during the read may be in it or come next time.
        records: how many rows the record held.
    """

    through: str
    records: int


class Event(Struct, frozen=True, kw_only=True):
    """What a terminal says was done to it, where an auditor will ask.

    Attributes:
        action: a verb phrase from docs/PROTOCOL.md.
        time: the terminal's own naive clock, as in a punch; "" where it could not be read.
        by: the terminal's administrator, in its own text; "" for nobody.
        detail: what it was done to; texts only.
    """

    action: str
    time: str
    by: str = ""
    detail: Mapping[str, str] = {}


class Lost(Struct, frozen=True, kw_only=True):
    """Rows are gone from the terminal's record that nobody may have read.

    Attributes:
        since, until: by the terminal's naive clock; what it recorded between them may be missing.
            "" where that is not known.
        reason: what shows it, for people.
    """

    since: str
    until: str
    reason: str


class Reading(Struct, frozen=True, kw_only=True):
    """What one `read` brought.

    Attributes:
        punches: in the order of the terminal.
        events: what was done to the terminal, in its order.
        coverage: set when `punches` are the whole of the terminal's record.
        lost: set with it when some of that has gone since it was last read completely.
        tail: set when `punches` are the end of the terminal's record, and its count proves that
            nothing else has come since the whole was last read in this visit.
        drift_ms: terminal's clock minus ours, as measured for this reading; None if it was not.
        warnings: what a technician should know of a terminal that works, with the next step; None
            where this reading did not look.
        position: opaque; committed with the punches and handed back to the next `open`.
        lasting: `position` is no cursor: whoever has it reads everything all the same. So it is
            handed on to a new epoch as well, which has nothing yet of what was read.
    """

    punches: Sequence[Punch]
    events: Sequence[Event] = ()
    coverage: Coverage | None = None
    lost: Lost | None = None
    tail: Coverage | None = None
    drift_ms: int | None = None
    warnings: Sequence[str] | None = None
    position: bytes | None = None
    lasting: bool = False


class Stranger(Struct, frozen=True, kw_only=True):
    """A terminal that calls us and that nobody has approved: it is refused and keeps its data.

    Attributes:
        address: from where it called last.
        first, last: when it called, milliseconds UTC by the kiosk's clock.
        said: of its protocol and firmware, as far as it did.
    """

    serial: str
    address: str
    first: int
    last: int
    calls: int = 1
    said: str = ""


class Source(Protocol):
    """One configured terminal, as an origin of punches."""

    name: str

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        """Connect and identify. `beat` is called whenever a long read makes progress."""

    def read(self, wait_s: float) -> Reading | None:
        """Return what is new, waiting up to `wait_s` seconds for it; None when nothing came.

        The first reading after `open` is the whole of the terminal's record, if it keeps one.
        """

    def confirm(self, reading: Reading) -> None:
        """Tell the terminal that `reading` is on disk. Called only after the commit."""

    def close(self) -> None:
        """Leave the terminal as it was found. Never raises; may be called twice."""


@runtime_checkable
class LeftAtOnce(Protocol):
    """A source that may be left in the middle of anything: nothing has to be put back.

    The `beat` that it was opened with raises when it is to stop, so it calls that at least each
    quarter of a second, whatever it waits for.
    """

    @property
    def left_at_once(self) -> bool:
        """Return that it may."""


@runtime_checkable
class Called(Protocol):
    """A source whose terminal calls us: nothing can be fetched from it.

    What may be asked of it (`drivers.store.HasStore`) it is told when it calls next. Whoever asks
    waits in a thread of their own: the source's goes on reading.
    """

    @property
    def heard_s(self) -> float | None:
        """Return when the terminal called last, by `time.monotonic`; None if never."""
