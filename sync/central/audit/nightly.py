"""The head of the night: made once a day by one central, and written to every place until it is.

    the hour has come -> one row for the day, by whoever is first -> each place, one by one
    a place refuses   -> an alarm, the others all the same, again within the hour

Which places have it stands in the database: a central that ends in between goes on where it was,
and of several centrals one at a time tries a place.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from sync.central.audit.places import Keeper, NotKept, keepers
from sync.central.authority import Authority, Clock
from sync.central.errors import CentralError, JournalTrouble
from sync.central.settings import Place
from sync.central.store import Store, Transaction
from sync.central.store.nights import Copy, NightRow
from sync.central.store.standing import Alarm
from sync.protocol import nighthead
from sync.protocol.nighthead import End

LOOK_S: Final = 30.0
"""How often it is looked whether something is due, seconds."""

AGAIN_MS: Final = 3_600_000
"""How long a place that refused is left alone, milliseconds."""

SUBJECT: Final = "central"
"""Whom an alarm about a night concerns."""

log: Final = logging.getLogger(__name__)


class Nightly:
    """One worker; `make` and `write` may be called by a verb as well."""

    def __init__(
        self,
        place: Place,
        store: Store,
        authority: Authority,
        clock: Clock,
        own_ends: Callable[[], Sequence[End]] = tuple,
    ) -> None:
        self._settings = place.settings
        self._store = store
        self._authority = authority
        self._clock = clock
        self._own_ends = own_ends
        self._keepers: dict[str, Keeper] = {one.name: one for one in keepers(place)}

    @property
    def places(self) -> Sequence[str]:
        """Return the places to which heads are written."""
        return tuple(self._keepers)

    def run(self, stop: threading.Event) -> None:
        """Do what is due until `stop`."""
        while not stop.is_set():
            try:
                self.look()
            except CentralError as error:
                log.warning("head of the night: %s; trying again", error)
            stop.wait(LOOK_S)

    def look(self) -> None:
        """Make the head of today if its hour has come; write what was not. Raises StoreError."""
        if f"{self._now():%H:%M}" >= self._settings.audit.night:
            self.make()
        self.write()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock() / 1000, UTC).astimezone(self._settings.web.zone)

    def make(self) -> NightRow:
        """Return the head of today, made now if nobody has made it. Raises StoreError."""
        day = f"{self._now():%Y-%m-%d}"
        with self._store.reading() as tx:
            made = tx.nights.of_day(day)
        if made is not None:
            return made
        own = self._own()
        with self._store.writing() as tx:
            for end in own:
                tx.nights.note_end(end)
            night = self._sign(tx, day)
            if tx.nights.add(night):
                for name in self._keepers:
                    tx.nights.want(Copy(day, name))
                log.info("the head of night %s is made", day)
                return night
        return self.make()  # another central was first

    def _own(self) -> Sequence[End]:
        """Return the ends of central's own journal; those that the database has, where it fails."""
        try:
            return self._own_ends()
        except JournalTrouble as error:
            log.error("the head of the night goes without: %s", error)
            with self._store.writing() as tx:
                tx.standing.raise_alarm(Alarm.NIGHT, SUBJECT, "journal", str(error), self._clock())
            return ()

    def _sign(self, tx: Transaction, day: str) -> NightRow:
        last, now = tx.nights.last(), self._clock()
        ends = [End(at.kiosk, at.epoch, at.through, at.head.hex()) for at in tx.evidence.epochs()]
        previous = nighthead.digest(last.message.partition(b"\n")[0]) if last else ""
        message = self._authority.sign_night([*ends, *tx.nights.ends()], day, now, previous)
        number = last.number + 1 if last else 1
        return NightRow(number=number, day=day, message=message, token=None, made_at=now)

    def write(self, *, at_once: bool = False) -> dict[Copy, str]:
        """Write every head to the places that do not have it; return what went wrong where.

        A place that refused less than an hour ago is left alone, unless `at_once`. Raises
        StoreError.
        """
        wrong: dict[Copy, str] = {}
        for copy in self._due():
            now = self._clock()
            with self._store.writing() as tx:
                before = now if at_once else now - AGAIN_MS
                claimed = tx.nights.claim(copy, now, before)
                night = tx.nights.of_day(copy.day)
            if not claimed or night is None:
                continue
            try:
                self._write(copy, night)
            except NotKept as error:
                wrong[copy] = str(error)
                log.warning("the head of night %s is not kept: %s", copy.day, error)
                with self._store.writing() as tx:
                    subject = f"{copy.day} {copy.place}"
                    tx.standing.raise_alarm(Alarm.NIGHT, SUBJECT, subject, str(error), now)
        return wrong

    def _due(self) -> list[Copy]:
        """Return the copies that are ours to write: by day, then in the order of the places."""
        with self._store.reading() as tx:
            wanted = tx.nights.wanted()
        order = {name: place for place, name in enumerate(self._keepers)}
        ours = (copy for copy in wanted if copy.place in order)
        return sorted(ours, key=lambda copy: (copy.day, order[copy.place]))

    def _write(self, copy: Copy, night: NightRow) -> None:
        """Write one copy, and note it. Raises NotKept, StoreError."""

        def on_token(token: bytes) -> None:
            with self._store.writing() as tx:
                tx.nights.keep_token(copy.day, token)

        self._keepers[copy.place].keep(night, on_token)
        with self._store.writing() as tx:
            tx.nights.done(copy, self._clock())
            tx.standing.end_alarm(Alarm.NIGHT, SUBJECT, f"{copy.day} {copy.place}")
