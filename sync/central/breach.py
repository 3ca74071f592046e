"""What was on a device that is lost: whose templates, and what else, by what central was told.

The kiosk's own journal says whom it enrolled, erased and forgot; that is here. What it had not
delivered is not: an enrolment since the last receipt is missing, and the report says from when.
UU 27/2022, Pasal 46: the persons and the agency are told within 3 x 24 hours.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from sync.central.store import Transaction
from sync.protocol import entry
from sync.protocol.entry import FINGER_ENROLLED, FINGER_REMOVED, Audit
from sync.protocol.errors import Malformed
from sync.protocol.roster import Person

_FACE: Final = "face enrolled"
_NO_FACE: Final = frozenset({"person forgotten", "tombstone replayed"})
_TELLING: Final = tuple(
    f'"{word}"'.encode() for word in (_FACE, *_NO_FACE, FINGER_ENROLLED, FINGER_REMOVED)
)


class Held(Struct, frozen=True, kw_only=True):
    """Templates of one person.

    Attributes:
        name: the roster's, "" for none.
        faces: whether the vault has the face; fingers: where modules have some, by their serial.
    """

    person: str
    name: str
    faces: bool
    fingers: Sequence[str]


class Breach(Struct, frozen=True, kw_only=True):
    """What was on a lost device.

    Attributes:
        held: whose templates.
        heard_at: the last receipt, ms UTC, 0 for none: what is newer is not known here.
        behind: entries that the kiosk said it had and central does not.
        people: how many people's names and ids its roster had.
    """

    kiosk: str
    held: Sequence[Held]
    heard_at: int
    behind: int
    people: int


def breach(tx: Transaction, kiosk: str) -> Breach:
    """Return what was on a kiosk."""
    faces: set[str] = set()
    fingers: dict[str, tuple[str, str]] = {}
    for said in _telling(tx, kiosk):
        person = said.detail.get("person", "")
        if said.action == _FACE:
            faces.add(person)
        elif said.action in _NO_FACE:
            faces.discard(person)
        elif said.action == FINGER_ENROLLED:
            fingers[said.detail.get("user", "")] = (person, said.detail.get("terminal", ""))
        else:
            fingers.pop(said.detail.get("user", ""), None)
    names = {one.id: one.name for one in tx.city.all(Person)}
    at = {
        person: sorted({where for whose, where in fingers.values() if whose == person})
        for person in faces | {whose for whose, _ in fingers.values()}
    }
    held = [
        Held(person=one, name=names.get(one, ""), faces=one in faces, fingers=at[one])
        for one in sorted(at)
        if one
    ]
    line = next((one for one in tx.pages.kiosks() if one.kiosk == kiosk), None)
    issue = tx.issues.latest(kiosk)
    return Breach(
        kiosk=kiosk,
        held=held,
        heard_at=0 if line is None else line.receipt_at,
        behind=0 if line is None else max(0, line.last - line.through),
        people=0 if issue is None else len(names),
    )


def _telling(tx: Transaction, kiosk: str) -> Iterator[Audit]:
    """Yield the audit entries that speak of templates, in the order of the kiosk's lives."""
    for at in tx.evidence.epochs(kiosk):
        for page in tx.evidence.pages(kiosk, at.epoch):
            for row in page:
                if not any(word in row.body for word in _TELLING):
                    continue
                try:
                    said = entry.decode(row.body)
                except Malformed:
                    continue
                if isinstance(said, Audit):
                    yield said
