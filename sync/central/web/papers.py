"""Attendance lists of paper: one line, or a whole file. First what it would do, then the decision.

A file is looked through as `roster import` does: every mistake with its cell, nothing taken in
until there is none. Between look and decision it travels in the form: nothing is kept of a file
that nobody decided on.
"""

import base64
from collections.abc import Sequence
from datetime import date
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sync.central.city import City
from sync.central.proposals import MOST_REASON
from sync.central.roles import DECIDING, Visitor
from sync.central.roster import csvfiles, xlsx
from sync.central.roster.forms import clock as said_clock
from sync.central.roster.reading import Fault, Written, read
from sync.central.roster.table import Source, Table, Unreadable
from sync.central.roster.verbs import plan
from sync.central.rulings import Paper, punches
from sync.central.store import Transaction
from sync.central.store.proposals import Kind
from sync.central.web import dates
from sync.central.web.dates import day_of
from sync.central.web.deciding import Preview, clock, day, decided, text, words
from sync.central.web.scope import sees_day
from sync.central.web.site import Missing, Site, Sorry
from sync.central.wishes import PaperBody, PaperRow

SHEET: Final = "papers"

MOST_FILE_BYTES: Final = 512 << 10
"""Longest file: a month of 2,404 people's signatures takes 100 KiB as a workbook."""

_MOST_UNPACKED_BYTES: Final = 16 << 20
"""What a workbook may unpack to: somebody waits for the page, and others for the machine."""

_MOST_FORM_BYTES: Final = 2 * MOST_FILE_BYTES
MOST_ROWS: Final = 3000
"""Lines of one file; each is named in central's own journal."""

MOST_FAULTS: Final = 100


class Said(Struct, frozen=True, kw_only=True):
    """What the fields of the single form say, to be shown in them again."""

    person: str = ""
    day: str = ""
    number: str = ""
    arrival: str = ""
    departure: str = ""
    reference: str = ""
    gone: bool = False
    reason: str = ""


class PaperPages:
    """The form of one line, and that of a file."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        page, act = self._site.page, self._site.act
        return [
            Route("/papers/new", page(self._form, roles=DECIDING), methods=["GET"]),
            Route("/papers/new", act(self._decide), methods=["POST"]),
            Route("/papers", page(self._upload, roles=DECIDING), methods=["GET"]),
            Route(
                "/papers",
                act(self._take_in, most_bytes=_MOST_FORM_BYTES, files=1),
                methods=["POST"],
            ),
        ]

    @property
    def _today(self) -> date:
        return dates.today(self._site.clock(), self._site.web.zone)

    # One line.

    def _form(self, request: Request, visitor: Visitor) -> Response:
        """GET /papers/new?person=&day=: the form; with `number`, of a line that is there."""
        asked = request.query_params
        when = asked.get("day") or str(self._today)
        said = Said(person=asked.get("person", ""), day=str(day_of(when)))
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            if said.person:
                _may_see(city, visitor, said.person, day_of(when))
        held = _line(city, said.person, day_of(when), asked.get("number", ""))
        if held is not None:
            said = Said(
                person=held.person,
                day=str(held.day),
                number=str(held.number),
                arrival=_clock(held.arrival),
                departure=_clock(held.departure),
                reference=held.reference,
            )
        return self._show(request, visitor, city, said, None)

    def _decide(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /papers/new: `step` is look (what it would do) or do."""
        names = [name for name in Said.__struct_fields__ if name != "gone"]
        said = Said(
            **{name: words(form, name, MOST_REASON) for name in names},
            gone=text(form, "gone") == "yes",
        )
        if text(form, "step") == "do":
            made = decided(
                self._site,
                visitor,
                said.reason,
                lambda tx, city: self._body(city, visitor, form, said),
            )
            return RedirectResponse(f"/proposals/{made.id}", 303)
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            body = self._body(city, visitor, form, said)
            preview = Preview(self._site, tx, city, visitor, body, Kind.PAPER)
        return self._show(request, visitor, city, said, preview)

    def _body(self, city: City, visitor: Visitor, form: FormData, said: Said) -> PaperBody:
        when = day(form, "day", "Tanggal")
        _may_see(city, visitor, said.person, when)
        before = _line(city, said.person, when, said.number)
        if said.gone:
            if before is None:
                raise Sorry("Tidak ada baris yang dihapus.")
            return PaperBody(rows=[PaperRow(before, None)])
        after = Paper(
            person=said.person,
            unit=_unit(city, visitor, said.person, when),
            day=when,
            number=before.number if before else _next(city, said.person, when),
            arrival=clock(form, "arrival"),
            departure=clock(form, "departure"),
            reference=words(form, "reference"),
        )
        if after.arrival is None and after.departure is None:
            raise Sorry("Isi jam masuk, jam pulang, atau keduanya.")
        both = (after.arrival, after.departure)
        if both[0] is not None and both[1] is not None and both[1] <= both[0]:
            raise Sorry("Jam pulang harus setelah jam masuk; untuk 08.00 esok tulis 32:00.")
        if when > self._today:
            raise Sorry("Hari itu belum tiba.")
        if is_to_come(city, after, self._site.clock()):
            raise Sorry("Jam itu belum tiba: tanda tangan tidak mungkin lebih dahulu.")
        return PaperBody(rows=[PaperRow(before, after)])

    def _show(
        self,
        request: Request,
        visitor: Visitor,
        city: City,
        said: Said,
        preview: Preview | None,
    ) -> Response:
        held = [
            (
                one.number,
                f"masuk {_clock(one.arrival) or '—'}, pulang {_clock(one.departure) or '—'}",
            )
            for one in city.rulings.papers.get(said.person, ())
            if str(one.day) == said.day
        ]
        context = {
            "said": said,
            "name": city.name(said.person),
            "held": held,
            "preview": preview,
            "closed": preview.closed if preview else [],
            "outcomes": preview.outcomes if preview else [],
        }
        return self._site.render(request, visitor, "paper.html", context)

    # A file.

    def _upload(self, request: Request, visitor: Visitor) -> Response:
        """GET /papers: where a file is given."""
        return self._looked(request, visitor, None, [], [], None, "")

    def _take_in(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /papers: a file is looked through (`step` look), or decided on (do)."""
        reason = words(form, "reason", MOST_REASON)
        source = _given(form)
        try:
            tables = _tables(source)
        except Unreadable as error:
            raise Sorry(f"Berkas tidak terbaca: {error}") from error
        if text(form, "step") == "do":
            made = decided(
                self._site,
                visitor,
                reason,
                lambda tx, city: self._kept(tx, city, visitor, source, tables),
            )
            return RedirectResponse(f"/proposals/{made.id}", 303)
        with self._site.store.reading() as tx:
            city = self._site.cities.current(tx)
            rows, faults = _read(tx, city, visitor, tables, self._today, self._site.clock())
            body, preview = PaperBody(rows=rows), None
            if rows and not faults:
                preview = Preview(self._site, tx, city, visitor, body, Kind.PAPER)
        return self._looked(request, visitor, source, rows, faults, preview, reason)

    def _kept(
        self,
        tx: Transaction,
        city: City,
        visitor: Visitor,
        source: Source,
        tables: Sequence[Table],
    ) -> PaperBody:
        rows, faults = _read(tx, city, visitor, tables, self._today, self._site.clock())
        if faults:
            raise Sorry("Sementara itu ada yang berubah: periksa berkasnya sekali lagi.")
        if not rows:
            raise Sorry("Berkas ini tidak mengubah apa pun.")
        digest = sha256(source.content)
        tx.city.keep_document(digest.digest(), source.name, source.content, self._site.clock())
        return PaperBody(rows=rows, file=source.name, sha256=digest.hexdigest())

    def _looked(
        self,
        request: Request,
        visitor: Visitor,
        source: Source | None,
        rows: Sequence[PaperRow],
        faults: Sequence[Fault],
        preview: Preview | None,
        reason: str,
    ) -> Response:
        context: dict[str, Any] = {
            "file": source.name if source else "",
            "digest": sha256(source.content).hexdigest() if source else "",
            "content": base64.b64encode(source.content).decode() if source and preview else "",
            "faults": faults[:MOST_FAULTS],
            "more": max(0, len(faults) - MOST_FAULTS),
            "added": sum(row.before is None for row in rows),
            "changed": sum(row.before is not None for row in rows),
            "preview": preview,
            "closed": preview.closed if preview else [],
            "outcomes": preview.outcomes if preview else [],
            "reason": reason,
        }
        return self._site.render(request, visitor, "papers.html", context, 400 if faults else 200)


def _given(form: FormData) -> Source:
    """Return the file: uploaded, or what the form carries from the look before. Raises Sorry."""
    upload = form.get("file")
    if isinstance(upload, UploadFile):
        content, name = upload.file.read(MOST_FILE_BYTES + 1), upload.filename or ""
    else:
        try:
            content = base64.b64decode(text(form, "content", _MOST_FORM_BYTES), validate=True)
        except ValueError as error:  # no base64, or no ASCII
            raise Sorry("Isi formulir rusak; unggah berkasnya sekali lagi.") from error
        name = words(form, "name")
    if not content or not name:
        raise Sorry("Pilih berkas CSV atau XLSX dahulu.")
    if len(content) > MOST_FILE_BYTES:
        raise Sorry(f"Berkas terlalu besar: paling banyak {MOST_FILE_BYTES >> 10} KiB.")
    return Source(name.replace("\\", "/").rpartition("/")[2][:256], content)


def _tables(source: Source) -> list[Table]:
    """Return the file's tables; a single one is the list, whatever it is called.

    Raises Unreadable.
    """
    name = source.name.casefold()
    if not name.endswith((xlsx.ENDING, csvfiles.ENDING)):
        raise Unreadable(f"{source.name}: .csv or .xlsx is needed")
    is_book = name.endswith(xlsx.ENDING)
    tables = xlsx.read(source, _MOST_UNPACKED_BYTES) if is_book else [csvfiles.read(source)]
    return [Table(SHEET, one.rows) for one in tables] if len(tables) == 1 else tables


def _read(
    tx: Transaction,
    city: City,
    visitor: Visitor,
    tables: Sequence[Table],
    today: date,
    now: int,
) -> tuple[list[PaperRow], list[Fault]]:
    """Return what a file changes, and all that is wrong with it."""
    strange = [
        one.name
        for one in tables
        if not one.name.startswith("#") and one.name.strip().casefold() != SHEET
    ]
    if strange:
        words = f"no list of paper; only the sheet {SHEET} is taken in here"
        return [], [Fault(name, 0, "", words) for name in strange]
    found, faults = read(tables)
    if not faults:
        faults = [
            Fault(SHEET, row.number, "person", words)
            for row in found[SHEET].rows.values()
            if (words := _unseen(city, visitor, row, today))
        ]
    if faults:
        return [], faults
    made = plan(tx, tables)
    rows = [PaperRow(_paper(one.before), _paper(one.after)) for one in made.changed]
    faults = [
        Fault(SHEET, 0, "", f"{line.person} {line.day}: that time is still to come")
        for row in rows
        if (line := row.after) is not None and is_to_come(city, line, now)
    ]
    faults += [one for one in made.faults if visitor.sees_all or one.sheet == SHEET]
    if made.faults and not faults:
        faults = [Fault("", 0, "", "the city's roster does not fit together; tell its officer")]
    if len(rows) > MOST_ROWS:
        faults.append(Fault(SHEET, 0, "", f"{len(rows)} lines; at most {MOST_ROWS} at once"))
    return rows, faults


def is_to_come(city: City, line: Paper, now: int) -> bool:
    """Return whether somebody would have signed later than it is."""
    zones = {line.unit: city.units[line.unit].zone} if line.unit in city.units else {}
    return any(one.at > now for one in punches([line], zones))


def _unseen(city: City, visitor: Visitor, row: Written, today: date) -> str:
    """Return why a line is not this one's to give, in words."""
    person, when = row.values["person"], row.values["day"]
    if when > today:
        return f"{when} is still to come"
    if visitor.sees_all or sees_day(city, visitor, person, when):
        if visitor.sees(row.values["unit"]):
            return ""
        return f"{row.values['unit']} is none of your units"
    return f"{person} is nobody of your units on {when}"


def _paper(row: Struct | None) -> Paper | None:
    if row is not None and not isinstance(row, Paper):
        raise TypeError(f"{row} is no line of paper")
    return row


def _may_see(city: City, visitor: Visitor, person: str, when: date) -> None:
    """Raises Missing: no such person for this one on that day."""
    if person not in city.people or not sees_day(city, visitor, person, when):
        raise Missing("Tidak ada pegawai dengan NIP itu pada unit Anda di hari itu.")


def _unit(city: City, visitor: Visitor, person: str, when: date) -> str:
    units = [one for one in city.units_of(person, when) if visitor.sees(one)]
    if not units:
        raise Sorry("Pada hari itu pegawai ini tidak bertugas di unit mana pun.")
    return units[0]


def _line(city: City, person: str, when: date, number: str) -> Paper | None:
    for one in city.rulings.papers.get(person, ()):
        if one.day == when and str(one.number) == number:
            return one
    return None


def _next(city: City, person: str, when: date) -> int:
    taken = [one.number for one in city.rulings.papers.get(person, ()) if one.day == when]
    return max(taken, default=0) + 1


def _clock(at: int | None) -> str:
    return "" if at is None else said_clock(at)
