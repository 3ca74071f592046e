"""What a technician should know of a terminal that works: its log fills up, nobody can punch."""

from collections.abc import Iterator
from typing import Final

from drivers.zkteco.dialogue import Sizes
from drivers.zkteco.packets import TerminalState

NEARLY_FULL: Final = 0.9
"""Share of a log's capacity from which on it is said that it fills up."""

WITHHELD: Final = (
    "somebody has punched there and its log stays empty, so it proves nobody absent: if that "
    "stays, this firmware withholds its log on 4370; use PUSH (ADMS) instead"
)


def warnings(
    sizes: Sizes, state: TerminalState | None, *, withheld: bool = False
) -> tuple[str, ...]:
    """Return what to say of a terminal with `sizes` that is in `state`, each with its next step.

    `withheld`: somebody was heard punching there, and its log stays empty.
    """
    return (*_about_room(sizes), *_about(state), *((WITHHELD,) if withheld else ()))


def _about_room(sizes: Sizes) -> Iterator[str]:
    if not sizes.capacity or sizes.records is None:
        return
    filled = f"{sizes.records} of {sizes.capacity} rows"
    clear = "once central has everything, clear the log in the terminal's menu"
    if sizes.records >= sizes.capacity:
        yield (
            f"its log is full ({filled}): it refuses new punches or overwrites the oldest; {clear}"
        )
    elif sizes.records >= NEARLY_FULL * sizes.capacity:
        yield f"its log is nearly full ({filled}); {clear}"


def _about(state: TerminalState | None) -> Iterator[str]:
    if state is TerminalState.BUSY:
        yield (
            "it says that it is busy: if its screen shows 'working' and takes no finger, another "
            "program has disabled it and gone away; end that program and restart the terminal"
        )
