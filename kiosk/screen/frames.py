"""What a frame is: what a page is told to show, whole, in every language.

So a touch can change the language without asking. Colour, shape and sound of a result follow from
its `Tone`; none of them stands alone. Made by `compose.py`.
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

from kiosk.settings import Language


class Tone(StrEnum):
    """How a result is taken: with a colour, a shape and a sound of its own."""

    GOOD = "good"  # green, a tick, one high tone
    LATE = "late"  # amber, a clock, two tones
    ASK = "ask"  # blue, a question mark, two rising tones
    BAD = "bad"  # red, a cross, two low tones


class Card(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The words of a result or a prompt in one language, the largest first.

    Attributes:
        head, time: what it is, read from two metres: `Masuk`, `07.28`.
        name: whose it is.
        detail: minutes and class, or what to do.
        note: what is good to know.
    """

    head: str
    time: str = ""
    name: str = ""
    detail: str = ""
    note: str = ""


Said = Mapping[Language, Card]


class Result(Struct, frozen=True, kw_only=True, tag_field="frame", tag="result"):
    """Somebody punched.

    Attributes:
        is_counted: whether the person has nothing left to do.
        folded: how many more punches were kept and are not shown: many came at once.
        folded_words: how to say that, with `{}` for the number.
    """

    tone: Tone
    cards: Said
    is_counted: bool
    stays_s: float
    folded: int = 0
    folded_words: Mapping[Language, str]


class Asked(Struct, frozen=True, kw_only=True, tag_field="frame", tag="prompt"):
    """Somebody is to do something; it stays for `stays_s`, or until the next step.

    Attributes:
        shape: which picture: a word of `Prompt`, or of `Tone` at its end.
    """

    tone: Tone
    shape: str
    cards: Said
    stays_s: float


class Idle(Struct, frozen=True, kw_only=True):
    """The words of the page at rest in one language."""

    date: str
    tomorrow: str
    greeting: str
    trust: str
    line: str
    waiting: str
    notices: list[str]


class Now(Struct, frozen=True, kw_only=True, tag_field="frame", tag="now"):
    """How the kiosk is now; the page counts on from here.

    Attributes:
        utc: the daemon's clock, milliseconds.
        offset_ms: its zone, ahead of UTC.
        midnight: when `tomorrow` is the date, milliseconds UTC.
        is_sure: whether the clock may be shown as right.
        is_up: whether central answers.
    """

    utc: int
    offset_ms: int
    midnight: int
    zone: str
    name: str
    is_sure: bool
    is_up: bool
    idle: Mapping[Language, Idle]


class Away(Struct, frozen=True, tag_field="frame", tag="away"):
    """The daemon does not answer: it is being started."""


class Line(Struct, frozen=True, kw_only=True):
    """One of a person's own presences."""

    when: str
    time: str
    side: str
    state: str
    code: str
    is_receipted: bool


class Sheet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person's own presences in one language, or what to do to see them."""

    title: str
    text: str = ""
    lines: list[Line] = []


class OwnFrame(Struct, frozen=True, kw_only=True, tag_field="frame", tag="mine"):
    """For one page only: the answer to "did my punch count?", or a step on the way to it."""

    sheets: Mapping[Language, Sheet]
    stays_s: float
    is_question: bool = False


Frame = Result | Asked | Now | Away | OwnFrame
