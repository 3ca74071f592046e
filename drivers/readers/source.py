"""A reader of tags, lines, codes or PINs at a serial port, as the daemon sees it.

It speaks when somebody comes and never else, so its silence proves nothing: that it is alive shows
only in that its port can be opened. What it said is kept here until the journal has taken it, also
while the port is opened anew. A card, a code and a PIN prove possession and nothing more; what a
code or a PIN is worth says the kiosk's judge.
"""

import secrets
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from drivers.base import Credential, Identity, Method, Reading
from drivers.options import CodeReader, LineReader, PinPad, Reader, TagReader
from drivers.pending import Pending
from drivers.ports import name_of
from drivers.possession import Genuine, ReaderParts
from drivers.prompt import Prompt
from drivers.readers.ears import Card, Code, Ear, Heard, Noise, Unfit, ear_of
from drivers.readers.keys import Typed
from drivers.readers.latch import Latch
from drivers.readers.troubles import Ration, Troubles
from drivers.serialport import SerialPort

BEAT_S: Final = 0.2
"""How often it looks up while nothing comes."""

SOON_S: Final = 0.02
"""The same while something is unfinished: what ends by silence is to end in time."""

READ_MOST_BYTES: Final = 4096
"""Read at a time."""

STRANGERS_A_MINUTE: Final = 6
"""So many lines that name nobody are recorded; more are counted."""

REFUSALS_A_MINUTE: Final = 6
"""So many refused codes and PINs are recorded; more are counted."""

STRANGER: Final = "?"
"""Begins the user of what named nobody: each its own."""

_KINDS: Final = {TagReader: "tag", LineReader: "line", CodeReader: "code", PinPad: "pinpad"}


class ReaderSource:
    """Implements `drivers.base.Source` and `LeftAtOnce` for a `Reader`."""

    def __init__(
        self,
        options: Reader,
        now: Callable[[], datetime],
        parts: ReaderParts,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the kiosk's clock, aware UTC: it dates the punches."""
        self.name = options.name
        self._options = options
        self._parts = parts
        self._now_s = monotonic
        self._port = SerialPort(
            options.port, options.baud, f"source {options.name} ({options.port})"
        )
        self._pending = Pending(now, options.timezone)
        # What is held before it stays there while the port is opened anew.
        self._latch = Latch(0 if isinstance(options, PinPad) else options.gone_s)
        self._ear: Ear = ear_of(options, self._latch)
        self._troubles = Troubles(_HINTS[type(options)])
        self._strangers = Ration(STRANGERS_A_MINUTE)
        self._refusals = Ration(REFUSALS_A_MINUTE)
        self._beat: Callable[[], None] = lambda: None
        self._serial = ""

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        """Open the port. Raises SourceError."""
        self._port.open()
        self._beat = beat
        self._pending.begin(position)
        self._ear = ear_of(self._options, self._latch)
        kind = _KINDS[type(self._options)]
        self._serial = f"{kind}@{self._parts.kiosk}/{name_of(self._options.port)}"
        return Identity(serial=self._serial, model=f"{kind} reader", has_clock=False)

    def read(self, wait_s: float) -> Reading | None:
        """Return somebody who came. Raises SourceError."""
        until_s = self._now_s() + wait_s
        while (waiting := self._pending.reading()) is None:
            self._beat()
            at_s = self._now_s()
            if self._pending.is_due:
                return self._pending.watched(proves=False)
            if (warnings := self._troubles.news(at_s)) is not None:
                return Reading(punches=(), warnings=warnings)
            if at_s >= until_s:
                return None
            most_s = SOON_S if self._ear.is_begun else BEAT_S
            octets = self._port.read(READ_MOST_BYTES, min(most_s, until_s - at_s))
            for heard in self._ear.feed(octets, self._now_s()):
                self._take(heard)
        return waiting

    def confirm(self, reading: Reading) -> None:
        """Let go of what is on disk."""
        self._pending.confirm(reading)

    def close(self) -> None:
        """Close the port; never raises."""
        self._port.close()

    @property
    def left_at_once(self) -> bool:
        """Whether it may be left in the middle of anything: nothing was asked of the reader."""
        return True

    # What was heard.

    def _take(self, heard: Heard) -> None:
        match heard:
            case Card(card, octets):
                self._pending.add(self._serial, Credential.CARD, card, Method.CARD, octets)
            case Code(text):
                self._take_code(text)
            case Typed(user, pin):
                self._take_pin(user, pin)
            case Unfit(why, octets):
                self._take_stranger(why, octets)
            case Noise(why):
                self._troubles.note(why, self._now_s())
                if not isinstance(self._options, TagReader):  # a tag says it again by itself
                    self._parts.tell(self.name, Prompt.AGAIN)

    def _take_code(self, text: str) -> None:
        worth = self._parts.judge.code(text)
        if isinstance(worth, Genuine):
            self._pending.add(self._serial, Credential.QR, worth.person, Method.QR, worth.proof)
            return
        person = {"person": worth.person} if worth.person else {}
        self._refuse("code refused", {"why": worth.why, **person})

    def _take_pin(self, user: str, pin: str) -> None:
        if self._parts.judge.pin(user, pin):
            self._pending.add(self._serial, Credential.TERMINAL_USER, user, Method.PASSWORD, b"")
            return
        # What is nobody's number may be a PIN that was typed first.
        self._refuse("pin refused", {"user": user} if self._parts.judge.knows(user) else {})

    def _refuse(self, action: str, detail: dict[str, str]) -> None:
        self._parts.tell(self.name, Prompt.FAILED)
        at_s = self._now_s()
        if self._refusals.takes(at_s):
            self._pending.note(action, detail)
        else:
            self._troubles.note(f"{action}, more often than is recorded", at_s)

    def _take_stranger(self, why: str, octets: bytes) -> None:
        at_s = self._now_s()
        self._troubles.note(why, at_s)
        if self._strangers.takes(at_s):
            stranger = STRANGER + secrets.token_hex(4)
            self._pending.add(self._serial, Credential.CARD, stranger, Method.CARD, octets)
        else:
            self._troubles.note("lines that name nobody, more than are recorded", at_s)


_HINTS: Final[dict[type[Reader], str]] = {
    TagReader: "A bad cable, another reader's antenna near it, or another speed (baud)",
    LineReader: "Do terminator, pattern and baud fit the reader? docs/SERIAL.md says how to see",
    CodeReader: "Do terminator and baud fit the scanner? Is it set to send UTF-8?",
    PinPad: "Who types is to say the number, *, the PIN, #",
}
