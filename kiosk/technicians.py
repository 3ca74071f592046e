"""Technicians: who may log in at this kiosk's page, by a password of their own.

The daemon keeps them, in a file of its own with a spare on the second medium, and is the only one
who compares passwords; the page, a process of its own, asks. What a technician does is recorded
under their name; so is every log-in, and every time that somebody has guessed too often.

No clock says who may be here: a log-in shows the badge of the password that it was made with, and a
new password, or the end of one's time, is the end of that badge.
"""

import hmac
import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, structs

from kiosk.local import CannotDo
from kiosk.spared import Edition, Spared
from sync.journal.journal import Draft, Journal
from sync.passwords import MAX_LENGTH, MIN_LENGTH, Secret, Throttle, fits, new_password, new_secret
from sync.protocol import entry
from sync.protocol.entry import Stamp

FILE: Final = "technicians.json"

MAX_NAME: Final = 64
"""Longest name, characters."""

MOST: Final = 100
"""So many technicians one kiosk knows, those whose time is over among them."""


log: Final = logging.getLogger(__name__)


class Technician(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of them.

    Attributes:
        badge: what a log-in with this password shows from then on; no other password has it.
        since, until: ms UTC by this kiosk's clock, for people; `until` is 0 while it goes on.
    """

    name: str
    secret: Secret
    badge: str
    since: int
    until: int = 0


class _Kept(Edition, frozen=True):
    technicians: list[Technician]


class Known(Struct, frozen=True, kw_only=True):
    """One of them, without what is kept of the password."""

    name: str
    since: int
    until: int


class Technicians:
    """Who may log in, and whoever asks. Safe for several threads.

    `files` are the file and its spares; `journal` is where it is recorded, before it counts.
    """

    def __init__(
        self,
        files: Sequence[Path],
        journal: Journal,
        stamp: Callable[[], Stamp],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = Spared(
            files,
            _Kept(0, []),
            "move it away and add the technicians anew (`kiosk technicians add`)",
            "it lets in whom it knew before",
        )
        self._journal = journal
        self._stamp = stamp
        self._throttle = Throttle(monotonic)
        self._comparing = threading.Lock()
        self._changing = threading.Lock()

    def bring_along(self) -> None:
        """Have each medium hold what the latest file says: one of them may be new."""
        with self._changing:
            self._files.bring_along()

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {
            "technicians": self.list,
            "add technician": self.add,
            "end technician": self.end,
            "admit technician": self.admit,
            "technician": self.still,
        }

    # Who there are.

    def list(self, _: Mapping[str, str]) -> str:
        """Return them as a JSON list of `Known`. Raises CannotDo."""
        return msgspec.json.encode(
            [
                Known(name=one.name, since=one.since, until=one.until)
                for one in self._files.held().technicians
            ]
        ).decode()

    def add(self, said: Mapping[str, str]) -> str:
        """Add `name`, or give them a new password; return it. `by` says who does it.

        Raises CannotDo, JournalError.
        """
        name, by = _name(said), _by(said)
        password = said.get("password") or new_password()
        if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
            raise CannotDo(
                f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters, not {len(password)}"
            )
        one = Technician(
            name=name,
            secret=new_secret(password),
            badge=secrets.token_hex(16),
            since=self._stamp().wall,
        )
        with self._changing:
            held = self._files.held()
            others = [other for other in held.technicians if other.name != name]
            if len(others) >= MOST:
                raise CannotDo(f"{MOST} technicians are known here; a kiosk has no room for more")
            self._change(by, "add technician", one, _Kept(held.edition + 1, [*others, one]))
        return password

    def end(self, said: Mapping[str, str]) -> str:
        """Let `name` in no more; who is logged in is logged out. Raises CannotDo, JournalError."""
        name, by = _name(said), _by(said)
        with self._changing:
            held = self._files.held()
            one = _find(held, name)
            if one is None:
                raise CannotDo(f"no technician {name!r} may log in here; `kiosk technicians list`")
            over = structs.replace(one, until=self._stamp().wall)
            now = [over if other is one else other for other in held.technicians]
            self._change(by, "end technician", over, _Kept(held.edition + 1, now))
        return f"{name} is let in no more"

    def _change(self, by: str, action: str, one: Technician, to: _Kept) -> None:
        """Record a change, then make it. Raises CannotDo, JournalError: nothing has changed."""
        self._files.change(
            to,
            lambda failed: self._record("kiosk" if failed else by, action + failed, one.name),
        )

    # Who asks.

    def admit(self, said: Mapping[str, str]) -> str:
        """Let `name` in by `password`, from `address`; return the badge to show from then on.

        Raises CannotDo: with so many seconds to wait, or with nothing for a wrong one.
        Raises JournalError.
        """
        name, password = said.get("name", ""), said.get("password", "")
        address = said.get("address", "")[:MAX_NAME]
        with self._comparing:  # one after the other: many at once would all be before the wait
            return self._admitted(name, password, address)

    def _admitted(self, name: str, password: str, address: str) -> str:
        wait_s = self._throttle.wait_s(name[:MAX_NAME], address)
        if wait_s > 0:
            raise CannotDo(f"{math.ceil(wait_s)}")
        one = _find(self._files.held(), name)
        if not fits(None if one is None else one.secret, password) or one is None:
            self._throttle.failed(name[:MAX_NAME], address)
            # Not each slip: a guesser fills no disk.
            if self._throttle.wait_s(name[:MAX_NAME], address) > 0:
                self._record("kiosk", "technician refused", _shown(name), _shown(address))
            raise CannotDo("")
        self._throttle.succeeded(name, address)
        self._record(name, "technician logged in", name, _shown(address))
        return one.badge

    def still(self, said: Mapping[str, str]) -> str:
        """Return `name` if who has this `badge` may still be here.

        Raises CannotDo: their time is over, or they have another password since.
        """
        one = _find(self._files.held(), said.get("name", ""))
        if one is None or not hmac.compare_digest(
            one.badge.encode(), said.get("badge", "").encode("utf-8", "replace")
        ):
            raise CannotDo("log in again")
        return one.name

    def _record(self, actor: str, action: str, name: str, address: str = "") -> None:
        detail = {"technician": name, **({"address": address} if address else {})}
        audit = entry.Audit(at=self._stamp(), actor=actor, action=action, detail=detail)
        self._journal.append([Draft(entry.encode(audit))])


def _find(kept: _Kept, name: str) -> Technician | None:
    """Return who may log in by this name."""
    return next((one for one in kept.technicians if one.name == name and not one.until), None)


def _name(said: Mapping[str, str]) -> str:
    name = said.get("name", "").strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise CannotDo(f"a technician's name has 1 to {MAX_NAME} printable characters")
    return name


def _by(said: Mapping[str, str]) -> str:
    by = said.get("by", "").strip()[:MAX_NAME]
    if not by or not by.isprintable():
        raise CannotDo("nobody says who does it; say --by NAME: it is recorded")
    return by


def _shown(said: str) -> str:
    """Return what a stranger typed, so that whoever reads the record sees only letters."""
    return "".join(one if one.isprintable() else "?" for one in said[:MAX_NAME])
