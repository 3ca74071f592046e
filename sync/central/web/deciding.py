"""What pages that decide share: forms read strictly, and how something comes to be decided."""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from starlette.datastructures import FormData

from sync.central.city import City
from sync.central.foresight import Outcome, outcomes
from sync.central.proposals import Decide, Rule, propose
from sync.central.roles import Visitor
from sync.central.roster.forms import Unfit, minutes
from sync.central.store import Transaction
from sync.central.store.proposals import Kind, Proposed
from sync.central.touched import closed_by
from sync.central.web.dates import Month, day_of, month_of
from sync.central.web.scope import sees_day
from sync.central.web.site import Site, Sorry
from sync.central.wishes import Body
from sync.worktime.faults import BadRules

LONGEST: Final = 256
"""Characters of a field, but for a reason."""

KINDS: Final = {
    Kind.ABSENCE: "Ketidakhadiran",
    Kind.PAPER: "Presensi kertas",
    Kind.NAME: "Penamaan",
    Kind.TIME: "Jam kehadiran",
}
"""The kinds of proposals in words."""

Make = Callable[[Transaction, City], Body]
"""Returns what is wanted, as the locked city is; raises Sorry or Refused where it cannot be."""


def text(form: FormData, name: str, longest: int = LONGEST) -> str:
    """Return what a field says, without spaces around; "" where it is not there. Raises Sorry."""
    value = form.get(name, "")
    if not isinstance(value, str):
        raise Sorry(f"Isian {name!r} bukan teks.")
    value = value.strip()
    if len(value) > longest:
        raise Sorry(f"Isian {name!r} terlalu panjang: paling banyak {longest} huruf.")
    return value


def words(form: FormData, name: str, longest: int = LONGEST) -> str:
    """Return what a person wrote; no sign that nobody sees, which no workbook takes. Raises Sorry.

    Ids of terminals go past this: they are what they are.
    """
    value = " ".join(text(form, name, longest).split())
    unseen = [sign for sign in value if unicodedata.category(sign) in _UNSEEN]
    if unseen:
        raise Sorry(f"Isian {name!r} mengandung tanda yang tidak terlihat: U+{ord(unseen[0]):04X}.")
    return value


_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def day(form: FormData, name: str, words: str) -> date:
    """Return the day that a field says; `words` is what the page calls it. Raises Sorry."""
    said = text(form, name)
    if not said:
        raise Sorry(f"{words} wajib diisi.")
    return day_of(said)


def clock(form: FormData, name: str) -> int | None:
    """Return a time of day in minutes, None for an empty field. Raises Sorry."""
    said = text(form, name)
    if not said:
        return None
    try:
        return minutes(said)
    except Unfit as unfit:
        raise Sorry(f"{said!r} bukan jam; tulis seperti 07:30, atau 32:00 untuk 08.00 esok.") from (
            unfit
        )


def journal(site: Site, tx: Transaction, visitor: Visitor) -> Decide:
    """Return how a step is recorded in central's own journal, in the visitor's name."""
    return lambda action, subject, reason, detail: site.decide(
        tx, visitor, action, subject, reason=reason, detail=detail
    )


def decided(site: Site, visitor: Visitor, reason: str, make: Make) -> Proposed:
    """Propose what `make` says of the locked city. Raises Sorry, Refused, StoreError."""
    with site.store.writing() as tx:
        tx.city.lock()
        city = site.cities.current(tx)
        rule = Rule(site.approval.second, site.clock())
        return propose(tx, city, make(tx, city), visitor, reason, rule, journal(site, tx, visitor))


class Preview:
    """What a page shows before something is decided.

    Attributes:
        outcomes: what it does to verdicts.
        closed: closed months that it may change, in words.
        waits: whether a second account must approve.
    """

    def __init__(
        self, site: Site, tx: Transaction, city: City, visitor: Visitor, body: Body, kind: Kind
    ) -> None:
        self.closed: Sequence[str] = closed_words(city, closed_by(tx, city, body))
        self.waits = kind in site.approval.second or bool(self.closed)
        self.outcomes: Sequence[Outcome] = foreseen(site, tx, city, visitor, body)


def foreseen(
    site: Site, tx: Transaction, city: City, visitor: Visitor, body: Body
) -> Sequence[Outcome]:
    """Return what it does to verdicts that the visitor may see. Raises Sorry."""
    try:
        return [
            one
            for one in outcomes(tx, city, body, site.clock())
            if visitor.sees_all or sees_day(city, visitor, one.person, one.day)
        ]
    except BadRules as error:
        raise Sorry(f"Aturan kerja tidak dapat dipakai: {error}") from error


def closed_words(city: City, closed: Sequence[tuple[str, str]]) -> list[str]:
    """Return closed months in words."""
    return [f"{unit_name(city, unit)}, {month_of(month).words}" for unit, month in closed]


def unit_name(city: City, unit: str) -> str:
    """Return a unit's name, or its id where nobody knows one."""
    return city.units[unit].name if unit in city.units else unit


def month_asked(said: str, today: date) -> Month:
    """Return the month of a query; "" for this one. Raises Sorry."""
    return month_of(said) if said else Month.of(today)
