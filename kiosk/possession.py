"""What a code or a PIN is worth at this kiosk, as its readers ask it."""

from drivers.possession import Genuine, NotGenuine
from kiosk.codes import Codes
from kiosk.pins import Pins


class Judging:
    """Implements `drivers.possession.Judge`."""

    def __init__(self, codes: Codes, pins: Pins) -> None:
        self._codes = codes
        self._pins = pins

    def code(self, text: str) -> Genuine | NotGenuine:
        """As `Judge.code`."""
        return self._codes.judge(text)

    def knows(self, user: str) -> bool:
        """As `Judge.knows`."""
        return self._pins.knows(user)

    def pin(self, user: str, pin: str) -> bool:
        """As `Judge.pin`."""
        return self._pins.fits(user, pin)
