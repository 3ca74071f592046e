"""Technicians: who may log in at this kiosk's page, by a password of their own.

The daemon keeps them, in a file of its own, and is the only one who compares passwords; the page, a
process of its own, asks. What a technician does is recorded under their name; so is every log-in,
and every time that somebody has guessed too often.
"""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, structs

from kiosk.local import CannotDo
from sync.journal.journal import Draft, Journal
from sync.keyfile import write_durably
from sync.passwords import MAX_LENGTH, MIN_LENGTH, Secret, Throttle, fits, new_password, new_secret
from sync.protocol import entry
from sync.protocol.entry import Stamp

FILE: Final = "technicians.json"

MAX_NAME: Final = 64
"""Longest name, characters."""

MOST: Final = 100
"""So many technicians one kiosk knows, those whose time is over among them."""


class Technician(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of them. `since` and `until` are ms UTC by this kiosk's clock; 0 while it goes on."""

    name: str
    secret: Secret
    since: int
    until: int = 0


class Known(Struct, frozen=True, kw_only=True):
    """One of them, without what is kept of the password."""

    name: str
    since: int
    until: int


class Technicians:
    """The file in `data`, and whoever asks. Safe for several threads.

    `journal` is where it is recorded, before it counts.
    """

    def __init__(
        self,
        data: Path,
        journal: Journal,
        stamp: Callable[[], Stamp],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file = data / FILE
        self._journal = journal
        self._stamp = stamp
        self._throttle = Throttle(monotonic)
        self._changing = threading.Lock()

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
                for one in self._held().values()
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
        secret = new_secret(password)
        with self._changing:
            held, at = self._held(), self._stamp()
            if name not in held and len(held) >= MOST:
                raise CannotDo(f"{MOST} technicians are known here; a kiosk has no room for more")
            self._record(at, by, "add technician", name)
            self._keep({**held, name: Technician(name=name, secret=secret, since=at.wall)})
        return password

    def end(self, said: Mapping[str, str]) -> str:
        """Let `name` in no more; who is logged in is logged out. Raises CannotDo, JournalError."""
        name, by = _name(said), _by(said)
        with self._changing:
            held, at = self._held(), self._stamp()
            if name not in held or held[name].until:
                raise CannotDo(f"no technician {name!r} may log in here; `kiosk technicians list`")
            self._record(at, by, "end technician", name)
            self._keep({**held, name: structs.replace(held[name], until=at.wall)})
        return f"{name} is let in no more"

    # Who asks.

    def admit(self, said: Mapping[str, str]) -> str:
        """Let `name` in by `password`, from `address`; return the name. Raises CannotDo."""
        name, password = said.get("name", "")[:MAX_NAME], said.get("password", "")
        address = said.get("address", "")[:MAX_NAME]
        wait_s = self._throttle.wait_s(name, address)
        if wait_s > 0:
            raise CannotDo(f"{wait_s:.0f}")
        one = self._held().get(name)
        if not fits(None if one is None or one.until else one.secret, password):
            self._throttle.failed(name, address)
            if self._throttle.wait_s(name, address) > 0:  # not each slip: a guesser fills no disk
                self._record(self._stamp(), "kiosk", "technician refused", name, address)
            raise CannotDo("")
        self._throttle.succeeded(name, address)
        self._record(self._stamp(), name, "technician logged in", name, address)
        return name

    def still(self, said: Mapping[str, str]) -> str:
        """Return `name` if they may be here now, since they logged in at `since` (ms UTC).

        Raises CannotDo: their time is over, or they have another password since.
        """
        one = self._held().get(said.get("name", ""))
        since = said.get("since", "")
        if one is None or one.until or not since.isdecimal() or one.since > int(since):
            raise CannotDo("log in again")
        return one.name

    def _record(self, at: Stamp, actor: str, action: str, name: str, address: str = "") -> None:
        detail = {"technician": name, **({"address": address} if address else {})}
        audit = entry.Audit(at=at, actor=actor, action=action, detail=detail)
        self._journal.append([Draft(entry.encode(audit))])

    # The file.

    def _held(self) -> dict[str, Technician]:
        """Return whom the file holds, by name. Raises CannotDo."""
        try:
            found = msgspec.json.decode(self._file.read_bytes(), type=list[Technician])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            raise CannotDo(
                f"{self._file}: {error}; move it away and add the technicians anew"
            ) from error
        return {one.name: one for one in found}

    def _keep(self, held: Mapping[str, Technician]) -> None:
        content = msgspec.json.format(msgspec.json.encode(list(held.values())), indent=1)
        try:
            write_durably(self._file, content)
        except OSError as error:
            raise CannotDo(f"{self._file}: {error.strerror}; nothing has changed") from error


def _name(said: Mapping[str, str]) -> str:
    name = said.get("name", "").strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise CannotDo(f"a technician's name has 1 to {MAX_NAME} printable characters")
    return name


def _by(said: Mapping[str, str]) -> str:
    by = said.get("by", "").strip()[:MAX_NAME]
    if not by:
        raise CannotDo("nobody says who does it; say --by NAME: it is recorded")
    return by
