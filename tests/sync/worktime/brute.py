"""The brute-force judge: the same laws as docs/WORKTIME.md, told moment by moment.

It shares nothing with the judge under test but the types of rules. Nothing is indexed, cached,
sorted for speed or bisected: rules are found by scanning all rows; who owns a moment is asked of
each moment; and whether a punch may be missing is asked of each moment at which anything changes.
Punches, coverage, outages and reach are given as any objects with the right attributes.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from sync.worktime.rules import (
    Absence,
    Counts,
    Demand,
    PinGrant,
    Post,
    Reason,
    Regulation,
    RuleBook,
    Window,
)

MIN = 60_000
FINGER_OR_FACE = ("fingerprint", "face", "palm")
IN_THE_WAY = ("berlangsung", "alat mati", "belum lengkap", "jam belum pasti")


class Half(NamedTuple):
    verdict: str
    at: int | None = None
    ref: str = ""
    minutes: int = 0
    code: str = ""
    refs: tuple[str, ...] = ()


class Day(NamedTuple):
    """One duty, judged; the words are those of screens."""

    day: date
    code: str
    start: int
    end: int
    word: str
    arrival: Half
    departure: Half
    shares: dict[str, int]
    between: tuple[str, ...]
    uncounted: tuple[str, ...]


class Duty(NamedTuple):
    day: date
    code: str
    start: int
    end: int
    flex_min: int
    window: Window
    rule: Regulation
    zone: str

    def ends_on(self) -> date:
        return datetime.fromtimestamp(self.end // 1000, ZoneInfo(self.zone)).date()

    def middle(self) -> int:
        return self.start + (self.end - self.start) // 2

    def arrivals_end(self) -> int:
        given, leave = self.window.arrive_until_min, self.window.leave_from_min
        if given is not None:
            return self.start + (given + 1) * MIN  # the minute that is named counts whole
        return self.middle() if leave is None else self.start + leave * MIN

    def departures_begin(self) -> int:
        leave = self.window.leave_from_min
        if leave is None:
            return self.arrivals_end()
        return max(self.arrivals_end(), self.start + leave * MIN)

    def opens(self) -> int:
        return self.start - self.window.before_min * MIN

    def closes(self) -> int:
        return self.end + (self.window.after_min + 1) * MIN


# --- rules ------------------------------------------------------------------------------------


def newest(rows: Iterable[Any], day: date, rank: str = "") -> Any:
    """Return the row that holds: the highest rank, then the latest beginning, then what it says."""
    held = [
        ((getattr(row, rank) if rank else 0, row.since or date.min, msgspec.json.encode(row)), row)
        for row in rows
        if (row.since is None or day >= row.since) and (row.until is None or day <= row.until)
    ]
    return max(held, key=lambda one: one[0])[1] if held else None


def groups_of(book: RuleBook, person: str, day: date) -> list[str]:
    left = [row for row in book.groups if row.person == person]
    groups = []
    while row := newest(left, day):
        groups.append(row.group)
        left.remove(row)
    return groups


def assignment(book: RuleBook, person: str, unit: str, day: date) -> Any:
    wanted = [("person", person), *(("group", g) for g in groups_of(book, person, day))]
    for kind, who in [*wanted, ("unit", unit)]:
        if row := newest([r for r in book.assignments if getattr(r, kind) == who], day):
            return row
    return None


def shift(book: RuleBook, code: str, unit: str, day: date) -> list[Any]:
    for whose in (unit, ""):
        rows = [row for row in book.shifts if row.code == code and row.unit == whose]
        if row := newest(rows, day):
            return [(code, row)]
    return []


def pattern(book: RuleBook, person: str, unit: str, day: date) -> list[Any]:
    row = assignment(book, person, unit, day)
    if row is None:
        return []
    if row.calendar and newest([h for h in book.holidays if h.calendar == row.calendar], day):
        return []
    if turn := newest([one for one in book.rotations if one.plan == row.plan], day):
        place = ((day - turn.anchor).days + row.offset) % len(turn.cycle)
        return [one for code in turn.cycle[place] for one in shift(book, code, unit, day)]
    if week := newest([one for one in book.weeks if one.plan == row.plan], day, "rank"):
        return [(row.plan, hours) for hours in week.hours if day.isoweekday() in hours.days]
    return []


def planned(book: RuleBook, person: str, unit: str, day: date) -> list[Any]:
    """Return what plan and table say, without swaps."""
    for kind, who in [("person", person), *(("group", g) for g in groups_of(book, person, day))]:
        said = []
        for table in book.tables:
            place = (day - table.first).days
            if getattr(table, kind) == who and 0 <= place < len(table.days):
                codes = table.days[place]
                if codes is not None:
                    said.append((table.edition, table.first, msgspec.json.encode(table), codes))
        if said:
            found = []
            for code in max(said, key=lambda one: one[:3])[3]:
                found += (
                    pattern(book, person, unit, day)
                    if code == "*"
                    else shift(book, code, unit, day)
                )
            return found
    return pattern(book, person, unit, day)


def good_swaps(book: RuleBook) -> list[Any]:
    good: list[Any] = []
    for swap in sorted(book.swaps, key=msgspec.json.encode):
        used = {(s.person, s.day) for s in good} | {(s.other, s.other_day) for s in good}
        if (swap.person, swap.day) not in used and (swap.other, swap.other_day) not in used:
            good.append(swap)
    return good


def swapped(book: RuleBook, person: str, unit: str, day: date) -> list[Any]:
    gave, found = False, []
    for swap in good_swaps(book):
        for giver, of_day, taker in [
            (swap.person, swap.day, swap.other),
            (swap.other, swap.other_day, swap.person),
        ]:
            gave = gave or (giver, of_day) == (person, day)
            if (taker, of_day) == (person, day):
                found += planned(book, giver, unit, day)
    return found if gave else planned(book, person, unit, day) + found


def moment(zone: str, day: date, minute: int) -> int:
    wall = datetime.combine(day, time()) + timedelta(minutes=minute)
    return round(wall.replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1000


def all_duties(
    book: RuleBook, person: str, posts: Sequence[Post], first: date, last: date
) -> list[Duty]:
    raw = []
    for number in range((last - first).days + 7):
        day = first + timedelta(days=number - 3)
        if post := newest(posts, day):
            rule = newest([r for r in book.regulations if r.unit == post.unit], day)
            rule = rule or newest([r for r in book.regulations if r.unit == ""], day)
            given = assignment(book, person, post.unit, day)
            zone = (given.zone if given else "") or post.zone
            for code, row in swapped(book, person, post.unit, day):
                start, end = moment(zone, day, row.start), moment(zone, day, row.end)
                raw.append((start, end, day, code, row, rule or Regulation(), zone))
    found: list[Duty] = []
    for start, end, day, code, row, rule, zone in sorted(raw, key=lambda one: one[:4]):
        begins = max([start, *(duty.end for duty in found)])
        if begins < end:
            found.append(Duty(day, code, begins, end, row.flex_min, row.window, rule, zone))
    return found


# --- who owns a moment ------------------------------------------------------------------------


def edge(one: Duty, other: Duty) -> int | None:
    """Return from which moment on `other` takes punches instead of `one`, where both would."""
    if one.closes() <= other.opens():
        return None
    middle = one.end + (other.start - one.end) // 2
    return sorted([other.opens(), middle, one.closes()])[1]


def takes(duties: Sequence[Duty], index: int, at: int) -> bool:
    """Return whether `duties[index]` takes a punch at `at`, among those of its kind."""
    duty = duties[index]
    if not duty.opens() <= at < duty.closes():
        return False
    if index:
        before = edge(duties[index - 1], duty)
        if before is not None and at < before:
            return False
    if index + 1 < len(duties):
        after = edge(duty, duties[index + 1])
        if after is not None and at >= after:
            return False
    return True


def side_of(duty: Duty, at: int) -> str:
    if at < duty.arrivals_end():
        return "arrival"
    return "between" if at < duty.departures_begin() else "departure"


def changes(duties: Sequence[Duty]) -> set[int]:
    """Return every moment at which it may change who owns a punch."""
    edges = set()
    for one in duties:
        edges |= {one.opens(), one.closes(), one.arrivals_end(), one.departures_begin()}
        edges |= {cut for other in duties if (cut := edge(one, other)) is not None}
    return edges


# --- one person -------------------------------------------------------------------------------


class Sight(NamedTuple):
    best: int
    worst: int
    at: int
    ref: str


class World:
    """One person's duties, and all that is known of them."""

    def __init__(self, book: RuleBook, duties: list[Duty], known: dict[str, Any]) -> None:
        self.book = book
        self.duties = duties
        self.known = known
        self.absences = [self.absence(duty.day) for duty in duties]
        self.free = [one is not None and one.reason != Reason.UNEXPLAINED for one in self.absences]
        edges = changes(duties) | {known["now"]}
        for one in (*known["coverage"], *known["outages"]):
            edges |= {one.begin, one.until}
        for punch in known["punches"]:
            edges |= {punch.at - punch.error_ms, punch.at, punch.at + punch.error_ms}
        for duty in duties:
            within = duty.rule.outage_within_min or 0
            edges |= {duty.start - within * MIN, duty.end + within * MIN}
        self.points = sorted(edges | {edge - 1 for edge in edges} | {edge + 1 for edge in edges})
        self.owned = self.owners()

    def absence(self, day: date) -> Absence | None:
        held = [
            row
            for row in self.known["absences"]
            if (row.since is None or row.since <= day) and (row.until is None or day <= row.until)
        ]
        for excuses in (True, False):
            left = [row for row in held if (row.reason != Reason.UNEXPLAINED) == excuses]
            if left:
                left.sort(key=lambda row: (row.since or date.min, row.reason.value, row.reference))
                return left[-1]
        return None

    def owners(self) -> dict[tuple[int, str], list[int]]:
        """Return the moments that belong to each part of each duty."""
        owned: dict[tuple[int, str], list[int]] = {}
        spans: dict[int, list[int]] = {}
        for wanted in (False, True):  # whoever is excused takes what the others leave
            kind = [index for index, free in enumerate(self.free) if free == wanted]
            among = [self.duties[index] for index in kind]
            for place, index in enumerate(kind):
                mine = [at for at in self.points if takes(among, place, at)]
                for other, theirs in spans.items():
                    if wanted and theirs and not self.free[other]:
                        before = other < index
                        mine = [x for x in mine if (x > theirs[-1] if before else x < theirs[0])]
                spans[index] = mine
                for at in mine:
                    owned.setdefault((index, side_of(self.duties[index], at)), []).append(at)
        return owned

    # --- punches

    def counts(self, punch: Any, duty: Duty) -> str:
        """Return "yes", "no", or "perhaps" where that hangs on a punch that may be another's."""
        demand = duty.rule.demands.get(punch.method)
        if demand == Demand.GRANT:
            grants: Sequence[PinGrant] = self.known["pin_grants"]
            return "no" if newest(grants, duty.day) is None else "yes"
        if demand == Demand.SECOND:
            words = {"no"}
            for other in self.known["punches"]:
                apart = abs(other.at - punch.at) - other.error_ms - punch.error_ms
                near = apart <= duty.rule.second_within_s * 1000
                if other.method in FINGER_OR_FACE and near and self.paired(punch, other, duty.day):
                    words.add("perhaps" if other.doubted else "yes")
            return next(word for word in ("yes", "perhaps", "no") if word in words)
        return "yes"

    def paired(self, one: Any, other: Any, day: date) -> bool:
        a, b = (one.kiosk, one.source), (other.kiosk, other.source)
        rows = [
            pair
            for pair in self.book.pairs
            if {(pair.kiosk, pair.source), (pair.other_kiosk, pair.other_source)} == {a, b}
        ]
        return a == b or newest(rows, day) is not None

    def sights(self, index: int, side: str) -> tuple[list[Sight], list[Sight], list[str]]:
        """Return what belongs to a part of a duty, what may, and what proves too little."""
        sure, doubtful, weak = [], [], []
        mine, duty = self.owned.get((index, side), []), self.duties[index]
        for punch in sorted(self.known["punches"], key=lambda one: (one.at, one.ref)):
            low, high = punch.at - punch.error_ms, punch.at + punch.error_ms
            if not mine or high < mine[0] or low > mine[-1]:
                continue
            near = punch.error_ms <= duty.rule.in_favour_ms
            belongs = punch.at in mine if near else mine[0] <= low and high <= mine[-1]
            enough = self.counts(punch, duty)
            if punch.doubted:  # may be anybody's, wherever it may have been
                near, belongs, enough = False, False, "perhaps"
            if near and not belongs:
                continue
            if enough == "no":
                weak += [punch.ref] if belongs else []
                continue
            ends = [max(low, mine[0]), min(high, mine[-1])]
            best, worst = ends if side != "departure" else reversed(ends)
            sight = Sight(best, best if near else worst, punch.at, punch.ref)
            (sure if belongs and enough == "yes" else doubtful).append(sight)
        return sure, doubtful, weak

    # --- proof

    def in_the_way(self, index: int, better: Sequence[int], doubtful: bool) -> str | None:
        """Return why a punch may have stood at one of the moments `better`, unknown to us."""
        words = {"jam belum pasti"} if doubtful else set()
        duty = self.duties[index]
        second = Demand.SECOND in duty.rule.demands.values()
        margin = duty.rule.second_within_s * 1000 if second else 0
        if better:
            least, most = better[0] - margin, better[-1] + margin
            near = [at for at in self.points if least <= at <= most]
            for at in near:
                words |= self.unproved(at, duty)
        return next((word for word in IN_THE_WAY if word in words), None)

    def unproved(self, at: int, duty: Duty) -> set[str]:
        places = [
            row
            for row in self.known["reach"]
            if newest([row], duty.day) or newest([row], duty.ends_on())
        ]
        within = duty.rule.outage_within_min
        matters = within is None or (duty.start - within * MIN <= at < duty.end + within * MIN)
        words = {"berlangsung"} if at >= self.known["now"] else set()
        words |= set() if places else {"belum lengkap"}
        for place in places:

            def holds(stretches: Iterable[Any], place: Any = place) -> bool:
                return any(
                    (one.kiosk, one.source) == (place.kiosk, place.source)
                    and one.begin <= at < one.until
                    for one in stretches
                )

            lasts = self.out_for(place, at)
            is_out = lasts is not None and lasts >= duty.rule.outage_least_min * MIN
            words |= {"alat mati"} if matters and is_out else set()
            words |= set() if holds(self.known["coverage"]) else {"belum lengkap"}
        return words

    def out_for(self, place: Any, at: int) -> int | None:
        """Return how long the outage is, of stretches that touch, in which `at` is."""
        left = [
            one
            for one in self.known["outages"]
            if (one.kiosk, one.source) == (place.kiosk, place.source) and one.begin < one.until
        ]
        grown = next((one for one in left if one.begin <= at < one.until), None)
        if grown is None:
            return None
        begin, until = grown.begin, grown.until
        while more := [
            one
            for one in left
            if one.begin <= until
            and one.until >= begin
            and (one.begin < begin or one.until > until)
        ]:
            begin = min(begin, more[0].begin)
            until = max(until, more[0].until)
        return until - begin

    # --- halves

    def none(self, index: int, side: str, code: str) -> Half:
        mine = self.owned.get((index, side), [])
        if not mine:
            return Half("tidak perlu")
        _, doubtful, _ = self.sights(index, side)
        word = self.in_the_way(index, mine, bool(doubtful))
        return Half(word) if word else Half("tidak ada presensi", code=code)

    def half(self, index: int, side: str, inside: bool, seen: bool, has_flex: bool) -> Half:
        duty, rule = self.duties[index], self.duties[index].rule
        sure = self.sights(index, side)[0]
        refs = tuple(one.ref for one in sure)
        arrives = side == "arrival"
        if inside and seen:
            first = sure[0] if sure else None
            at, ref = (first.at, first.ref) if first else (None, "")
            return Half("tidak perlu", at, ref, refs=refs)
        missing = rule.no_arrival if arrives else rule.no_departure
        if not sure:
            return self.none(index, side, "" if inside else missing)
        shifts, blocked = [0, 0], None
        if not arrives and has_flex:
            shifts, blocked = self.flexible(index)
        best, worst, named = self.counted(index, side)
        ends = [
            self.minutes(duty, arrives, *one) for one in ((best, shifts[0]), (worst, shifts[1]))
        ]
        table = rule.late if arrives else rule.early
        codes = [[step.code for step in table if step.from_min <= one][-1:] for one in ends]
        if ends[1] == 0:
            return Half("hadir", named.at, named.ref, refs=refs)
        better, may = self.better(index, side, best)
        word = self.in_the_way(index, better, may)
        if word is None and (ends[0] == 0 or codes[0] != codes[1]):
            word = blocked or "jam belum pasti"
        if word:
            return Half(word, named.at, named.ref, refs=refs)
        word = "terlambat" if arrives else "pulang sebelum waktunya"
        return Half(word, named.at, named.ref, ends[0], "".join(codes[0]), refs)

    def counted(self, index: int, side: str) -> tuple[int, int, Sight]:
        rule = self.duties[index].rule
        counts = rule.arrival if side == "arrival" else rule.departure
        sure, _, _ = self.sights(index, side)
        place = 0 if counts == Counts.FIRST else -1
        best = sorted(one.best for one in sure)[place]
        worst = sorted(one.worst for one in sure)[place]
        return best, worst, next(one for one in sure if one.best == best)

    def better(self, index: int, side: str, best: int) -> tuple[list[int], bool]:
        """Return where an unknown punch would serve better, and whether a doubtful one is there."""
        rule = self.duties[index].rule
        _, doubtful, _ = self.sights(index, side)
        mine = self.owned[index, side]
        if side == "arrival":
            if rule.arrival == Counts.LAST:
                return [], False
            return [at for at in mine if at < best], any(one.best < best for one in doubtful)
        if rule.departure == Counts.FIRST:
            return [], False
        return [at for at in mine if at > best], any(one.best > best for one in doubtful)

    def flexible(self, index: int) -> tuple[list[int], str | None]:
        duty = self.duties[index]
        if not self.sights(index, "arrival")[0]:
            return [0, 0], None
        best, worst, _ = self.counted(index, "arrival")
        low, high = (sorted([0, at - duty.start, duty.flex_min * MIN])[1] for at in (best, worst))
        if high == 0:
            return [0, 0], None
        word = self.in_the_way(index, *self.better(index, "arrival", best))
        return [0 if word else low, high], word

    @staticmethod
    def minutes(duty: Duty, arrives: bool, at: int, shift: int) -> int:
        if arrives:
            wrong, grace = at - duty.start - duty.flex_min * MIN, duty.rule.grace_min
        else:
            wrong, grace = duty.end + shift - at, duty.rule.leave_grace_min
        return wrong // MIN if wrong >= (grace + 1) * MIN else 0

    # --- duties

    def block(self, index: int) -> list[int]:
        """Return the duties that need no hand-over between them."""

        def joined(one: int) -> bool:
            if one < 0 or one + 1 >= len(self.duties) or self.free[one] or self.free[one + 1]:
                return False
            a, b = self.duties[one], self.duties[one + 1]
            allowed = [a.rule.join_gap_min, b.rule.join_gap_min]
            return None not in allowed and b.start - a.end <= min(allowed) * MIN

        first = last = index
        while joined(first - 1):
            first -= 1
        while joined(last):
            last += 1
        return list(range(first, last + 1))

    def day(self, index: int) -> Day:
        duty, block = self.duties[index], self.block(index)
        sides = ("arrival", "between", "departure")
        seen = any(self.sights(one, side)[0] for one in block for side in sides)
        comes, goes = index != block[0], index != block[-1]
        arrival = self.half(index, "arrival", comes, seen, False)
        departure = self.half(index, "departure", goes, seen, not comes)
        if self.free[index]:
            arrival, departure = (
                one if one.verdict == "hadir" else one._replace(verdict="izin", minutes=0, code="")
                for one in (arrival, departure)
            )
        said = (arrival.verdict, departure.verdict)
        word = next((one for one in (*IN_THE_WAY, "izin") if one in said), None)
        between, may, _ = self.sights(index, "between")
        if word is None and not seen and "tidak ada presensi" in said:
            mine = self.owned.get((index, "between"), [])
            word = self.in_the_way(index, mine, bool(may)) or "tanpa keterangan"
        if word == "tanpa keterangan":
            arrival, departure = arrival._replace(code=""), departure._replace(code="")
        labels = Counter(
            self.label(duty, i, arrival, departure, word) for i in range(duty_min(duty))
        )
        absence = self.absences[index]
        return Day(
            duty.day,
            duty.code,
            duty.start,
            duty.end,
            absence.reason.value if word == "izin" and absence else word or "hadir",
            arrival,
            departure,
            dict(labels),
            tuple(one.ref for one in between),
            tuple(ref for side in sides for ref in self.sights(index, side)[2]),
        )

    @staticmethod
    def label(duty: Duty, minute: int, arrival: Half, departure: Half, word: str | None) -> str:
        """Return what one minute of a duty is called."""
        if word == "tanpa keterangan":
            return "absent"
        is_first = duty.start + (minute + 1) * MIN <= duty.departures_begin()
        verdict = (arrival if is_first else departure).verdict
        if verdict == "terlambat":
            return "late" if minute < arrival.minutes else "present"
        if verdict == "pulang sebelum waktunya":
            return "early" if minute >= duty_min(duty) - departure.minutes else "present"
        if verdict == "tidak ada presensi":
            return "absent"
        return {"izin": "excused", "berlangsung": "pending"}.get(
            verdict, "unproved" if verdict in IN_THE_WAY else "present"
        )


def duty_min(duty: Duty) -> int:
    return (duty.end - duty.start) // MIN


def judge(
    book: RuleBook,
    person: str,
    posts: Sequence[Post],
    first_day: date,
    last_day: date,
    *,
    punches: Sequence[Any],
    coverage: Sequence[Any],
    outages: Sequence[Any],
    reach: Sequence[Any],
    absences: Sequence[Absence],
    pin_grants: Sequence[PinGrant],
    now: int,
) -> list[Day]:
    """Return the duties of one person that begin on these days, judged."""
    around = timedelta(days=3)
    known = {
        "punches": punches,
        "coverage": coverage,
        "outages": outages,
        "reach": reach,
        "absences": absences,
        "pin_grants": pin_grants,
        "now": now,
    }
    since, until = first_day - around, last_day + around
    duties = all_duties(book, person, posts, since, until)
    world = World(book, [duty for duty in duties if since <= duty.day <= until], known)
    return [
        world.day(index)
        for index, duty in enumerate(world.duties)
        if first_day <= duty.day <= last_day
    ]
