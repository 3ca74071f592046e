"""Employees' codes before this kiosk: which of them count, and whose they are.

Central signs them (`sync.protocol.employeecode`); a kiosk needs no line to judge one. An invented
or expired one counts for nobody. A one-time code counts once at a kiosk; another kiosk knows
nothing of it, and within its minute it would count there as well, which the journals of both show.
A card's code is refused once a later card of the same person has been shown here. Nothing tells a
photograph of a card from the card.

While the kiosk's clock is not trusted nobody can say whether a code has expired. Nothing is lost
then: it counts, and its proof says so, for central to look. A one-time code counts once even then.
"""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from drivers.possession import Genuine, NotGenuine
from kiosk.clock import Belief
from kiosk.local import CannotDo
from sync.keyfile import write_durably
from sync.protocol import employeecode
from sync.protocol.employeecode import EmployeeCode, Holds, Kind
from sync.protocol.errors import Malformed, Unverified
from sync.protocol.identity import PublicKey

FILE: Final = "cards.json"

SLACK_S: Final = 30.0
"""How far central's clock may be off; a kiosk's own error comes on top."""

USED_MOST: Final = 10_000
"""So many one-time codes are remembered: more than can be shown while one of them holds."""

USED_KEPT: Final = 500
"""So many of them, the latest, outlive the daemon: without a trusted clock they do not expire."""

CARDS_MOST: Final = 50_000
"""So many people's latest cards are remembered."""

log: Final = logging.getLogger(__name__)


class Proof(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a punch keeps of its code: not the code, which would count for whoever reads it.

    Attributes:
        kind: `static` or `once`.
        number: a card's issue, or what was drawn for a one-time code, in hexadecimal.
        since, until: seconds since 1970 UTC.
        sha256: of the code's text in capitals.
        clock: "" where it was judged by a trusted clock, else why not.
    """

    kind: str
    number: str
    since: int
    until: int
    sha256: str
    clock: str = ""


class _Kept(Struct, frozen=True):
    """A file: the latest card's number by person, and one-time codes that were used."""

    issues: dict[str, int]
    used: Sequence[tuple[str, int]] = ()


class Codes:
    """The codes of one city before one kiosk. Safe for several threads.

    `keys` are central's, `belief` is the kiosk's clock. `files` keep which cards were seen; the
    later ones are on other media.
    """

    def __init__(
        self,
        keys: Sequence[PublicKey],
        belief: Callable[[], Belief],
        files: Sequence[Path] = (),
    ) -> None:
        self._keys = tuple(keys)
        self._belief = belief
        self._files = tuple(files)
        self._lock = threading.Lock()
        self._used: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._issues: dict[str, int] | None = None  # read when it is first needed

    def judge(self, text: str) -> Genuine | NotGenuine:
        """Return whose code it is, if it counts now."""
        try:
            code = employeecode.decode(text, self._keys)
        except (Malformed, Unverified) as why:
            return NotGenuine(str(why))
        belief = self._belief()
        is_trusted = belief.may_show_lateness and belief.error is not None
        trouble = _out_of_time(code, belief) if is_trusted else ""
        with self._lock:
            trouble = trouble or self._shown_before(code)
            if trouble:
                return NotGenuine(trouble, code.person)
            self._remember(code)
        proof = Proof(
            kind=code.kind.name.lower(),
            number=f"{code.number:x}",
            since=code.since,
            until=code.until,
            sha256=sha256(text.upper().encode()).hexdigest(),
            clock="" if is_trusted else "not trusted",
        )
        return Genuine(code.person, msgspec.json.encode(proof))

    places: Final = ("employees' cards",)
    """Where somebody is forgotten here; no source is called so."""

    def forget(self, place: str, person: str, by: str) -> str:
        """Forget which cards and codes of somebody were shown; say what was done.

        Raises CannotDo: a file keeps it.
        """
        with self._lock:
            latest = self._latest()
            used = [one for one in self._used if one[0] == person]
            if person not in latest and not used:
                return "not known there"
            latest.pop(person, None)
            for one in used:
                del self._used[one]
            if failed := self._write():
                raise CannotDo("; ".join(failed))
        return "forgot which cards were shown"

    def _shown_before(self, code: EmployeeCode) -> str:
        """Return why what was shown here before speaks against it; "" where nothing does."""
        latest = self._latest().get(code.person, 0)
        if code.kind is Kind.ONCE:
            used = (code.person, code.number) in self._used
            return "a one-time code that has been used here" if used else ""
        return "a card that a later one has replaced" if code.number < latest else ""

    def _remember(self, code: EmployeeCode) -> None:
        latest = self._latest()
        if code.kind is Kind.ONCE:
            self._used[code.person, code.number] = None
            if len(self._used) > USED_MOST:
                self._used.popitem(last=False)
            self._write()
        elif code.number > latest.get(code.person, 0):
            latest[code.person] = code.number
            if len(latest) > CARDS_MOST:
                del latest[next(iter(latest))]
            self._write()

    # The files.

    def _latest(self) -> dict[str, int]:
        if self._issues is None:
            self._issues = {}
            for file in self._files:
                kept = _read(file)
                self._used.update(dict.fromkeys(kept.used))
                for person, issue in kept.issues.items():
                    self._issues[person] = max(issue, self._issues.get(person, 0))
        return self._issues

    def _write(self) -> list[str]:
        """Write the files; return why some could not be."""
        failed = []
        kept = _Kept(self._latest(), list(self._used)[-USED_KEPT:])
        for file in self._files:
            try:
                write_durably(file, msgspec.json.encode(kept))
            except OSError as error:
                log.warning(
                    "%s: %s; after a restart an older card may count here until its successor is "
                    "shown again, and a used code once more. Free space, or look at the medium",
                    *(file, error.strerror),
                )
                failed.append(f"{file}: {error.strerror}")
        return failed


def _out_of_time(code: EmployeeCode, belief: Belief) -> str:
    """Return why it does not hold now by a trusted clock; "" where it does, or may."""
    at_s, error_s = belief.at.wall / 1000, (belief.error or 0) / 1000
    match code.holds(at_s, SLACK_S + error_s):
        case Holds.NOT_YET:
            return f"not valid for another {code.since - at_s:.0f} s"
        case Holds.NO_MORE:
            return f"expired {at_s - code.until:.0f} s ago"
        case _:
            return ""


def _read(file: Path) -> _Kept:
    """Return what a file holds; where it cannot be read, nothing: no card is refused for that."""
    with suppress(FileNotFoundError):
        try:
            return msgspec.json.decode(file.read_bytes(), type=_Kept)
        except FileNotFoundError:
            raise
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s: %s; cards that were replaced may count here again", file, error)
    return _Kept({})
