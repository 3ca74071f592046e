"""Proposals: what somebody wants decided, from the wish to its effect. Read `Stage` for its ways.

    propose   -> takes effect at once, or waits for a second account
    approve   -> takes effect, if nothing is in its way by then; another account than the author
    refuse, withdraw

Every step is a decision in central's own journal, with all that is to be done in its detail: who
has the journal alone can tell what was proposed by whom, approved by whom, and which rows it made.
Nothing is edited without one. No page, no request: `sync/central/web/` asks.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from sync.central.city import City
from sync.central.exits import Refused
from sync.central.roles import Visitor
from sync.central.roster import state
from sync.central.roster.changes import Change
from sync.central.roster.layout import SHEETS
from sync.central.store import Transaction
from sync.central.store.proposals import MOST, Kind, Proposed, Stage
from sync.central.touched import closed_by, whom, whose_at
from sync.central.wishes import (
    KINDS,
    AbsenceBody,
    Body,
    NameBody,
    PaperBody,
    PaperRow,
    Pointed,
    TimeBody,
    body_of,
    said,
)

LEAST_REASON: Final = 5
"""Shortest reason, characters; a full stop explains nothing."""

MOST_REASON: Final = 1000
"""Longest reason, characters: an entry has room for it and for its rows."""

_PART_BYTES: Final = 4000
"""Rows named in one entry of the journal, bytes as they stand in it."""

_MOST_NAMED: Final = 8
"""Closed months that a decision names; its rows tell the others."""

NOTHING: Final[Mapping[str, str]] = {}

Decide = Callable[[str, str, str, Mapping[str, str]], None]
"""Records action, subject, reason, detail in central's own journal; the last of a transaction."""


class Rule(NamedTuple):
    """What holds when somebody proposes: kinds that need a second account, and the time (ms)."""

    second: Sequence[Kind]
    now: int


# The steps. The city is locked before, and `city` is what it is then.


def propose(
    tx: Transaction, city: City, body: Body, by: Visitor, reason: str, rule: Rule, decide: Decide
) -> Proposed:
    """Keep what somebody wants; let it take effect at once where nobody else must approve.

    Raises Refused: it cannot be, in Bahasa Indonesia.
    """
    check_account(tx, by)
    reason = checked(reason)
    kind = KINDS[type(body)]
    packed = msgspec.json.encode(body, order="deterministic")
    same = tx.proposals.waiting_alike(by.account, packed)
    if same is not None:  # the button was pressed twice, or the browser went back
        if same.reason == reason:
            return same
        raise Refused(f"Usulan yang sama sudah menunggu: nomor {same.id}; tarik kembali dahulu.")
    check(tx, city, body)
    closed = closed_by(tx, city, body)
    person, unit = whom(tx, city, body)
    made = Proposed(
        kind=kind,
        person=person,
        unit=unit,
        author=by.account,
        reason=reason,
        made_at=rule.now,
        body=packed,
    )
    is_bold = isinstance(body, TimeBody) and body.outside
    waits = kind in rule.second or bool(closed) or is_bold
    made = msgspec.structs.replace(made, id=tx.proposals.add(made))
    if not waits:
        tx.proposals.decide(made.id, Stage.APPROVED, by.account, "", rule.now)
        take_effect(tx, body, by.account, rule.now)
    held = {"second": ", ".join(rule.second) or "none"}
    _record(decide, made, body, f"propose {kind}", reason, closed, more=held)
    if not waits:
        _record(decide, made, body, EFFECTS[kind], reason, closed, more=held)
        made = msgspec.structs.replace(made, state=Stage.APPROVED)
    return made


def approve(
    tx: Transaction, city: City, one: Proposed, by: Visitor, reason: str, now: int, decide: Decide
) -> None:
    """Let a proposal take effect, by the word of a second account. Raises Refused."""
    check_account(tx, by)
    if not by.may_approve:
        raise Refused("Akun ini tidak boleh menyetujui.")
    if one.author == by.account:
        raise Refused("Usulan disetujui oleh akun lain, bukan oleh pengusulnya sendiri.")
    body = body_of(one)
    check(tx, city, body)
    closed = closed_by(tx, city, body)
    _settle(tx, one, Stage.APPROVED, by, reason, now)
    take_effect(tx, body, by.account, now)
    _record(decide, one, body, "approve proposal", reason, closed, rows=False)
    by_whom = {"author": one.author, "approved by": by.account}
    _record(decide, one, body, EFFECTS[one.kind], one.reason, closed, more=by_whom)


def refuse(
    tx: Transaction, one: Proposed, by: Visitor, reason: str, now: int, decide: Decide
) -> None:
    """Say no; a reason is needed. Raises Refused."""
    check_account(tx, by)
    if not by.may_approve:
        raise Refused("Akun ini tidak boleh menolak usulan.")
    reason = checked(reason)
    _settle(tx, one, Stage.REFUSED, by, reason, now)
    _record(decide, one, body_of(one), "refuse proposal", reason, (), rows=False)


def withdraw(
    tx: Transaction, one: Proposed, by: Visitor, reason: str, now: int, decide: Decide
) -> None:
    """Take one's own proposal back. Raises Refused."""
    check_account(tx, by)
    if one.author != by.account:
        raise Refused("Hanya pengusulnya yang dapat menarik usulan.")
    _settle(tx, one, Stage.WITHDRAWN, by, reason, now)
    _record(decide, one, body_of(one), "withdraw proposal", reason, (), rows=False)


def check_account(tx: Transaction, by: Visitor) -> None:
    """Raise Refused where an account is not what it was when its page was asked for."""
    now = tx.people.account(by.account)
    if now is None or now.ended_at or now.role != by.role or set(now.units) != set(by.units):
        raise Refused("Akun ini sementara itu diubah atau diakhiri; masuklah sekali lagi.")


def checked(reason: str) -> str:
    """Return a reason that says something. Raises Refused."""
    reason = " ".join(reason.split())
    if len(reason) < LEAST_REASON:
        raise Refused(f"Alasan wajib diisi, sedikitnya {LEAST_REASON} huruf.")
    if len(reason) > MOST_REASON:
        raise Refused(f"Alasan terlalu panjang: paling banyak {MOST_REASON} huruf.")
    return reason


def _settle(
    tx: Transaction, one: Proposed, stage: Stage, by: Visitor, reason: str, now: int
) -> None:
    if not tx.proposals.decide(one.id, stage, by.account, reason, now):
        raise Refused("Usulan ini sudah diputuskan oleh orang lain; buka kembali daftarnya.")


# What stands in the way.


def check(tx: Transaction, city: City, body: Body) -> None:
    """Raise Refused where what is wanted cannot be, as the city is now."""
    match body:
        case AbsenceBody():
            _check_absence(city, body)
        case PaperBody():
            for row in body.rows:
                _check_paper(city, row)
        case NameBody():
            if body.person:
                _check_person(city, body.person)
            for one in body.presences:
                _check_presence(tx, one)
                if city.identified.get(one.place) != one.was:
                    raise Refused(f"Kehadiran {one.said} sudah dinamai orang lain; lihat lagi.")
                if one.was == body.person:
                    raise Refused(f"Kehadiran {one.said} sudah bernama demikian.")
        case TimeBody():
            _check_time(tx, city, body)


def _check_person(city: City, person: str) -> None:
    if person not in city.people:
        raise Refused(f"Tidak ada pegawai {person!r} dalam daftar.")


def _check_presence(tx: Transaction, one: Pointed) -> None:
    found = tx.city.sighted_at(one.kiosk, one.epoch, one.seq)
    if one.place not in {sighted.place for sighted in found}:
        raise Refused(f"Kehadiran {one.kiosk} {one.epoch} {one.seq} tidak ada.")


def _check_time(tx: Transaction, city: City, body: TimeBody) -> None:
    _check_presence(tx, body.presence)
    place = body.presence.place
    if city.settled.get(place) != body.was:
        raise Refused("Jam kehadiran itu sementara itu sudah ditetapkan lain; lihat lagi.")
    if body.was == body.utc:
        raise Refused("Jam kehadiran itu sudah ditetapkan demikian.")
    if whose_at(tx, city, place, body.utc) != body.person:
        raise Refused("Kehadiran itu sekarang milik orang lain; lihat lagi.")


def _check_absence(city: City, body: AbsenceBody) -> None:
    for row in body.rows:
        _check_person(city, row.person)
    held = list(city.rulings.absences.get(body.rows[0].person, ())) if body.rows else []
    if body.before is not None:
        if body.before not in held:
            raise Refused("Ketidakhadiran itu sudah berubah sejak dibuka; lihat lagi.")
        held.remove(body.before)
    if body.after is not None:
        since, until = body.after.since, body.after.until
        if since is None or (until and until < since):
            raise Refused("Tanggal akhir tidak boleh sebelum tanggal awal.")
        key = SHEETS["absences"].key_of
        if key(body.after) in map(key, held):
            raise Refused("Ketidakhadiran dengan alasan dan tanggal awal itu sudah ada.")


def _check_paper(city: City, row: PaperRow) -> None:
    line = row.after or row.before
    if line is None:
        return
    _check_person(city, line.person)
    key = SHEETS["papers"].key_of
    held = {key(one): one for one in city.rulings.papers.get(line.person, ())}
    if held.get(key(line)) != row.before:
        raise Refused(
            f"Baris kertas {line.person} {line.day} nomor {line.number} sudah berubah; lihat lagi."
        )
    if row.after is not None and any(
        (one.arrival, one.departure) == (line.arrival, line.departure)
        for one in city.rulings.papers.get(line.person, ())
        if one.day == line.day and one.number != line.number
    ):
        raise Refused(f"Baris kertas {line.person} {line.day} dengan jam itu sudah ada.")
    if row.after is not None and line.unit not in city.units_of(line.person, line.day):
        raise Refused(f"{line.person} bukan pegawai {line.unit} pada {line.day}.")


# What it does.

EFFECTS: Final = {
    Kind.ABSENCE: "change absence",
    Kind.PAPER: "take in papers",
    Kind.NAME: "name stranger",
    Kind.TIME: "settle time",
}
"""The decision that says that it was done."""


def take_effect(tx: Transaction, body: Body, account: str, now: int) -> None:
    """Do what is wanted; it was checked in this transaction."""
    actor = f"account {account}"
    match body:
        case AbsenceBody():
            _apply(tx, "absences", [(body.before, body.after)])
        case PaperBody():
            _apply(tx, "papers", [(row.before, row.after) for row in body.rows])
        case NameBody():
            for one in body.presences:
                tx.city.identify(one.place, body.person, actor, now)
        case TimeBody():
            tx.city.settle(body.presence.place, body.utc, actor, now)
    tx.city.rise()


def _apply(tx: Transaction, name: str, rows: Iterable[tuple[Struct | None, Struct | None]]) -> None:
    key, changed = SHEETS[name].key_of, []
    for before, after in rows:
        if before is not None and (after is None or key(before) != key(after)):
            changed.append(Change(name, key(before), before, None))
        if after is not None:
            changed.append(Change(name, key(after), None, after))
    state.apply(tx, changed)


def may_see(visitor: Visitor, one: Proposed) -> bool:
    """Return whether a proposal is this one's to see: their own, or of a unit of theirs."""
    return visitor.sees_all or one.author == visitor.account or visitor.sees(one.unit)


def visible(
    tx: Transaction, visitor: Visitor, stages: Collection[Stage], limit: int = MOST
) -> list[Proposed]:
    """Return the proposals that are this one's to see, as `may_see`, the newest first."""
    units = None if visitor.sees_all else visitor.units
    return tx.proposals.listed(stages, limit, author=visitor.account, units=units)


# The journal.


def _record(
    decide: Decide,
    one: Proposed,
    body: Body,
    action: str,
    reason: str,
    closed: Iterable[tuple[str, str]],
    *,
    rows: bool = True,
    more: Mapping[str, str] = NOTHING,
) -> None:
    """Record a step, its rows in as many entries as they need; `more` stands in each of them."""
    subject = f"proposal {one.id}"
    detail = {"kind": one.kind.value, "sha256": sha256(one.body).hexdigest()}
    detail |= {"person": one.person} if one.person else {}
    detail |= more
    named = [f"{unit} {month}" for unit, month in closed]
    if named:
        detail["closed"] = ", ".join(named[:_MOST_NAMED]) + (", ..." * (len(named) > _MOST_NAMED))
    if isinstance(body, NameBody) and rows:
        detail["named"] = body.person
    if isinstance(body, PaperBody) and body.sha256:
        detail |= {"file": body.file, "file sha256": body.sha256}
    parts = _parts(said(body)) if rows else [{}]
    for number, part in enumerate(parts, 1):
        of = {"part": f"{number} of {len(parts)}"} if len(parts) > 1 else {}
        decide(action, subject, reason, {**detail, **of, **part})


def _parts(lines: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = [{}]
    size = 0
    for name, words in lines:
        length = len(msgspec.json.encode({name: words}))
        if parts[-1] and size + length > _PART_BYTES:
            parts.append({})
            size = 0
        parts[-1][name] = words
        size += length
    return parts
