"""The roster's pages on this kiosk's disk: they gather there, and count once they are complete.

    manifest     the version in force and its pages
    pages/...    each page under its SHA-256

Until the last page of a newer version is on disk the older one stays in force, however long that
takes. Writing the manifest is the adoption: after a power cut there is the old one or the new.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from sync.edge.roster import Adopted, Rosters
from sync.journal.durable import make_directory, sync_directory
from sync.keyfile import write_durably
from sync.protocol.errors import Malformed, ProtocolError
from sync.protocol.roster import Roster
from sync.protocol.rostering import (
    Manifest,
    Part,
    RosterPart,
    decode_manifest,
    decode_page,
    digest,
    encode_manifest,
    together,
)

PATIENCE_S: Final = 60.0
"""So long after the last page the next one is waited for; then a hello asks for all again."""

PATIENCE_MOST_S: Final = 3600.0
"""To which the wait doubles while nothing is adopted: a full disk must not cost the line's money.
"""

MANIFEST_FILE: Final = "manifest"

_HALF: Final = "half"  # a page that is being written; no SHA-256 is called so

log: Final = logging.getLogger(__name__)


class NotKept(ProtocolError):
    """A page of a roster could not be written; the last roster stays in force."""


class Shelf:
    """The pages in `directory`. `on_adopted` is told of each version, after it is in force.

    Any thread: an answer on a stick may come while the line brings another.
    """

    def __init__(
        self, directory: Path, rosters: Rosters, on_adopted: Callable[[Adopted], None]
    ) -> None:
        self._directory = directory
        self._rosters = rosters
        self._on_adopted = on_adopted
        self._held: set[str] = set()
        self._coming: Manifest | None = None
        self._is_lacking = False  # central's word came, and is not in force yet
        self._patience_s = PATIENCE_S
        self._last_s = 0.0
        self._taking = threading.Lock()
        self.version = 0

    def load(self) -> None:
        """Put the version on disk into force, as far as it can be read.

        `version` is 0 where a page of it is damaged: central then sends the whole of it again. So
        is what is in force: a part of a version is no version, and no terminal is brought to it.
        """
        try:
            manifest = decode_manifest((self._directory / MANIFEST_FILE).read_bytes())
        except FileNotFoundError:
            return
        except (OSError, Malformed) as error:
            log.error("the roster at %s cannot be read: %s", self._directory, error)
            return
        # Those of a version that was still coming count as well; the next adoption clears up.
        self._held = {page for page, _ in self._readable(self._files())}
        pages = dict(self._readable(manifest.pages))
        if len(pages) == len(set(manifest.pages)):
            self.version = manifest.version
        else:
            log.error("pages of the roster at %s are damaged; central is asked", self._directory)
        self._rosters.current = _adopted(self.version, pages.values())

    def is_overdue(self, now: float) -> bool:
        """Return, once, whether a version is not whole, or not kept, and none came for a while."""
        with self._taking:
            if not self._is_lacking or now - self._last_s < self._patience_s:
                return False
            self._coming, self._is_lacking = None, False
            self._patience_s = min(2 * self._patience_s, PATIENCE_MOST_S)
            return True

    def take(self, part: RosterPart, plain: bytes, now: float, *, latest: bool) -> None:
        """Take in a part that central sent.

        `latest`: it answers our latest word. Otherwise an older version than ours is a late one.

        Raises:
            Malformed: it cannot be read; nothing has changed.
            NotKept: the disk refuses it.
        """
        with self._taking:
            self._last_s = now
            try:
                self._take(part, plain, latest=latest)
            except OSError as error:
                self._coming = None
                raise NotKept(
                    f"roster: {self._directory}: {error.strerror}; version {self.version} stays "
                    "in force. Free some space"
                ) from error

    def _take(self, part: RosterPart, plain: bytes, *, latest: bool) -> None:
        if part.part is Part.MANIFEST:
            self._begin(decode_manifest(plain), latest=latest)
        elif self._coming is not None and (page := digest(plain)) in self._missing(self._coming):
            self._keep(page, plain)
        if self._coming is not None and not self._missing(self._coming):
            self._adopt(self._coming)

    def _begin(self, manifest: Manifest, *, latest: bool) -> None:
        # Of several centrals, one may answer an older hello later: its word is not the last.
        newest = max(self.version, self._coming.version if self._coming else 0)
        if manifest.version == self.version or (manifest.version < newest and not latest):
            return
        self._coming, self._is_lacking = manifest, True

    def _missing(self, manifest: Manifest) -> set[str]:
        return set(manifest.pages) - self._held

    def _keep(self, page: str, plain: bytes) -> None:
        decode_page(plain)  # what cannot be read must not stand in the way of what can
        directory = self._page(page).parent
        make_directory(directory)
        # Synced once, all together, at the adoption: receipts wait for nothing here.
        half = directory / _HALF
        half.write_bytes(plain)
        half.chmod(0o600)
        half.rename(self._page(page))
        self._held.add(page)

    def _adopt(self, manifest: Manifest) -> None:
        """Put `manifest` into force, and let go of pages that it does not name."""
        pages = dict(self._readable(manifest.pages))
        self._held -= set(manifest.pages) - set(pages)
        if self._missing(manifest):  # rotten meanwhile
            self._coming = None
            raise Malformed("roster: a page on the disk is damaged; central is asked again")
        adopted = _adopted(manifest.version, pages.values())
        self._sync(manifest.pages)
        write_durably(self._directory / MANIFEST_FILE, encode_manifest(manifest))
        self._coming, self.version = None, manifest.version
        self._is_lacking, self._patience_s = False, PATIENCE_S
        self._rosters.current = adopted
        for name in set(self._files()) - set(manifest.pages):  # what a power cut left half, too
            with suppress(OSError):  # it takes up room, and the next adoption tries again
                self._page(name).unlink(missing_ok=True)
        self._held &= set(manifest.pages)
        self._on_adopted(adopted)

    def _sync(self, pages: Iterable[str]) -> None:
        """Have all pages on the disk before the manifest that names them."""
        make_directory(self._page("").parent)
        for page in pages:
            with self._page(page).open("rb") as file:
                os.fsync(file.fileno())
        if self._page("").is_dir():
            sync_directory(self._page(""))

    def _readable(self, pages: Iterable[str]) -> Iterable[tuple[str, Roster]]:
        """Yield the pages that are on disk as they were sent."""
        for page in pages:
            try:
                plain = self._page(page).read_bytes()
                if digest(plain) == page:
                    yield page, decode_page(plain)
            except (OSError, Malformed):
                continue

    def _files(self) -> list[str]:
        with suppress(OSError):
            return sorted(one.name for one in self._page("").iterdir())
        return []

    def _page(self, page: str) -> Path:
        return self._directory / "pages" / page


def _adopted(version: int, pages: Iterable[Roster]) -> Adopted:
    return Adopted(*together(version, pages))
