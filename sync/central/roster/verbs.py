"""What `presensi-central roster` does to an open house; each returns what to print."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from sync.central.clock import now_ms
from sync.central.decisions import who
from sync.central.exits import Exit, Refused
from sync.central.house import House
from sync.central.roster import cells, files, simple, state
from sync.central.roster.changes import Change, Words, after, changes, counts
from sync.central.roster.checks import Checks, Where, in_order
from sync.central.roster.layout import SHEETS, Key, State
from sync.central.roster.reading import Fault, Read, read
from sync.central.roster.table import Source, Table, Unreadable
from sync.central.store import Transaction

MOST_FAULTS: Final = 50
"""Faults that are listed; correcting those may show others."""

_TRIES: Final = 3
"""So often a plan is made anew because another import came first; then others wait for it."""

MOST_LINES: Final = 500
"""Changes that are listed; `--json` lists all of them."""


class Plan(Struct, frozen=True, kw_only=True):
    """What taking in a file would do; nothing, where there are faults."""

    changed: Sequence[Change]
    faults: Sequence[Fault]
    warnings: Sequence[Fault]
    lines: Sequence[str]


def take_in(
    house: House,
    file: Path,
    reason: str = "",
    *,
    replaces: bool = False,
    dry: bool = False,
    as_json: bool = False,
) -> tuple[int, str]:
    """Take in a file, all of it or nothing; return the exit code and what to print.

    Raises Refused: it cannot be read.
    """
    try:
        given = files.sources(file)
        tables = files.tables(given)
    except Unreadable as error:
        raise Refused(str(error)) from error
    if dry:
        with house.store.reading() as tx:
            made = plan(tx, tables, replaces=replaces)
    else:
        made = _take_in(house, file.name, given, tables, reason, replaces=replaces)
    code = Exit.FAILED if made.faults else Exit.OK
    if as_json:
        return code, _as_json(made, dry=dry)
    return code, _in_words(made, file.name, dry=dry)


def _take_in(
    house: House,
    name: str,
    given: Sequence[Source],
    tables: Sequence[Table],
    reason: str,
    *,
    replaces: bool,
) -> Plan:
    # Looking through a city takes seconds, and who writes holds up every kiosk's receipts.
    for _ in range(_TRIES):
        with house.store.reading() as tx:
            seen, made = tx.city.stamp(), plan(tx, tables, replaces=replaces)
        if made.faults:
            return made
        with house.store.writing() as tx:
            tx.city.lock()
            if tx.city.stamp() == seen:
                _apply(house, tx, made, name, given, reason, replaces=replaces)
                return made
    with house.store.writing() as tx:
        tx.city.lock()
        made = plan(tx, tables, replaces=replaces)
        if not made.faults:
            _apply(house, tx, made, name, given, reason, replaces=replaces)
    return made


def _apply(
    house: House,
    tx: Transaction,
    made: Plan,
    name: str,
    given: Sequence[Source],
    reason: str,
    *,
    replaces: bool,
) -> None:
    if made.changed:
        state.apply(tx, made.changed)
        tx.city.rise()
    detail = {"sha256": _keep(tx, name, given), **counts(made.changed)}
    if replaces:
        detail["replace"] = "yes"
    house.decide(tx, "import roster", name, reason=reason, detail=detail)


def _keep(tx: Transaction, name: str, given: Sequence[Source]) -> str:
    """Keep the files; return the digest of the one, or of what `sha256sum` says of several."""
    digests = []
    for one in given:
        digest = sha256(one.content)
        tx.city.keep_document(digest.digest(), one.name, one.content, now_ms())
        digests.append(digest.hexdigest())
    if len(digests) == 1:
        return digests[0]
    listed = "".join(f"{of}  {one.name}\n" for of, one in zip(digests, given, strict=True)).encode()
    digest = sha256(listed)
    tx.city.keep_document(digest.digest(), name, listed, now_ms())
    return digest.hexdigest()


def plan(tx: Transaction, tables: Sequence[Table], *, replaces: bool = False) -> Plan:
    """Return what tables would change, and all that is wrong with them. Raises Refused."""
    held = state.held(tx)
    is_simple = len(tables) == 1 and simple.is_simple(tables[0])
    if is_simple:
        if replaces:
            raise Refused(
                "a file with the columns person, name, unit replaces nothing: it has no days; "
                "`roster export` writes the sheets that do",
                Exit.USAGE,
            )
        if lost := simple.faults(tables[0]):
            return Plan(changed=[], faults=in_order(lost), warnings=[], lines=[])
        tables = simple.expanded(tables[0], held)
    found, faults = read(tables)
    if faults:
        return Plan(changed=[], faults=in_order(faults), warnings=[], lines=[])
    changed = changes(found, held, replaces=replaces)
    if is_simple:
        changed += simple.moved(found, held)
    will_be = after(held, changed)
    words = Words(held, will_be)
    checks = Checks(will_be, _Places(found, will_be, words))
    checks.run({one.kiosk for one in tx.pages.kiosks()})
    return Plan(
        changed=changed,
        faults=in_order(checks.faults),
        warnings=in_order(checks.warnings),
        lines=[words.of(one) for one in changed],
    )


class _Places(Mapping[tuple[str, Key], Where]):
    """Where each row stands, found out when it is asked for."""

    def __init__(self, found: Mapping[str, Read], will_be: State, words: Words) -> None:
        self._found = found
        self._state = will_be
        self._words = words

    def __getitem__(self, at: tuple[str, Key]) -> Where:
        name, key = at
        written = self._found[name].rows.get(key) if name in self._found else None
        if written is not None:
            return Where(name, written.number, "")
        return Where(name, 0, self._words.row(SHEETS[name], self._state[name][key]))

    def __iter__(self) -> Any:
        return ((name, key) for name, rows in self._state.items() for key in rows)

    def __len__(self) -> int:
        return sum(map(len, self._state.values()))


def export(house: House, to: Path) -> str:
    """Write everything that is held, as it can be imported again. Raises Refused."""
    with house.store.reading() as tx:
        held = state.held(tx)
    try:
        files.write(to, sheets(held))
    except Unreadable as error:
        raise Refused(str(error)) from error
    rows = sum(map(len, held.values()))
    detail = {"rows": str(rows), "file": str(to)}
    house.decide_alone("export roster", who(), detail=detail)
    return f"{rows} rows in {to}\n"


def sheets(held: State) -> dict[str, list[list[str]]]:
    """Return every sheet as texts, its header first, in the order of its keys."""
    written = {}
    for name, sheet in SHEETS.items():
        rows = sorted(held[name].items(), key=lambda one: [str(part or "") for part in one[0]])
        written[name] = [[column.name for column in sheet.columns]] + [
            [cells.write(column, getattr(row, column.field)) for column in sheet.columns]
            for _, row in rows
        ]
    return written


# What is said.


def _in_words(made: Plan, file: str, *, dry: bool) -> str:
    out = []
    if made.faults:
        out += [f"{file}: {one}" for one in made.faults[:MOST_FAULTS]]
        more = len(made.faults) - MOST_FAULTS
        out += [f"and {more} more"] if more > 0 else []
        number = "1 fault" if len(made.faults) == 1 else f"{len(made.faults)} faults"
        out.append(f"{number}; nothing is taken in")
    else:
        out += made.lines[:MOST_LINES]
        more = len(made.lines) - MOST_LINES
        out += [f"and {more} more changes"] if more > 0 else []
        out += [f"look at {one}" for one in made.warnings[:MOST_FAULTS]]
        more = len(made.warnings) - MOST_FAULTS
        out += [f"and {more} more to look at"] if more > 0 else []
        found = counts(made.changed)
        said = ", ".join(f"{name} {of}" for name, of in found.items()) or "nothing changes"
        out.append(f"{said}{' (dry run: nothing is taken in)' if dry else ''}")
    return "\n".join(out) + "\n"


def _as_json(made: Plan, *, dry: bool) -> str:
    said = {
        "taken_in": not dry and not made.faults,
        "counts": counts(made.changed),
        "changes": [] if made.faults else made.lines,
        "faults": made.faults,
        "warnings": made.warnings,
    }
    return msgspec.json.encode(said).decode() + "\n"
