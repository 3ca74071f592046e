"""From what happened to what is shown. Pure: no socket, no clock."""

from collections.abc import Callable
from typing import Final

import msgspec

from drivers.base import Credential
from drivers.camera.visits import Evidence, Verdict
from drivers.prompt import Prompt
from kiosk.health import Status
from kiosk.local import Recorded
from kiosk.mine import Mine, Own
from kiosk.prompts import Prompted
from kiosk.screen import times
from kiosk.screen.frames import Asked, Card, Idle, Line, Now, OwnFrame, Result, Sheet, Tone
from kiosk.screen.words import TONGUES, Tongue
from kiosk.settings import Language, Screen, ShowNames
from sync.edge.uplink import LineState
from sync.protocol.entry import Mark, Presence
from sync.worktime.rules import Demand

SCAN_WITHIN_S: Final = 20.0
"""So long the page waits for whoever asked to scan."""

LIST_STAYS_S: Final = 20.0
"""So long one's own presences stay, unless closed: the next person is not to read them."""

NOBODY_STAYS_S: Final = 4.0

PROMPT_STAYS_S: Final = 30.0
"""A step that nobody takes: whoever asked has gone, or died."""

SLACK_MS: Final = 5_000
"""So far a terminal's time may be off, whole seconds and its drift since it was measured."""

UNMEASURED_SLACK_MS: Final = 60_000
"""The same where its drift was never measured."""

PROVES_LITTLE: Final = frozenset({"password", "card"})
"""Methods (drivers' words) that alone show no one who stands there."""

NAMED_MOST: Final = 2
"""So many sources that are down are named; of more only the number."""

_FULL: Final = "critical"
_HOURS: Final = ((0, 3), (4 * 60, 0), (11 * 60, 1), (15 * 60, 2), (18 * 60 + 30, 3))
_CODE_LETTERS: Final = 6


class Composer:
    """Makes frames by the settings of one screen; `zone` is the IANA zone of its clock."""

    def __init__(self, screen: Screen, kiosk: str, zone: str) -> None:
        self._screen = screen
        self._office = screen.office or kiosk
        self._zone = zone

    # At rest.

    def now(self, status: Status) -> Now:
        """Return how the kiosk is."""
        clock = status.clock
        here = times.local(clock.utc, self._zone)
        return Now(
            utc=clock.utc,
            offset_ms=times.offset_ms(here),
            midnight=times.midnight_ms(here),
            zone=times.zone_name(self._zone),
            name=self._office,
            is_sure=clock.may_show_lateness,
            is_up=is_up(status),
            idle={one: self._idle(status, one) for one in TONGUES},
        )

    def _idle(self, status: Status, language: Language) -> Idle:
        words, clock, waiting = TONGUES[language], status.clock, status.line.waiting
        here = times.local(clock.utc, self._zone)
        greeting = words.welcome
        if clock.may_show_lateness:
            minute = here.hour * 60 + here.minute
            greeting = words.greetings[[which for since, which in _HOURS if since <= minute][-1]]
        return Idle(
            date=times.date(here, language),
            tomorrow=times.date(times.local(clock.utc + times.DAY_MS, self._zone), language),
            greeting=greeting,
            trust=words.clock_sure if clock.may_show_lateness else words.clock_unsure,
            line=words.line_up if is_up(status) else words.line_away,
            waiting=words.waiting.format(waiting) if waiting else "",
            notices=_notices(status, words),
        )

    # A result.

    def result(self, event: Recorded, status: Status | None) -> Result | None:
        """Return what is shown of a presence; None for an old one, whose person has gone."""
        if not event.is_fresh:
            return None
        tone, is_counted, say = self._judged(event, is_sure(status))
        name = self._name(event.name)
        cards = {}
        for language, words in TONGUES.items():
            card = say(words, language)
            notes = [card.note]
            if is_counted and (status is None or not is_up(status)):
                notes.append(words.stored_here)
            note = " · ".join(filter(None, notes))
            cards[language] = Card(
                head=card.head, time=card.time, name=name, detail=card.detail, note=note
            )
        return Result(
            tone=tone,
            cards=cards,
            is_counted=is_counted,
            stays_s=self._screen.result_s,
            folded_words={one: words.folded for one, words in TONGUES.items()},
        )

    def _judged(
        self, event: Recorded, is_sure: bool
    ) -> tuple[Tone, bool, Callable[[Tongue, Language], Card]]:
        """Return how it is taken, whether nothing is left to do, and what is said of it."""
        told = event.told
        match event.presence.mark:
            case Mark.STRANGER:
                return _bad(lambda words: (*_nobody(event.presence, words), words.kept))
            case Mark.UNBOUND:
                return _bad(lambda words: (words.another, words.another_do, words.kept))
            case Mark.TAKEN:
                return _bad(lambda words: (words.taken, words.taken_do, words.kept))
            case Mark.UNREADABLE:
                return _bad(lambda words: (words.unreadable, words.unreadable_do, words.kept))
        if told is not None and told.needs == Demand.GRANT.value:
            return _bad(lambda words: (words.pin, words.pin_do, words.kept))
        if told is not None and told.needs == Demand.SECOND.value:
            return Tone.ASK, False, lambda words, _: _second(event, words)
        is_late = told is not None and told.minutes > 0
        tone = Tone.LATE if is_late else Tone.GOOD
        return tone, True, lambda words, language: self._counted(event, words, language, is_sure)

    def _counted(self, event: Recorded, words: Tongue, language: Language, is_sure: bool) -> Card:
        told = event.told

        def at(utc: int) -> str:
            return times.clock(times.local(utc, event.presence.zone), language)

        if told is None:
            note = "" if is_sure else words.no_time
            time = at(event.made) if is_sure and event.made else ""
            return Card(head=words.recorded, time=time, note=note)
        head, late = words.sides.get(told.side, words.recorded), _late(event, words)
        completes = words.completes if told.completes else ""
        if not told.before:
            note = completes if late else ""
            return Card(head=head, time=at(event.made), detail=late or completes, note=note)
        minutes = (event.made - told.before) // 60_000
        before = words.before.format(minutes) if minutes > 0 else words.just_before
        if told.stands:
            note = f"{head} · {late}" if late else head
            return Card(head=words.recorded_before, time=at(told.before), detail=before, note=note)
        note = f"{words.recorded_before} {at(told.before)}, {before}"
        return Card(head=head, time=at(event.made), detail=late or completes, note=note)

    def _name(self, name: str) -> str:
        return name if self._screen.show_names is ShowNames.FULL else masked(name)

    # A prompt.

    def prompt(self, event: Prompted) -> Asked:
        """Return what somebody is asked to do."""
        what = event.what
        is_over = what in (Prompt.DONE, Prompt.FAILED)
        tone = _PROMPT_TONES.get(what, Tone.ASK)
        cards = {}
        for language, words in TONGUES.items():
            head, detail = words.prompts[what]
            cards[language] = Card(
                head=head,
                name=self._name(event.name),
                detail=detail,
                note=words.step.format(event.step, event.of) if event.of else "",
            )
        return Asked(
            tone=tone,
            shape=tone.value if is_over else what.value,
            cards=cards,
            stays_s=self._screen.result_s if is_over else event.stays_s or PROMPT_STAYS_S,
        )

    # Did my punch count?

    def scan(self) -> OwnFrame:
        """Return the question who asks."""
        return _step(
            lambda words: (words.mine_scan, words.mine_scan_more), SCAN_WITHIN_S, is_question=True
        )

    def nobody(self) -> OwnFrame:
        """Return what is shown where nobody scanned."""
        return _step(lambda words: (words.mine_nobody, words.mine_nobody_more), NOBODY_STAYS_S)

    def not_read(self) -> OwnFrame:
        """Return what is shown where the daemon did not answer."""
        return _step(lambda words: (words.mine_failed, words.mine_failed_more), NOBODY_STAYS_S)

    def own(self, mine: Mine) -> OwnFrame:
        """Return a person's own presences."""
        sheets = {}
        for language, words in TONGUES.items():
            lines = [_line(one, words, language) for one in mine.presences]
            sheets[language] = Sheet(
                title=self._name(mine.name) or words.mine,
                text=words.mine_note if lines else words.mine_none,
                lines=lines,
            )
        return OwnFrame(sheets=sheets, stays_s=LIST_STAYS_S)


def is_up(status: Status) -> bool:
    """Return whether central answers."""
    return status.line.state == LineState.UP.value


def is_sure(status: Status | None) -> bool:
    """Return whether the clock may be shown as right."""
    return status is not None and status.clock.may_show_lateness


def identifies(event: Recorded, since: int) -> bool:
    """Return whether a presence made at `since` (ms UTC by our clock) or later shows who it is.

    What proves enough is the rules' word. Where none is said, off duty or while the clock is not
    trusted, a card or a number typed in proves nothing: anybody can know, or hold, a colleague's.
    """
    presence, told = event.presence, event.told
    if not event.is_fresh or presence.mark not in (Mark.KNOWN, Mark.REPEAT):
        return False
    slack_ms = UNMEASURED_SLACK_MS if presence.drift is None else SLACK_MS
    if presence.person is None or event.made < since - slack_ms:
        return False
    if told is not None and (told.needs or told.duty):
        return not told.needs
    return presence.method not in PROVES_LITTLE


def masked(name: str) -> str:
    """Return enough of a name for whoever bears it: Siti R***. Titles say nothing and are left."""
    words = [one for one in name.partition(",")[0].split() if not one.endswith(".")]
    if len(words) < 2:
        return " ".join(words) or name
    return f"{words[0]} {words[1][0]}***"


def _notices(status: Status, words: Tongue) -> list[str]:
    notices = [words.disk_full] if status.disk.level == _FULL else []
    down = [one.name for one in status.sources if not one.connected and one.error]
    if len(down) > NAMED_MOST:
        notices.append(words.sources_down.format(len(down)))
    else:
        notices += [words.source_down.format(name) for name in down]
    return notices


def _bad(
    said: Callable[[Tongue], tuple[str, str, str]],
) -> tuple[Tone, bool, Callable[[Tongue, Language], Card]]:
    def say(words: Tongue, _: Language) -> Card:
        head, detail, note = said(words)
        return Card(head=head, detail=detail, note=note)

    return Tone.BAD, False, say


def _nobody(presence: Presence, words: Tongue) -> tuple[str, str]:
    """Return what is said to whom nobody knows, and what to do: a camera knows why."""
    match _verdict(presence):
        case Verdict.AMBIGUOUS:
            return words.face_unsure, words.face_unsure_do
        case Verdict.NOT_LIVE:
            return words.face_not_live, words.face_not_live_do
        case _:
            return words.stranger, words.stranger_do


def _verdict(presence: Presence) -> Verdict | None:
    """Return how a visit to a camera ended; None for any other punch."""
    if presence.credential != Credential.FACE.value:
        return None
    try:
        return msgspec.json.decode(bytes.fromhex(presence.raw), type=Evidence).verdict
    except (ValueError, msgspec.DecodeError):
        return None


def _second(event: Recorded, words: Tongue) -> Card:
    sources = event.told.sources if event.told else ()
    where = words.second_at.format(" / ".join(sources))
    if set(sources) <= {event.presence.source}:
        where = words.second_here
    return Card(head=words.second, detail=where, note=words.second_more)


def _late(event: Recorded, words: Tongue) -> str:
    """Return how late or early and the class of that; never what it costs."""
    told = event.told
    if told is None or not told.minutes:
        return ""
    said = (words.late if told.side == "masuk" else words.early).format(told.minutes)
    return "\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}".join(filter(None, (said, told.code)))


def _step(
    said: Callable[[Tongue], tuple[str, str]], stays_s: float, *, is_question: bool = False
) -> OwnFrame:
    sheets = {}
    for language, words in TONGUES.items():
        title, text = said(words)
        sheets[language] = Sheet(title=title, text=text)
    return OwnFrame(sheets=sheets, stays_s=stays_s, is_question=is_question)


def _line(one: Own, words: Tongue, language: Language) -> Line:
    when = times.local(one.made, one.zone)
    state = words.mine_central if one.is_receipted else words.mine_here
    if one.receipted:
        signed = times.local(one.receipted, one.zone)
        at = times.clock(signed, language)
        if signed.date() != when.date():  # the line was away over night
            at = times.day(signed, language)
        state = words.mine_central_at.format(at)
    return Line(
        when=times.short_date(when, language) if one.made else "",
        time=times.clock(when, language) if one.made else "?",
        side=words.sides.get(one.side, words.mine_other),
        state=state,
        code=f"{one.epoch[:_CODE_LETTERS]}·{one.seq}",
        is_receipted=one.is_receipted,
    )


_PROMPT_TONES: Final = {
    Prompt.DONE: Tone.GOOD,
    Prompt.FAILED: Tone.BAD,
    Prompt.AGAIN: Tone.LATE,
    Prompt.TOO_DRY: Tone.LATE,
    Prompt.TOO_WET: Tone.LATE,
    Prompt.CENTRE_FINGER: Tone.LATE,
    Prompt.OTHER_FINGER: Tone.LATE,
    Prompt.MORE_LIGHT: Tone.LATE,
}
