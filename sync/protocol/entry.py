"""The lines of a journal: one type per kind of entry, and the exact bytes each becomes.

An entry's body is UTF-8 JSON without line breaks, at most `MAX_BODY_BYTES` long. It is written once
and travels as it was written; nobody encodes it a second time. Fields that have their default
value are left out, fields that a reader does not know are ignored, so that both ends may be
years apart. No entry contains a template or a picture.
"""

from enum import StrEnum
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from sync.protocol.errors import Malformed

MAX_BODY_BYTES: Final = 8192
"""Longest body of an entry, bytes."""

MAX_RAW_BYTES: Final = 2048
"""Longest `raw` kept with a presence, bytes before hexadecimal; beyond it the digest stands in."""

DRIFT_AGE_MOST_MS: Final = 25 * 3_600_000
"""A presence says no drift that was measured longer before; each night a source is read whole."""

ORIGIN_BYTES: Final = 16
"""Length of an origin's key: 128 bits of SHA-256."""


TERMINAL_ACTOR: Final = "terminal"
"""`actor` of what a terminal says was done to it."""

ADOPTED: Final = "roster adopted"
"""`action` with which a kiosk says that another roster is in force there."""

FINGER_ENROLLED: Final = "finger enrolled"
FINGER_REMOVED: Final = "finger removed"
"""`action` with which a kiosk says whose finger a user is, and that it is nobody's any more."""

HISTORY: Final = "history"
"""`what` of the gap with which a kiosk goes on after central's word that its card is a copy."""


class Mark(StrEnum):
    """What intake could say of a punch when it was recorded; rules judge later, from all."""

    KNOWN = "known"
    STRANGER = "stranger"
    REPEAT = "repeat"
    UNREADABLE = "unreadable"
    UNBOUND = "unbound"  # another terminal answered under the source's address
    TAKEN = (
        "taken"  # the roster's holder of the user id is not whose fingers the terminal has there
    )


class Anchor(StrEnum):
    """Who told the kiosk the true time."""

    NTP = "ntp"
    RECEIPT = "receipt"
    TECHNICIAN = "technician"


class Stamp(Struct, frozen=True, kw_only=True, gc=False):
    """When the kiosk wrote an entry, and how far its clock could be trusted at that moment.

    Attributes:
        wall: milliseconds since 1970-01-01 UTC, as the kiosk believed.
        up: CLOCK_BOOTTIME in milliseconds: since this boot, suspended time included.
        boot: the kernel's boot id, 32 hexadecimal digits.
        synced: whether the kernel called its clock synchronised.
        error: the kernel's bound on the clock's error in milliseconds; None if it gave none.
    """

    wall: int
    up: int
    boot: str
    synced: bool
    error: int | None = None


class _Entry(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What every entry says."""

    at: Stamp


class Presence(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="presence"):
    """Somebody was here: a punch, the person it resolved to, and the clock's quality.

    Attributes:
        source: the configured source's name.
        terminal, user, time, ordinal: the origin; see `origin`.
        credential, method, state, witness: the driver's words (drivers/base.py), open sets: a
            reader keeps words it does not know.
        time: the terminal's naive wall clock, `YYYY-MM-DDTHH:MM:SS`; may be no real date, "" where
            the row could not be read.
        zone: IANA zone in which `time` is to be read.
        drift: terminal's clock minus the kiosk's in milliseconds, as last measured; None if never,
            or longer than `DRIFT_AGE_MOST_MS` before.
        person: the person's id in the roster; None for a stranger.
        roster: the roster version that resolved it; 0 without a roster.
        raw: the terminal's bytes, hexadecimal, cut at `MAX_RAW_BYTES`.
        raw_sha256: digest of the whole of them, hexadecimal, where `raw` was cut.
    """

    source: str
    terminal: str
    credential: str
    user: str
    time: str
    zone: str
    mark: Mark
    ordinal: int = 1
    method: str = "unknown"
    state: str = "undefined"
    witness: str = "live"
    drift: int | None = None
    person: str | None = None
    roster: int = 0
    raw: str = ""
    raw_sha256: str = ""

    @property
    def origin(self) -> bytes:
        """Return the key of what makes this punch that punch, wherever it is read again.

        Raises Malformed if neither time nor raw bytes can be read.
        """
        time = self.time or unread(self.raw, self.raw_sha256)
        return origin_key(self.terminal, self.user, time, self.ordinal)


class Coverage(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="coverage"):
    """A terminal's record was read completely: silence up to `through` is proof of absence.

    Attributes:
        through: the terminal's naive clock when the read began, `YYYY-MM-DDTHH:MM:SS`.
        records: how many rows the terminal's record held.
    """

    source: str
    terminal: str
    through: str
    zone: str
    records: int
    drift: int | None = None


class Clock(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="clock"):
    """The truth came: at `at.up` of boot `at.boot` it was `utc`, give or take `error`.

    Attributes:
        utc: milliseconds since 1970-01-01 UTC.
        error: milliseconds.
    """

    utc: int
    error: int
    anchor: Anchor


class Terminal(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="terminal"):
    """Which device answered under a source's address, written when that changes."""

    source: str
    serial: str
    model: str = ""
    firmware: str = ""
    platform: str = ""
    drift: int | None = None


class Audit(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="audit"):
    """Somebody or something did what an auditor will ask about.

    Attributes:
        actor: a technician's id, `kiosk`, `central`, or `terminal` for what one says of itself.
        action: a verb phrase from docs/PROTOCOL.md, an open set.
        detail: what it was done to; texts only.
    """

    actor: str
    action: str
    detail: dict[str, str] = {}

    @property
    def origin(self) -> bytes | None:
        """Return the key of what a terminal told of itself, however often it tells it; else None.

        What we call the source is no part of it.
        """
        if self.actor != TERMINAL_ACTOR:
            return None
        told = sorted(one for one in self.detail.items() if one[0] != "source")
        text = msgspec.json.encode(["presensi/event/v1", self.action, told])
        return sha256(text).digest()[:ORIGIN_BYTES]


class Gap(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="gap"):
    """Something may be missing here, and why.

    Attributes:
        what: `journal` (a file was damaged), `history` (central holds another history of an epoch
            that is closed therefore: a copied or restored card), `entry` (an entry of a damaged
            file that nothing proves; `raw` are its bytes), or `terminal` (rows of its log, or a
            whole terminal with what it had not told, are gone).
        since, until: bounds in the terms of `what` (for a journal `epoch seq`); "" where unknown.
        raw, raw_sha256: as in a presence.
    """

    what: str
    reason: str
    source: str = ""
    since: str = ""
    until: str = ""
    raw: str = ""
    raw_sha256: str = ""


class Unwatched(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="unwatched"):
    """A terminal answers again: in between nobody saw whether it worked, and who could punch.

    Attributes:
        since: when it last answered.
        before: it may have been dead for so long before that already, milliseconds.
    """

    source: str
    terminal: str
    since: Stamp
    before: int = 0


class Decision(_Entry, frozen=True, kw_only=True, omit_defaults=True, tag="decision"):
    """Somebody at central decided something, and it was done. In central's own journals only.

    Attributes:
        actor: who ran the command there.
        action: a verb phrase from docs/PROTOCOL.md, an open set.
        subject: whom or what it is about: a kiosk, an account, a person.
        reason: in the actor's own words; "" where none was given.
        detail: what was decided; texts only.
    """

    actor: str
    action: str
    subject: str
    reason: str = ""
    detail: dict[str, str] = {}


Entry = Presence | Coverage | Clock | Terminal | Audit | Gap | Unwatched | Decision


class _At(Struct):
    at: Stamp


_at_decoder: Final = msgspec.json.Decoder(_At)
_encoder: Final = msgspec.json.Encoder()
_decoder: Final[msgspec.json.Decoder[Entry]] = msgspec.json.Decoder(Entry)


def encode(entry: Entry) -> bytes:
    """Return the body of `entry`.

    Raises:
        Malformed: it would be longer than `MAX_BODY_BYTES`.
    """
    body = _encoder.encode(entry)
    if len(body) > MAX_BODY_BYTES:
        raise Malformed(
            f"entry of kind {type(entry).__name__.lower()}: body of {len(body)} bytes, "
            f"at most {MAX_BODY_BYTES} may travel"
        )
    return body


def decode(body: bytes) -> Entry:
    """Return the entry that `body` says.

    Raises:
        Malformed: it is not JSON, of no known kind, or a field is missing or of the wrong type.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"entry: {error}") from error


def origin_of(recorded: Entry) -> bytes | None:
    """Return the key under which an entry is recorded once only, if it is of such a kind.

    Raises Malformed, as `Presence.origin` does.
    """
    return recorded.origin if isinstance(recorded, Presence | Audit) else None


def written_at(body: bytes) -> Stamp:
    """Return when an entry was written, whatever its kind. Raises Malformed."""
    try:
        return _at_decoder.decode(body).at
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"entry: {error}") from error


def origin_key(terminal: str, user: str, time: str, ordinal: int) -> bytes:
    """Return the 16-byte key of an origin.

    State, method and UTC are no part of it: firmware swaps them from one read to the next.
    """
    text = "\0".join(("presensi/origin/v1", terminal, user, time, str(ordinal)))
    return sha256(text.encode()).digest()[:ORIGIN_BYTES]


def unread(raw: str, raw_sha256: str) -> str:
    """Return what stands for the time of a row that could not be read: the digest of its bytes.

    Raises Malformed if `raw` is not hexadecimal.
    """
    try:
        return "raw:" + (raw_sha256 or sha256(bytes.fromhex(raw)).hexdigest())
    except ValueError as error:
        raise Malformed(f"raw is not hexadecimal: {raw[:40]!r}") from error


def keep_raw(raw: bytes) -> tuple[str, str]:
    """Return (`raw`, `raw_sha256`) of a presence for the bytes a terminal sent."""
    if len(raw) <= MAX_RAW_BYTES:
        return raw.hex(), ""
    return raw[:MAX_RAW_BYTES].hex(), sha256(raw).hexdigest()
