"""Months that are closed: the list; one with what changed since; closing, issuing, files."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final

from msgspec import Struct, structs
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central import closing, proposals
from sync.central.board import Board, Key
from sync.central.city import City
from sync.central.closing import Changed, Content, Difference, Frozen, Standing
from sync.central.exits import Refused
from sync.central.present import moment
from sync.central.proposals import checked
from sync.central.roles import APPROVING, EVERY, Visitor
from sync.central.store import Transaction
from sync.central.store.closings import Closed
from sync.central.store.proposals import Kind, Stage
from sync.central.touched import touched
from sync.central.web.dates import Month, month_of, today
from sync.central.web.deciding import text, unit_name, words
from sync.central.web.frozen import MOST_SHOWN, book_of, csv_of, issued, turned, unclear_words
from sync.central.web.links import closing_link
from sync.central.web.scope import may_see_unit, units_of
from sync.central.web.site import Missing, Site, Sorry
from sync.central.wishes import body_of
from sync.protocol.closing import Closes
from sync.protocol.errors import ProtocolError
from sync.worktime.faults import BadRules

DRAFTS: Final = 8
"""So many months that are looked at are kept as they would be closed."""


class UnitLine(Struct, frozen=True, kw_only=True):
    """How a unit's month stands."""

    unit: str
    name: str
    link: str
    closed: str
    differences: int


class ClosingPages:
    """The list, one month of a unit, and what is done to it."""

    def __init__(self, site: Site, drafts: Board[Frozen]) -> None:
        """`drafts`: each unit's month as it would be closed now; by nobody, with no reason."""
        self._site = site
        self._drafts = drafts

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        page, act = self._site.page, self._site.act
        return [
            Route("/closings", page(self._list, roles=EVERY), methods=["GET"]),
            Route("/closings", act(self._do, roles=APPROVING), methods=["POST"]),
            Route("/closings/{unit:path}/{month}.csv", page(self._csv, roles=EVERY)),
            Route("/closings/{unit:path}/{month}.xlsx", page(self._xlsx, roles=EVERY)),
            Route("/closings/{unit:path}/{month}", page(self._one, roles=EVERY)),
        ]

    @property
    def _this_month(self) -> Month:
        return Month.of(today(self._site.clock(), self._site.web.zone))

    def _list(self, request: Request, visitor: Visitor) -> Response:
        """GET /closings?month=: how each unit's month stands; last month, as given."""
        said = request.query_params.get("month", "")
        month = month_of(said) if said else self._this_month.before
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            closed = {one.unit: one for one in tx.closings.latest(str(month))}
        zone = self._site.web.zone
        units = sorted({*units_of(city, visitor), *filter(visitor.sees, closed)})
        lines = [
            UnitLine(
                unit=unit,
                name=unit_name(city, unit),
                link=closing_link(unit, str(month)),
                closed=f"{closed[unit].actor}, {moment(closed[unit].made_at, zone)}"
                if unit in closed
                else "",
                differences=closed[unit].number if unit in closed else 0,
            )
            for unit in units
        ]
        context = {
            "month": month,
            "lines": sorted(lines, key=lambda one: (bool(one.closed), one.name)),
            "is_over": month < self._this_month,
        }
        return self._site.render(request, visitor, "closings.html", context)

    def _one(self, request: Request, visitor: Visitor) -> Response:
        """GET /closings/{unit}/{month}: before it is closed, what would be; after, what changed."""
        with self._site.store.reading() as tx:
            city, unit, month = self._asked(tx, request, visitor)
            found = self._standing(tx, unit, month)
            waiting = _waiting(tx, city, unit, month)
        draft = self._drafts.get(Key(unit, month.first, month.last))
        if draft.value is None:
            raise Sorry(f"Aturan kerja tidak dapat dipakai: {draft.trouble}")
        frozen = draft.value
        context = {
            "unit": unit,
            "name": unit_name(city, unit),
            "month": month,
            "link": closing_link(unit, str(month)),
            "is_over": month < self._this_month,
            "may_close": visitor.may_approve,
        }
        if found is None:
            context |= {
                "people": frozen.people,
                "unclear": unclear_words(city, frozen),
                "open": len(frozen.unclear),
                "waiting": waiting,
                "days": frozen.days,
            }
            return self._site.render(request, visitor, "closing_new.html", context)
        changes = closing.difference(found.rows, frozen.rows)
        was = found.frozen
        context |= {
            "people": was.people,
            "unclear": unclear_words(city, was),
            "despite": was.despite,
            "ground": was.ground,
            "judged": moment(was.ground.now, self._site.web.zone),
            "issued": issued(found, self._site.web.zone),
            "changes": [turned(one) for one in changes[:MOST_SHOWN]],
            "count": len(changes),
            "seen": _digest(changes),
        }
        return self._site.render(request, visitor, "closing.html", context)

    def _asked(
        self, tx: Transaction, request: Request, visitor: Visitor
    ) -> tuple[City, str, Month]:
        city = self._site.cities.current(tx)
        unit, month = request.path_params["unit"], month_of(request.path_params["month"])
        if not (visitor.sees(unit) and tx.closings.of(unit, str(month))):  # it may have ended
            may_see_unit(city, visitor, unit)
        return city, unit, month

    def _standing(self, tx: Transaction, unit: str, month: Month) -> Standing | None:
        closed = tx.closings.of(unit, str(month))
        return self._verified(closed) if closed else None

    def _verified(self, closed: Sequence[Closed]) -> Standing:
        """Return what the messages come to. Raises Sorry: somebody changed one."""
        try:
            return closing.standing(closing.messages(closed), self._site.authority.keys)
        except ProtocolError as error:
            raise Sorry(f"Tanda tangan bulan ini tidak cocok; panggil auditor: {error}") from error

    def _frozen(
        self,
        tx: Transaction,
        city: City,
        unit: str,
        month: Month,
        actor: str,
        reason: str,
        despite: str,
    ) -> Frozen:
        """Return the month as it is judged now, as `actor` closes it. Raises Sorry."""
        try:
            found = draft(tx, city, Key(unit, month.first, month.last), self._site.clock())
        except BadRules as error:
            raise Sorry(f"Aturan kerja tidak dapat dipakai: {error}") from error
        return structs.replace(
            found,
            actor=actor,
            reason=reason,
            despite=despite,
            waiting=_waiting(tx, city, unit, month),
        )

    # Deciding.

    def _do(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /closings: `what` is close (freeze a month) or issue (what changed since)."""
        unit, month = text(form, "unit"), month_of(text(form, "month"))
        what, reason = text(form, "what"), checked(words(form, "reason", proposals.MOST_REASON))
        if what not in ("close", "issue"):
            raise Sorry("Pilih tutup bulan, atau terbitkan selisih.")
        actor = f"account {visitor.account}"
        despite = words(form, "despite", proposals.MOST_REASON)
        with self._site.store.reading() as tx:  # judging takes long, and who writes holds up others
            city = self._site.cities.current(tx)
            may_see_unit(city, visitor, unit)
            found = self._standing(tx, unit, month)
            frozen = self._frozen(tx, city, unit, month, actor, reason, despite)
        content: Content
        if what == "close":
            self._check_closing(month, found, frozen)
            content, action = frozen, "close month"
        else:
            content, action = self._issue(found, frozen, text(form, "seen")), "issue difference"
        self._keep(visitor, month, found, content, action)
        return RedirectResponse(closing_link(unit, str(month)), 303)

    def _check_closing(self, month: Month, found: Standing | None, frozen: Frozen) -> None:
        if found is not None:
            raise Sorry("Bulan ini sudah ditutup.")
        if month >= self._this_month:
            raise Sorry("Bulan ini belum selesai.")
        if frozen.unclear:
            try:
                checked(frozen.despite)
            except Refused as refused:
                raise Sorry(
                    f"{len(frozen.unclear)} tugas belum jelas: tulis mengapa bulan tetap ditutup."
                ) from refused

    def _issue(self, found: Standing | None, now: Frozen, seen: str) -> Difference:
        if found is None:
            raise Sorry("Bulan ini belum ditutup.")
        changes = closing.difference(found.rows, now.rows)
        if not changes:
            raise Sorry("Tidak ada yang berubah sejak yang terakhir.")
        if _digest(changes) != seen:
            raise Sorry("Sementara itu ada yang berubah lagi; lihat selisihnya sekali lagi.")
        return Difference(
            unit=now.unit,
            month=now.month,
            actor=now.actor,
            reason=now.reason,
            ground=now.ground,
            changes=changes,
        )

    def _keep(
        self,
        visitor: Visitor,
        month: Month,
        found: Standing | None,
        content: Content,
        action: str,
    ) -> None:
        last = found.said[-1].closing if found else None
        number = last.head.number + 1 if last else 0
        now = self._site.clock()
        what = Closes(
            unit=content.unit,
            month=str(month),
            number=number,
            utc=now,
            previous=last.digest if last else "",
        )
        said = closing.written(content)
        message = self._site.authority.sign_closing(what, said)
        with self._site.store.writing() as tx:
            tx.city.lock()
            proposals.check_account(tx, visitor)
            if tx.city.stamp() != content.ground.stamp:
                raise Sorry("Sementara itu daftar pegawai berubah; lihat sekali lagi.")
            kept = Closed(
                unit=content.unit,
                month=str(month),
                number=number,
                message=message,
                actor=content.actor,
                made_at=now,
            )
            if not tx.closings.add(kept):
                raise Sorry("Sementara itu orang lain sudah melakukannya; lihat sekali lagi.")
            detail = {
                "number": str(number),
                "sha256": sha256(message.partition(b"\n")[0]).hexdigest(),
                "content": sha256(said).hexdigest(),
                "previous": what.previous,
                **_counted(content),
            }
            subject = f"{content.unit} {month}"
            self._site.decide(tx, visitor, action, subject, reason=content.reason, detail=detail)

    # Files.

    def _csv(self, request: Request, visitor: Visitor) -> Response:
        """GET /closings/{unit}/{month}.csv: the frozen rows; `number`: after that difference."""
        return csv_of(*self._numbered(request, visitor))

    def _xlsx(self, request: Request, visitor: Visitor) -> Response:
        """GET /closings/{unit}/{month}.xlsx: the same; of number 0 with the sums."""
        return book_of(*self._numbered(request, visitor))

    def _numbered(self, request: Request, visitor: Visitor) -> tuple[str, Standing]:
        """Return a file's name, and the month after the difference that is asked for."""
        said = request.query_params.get("number", "0")
        with self._site.store.reading() as tx:
            _, unit, month = self._asked(tx, request, visitor)
            closed = tx.closings.of(unit, str(month))
        if not said.isascii() or not said.isdecimal() or not int(said[:9]) < len(closed):
            raise Missing("Bulan ini belum ditutup, atau tidak ada selisih dengan nomor itu.")
        number = int(said[:9])
        safe = "".join(sign if sign.isascii() and sign.isalnum() else "-" for sign in unit)
        return f"rekap-{safe}-{month}-{number}", self._verified(closed[: number + 1])


def draft(tx: Transaction, city: City, key: Key, now: int) -> Frozen:
    """Return a unit's month as it would be closed now. Raises BadRules, StoreError."""
    return closing.freeze(
        closing.judge(tx, city, key.unit, key.first, key.last, now),
        city,
        key.unit,
        key.first,
        key.last,
        closing.ground(tx, city, now),
        actor="",
        reason="",
    )


def _counted(content: Content) -> dict[str, str]:
    if isinstance(content, Difference):
        return {"changes": str(len(content.changes))}
    counted = {"rows": str(len(content.rows)), "unclear": str(len(content.unclear))}
    return counted | ({"despite": content.despite} if content.unclear else {})


def _waiting(tx: Transaction, city: City, unit: str, month: Month) -> list[int]:
    """Return the proposals that wait and may change a unit's month."""
    first, last = month.first - timedelta(days=1), month.last
    return [
        one.id
        for one in tx.proposals.listed([Stage.WAITING], None)
        # Where presences stand takes a look at each: of another unit's alone none is needed.
        if (one.kind in (Kind.ABSENCE, Kind.PAPER) or one.unit in ("", unit))
        and any(
            each.unit == unit and each.since <= last and first <= each.until
            for each in touched(tx, city, body_of(one))
        )
    ]


def _digest(changes: Sequence[Changed]) -> str:
    """Return what stands for these changes, whatever was judged besides."""
    said = "\n".join(f"{one.person}|{one.day}|{one.before}|{one.after}" for one in changes)
    return sha256(said.encode()).hexdigest()
