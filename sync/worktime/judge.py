"""The judge: what each duty of a person comes to. READ `halves.py` first: it says what is proved.

Pure: no file, no clock, no database. The same case gives the same answer whenever and in whatever
order it was learned; a rule book changed for a month long past is only another rule book.

    duties       when the person is on duty             duties.py
    slots        where a punch for each may stand       slots.py
    placing      which punches do                       placing.py
    halves       arrival and departure, each alone      halves.py
    here         blocks, absences, the duty's verdict, its minutes

A **block** is duties that follow each other so closely that the hand-over needs no punch. Whoever
was seen anywhere in it is not asked for punches inside it. An absence excuses each half that is not
in time, hides no punch, and ends a block.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain
from typing import Final, NamedTuple

from msgspec import structs

from sync.worktime import halves
from sync.worktime.absences import absence_on, excuses
from sync.worktime.book import Book
from sync.worktime.duties import MINUTE_MS, ONE_DAY, REACH_DAYS, Duty, are_joined, duties
from sync.worktime.evidence import Case, Watch
from sync.worktime.halves import NO_SHIFT, Proof, Searched
from sync.worktime.placing import Placing
from sync.worktime.rules import Absence, Demand
from sync.worktime.slots import slots
from sync.worktime.verdicts import OPEN, Half, Judged, Shares, Verdict


def judge(
    book: Book, case: Case, watch: Watch, first_day: date, last_day: date, now: int
) -> list[Judged]:
    """Return the duties of `case.person` that begin on these days, both included, judged at `now`.

    `now` is in milliseconds UTC: what may still be punched is `Verdict.PENDING`. Evidence of three
    days more on either side (`duties.REACH_DAYS`) makes the answer for the days at the edges.
    """
    around = REACH_DAYS * ONE_DAY
    laid = duties(book, case.person, case.posts, first_day - around, last_day + around)
    judged: list[Judged] = []
    for block in _blocks(_heard(book, case, laid)):
        if first_day <= block[-1].duty.day and block[0].duty.day <= last_day:
            judged += _judged(block, case, watch, now)
    return [one for one in judged if first_day <= one.duty.day <= last_day]


class _Heard(NamedTuple):
    """A duty, the absence that speaks of its day, and what was found in its slots."""

    duty: Duty
    absence: Absence | None
    arrival: Searched
    between: Searched
    departure: Searched

    @property
    def parts(self) -> tuple[Searched, Searched, Searched]:
        return self.arrival, self.between, self.departure

    @property
    def was_seen(self) -> bool:
        return any(part.found.sure for part in self.parts)


def _heard(book: Book, case: Case, laid: Sequence[Duty]) -> list[_Heard]:
    absences = [absence_on(case.absences, duty.day) for duty in laid]
    made = list(chain.from_iterable(slots(laid, [excuses(absence) for absence in absences])))
    found = map(Searched, made, Placing(book, case).place(made))
    return [
        _Heard(duty, absence, next(found), next(found), next(found))
        for duty, absence in zip(laid, absences, strict=True)
    ]


def _blocks(heard: Sequence[_Heard]) -> list[list[_Heard]]:
    blocks: list[list[_Heard]] = []
    for one in heard:
        if blocks and _is_handed_over(blocks[-1][-1], one):
            blocks[-1].append(one)
        else:
            blocks.append([one])
    return blocks


def _is_handed_over(one: _Heard, other: _Heard) -> bool:
    is_excused = excuses(one.absence) or excuses(other.absence)
    return not is_excused and are_joined(one.duty, other.duty)


def _judged(block: Sequence[_Heard], case: Case, watch: Watch, now: int) -> Iterator[Judged]:
    was_seen = any(one.was_seen for one in block)
    for one in block:
        proof = _proof(one.duty, case, watch, now)
        arrival, departure = _both(one, block, was_seen, proof)
        verdict = _verdict(arrival, departure, one.between, was_seen, proof)
        if verdict is Verdict.ABSENT:  # who was not there was not late as well
            arrival, departure = (structs.replace(half, code="") for half in (arrival, departure))
        yield Judged(
            duty=one.duty,
            arrival=arrival,
            departure=departure,
            verdict=verdict,
            shares=_shares(one.duty, arrival, departure, verdict),
            reason=one.absence.reason if one.absence else None,
            reference=one.absence.reference if one.absence else "",
            between=[sighting.punch.ref for sighting in one.between.found.sure],
            uncounted=[punch.ref for part in one.parts for punch in part.found.uncounted],
        )


def _both(one: _Heard, block: Sequence[_Heard], was_seen: bool, proof: Proof) -> tuple[Half, Half]:
    """Return arrival and departure: those inside the block are not asked for, if one was seen."""
    is_first, is_last = one is block[0], one is block[-1]
    arrival, departure = one.arrival, one.departure
    shift = halves.shift(arrival, proof) if is_first and is_last else NO_SHIFT
    came = halves.arrival(arrival, proof) if is_first else _inside(arrival, proof, was_seen)
    left = (
        halves.departure(departure, shift, proof)
        if is_last
        else _inside(departure, proof, was_seen)
    )
    return (_excused(came), _excused(left)) if excuses(one.absence) else (came, left)


def _proof(duty: Duty, case: Case, watch: Watch, now: int) -> Proof:
    days = {duty.day, duty.last_day}
    places = {(row.kiosk, row.source) for row in case.reach if any(map(row.covers, days))}
    needs_second = Demand.SECOND in duty.rule.demands.values()
    return Proof(duty, watch, places, now, duty.rule.second_within_s * 1000 if needs_second else 0)


def _inside(searched: Searched, proof: Proof, was_seen: bool) -> Half:
    """Return what a half inside a block comes to."""
    if not was_seen:
        return halves.nothing(searched, proof)
    refs = [sighting.punch.ref for sighting in searched.found.sure]
    at = searched.found.sure[0].punch.shown if refs else None
    return Half(verdict=Verdict.NOT_ASKED, at=at, ref=refs[0] if refs else "", refs=refs)


def _excused(half: Half) -> Half:
    if half.verdict is Verdict.PRESENT:
        return half
    return structs.replace(half, verdict=Verdict.EXCUSED, minutes=0, code="")


def _verdict(
    arrival: Half, departure: Half, between: Searched, was_seen: bool, proof: Proof
) -> Verdict:
    said = (arrival.verdict, departure.verdict)
    for verdict in (*OPEN, Verdict.EXCUSED):
        if verdict in said:
            return verdict
    if was_seen or Verdict.MISSING not in said:
        return Verdict.PRESENT
    slot, found = between
    return proof.obstacle(slot.begin, slot.until, bool(found.doubtful)) or Verdict.ABSENT


def _shares(duty: Duty, arrival: Half, departure: Half, verdict: Verdict) -> Shares:
    """Return the duty's minutes: those before departures count belong to the arrival."""
    length = duty.length_min
    if verdict is Verdict.ABSENT:
        return Shares(absent=length)
    first = min(max(0, (duty.leave_from - duty.start) // MINUTE_MS), length)
    minutes = dict.fromkeys(Shares.__struct_fields__, 0)
    for half, own in ((arrival, first), (departure, length - first)):
        adverse = min(half.minutes, own)
        minutes[_SHARE[half.verdict]] += adverse or own
        minutes["present"] += own - adverse if adverse else 0
    return Shares(**minutes)


_SHARE: Final = {
    Verdict.PRESENT: "present",
    Verdict.NOT_ASKED: "present",
    Verdict.LATE: "late",
    Verdict.EARLY: "early",
    Verdict.MISSING: "absent",
    Verdict.EXCUSED: "excused",
    Verdict.PENDING: "pending",
    Verdict.OUTAGE: "unproved",
    Verdict.INCOMPLETE: "unproved",
    Verdict.UNSURE: "unproved",
}
"""Which share the minutes of a half go to; late and early only as many as they are."""
