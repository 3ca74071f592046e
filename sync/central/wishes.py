"""What is wished for, as a proposal keeps it in JSON: one form for each kind. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final

import msgspec
from msgspec import Struct

from sync.central.rulings import Paper
from sync.central.store.city import Place
from sync.central.store.proposals import Kind, Proposed
from sync.worktime.rules import Absence


class AbsenceBody(Struct, frozen=True, kw_only=True, tag="absence"):
    """An absence is added (`before` is None), changed, or taken back (`after` is None)."""

    before: Absence | None = None
    after: Absence | None = None

    @property
    def rows(self) -> Sequence[Absence]:
        """Return those of both that there are."""
        return [one for one in (self.before, self.after) if one is not None]


class PaperRow(Struct, frozen=True, omit_defaults=True):
    """A line of paper is added (`before` is None), changed, or taken back (`after` is None)."""

    before: Paper | None = None
    after: Paper | None = None

    @property
    def lines(self) -> Sequence[Paper]:
        """Return those of both that there are."""
        return [one for one in (self.before, self.after) if one is not None]


class PaperBody(Struct, frozen=True, kw_only=True, tag="paper"):
    """Lines of paper; `file` and `sha256` (hexadecimal) are of what they were uploaded in."""

    rows: Sequence[PaperRow]
    file: str = ""
    sha256: str = ""


class Pointed(Struct, frozen=True, omit_defaults=True):
    """A presence at its place; `hash` is hexadecimal.

    Attributes:
        day: the local date on which it was.
        said: what there is to see of it, in words.
        was: whom it was said to be before, "" for nobody of ours; None if nobody said.
    """

    kiosk: str
    epoch: str
    seq: int
    hash: str
    day: date | None = None
    said: str = ""
    was: str | None = None

    @property
    def place(self) -> Place:
        """Return where it stands."""
        return Place(self.kiosk, self.epoch, self.seq, bytes.fromhex(self.hash))


def pointed(place: Place) -> Pointed:
    """Return what points to a place."""
    return Pointed(place.kiosk, place.epoch, place.seq, place.hash.hex())


class NameBody(Struct, frozen=True, kw_only=True, tag="name"):
    """These presences are a person's, "" for nobody of ours."""

    person: str
    presences: Sequence[Pointed]


class TimeBody(Struct, frozen=True, kw_only=True, tag="time"):
    """A presence was at `utc` (ms); `earliest` and `latest` are what was known before.

    Attributes:
        person: whose it is then; "" for nobody's.
        outside: it contradicts what was known; another account must have a look.
        was: when somebody said before that it was, ms; None if nobody did.
    """

    presence: Pointed
    person: str
    utc: int
    earliest: int
    latest: int
    outside: bool = False
    was: int | None = None


Body = AbsenceBody | PaperBody | NameBody | TimeBody
KINDS: Final[Mapping[type[Struct], Kind]] = {
    AbsenceBody: Kind.ABSENCE,
    PaperBody: Kind.PAPER,
    NameBody: Kind.NAME,
    TimeBody: Kind.TIME,
}
_decoder: Final[msgspec.json.Decoder[Body]] = msgspec.json.Decoder(Body)


def body_of(one: Proposed) -> Body:
    """Return what a proposal is about."""
    return _decoder.decode(one.body)


def said(body: Body) -> Iterator[tuple[str, str]]:
    """Yield what is to be done, line by line: a name and JSON."""
    match body:
        case AbsenceBody():
            for name, row in (("before", body.before), ("after", body.after)):
                if row is not None:
                    yield name, _json(row)
        case PaperBody():
            for number, line in enumerate(body.rows, 1):
                yield f"row {number}", _json(line)
        case NameBody():
            for number, one in enumerate(body.presences, 1):
                yield f"presence {number}", _json(one)
        case TimeBody():
            yield "presence", _json(body.presence)
            yield "utc", str(body.utc)
            yield "known before", f"{body.earliest} {body.latest}"
            if body.was is not None:
                yield "settled before", str(body.was)


def _json(row: object) -> str:
    return msgspec.json.encode(row, order="deterministic").decode()
