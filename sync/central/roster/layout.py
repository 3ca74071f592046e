"""The sheets: which there are, their columns, and what makes a row that row. Made of the structs
that travel, so that a field which is new there is a column here.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import Enum, StrEnum
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from msgspec import NODEFAULT, Struct, structs

from sync.central.roster.forms import Form, form_of
from sync.central.rulings import InUse, Outage, Paper
from sync.central.store.city import Post
from sync.protocol.roster import Allowed, Grant, Known, Member, Person, Unit
from sync.worktime import rules

Key = tuple[Any, ...]


class Kind(Enum):
    """What stands in the cells of a column."""

    ID = "a name by which others refer to it"
    TEXT = "a text"
    WORD = "one of a few words"
    DAY = "a day"
    CLOCK = "a time of day"
    NUMBER = "a whole number"
    FORM = "what `forms.py` writes"


class Column(Struct, frozen=True, kw_only=True):
    """One column; `field` is the struct's word for what its header calls `name`.

    Attributes:
        longest: characters that a text may have.
        choices: the only words there are; empty for any.
        word: makes a word what the field has.
        form: how a value is written, where that is of a form of its own.
        default: what an empty cell says; NODEFAULT where it must not be empty.
        may_be_none: whether there is a None that an empty cell does not say.
    """

    name: str
    field: str
    kind: Kind
    longest: int
    choices: Sequence[str] = ()
    word: Callable[[str], str] = str
    form: Form | None = None
    default: Any = NODEFAULT
    may_be_none: bool = False


class Sheet(Struct, frozen=True, kw_only=True):
    """One sheet; `key` are the fields by which a row is found again."""

    name: str
    row: type[Struct]
    key: Sequence[str]
    columns: Sequence[Column]

    def key_of(self, row: Struct) -> Key:
        """Return what makes the row that row."""
        return tuple(getattr(row, name) for name in self.key)

    def column(self, field: str) -> Column:
        """Return the column of a field."""
        return next(one for one in self.columns if one.field == field)


Row = Struct
State = Mapping[str, Mapping[Key, Row]]
"""The rows of every sheet by their keys."""

LONGEST_ID: Final = 256  # a unit of old is called what it is named
LONGEST_TEXT: Final = 256
LONGEST_FORM: Final = 4096
_LONGEST: Final = {Kind.ID: LONGEST_ID, Kind.WORD: LONGEST_ID, Kind.TEXT: LONGEST_TEXT}

_CHOICES: Final[Mapping[str, Sequence[str]]] = {
    "credential": ("terminal_user", "finger_slot", "card", "face", "qr"),
    "allows": tuple(one.value for one in Allowed),
}
"""Open sets where they travel; here a word that nobody knows is a slip of the pen."""

_IDS: Final = frozenset(
    {"id", "person", "other", "unit", "kiosk", "other_kiosk", "user", "group", "zone"}
    | {"plan", "calendar", "code"}
)
_CLOCKS: Final = frozenset({"start", "end", "arrival", "departure"})


def sheet(name: str, row: type[Struct], key: Sequence[str], **titles: str) -> Sheet:
    """Return the sheet of a struct; `titles` are headers that differ from the field's name."""
    hints = get_type_hints(row)
    columns = [
        _column(one, titles.get(one.name, one.name), hints[one.name]) for one in structs.fields(row)
    ]
    columns.sort(key=lambda one: _LAST.index(one.field) if one.field in _LAST else -1)
    return Sheet(name=name, row=row, key=key, columns=columns)


_LAST: Final = ("since", "until")


def _column(info: structs.FieldInfo, title: str, hint: Any) -> Column:
    default = info.default
    if info.default_factory is not NODEFAULT:
        default = info.default_factory()
    plain, has_none = _without_none(hint)
    kind = _kind(info.name, plain)
    is_enum = isinstance(plain, type) and issubclass(plain, StrEnum)
    return Column(
        name=title,
        field=info.name,
        kind=kind,
        longest=_LONGEST.get(kind, LONGEST_FORM),
        choices=[one.value for one in plain] if is_enum else _CHOICES.get(info.name, ()),
        word=plain if is_enum else str,
        form=form_of(plain) if kind is Kind.FORM else None,
        default=default,
        may_be_none=has_none and default is not None,
    )


def _without_none(hint: Any) -> tuple[Any, bool]:
    """Return the type without its None, and whether it had one."""
    if get_origin(hint) not in (Union, UnionType):
        return hint, False
    [plain] = [one for one in get_args(hint) if one is not NoneType]
    return plain, True


def _kind(field: str, form: Any) -> Kind:
    if form_of(form):
        return Kind.FORM
    if form is date:
        return Kind.DAY
    if form is int:
        return Kind.CLOCK if field in _CLOCKS else Kind.NUMBER
    if form is str and field not in _CHOICES:
        return Kind.ID if field in _IDS else Kind.TEXT
    if form is str or issubclass(form, StrEnum):
        return Kind.WORD
    raise TypeError(f"no cell says {field}: {form}; give it a form")


CITY: Final = (
    sheet("units", Unit, ["id"], id="unit"),
    sheet("posts", Post, ["kiosk", "unit", "since"]),
    sheet("people", Person, ["id"], id="person"),
    sheet("members", Member, ["person", "unit", "since"]),
    sheet("credentials", Known, ["unit", "credential", "user", "since"]),
    sheet("grants", Grant, ["person", "unit", "allows", "since"]),
)
"""The sheets that are stored as they travel."""

RULES: Final = (
    sheet("regulations", rules.Regulation, ["unit", "since"]),
    sheet("weeks", rules.Week, ["plan", "rank", "since"]),
    sheet("holidays", rules.Holiday, ["calendar", "name", "since"]),
    sheet("shifts", rules.Shift, ["unit", "code", "since"]),
    sheet("rotations", rules.Rotation, ["plan", "since"]),
    sheet("groups", rules.Grouped, ["person", "group", "since"]),
    sheet("assignments", rules.Assignment, ["person", "group", "unit", "since"]),
    sheet("tables", rules.Table, ["person", "group", "first", "edition"]),
    sheet("swaps", rules.Swap, ["person", "day", "other", "other_day"]),
    sheet("pairs", rules.Pair, ["kiosk", "source", "other_kiosk", "other_source", "since"]),
)
"""The sheets of worktime, named as in `rules.RuleBook`, stored as rules."""

RULINGS: Final = (
    sheet("absences", rules.Absence, ["person", "since", "reason"]),
    sheet("outages", Outage, ["kiosk", "source", "since", "start"]),
    sheet("sources", InUse, ["kiosk", "source", "since"]),
    sheet("papers", Paper, ["person", "day", "number"]),
)
"""The sheets that no kiosk is told of, stored as rules."""

SHEETS: Final[Mapping[str, Sheet]] = {one.name: one for one in (*CITY, *RULES, *RULINGS)}

PEOPLE: Final = "people"
