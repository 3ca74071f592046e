"""Forgetting somebody: the daemon's end of `kiosk forget`.

    the vault            their records go, a tombstone stays, lasting when that returns
    the second medium    gets the tombstone too
    every terminal       user, fingers and faces; what cannot be reached stays open, named, and is
                         tried again until it is done or somebody says that they did it by hand
    a certificate        signed by the device key, in DATA/certificates; a new edition whenever more
                         is done
    the journal          says that they are forgotten, and the SHA-256 of each certificate

Each step may be cut short: what is open stands in the vault, and is gone on with after a start.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct, structs

from drivers.base import Credential, Source
from drivers.errors import SourceError
from drivers.options import KeepsUsers
from drivers.store import HasStore, Privilege
from kiosk.collect import Collector
from kiosk.devices import actor_of
from kiosk.faces import tombstones, waiting
from kiosk.faces.telling import Here, Telling
from kiosk.faces.vault import Vault
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultwords import Action, Erasure, Tell
from kiosk.loans import NotLent
from kiosk.local import CannotDo
from kiosk.release import copies
from sync.edge.roster import Rosters
from sync.journal.durable import make_directory
from sync.journal.errors import JournalError
from sync.keyfile import write_durably
from sync.protocol import destruction
from sync.protocol.destruction import Destroyed, Destruction
from sync.protocol.identity import PrivateKey

log = logging.getLogger(__name__)

CERTIFICATES: Final = "certificates"

REASON_MOST: Final = 500
"""Longest reason that is recorded, characters."""

REMOVE_S: Final = 120.0
"""How long removing somebody from one terminal may take, waiting for its worker included."""

RETRY_S: Final = 300.0
"""How long after an open terminal failed it is tried again."""


class Holders(Protocol):
    """Who is known to have which number at a terminal (`kiosk/enlisting.py`)."""

    def holder(self, name: str, user: str) -> str:
        """Return whose a user of a source's terminal is known to be; "" for not known."""


class Erases(Protocol):
    """Who else knows people: finger modules' slots, PINs."""

    @property
    def places(self) -> Collection[str]:
        """Return where: names of sources, or a word that can be none."""

    def forget(self, place: str, person: str, by: str) -> str:
        """Erase somebody there; say what was done. Raises CannotDo: it is open still."""


class Forgotten(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        certificate: its file.
        content: what stands in it.
        open: by source, why its terminal may still know the person.
    """

    person: str
    certificate: str
    content: str
    open: dict[str, str]


class Signer(Struct, frozen=True):
    """Who signs certificates, and in which data directory they are kept."""

    kiosk: str
    key: PrivateKey
    data: Path
    mirror: Path | None = None


class Erasing:
    """Everybody who is to be forgotten. Any thread may ask; one erasure at a time."""

    def __init__(
        self,
        vault: Vault,
        collectors: Mapping[str, Collector],
        terminals: Mapping[str, KeepsUsers],
        rosters: Rosters,
        holders: Holders,
        here: Here,
        telling: Telling,
        signer: Signer,
        today: Callable[[], date],
        failed: str = "",
        others: Sequence[Erases] = (),
    ) -> None:
        """`terminals` are the sources that keep users; it may grow, as `collectors` may.

        `others` erase where they know people.
        `failed` says why the first medium is not in use, where the vault is; "" while it is.
        """
        self._vault = vault
        self._collectors = collectors
        self._terminals = terminals
        self._rosters = rosters
        self._holders = holders
        self._here = here
        self._telling = telling
        self._signer = signer
        self._today = today
        self._failed = failed
        self._others = {place: one for one in others for place in one.places}
        self._doing = threading.Lock()
        self._not_before_s = 0.0
        self._mirrored: dict[str, int] | None = None

    @property
    def carries_out(self) -> dict[str, Callable[[Mapping[str, str]], str]]:
        """Return what a client may ask for, by name."""
        return {
            "forget": self.forget,
            "forgotten by hand": self.by_hand,
            "still to be forgotten": self.named,
        }

    def forget(self, said: Mapping[str, str]) -> str:
        """Forget `person`, because of `reason`; JSON of a `Forgotten`. `by` says who does it."""
        by, person = actor_of(said), said.get("person", "").strip()
        reason = said.get("reason", "").strip()
        if not reason or len(reason) > REASON_MOST or not reason.isprintable():
            raise CannotDo(f"why? Say --reason, at most {REASON_MOST} printable letters")
        if self._failed:
            raise CannotDo(
                f"{person} is not forgotten: {self._failed}. What is known of them rests on the "
                "first medium, and nobody could certify that it is destroyed: forget them once "
                "that is replaced, and destroy the old one"
            )
        with self._doing:
            if said.get("sure") != "yes":
                self._check_known(person)
            at = self._here.stamp()
            erasure = Erasure(
                id=secrets.token_hex(8),
                person=person,
                generation=0,
                by=by,
                reason=reason,
                at=at.wall,
                synced=at.synced,
                sources=dict.fromkeys([*self._terminals, *self._others], ""),
            )
            tell = Tell(by, Action.FORGOTTEN, {"person": person, "reason": reason})
            try:
                erasure = self._vault.forget(erasure, tell)
            except VaultError as why:
                raise CannotDo(f"{person} is not forgotten: {why}") from why
            try:
                self._tell()
                self._spare()
                done, content, path = self._go_on(erasure)
            except (VaultError, JournalError, OSError) as why:
                raise CannotDo(
                    f"{person} is forgotten here, but not everywhere yet: {why}; it goes on by "
                    "itself, see `kiosk status`"
                ) from why
        forgotten = Forgotten(
            person=person, certificate=str(path), content=content.decode(), open=waiting.why(done)
        )
        return msgspec.json.encode(forgotten).decode()

    def by_hand(self, said: Mapping[str, str]) -> str:
        """Take it from `by` that they removed `person` at the terminal of `source` themselves."""
        by, person, source = actor_of(said), said.get("person", ""), said.get("source", "")
        with self._doing:
            try:
                found = [
                    one
                    for one in self._vault.erasures(only_open=True)
                    if one.person == person and source in one.open
                ]
                for one in found:
                    self._certify(_done(one, {source: f"removed by hand, says {by}"}, {}))
            except (VaultError, OSError) as why:
                raise CannotDo(str(why)) from why
            self._tell()
        if not found:
            raise CannotDo(f"nothing is open for {person!r} at {source!r}; see `kiosk status`")
        return f"{person}: removed from {source} by hand, says {by}; it is certified anew"

    def turn(self, beat: Callable[[], None] = lambda: None) -> None:
        """Go on with what is open, where it is time. Raises VaultError, OSError, JournalError."""
        if time.monotonic() < self._not_before_s or not self._vault.is_open:
            return
        with self._doing:
            self._not_before_s = time.monotonic() + RETRY_S
            self._spare()
            for one in self._vault.erasures(only_open=True):
                self._go_on(one, beat)

    def open(self) -> list[str]:
        """Return in words what is open, without saying who it is. Raises VaultError."""
        return waiting.unnamed(self._vault.erasures(only_open=True))

    def named(self, _: Mapping[str, str]) -> str:
        """Return what is open, a line each: who, where, why. Raises CannotDo."""
        try:
            return "\n".join(waiting.named(self._vault.erasures(only_open=True)))
        except VaultError as why:
            raise CannotDo(str(why)) from why

    # One erasure.

    def _go_on(
        self, one: Erasure, beat: Callable[[], None] = lambda: None
    ) -> tuple[Erasure, bytes, Path]:
        """Try every open terminal; certify it anew where something came of it."""
        copies.forget(self._signer.data, one.person)
        done: dict[str, str] = {}
        why: dict[str, str] = {}
        for name in one.open:
            beat()  # for each: one that is busy is waited for
            try:
                done[name] = self._removed(name, one)
            except (CannotDo, NotLent, SourceError, JournalError) as error:
                why[name] = str(error)[:REASON_MOST]
        now = _done(one, done, why)
        if done or not one.edition:
            return self._certify(now)
        path = self._path(one)
        return now, path.read_bytes(), path

    def _removed(self, name: str, one: Erasure) -> str:
        """Remove the person from a terminal; say what was there.

        Raises CannotDo, NotLent, SourceError.
        """
        if name in self._others:
            return self._others[name].forget(name, one.person, one.by)
        if name not in self._collectors:
            raise CannotDo("no source is called so any more; remove them by hand (--by-hand)")
        collector = self._collectors[name]

        def lent(source: Source) -> list[str]:
            if not isinstance(source, HasStore):
                raise CannotDo(
                    "this terminal can only be read: remove them at its own menu, then say "
                    f"kiosk forget {one.person} --by-hand {name} --by YOU"
                )
            if not collector.is_bound:
                raise CannotDo("another terminal answers there (kiosk devices replace)")
            store = source.store()
            theirs = [
                user for user in store.users() if self._is_theirs(name, user.user, one.person)
            ]
            for user in theirs:
                if user.privilege is not Privilege.USER:
                    raise CannotDo(
                        f"user {user.user} has menu rights there ({user.privilege}): without them "
                        "anybody may open the menu. Give them to somebody else first"
                    )
            users = [user.user for user in theirs]
            if users:
                store.remove(*users)
            return users

        users = collector.borrow(lent, REMOVE_S)
        if not users:
            return "not known there"
        detail = {"source": name, "terminal": collector.seen.bound_to, "user": ", ".join(users)}
        self._here.record(one.by, "terminal user removed", detail | {"result": "done"})
        return f"removed user {', '.join(users)} with fingers and faces"

    def _is_theirs(self, name: str, user: str, person: str) -> bool:
        """Return whether a terminal's user is the person. Raises CannotDo where nobody can say."""
        holder = self._holders.holder(name, user)
        if holder:
            return holder == person
        roster = self._rosters.current
        dated = roster.dated(Credential.TERMINAL_USER).get(user, ())
        if all(one.person != person for one in dated):
            return False
        now = roster.persons(Credential.TERMINAL_USER, user, self._today())
        if now - {person}:
            raise CannotDo(
                f"user {user} was theirs and is {', '.join(sorted(now - {person}))}'s today: look "
                f"whose fingers are there (kiosk devices roster {name}), then --by-hand {name}"
            )
        return True

    def _check_known(self, person: str) -> None:
        try:
            known = {one.person for one in self._vault.people()}
        except VaultError as why:
            raise CannotDo(str(why)) from why
        if person not in known and person not in self._rosters.current.names():
            raise CannotDo(
                f"neither the vault nor the roster knows a person {person!r}: is the number right? "
                "With --sure whatever is known of them is erased all the same"
            )

    # Certificates.

    def _certify(self, one: Erasure) -> tuple[Erasure, bytes, Path]:
        """Write the next edition and have it told; the file is there before anybody is told."""
        one = structs.replace(one, edition=one.edition + 1)
        content = destruction.encode(self._destruction(one), self._signer.key)
        path = self._path(one)
        make_directory(path.parent)
        write_durably(path, content)
        detail = {
            "person": one.person,
            "certificate": path.name,
            "sha256": sha256(content).hexdigest(),
            "open": ", ".join(one.open),
        }
        self._vault.keep_erasure(
            one,
            Tell("kiosk", Action.CERTIFIED, {key: text for key, text in detail.items() if text}),
        )
        self._tell()
        return one, content, path

    def _destruction(self, one: Erasure) -> Destruction:
        return Destruction(
            kiosk=self._signer.kiosk,
            id=one.id,
            edition=one.edition,
            person=one.person,
            generation=one.generation,
            reason=one.reason,
            by=one.by,
            utc=one.at,
            synced=one.synced,
            records=tuple(
                Destroyed(gone.id, gone.kind, gone.model, gone.sha256) for gone in one.gone
            ),
            washed=self._vault.is_washed,
            terminals={name: done for name, done in one.sources.items() if done},
            open=waiting.why(one),
            key=self._signer.key.public.fingerprint,
        )

    def _path(self, one: Erasure) -> Path:
        return self._signer.data / CERTIFICATES / f"destruction-{one.id}-{one.edition}.txt"

    def _tell(self) -> None:
        """Tell the journal; where it cannot take it, it is told later."""
        try:
            self._telling.tell()
        except JournalError as why:
            log.error("what was forgotten is not in the journal yet, and is told later: %s", why)

    def _spare(self) -> None:
        """Have the second medium hold the tombstones; what is wrong with it is said."""
        medium = self._signer.mirror
        if medium is None:
            return
        kept = self._vault.tombstones()
        if kept != self._mirrored:
            try:
                tombstones.keep_on(medium, self._signer.kiosk, kept)
                self._mirrored = kept
            except OSError as error:
                log.error(
                    "%s: %s; who was forgotten is not kept there. Check the second medium",
                    *(medium, error.strerror),
                )


def _done(one: Erasure, done: Mapping[str, str], why: Mapping[str, str]) -> Erasure:
    left = {name: text for name, text in (one.why | dict(why)).items() if name not in done}
    return structs.replace(one, sources=one.sources | dict(done), why=left)
