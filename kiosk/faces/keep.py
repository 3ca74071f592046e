"""The vault's own worker: what is done to it now and then, and how it is.

    at start, each minute until it is open    opened, tombstones from elsewhere replayed first
    each turn                                 what it did is told to the journal
    every five minutes                        erasures that are open go on
    every hour                                the file is washed, if anything was erased; pictures
                                              whose time is over go, once the clock is trusted

A vault that cannot be opened stops nobody from punching: nobody is known by face, and status says
why.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from kiosk.faces.erasing import Erasing
from kiosk.faces.telling import Telling
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.health import FacesStatus
from sync.journal.errors import Damaged, JournalError

log = logging.getLogger(__name__)

TURN_S: Final = 1.0
OPEN_EVERY_S: Final = 60.0
WASH_EVERY_S: Final = 3600.0


class FaceKeep:
    """Keeps one kiosk's vault in order.

    `elsewhere` returns tombstones by where else they are kept, and may raise VaultError and
    JournalError; `trusted_ms` the time, milliseconds UTC, None while the clock is not trusted.
    """

    def __init__(
        self,
        vault: Vault,
        erasing: Erasing,
        telling: Telling,
        elsewhere: Callable[[], dict[str, dict[str, int]]],
        trusted_ms: Callable[[], int | None],
    ) -> None:
        self._vault = vault
        self._erasing = erasing
        self._telling = telling
        self._elsewhere = elsewhere
        self._trusted_ms = trusted_ms
        self._why = "not opened yet"

    def open(self) -> None:
        """Open the vault, tombstones first; where it cannot be, say why, and try again later."""
        try:
            self._vault.open(first=self._replay)
            self._why = ""
        except (VaultError, JournalError) as why:
            if str(why) != self._why:
                log.error("nobody is known by face: %s", why)
            self._why = str(why)

    def _replay(self) -> None:
        if self._telling.look():
            log.error(
                "%s is an older copy: whoever was enrolled since is to be enrolled again; whoever "
                "was forgotten stays forgotten by the journal's word. Find out who put it there",
                self._vault.path,
            )
        for origin, tombstones in self._elsewhere().items():
            if dead := self._vault.replay(tombstones, origin):  # the journal says who
                log.warning("%d forgotten by the word of the %s", len(dead), origin)
        self._telling.begin()

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Do what is due until `stopping()`. Raises Damaged: the journal is to be salvaged."""
        pause = threading.Event()
        open_s = wash_s = time.monotonic()
        while not stopping():
            beat()
            now = time.monotonic()
            try:
                if not self._vault.is_open and now >= open_s:
                    open_s = now + OPEN_EVERY_S
                    self.open()
                elif self._vault.locked and now >= open_s:
                    open_s = now + OPEN_EVERY_S
                    self._vault.unlock()  # somebody may have brought the key
                if self._vault.is_open:
                    self._telling.tell()
                    self._erasing.turn(beat)
                    if now >= wash_s:
                        wash_s = now + WASH_EVERY_S
                        self.end_pictures()
                        if not self._vault.is_washed:
                            self._vault.wash()
                    self._why = ""
            except Damaged:
                raise
            except (VaultError, JournalError, OSError) as why:
                self._fail(why)  # it goes on: whoever is known by face shall stay known
            pause.wait(TURN_S)
        self._vault.close()

    def end_pictures(self) -> None:
        """Destroy pictures whose time is over, if anybody can say what time it is."""
        now = self._trusted_ms()
        if now is not None:
            self._vault.end_pictures(now)

    def status(self) -> FacesStatus:
        """Return how the vault is."""
        vault = self._vault
        if not vault.is_open:
            return FacesStatus(trouble=self._why)
        try:
            return FacesStatus(
                people=vault.size(),
                trouble="; ".join(one for one in (vault.locked or vault.trouble, self._why) if one),
                untold=len(vault.untold()),
                open=self._erasing.open(),
            )
        except VaultError as why:
            return FacesStatus(trouble=str(why))

    def _fail(self, why: Exception) -> None:
        if str(why) != self._why:
            log.error("the vault: %s", why)
        self._why = str(why)
