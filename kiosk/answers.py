"""Central's answer on a stick, taken in: by the daemon, or by `kiosk import` where none runs."""

import base64
import io
from collections.abc import Callable, Mapping
from pathlib import Path

from kiosk.local import CannotDo
from sync.edge import stick
from sync.edge.session import Keeper, Self
from sync.edge.stick import Answered
from sync.journal.epochs import Epochs
from sync.protocol.entry import Stamp
from sync.protocol.errors import ProtocolError


class Answers:
    """Takes answers in for one kiosk; `data` is where its last export is remembered."""

    def __init__(
        self, me: Self, epochs: Epochs, stamp: Callable[[], Stamp], data: Path, keeper: Keeper
    ) -> None:
        self._me = me
        self._epochs = epochs
        self._stamp = stamp
        self._data = data
        self._keeper = keeper

    def take_in(self, content: bytes) -> Answered:
        """Take one in. Raises ProtocolError, JournalError."""
        last = stick.last_exported(self._data)
        file = io.BytesIO(content)
        journals = self._epochs.journals
        return stick.hear(file, self._me, journals, self._stamp(), last, self._keeper)

    def asked(self, said: Mapping[str, str], start_anew: Callable[[str], None]) -> str:
        """Carry out what `kiosk import` asks of the daemon; say what is done. Raises CannotDo."""
        try:
            answered = self.take_in(base64.b64decode(said["file"], validate=True))
        except (KeyError, ValueError) as wrong:
            raise CannotDo(f"answer: a file in base64 is needed: {wrong}") from wrong
        except ProtocolError as error:
            raise CannotDo(str(error)) from error
        if answered.anew:
            start_anew(answered.anew)
        return stick.in_words(answered)
