"""What the doctor found as lines of the log: how healthy this kiosk was, without anybody in it."""

import logging
from collections.abc import Sequence
from typing import Final

from kiosk.doctor.scrub import Scrubber
from kiosk.facts import STATES, Fact, State, worst

log: Final = logging.getLogger(__name__)

_LEVELS: Final = {
    State.GOOD: logging.INFO,
    State.LOOK: logging.WARNING,
    State.BAD: logging.ERROR,
}


def tell(found: Sequence[Fact], scrubber: Scrubber) -> None:
    """Log each finding, as grave as it is, and then the whole."""
    for one in found:
        text = f"{one.title}: {'; '.join((one.said, *one.advice))}"
        log.log(_LEVELS[one.state], "%s", scrubber.clean(text))
    whole = worst(found)
    log.log(_LEVELS[whole], "%d parts: %s", len(found), STATES[whole])
