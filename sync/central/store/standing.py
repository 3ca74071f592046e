"""How kiosks and their terminals stand now, and what is wrong: the latest, not the history."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec
from sqlalchemy import Connection, Table, and_, bindparam, delete, func, or_, select, update

from sync.central.store import tables
from sync.central.store.ledger import Line
from sync.central.store.rows import Values, insert_new, upsert
from sync.protocol import entry, topics

MAX_QUARANTINED: Final = 500
"""Messages kept for a person to look at; the oldest make room."""

MAX_QUARANTINED_BYTES: Final = 64 * 1024
"""What is kept of one message, bytes; its size is kept as well."""

_MAX_TEXT: Final = 500  # of a reason or a detail: a sender's words may be in it


class Alarm(StrEnum):
    """What a person must look at."""

    FORK = "fork"  # two entries claim one place in an epoch
    ROLLBACK = "rollback"  # a kiosk found that it runs on an older copy of its journal
    GAP = "gap"  # a kiosk says that something may be missing
    LOST = "lost"  # entries that the kiosk no longer has and central never had
    GENESIS = "genesis"  # an epoch that does not begin where its key says
    UNREADABLE = "unreadable"  # an entry this version cannot read; stored all the same
    UNVERIFIED = "unverified"  # a signature or a name that does not fit
    INCONSISTENT = "inconsistent"  # signed, and contradicting itself
    REJECTED = "rejected"  # acceptable to us and refused by the database
    ROSTER = "roster"  # a kiosk cannot be told its roster: a row of the city is not what it must be
    RENEWAL = "renewal"  # a kiosk asked for its next certificate and there is none for it
    NIGHT = "night"  # a head of the night could not be written where it must be


class Standing:
    """Alarms, quarantine and the latest of everything, within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_alarm(self, kind: Alarm, kiosk: str, subject: str, detail: str, now: int) -> None:
        """Note something wrong: one row for each (kind, kiosk, subject), counted and kept."""
        alarm = tables.alarm
        row = {
            "kind": kind.value,
            "kiosk": kiosk,
            "subject": subject[:_MAX_TEXT],  # by which it is found: no index takes any length
            "detail": detail[:_MAX_TEXT],
            "count": 1,
            "first_at": now,
            "last_at": now,
        }
        changes = {"count": alarm.c.count + 1, "last_at": now}
        upsert(self._connection, alarm, row, changes)

    def end_alarm(self, kind: Alarm, kiosk: str, subject: str) -> None:
        """What was wrong is right again, by itself."""
        c = tables.alarm.c
        is_it = and_(c.kind == kind.value, c.kiosk == kiosk, c.subject == subject)
        self._connection.execute(delete(tables.alarm).where(is_it))

    def quarantine(self, raw: bytes, reason: str, topic: str, now: int) -> None:
        """Keep bytes that could not be accepted, for a person to look at."""
        table = tables.quarantine
        self._connection.execute(
            table.insert().values(
                raw=raw[:MAX_QUARANTINED_BYTES],
                size=len(raw),
                reason=reason[:_MAX_TEXT],
                topic=topic[:_MAX_TEXT],
                at=now,
            )
        )
        newest = self._connection.scalar(select(func.max(table.c.id))) or 0
        self._connection.execute(delete(table).where(table.c.id <= newest - MAX_QUARANTINED))

    # Kiosks.

    def hold(self, kiosks: Iterable[str]) -> None:
        """Lock what is known of these kiosks until the transaction ends, in the order of names.

        Two centrals that take in messages of the same kiosks then wait for each other in a line,
        and never in a circle.
        """
        self._connection.execute(_LOCK_SOME, {"kiosks": sorted(set(kiosks))}).all()

    def forget_online(self) -> None:
        """Nobody is known to be online: our own connection is new, their states will follow."""
        self._connection.execute(_LOCK_ALL).all()
        self._connection.execute(
            update(tables.kiosk_state).values(online=False, boot="", connection=0)
        )

    def note_state(self, kiosk: str, state: topics.State, now: int) -> None:
        """Take in a kiosk's state, unless an older session's will arrives late."""
        self._make_row(kiosk)
        c = tables.kiosk_state.c
        health = None if state.health is None else msgspec.json.encode(state.health).decode()
        # A will of another boot than the present one is an old process's: it died, this one lives.
        newer = c.connection <= state.connection
        if state.online:
            applies = or_(c.boot != state.boot, newer)
        else:
            applies = or_(c.boot == "", (c.boot == state.boot) & newer)
        self._connection.execute(
            update(tables.kiosk_state)
            .where(c.kiosk == kiosk, applies)
            .values(
                online=state.online,
                boot=state.boot,
                connection=state.connection,
                since_at=state.since,
                **({} if health is None else {"health": health, "health_at": now}),
            )
        )

    def note_hello(self, kiosk: str, software: str, roster: int, now: int) -> None:
        """A hello was answered: of a kiosk that works on version `roster`."""
        said = {"software": software[:_MAX_TEXT], "roster": roster}
        self._note(kiosk, **said, hello_at=now, receipt_at=now)

    def note_receipt(self, kiosk: str, now: int) -> None:
        """A receipt was written."""
        self._note(kiosk, receipt_at=now)

    def _make_row(self, kiosk: str) -> None:
        insert_new(self._connection, tables.kiosk_state, {"kiosk": kiosk, "online": False})

    def _note(self, kiosk: str, **values: object) -> None:
        noted = {"of": kiosk, **values}
        if not self._connection.execute(_NOTE, noted).rowcount:
            self._make_row(kiosk)
            self._connection.execute(_NOTE, noted)

    # Terminals.

    def note_linked(self, line: Line, seq: int, said: entry.Entry) -> None:
        """Take in what an entry of the prefix says of a source, if it is the newest word on it.

        Only of the prefix: coverage proves silence, and an island's has unknown entries before it.
        """
        match said:
            case entry.Coverage():
                self._newest(
                    tables.coverage,
                    line,
                    seq,
                    said.source,
                    {
                        "terminal": said.terminal,
                        "through": said.through,
                        "zone": said.zone,
                        "records": said.records,
                    },
                )
            case entry.Terminal():
                self._newest(
                    tables.terminal,
                    line,
                    seq,
                    said.source,
                    {
                        "serial": said.serial,
                        "model": said.model,
                        "firmware": said.firmware,
                        "platform": said.platform,
                    },
                )
            case entry.Audit(action=entry.ADOPTED):
                version = said.detail.get("version", "")
                if version.isdecimal() and len(version) < 19:  # no more fits a database's number
                    self._note(line.kiosk, roster=int(version))
            case _:
                pass

    def _newest(self, table: Table, line: Line, seq: int, source: str, values: Values) -> None:
        c = table.c
        key = {"kiosk": line.kiosk, "source": source}
        place = {"number": line.number, "epoch": line.epoch, "seq": seq}
        insert_new(self._connection, table, {**key, **place, **values})
        # A new card counts its epochs from 1 again; they begin here in the order of their lives.
        began, epoch = tables.epoch.c.began_at, tables.epoch.c.epoch
        of_kiosk = select(began).where(tables.epoch.c.kiosk == line.kiosk)
        theirs = of_kiosk.where(epoch == c.epoch).correlate(table).scalar_subquery()
        ours = of_kiosk.where(epoch == line.epoch).scalar_subquery()
        before = or_(theirs < ours, (theirs == ours) & (c.number < line.number))
        self._connection.execute(
            update(table)
            .where(
                c.kiosk == line.kiosk,
                c.source == source,
                or_((c.epoch == line.epoch) & (c.seq < seq), (c.epoch != line.epoch) & before),
            )
            .values(**place, **values)
        )


_STATE: Final = tables.kiosk_state

# Made once, as in `ledger`.
_LOCK_ALL: Final = select(_STATE.c.kiosk).order_by(_STATE.c.kiosk).with_for_update()
_LOCK_SOME: Final = _LOCK_ALL.where(_STATE.c.kiosk.in_(bindparam("kiosks", expanding=True)))
_NOTE: Final = update(_STATE).where(_STATE.c.kiosk == bindparam("of"))
