"""What a person in front of a terminal is asked to do next: for screens, told through the socket.

The door for whoever enrols somebody, or asks for a sign of life, inside the daemon:

    local.tell(Prompted("jari", Prompt.PLACE_FINGER, step=1, of=3, name="Siti Rahmawati"))

`Local.tell` (kiosk/local.py) never blocks and may be called by any thread; where no screen watches,
nothing happens. A step stays until the next one is told, or for `PROMPT_STAYS_S`
(kiosk/screen/compose.py), so each is told anew while somebody is still to take it; a camera, before
which people come and go, says for how long itself. The last one is DONE or FAILED, which goes by
itself. Nobody outside of the daemon can have a step shown: the socket takes none.
"""

from msgspec import Struct

from drivers.prompt import Prompt


class Prompted(Struct, frozen=True, tag_field="event", tag="prompted"):
    """Somebody is to do something at a source.

    Attributes:
        step, of: which of how many steps it is; 0 where they are not counted.
        name: of the person who is asked; "" for whoever stands there.
        stays_s: how long it holds unless it is told anew; 0 for as long as the screen keeps one.
    """

    source: str
    what: Prompt
    step: int = 0
    of: int = 0
    name: str = ""
    stays_s: float = 0.0
