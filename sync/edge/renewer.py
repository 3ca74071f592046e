"""Keeps the line's certificate young: over the line, or at central's web server once it ran out.

The line asks it what to say (`asking`) and brings what it heard (`take`); a worker of its own
(`run`) posts where there is no line any more. Nothing that is on the line waits for a POST.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sync.edge.papers import Papers, PapersError
from sync.edge.post import Reply, Unreachable
from sync.edge.renewal import EXPIRED_MOST_S, FromTheFuture, Renewal, due
from sync.edge.session import Self
from sync.protocol.certificate import Certificate
from sync.protocol.enrolment import MAX_ANSWER_BYTES, RENEWAL_PATH
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import PublicKey

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 60.0
"""How often the file and the date are looked at."""

Post = Callable[[str, bytes, int], Reply]


class Renewer:
    """One kiosk's. Safe for several threads.

    Attributes:
        trouble: why the certificate is not renewed, with the next step; "" for nothing.
    """

    def __init__(
        self,
        me: Self,
        papers: Papers,
        sure: Callable[[], datetime | None],
        post: Post,
        central_web: str,
        wait: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.monotonic,
        believe: Callable[[Sequence[PublicKey]], None] = lambda _: None,
    ) -> None:
        """`sure` is now, where the clock may be trusted; `central_web` "" for no web server.

        `believe` takes the keys with which central signs from now on.
        """
        self._believe = believe
        self._papers = papers
        self._sure = sure
        self._post = post
        self._web = central_web
        self._wait = wait
        self._now = now
        self._lock = threading.Lock()
        self._over_line = Renewal(me)
        self._over_web = Renewal(me, EXPIRED_MOST_S)
        self._looked = float("-inf")
        self._refused = False
        self.trouble = ""

    def asking(self) -> bytes | None:
        """Return what is to be said over the line now, if anything."""
        with self._lock:
            if self._now() < self._looked + LOOK_EVERY_S or (sure := self._sure()) is None:
                return None
            self._looked = self._now()
            try:
                held = self._papers.certificate()
                if sure < due(held):
                    self.trouble = ""  # the line is up with it, and it is young
                    return None
                self._papers.check_writable()
            except PapersError as error:
                self._say(str(error))
                return None
            asked = self._over_line.asking(secrets.token_hex(16), self._now())
            if asked is not None:
                log.info("asking central for the certificate that follows this one")
            return asked

    def take(self, message: bytes) -> None:
        """Take central's word from the line. Raises ProtocolError: it is none, nothing changed."""
        with self._lock:
            self._taken(self._over_line, message)

    def expired(self) -> None:
        """The broker says that our certificate has run out, whatever our clock says."""
        self._refused = True

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Post where the certificate has run out, until `stopping()`."""
        looked = float("-inf")
        while not stopping():
            beat()
            if self._refused or self._now() >= looked + LOOK_EVERY_S:
                looked = self._now()
                self.look()
            self._wait(1.0)

    def look(self) -> None:
        """Post once, if it is time to."""
        with self._lock:
            asked = self._posting()
        if asked is None:
            return
        try:
            reply = self._post(f"{self._web}{RENEWAL_PATH}", asked, MAX_ANSWER_BYTES)
        except Unreachable as error:
            self._say(f"the certificate has run out, and central cannot be asked: {error}")
            return
        if reply.status != 200:
            self._say(
                f"the certificate has run out, and central gives no other: {reply.status} "
                f"{reply.said}. Is this device still admitted? presensi-central kiosks list"
            )
            return
        try:
            with self._lock:
                self._taken(self._over_web, reply.body)
        except ProtocolError as error:
            self._say(f"{self._web} answers what is not central's: {error}")

    def _posting(self) -> bytes | None:
        """Return what is to be posted now, if anything."""
        try:
            held = self._papers.certificate()
            sure = self._sure()
            ran_out = sure is not None and sure >= held.until
            if not (ran_out or self._refused):
                return None
            if not self._web:
                self._say(
                    "the certificate has run out; set `central_web` in kiosk.toml to central's "
                    "address, or renew it by hand (docs/KEYS.md)"
                )
                return None
            self._papers.check_writable()
        except PapersError as error:
            self._say(str(error))
            return None
        return self._over_web.asking(secrets.token_hex(16), self._now())

    def _taken(self, asked: Renewal, message: bytes) -> None:
        try:
            held = self._papers.certificate()
            # Where the broker says that ours is over, its clock counts and not ours.
            sure = None if self._refused else self._sure()
            renewed = asked.answered(held, message, sure)
            if renewed is None:
                self._not_newer(held)
                return
            self._papers.replace(renewed)
        except (PapersError, FromTheFuture) as error:
            self._say(str(error))
            return
        if renewed.central:
            self._believe(PublicKey.all_from_pem(renewed.central.encode()))
        self._refused = False
        self.trouble = ""
        fresh = Certificate.from_pem(renewed.certificate.encode())
        log.info("the certificate was renewed; it is good until %s", f"{fresh.until:%Y-%m-%d}")

    def _not_newer(self, held: Certificate) -> None:
        """Central has nothing newer. Of one that is young, a connection before it was refused."""
        self._refused = False  # it is said anew, if the broker refuses this one too
        now = self._sure()
        if now is not None and held.since <= now < due(held):
            self.trouble = ""
        else:
            self._say("central gave the certificate that is here already; asked again later")

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            log.warning("%s", trouble)
        self.trouble = trouble
