"""The downlink: which roster a kiosk is to have, and what of it is still to be said to it.

    hello {roster} -> what the kiosk is to have, in pages -> a version -> manifest, changed pages

What a roster holds is decided elsewhere; here it is compared with what the kiosk says it works on.
Nothing is remembered of what was sent: a hello that says an older version is answered again.
"""

from collections.abc import Iterable, Sequence
from random import Random
from typing import Final, Protocol

from sync.central.authority import Authority, Clock
from sync.central.store import Store, Transaction
from sync.central.store.standing import Alarm
from sync.protocol import hello
from sync.protocol.hello import Hello
from sync.protocol.identity import PublicKey
from sync.protocol.rostering import Manifest, Part, RosterPart, digest, encode_manifest

LOOK_EVERY_S: Final = 10.0
"""So soon after an import, or midnight, kiosks whose roster has changed are asked for a hello."""


_NOBODY: Final = b"{}"


class Content(Protocol):
    """What kiosks are to have. `sync.central.assembly` makes it."""

    def state(self, tx: Transaction) -> object:
        """Return what is another value whenever a kiosk's pages may have changed."""

    def pages(self, tx: Transaction, kiosk: str) -> Sequence[bytes] | None:
        """Return the pages of a kiosk's roster now; None for one that serves no unit."""


class Downlink:
    """Answers hellos with rosters. May be used from one thread at a time."""

    def __init__(self, store: Store, authority: Authority, content: Content, clock: Clock) -> None:
        self._store = store
        self._authority = authority
        self._content = content
        self._clock = clock
        self._names: dict[str, tuple[object, list[str] | None]] = {}
        self._seen: object = None
        self._shuffle = Random().shuffle  # noqa: S311 - of no secret

    def answer(self, message: bytes) -> Sequence[bytes]:
        """Return what is to be said on `down/roster` to a hello that was accepted; often nothing.

        Raises StoreError, Malformed.
        """
        said, _ = hello.decode(message)
        with self._store.reading() as tx:
            names = self._names_of(tx, said.kiosk)
            if names is None or self._has(tx, said, names):
                return ()
            # Of the state that was looked at: who writes sees what is committed meanwhile.
            pages = self._pages(tx, said.kiosk)
        if pages is None:
            return ()
        with self._store.writing() as tx:
            # A central set back, with a clock that is behind, calls nothing by a version that the
            # kiosk has already.
            now = max(self._clock(), said.roster + 1)
            issue = tx.issues.current(said.kiosk, list(map(digest, pages)), now)
            held = tx.issues.of(said.kiosk, said.roster)
            registered = tx.registry.key(said.key)
        if registered is None:
            return ()
        known = set() if held is None else set(held.pages)
        manifest = Manifest(version=issue.version, pages=issue.pages)
        lacking = [(name, page) for page in pages if (name := digest(page)) not in known]
        # Never twice in one order: over a line that breaks each time, other pages come each time.
        self._shuffle(lacking)
        plain = [(Part.MANIFEST, encode_manifest(manifest))]
        plain += [(Part.PAGE, page) for _, page in lacking]
        to = PublicKey.from_der(registered.der)
        return [self._part(said, issue.version, part, content, to) for part, content in plain]

    def complain(self, kiosk: str, error: BaseException) -> None:
        """Have a person look at why a kiosk cannot be told its roster. Raises StoreError."""
        detail = f"{type(error).__name__}: {error}; mend the row with `roster import`"
        with self._store.writing() as tx:
            tx.standing.raise_alarm(Alarm.ROSTER, kiosk, "", detail, self._clock())

    def outdated(self, kiosks: Iterable[str]) -> Sequence[str]:
        """Return those of `kiosks` whose roster has changed since this was asked last.

        Raises StoreError.
        """
        with self._store.reading() as tx:
            state = self._content.state(tx)
            if state == self._seen:
                return ()
            found = [
                kiosk
                for kiosk in kiosks
                if (names := self._names_of(tx, kiosk)) is not None
                and ((latest := tx.issues.latest(kiosk)) is None or latest.pages != names)
            ]
        self._seen = state  # only now: what failed half-way is looked at again
        return found

    def _has(self, tx: Transaction, said: Hello, names: Sequence[str]) -> bool:
        latest = tx.issues.latest(said.kiosk)
        return latest is not None and latest.version == said.roster and latest.pages == names

    def _names_of(self, tx: Transaction, kiosk: str) -> list[str] | None:
        """Return the pages' names; made anew only when something may have changed."""
        state = self._content.state(tx)
        known = self._names.get(kiosk)
        if known is None or known[0] != state:
            pages = self._pages(tx, kiosk)
            known = state, None if pages is None else [digest(page) for page in pages]
            self._names[kiosk] = known
        return known[1]

    def _pages(self, tx: Transaction, kiosk: str) -> Sequence[bytes] | None:
        """Return a kiosk's pages; of one that serves no unit any more, an empty roster's."""
        pages = self._content.pages(tx, kiosk)
        if pages is None and tx.issues.latest(kiosk) is not None:
            return [_NOBODY]
        return pages

    def _part(self, said: Hello, version: int, part: Part, plain: bytes, to: PublicKey) -> bytes:
        line = RosterPart(
            kiosk=said.kiosk,
            version=version,
            part=part,
            nonce=said.nonce,
            sealed="",
            key=self._authority.fingerprint,
        )
        return self._authority.seal_roster(line, plain, to)
