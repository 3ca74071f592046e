"""The city's rows as sheets, out of the database and into it."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sync.central.roster.changes import Change
from sync.central.roster.layout import CITY, RULES, RULINGS, Row, State
from sync.central.store import Transaction
from sync.central.store.city import Rule

_RULES: Final = {sheet.name: sheet for sheet in (*RULES, *RULINGS)}


def held(tx: Transaction) -> State:
    """Return every row that is held."""
    state: dict[str, dict[tuple[Any, ...], Row]] = {
        sheet.name: {sheet.key_of(row): row for row in tx.city.all(sheet.row)}  # type: ignore[type-var]
        for sheet in CITY
    }
    state |= {name: {} for name in _RULES}
    for kind, _, body in tx.city.rules():
        sheet = _RULES[kind]
        row = msgspec.json.decode(body, type=sheet.row)
        state[kind][sheet.key_of(row)] = row
    return state


def apply(tx: Transaction, changed: Iterable[Change]) -> None:
    """Store changes; the city is locked."""
    rows: dict[bool, list[Row]] = {True: [], False: []}  # whether they are there afterwards
    rules: dict[bool, list[Rule]] = {True: [], False: []}
    for one in changed:
        row = one.after or one.before
        if row is None:
            continue
        stays = one.after is not None
        if one.sheet in _RULES:
            rules[stays].append(_rule(one.sheet, row))
        else:
            rows[stays].append(row)
    tx.city.remove(rows[False])
    tx.city.put(rows[True])
    tx.city.remove_rules(rules[False])
    tx.city.put_rules(rules[True])


def _rule(name: str, row: Row) -> Rule:
    key = msgspec.json.encode(_RULES[name].key_of(row)).decode()
    return Rule(name, key, msgspec.json.encode(row, order="deterministic"))
