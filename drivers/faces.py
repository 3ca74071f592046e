"""What a source that knows people by their faces offers beside its punches, and what it needs.

A template is an L2-normalised or raw vector as its model defines it: float32, little-endian, as
octets, so that nobody but the recognizer needs numpy. It is of one model and of no other.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, runtime_checkable

from msgspec import Struct

from drivers.prompt import Prompt
from drivers.store import Secret

Asking = Callable[[Prompt, int, int], None]
"""Tells whoever stands there what to do: the prompt, which step, of how many (0, 0: uncounted)."""


class Shot(Struct, frozen=True, kw_only=True):
    """One of the pictures that made somebody known.

    Attributes:
        template: float32, little-endian.
        quality: 0 to 1: the least of how well size, pose, sharpness and light fitted.
        yaw: how far the head was turned, as `drivers.camera.measure` has it; left is negative.
        picture: the face as JPEG, for who must keep it; empty otherwise.
    """

    template: Secret
    quality: float
    yaw: float
    picture: Secret = Secret()


class Enrolled(Struct, frozen=True, kw_only=True):
    """Somebody made known to a model: at least three shots that differ in pose."""

    model: str
    shots: tuple[Shot, ...]


UNREADABLE: Final = -1
"""The version of a gallery that nobody can read now. Whoever looks then knows nobody: what it does
not see proves nothing."""


class Known(Struct, frozen=True, kw_only=True):
    """The gallery: whom a recognizer may name. `version` changes whenever `rows` do.

    Attributes:
        rows: person and template; a person has several.
    """

    version: int
    rows: Sequence[tuple[str, bytes]] = ()


class Gallery(Protocol):
    """Where a source gets the people that it is to know; any thread may ask."""

    @property
    def version(self) -> int:
        """Return what changes whenever anybody's templates do; `UNREADABLE` where none can be."""

    def known(self, model: str) -> Known:
        """Return everybody's templates of one model; of version `UNREADABLE` nobody's."""


PAIRS_FOR_TAIL: Final = 1000
"""With fewer comparisons of two people (46 people) a gallery says nothing about strangers."""


class Calibration(Struct, frozen=True, kw_only=True):
    """What the site's own people say about the threshold.

    Attributes:
        model: of the templates.
        people, pairs: how many people, and how many comparisons of two different people.
        quantiles: how near two different people come: share of pairs below -> score.
        nearest: the nearest two people, and their score: look whether they are one.
        expected_daily: false accepts a day at the threshold in force, for `visits` a day of people
            who are not in the gallery.
        visits: as assumed.
        threshold, margin: in force.
        recommended_threshold, recommended_margin: what keeps false accepts below one a year.
        genuine_lowest: the lowest score between two templates of one person; None where nobody has
            two: above the threshold everybody is still found.
        outgrown: why the gallery needs a new threshold, or to be divided; "" for it does not.
    """

    model: str
    people: int
    pairs: int
    quantiles: dict[str, float]
    nearest: tuple[str, str, float] | None
    expected_daily: float
    visits: int
    threshold: float
    margin: float
    recommended_threshold: float
    recommended_margin: float
    genuine_lowest: float | None
    outgrown: str = ""


@runtime_checkable
class KnowsFaces(Protocol):
    """A source that can make faces known. Called between two readings, by its worker's thread."""

    def model(self) -> str:
        """Return the model in force, "sface:0ba9fbfa01b5"; templates of another are of no use."""

    def enrol(self, ask: Asking, within_s: float, *, keep: bool) -> Enrolled:
        """Take the pictures of whoever stands there, asking for what is needed.

        `keep`: the shots hold the pictures as well.

        Raises:
            Refused: nobody stood there long enough, or two people did; nothing is known of anybody.
            SourceError: as `read` raises it.
        """

    def calibrate(self, visits: int) -> Calibration:
        """Measure the gallery in force. Raises SourceError."""
