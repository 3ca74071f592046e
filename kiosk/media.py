"""The two media: on which one the kiosk works, and what it brings along when that changes.

    first medium works                the journal is there; the mirror gets what central lacks
    first medium fails                a journal is begun on the second with what the mirror has; the
                                      kiosk stays there, and says so, until the first is replaced
    first medium is there, and empty  the journal is begun on it with what the second one has

Without a second medium in the settings there is only the first line, and a failure is an error.
"""

import logging
from collections.abc import Callable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from kiosk.settings import Place
from sync.journal import mirror
from sync.journal.epochs import Epochs
from sync.journal.errors import Foreign, InUse, JournalError, StorageFailed, StorageFull
from sync.journal.mirror import Mirror
from sync.journal.names import files
from sync.journal.reader import Reader
from sync.keyfile import KeyFileError, load_or_make, write_durably
from sync.protocol.entry import Stamp
from sync.protocol.identity import PrivateKey

log = logging.getLogger(__name__)

SPARE_KEY: Final = "device.key"
"""The device's key has a copy on the second medium: what is begun there is signed by the same."""


class House(Struct, frozen=True):
    """Key and journal, opened at `place`; `failed` says why not on the first medium, else ""."""

    place: Place
    key: PrivateKey
    epochs: Epochs
    failed: str = ""


def open_house(place: Place) -> House:
    """Open key and journal on the medium that works. Raises JournalError, KeyFileError."""
    if place.mirror is None:
        return _open(place)
    second = structs.replace(place, stands_in=True)
    if _has_journal(place) and _has_journal(second):
        return _open_second(second, "it has failed before")
    try:
        _bring_key(place)
        house = _open(place)
    except (StorageFull, InUse, Foreign):
        raise
    except (JournalError, KeyFileError) as failure:
        return _open_second(second, str(failure))
    _spare_key(place)
    return house


def bring_along(house: House, stamp: Callable[[], Stamp]) -> Mirror | None:
    """Record anew what only the other medium has; return the mirror, filled, if there is to be one.

    Raises JournalError; what was not finished is done at the next start.
    """
    place, epochs = house.place, house.epochs
    if place.mirror is None:
        return None
    second = structs.replace(place, stands_in=True)
    known = {journal.life.epoch for journal in epochs.journals}
    try:
        logs = {
            epoch: path for epoch, path in mirror.files(place.mirror).items() if epoch not in known
        }
        left = [] if place.stands_in else files(second.data / "journal")
        if logs or left:
            bodies = chain(*map(mirror.read, logs.values()), *map(_undelivered, left))
            taken = epochs.adopt(bodies, stamp, f"the medium changed to {place.data}")
            log.warning("%s: took over %d entries from the other medium", place.data, taken)
        if left:
            second.data.rename(_free(second.data))
        for path in logs.values():
            path.rename(_free(path.with_suffix(".taken")))
    except OSError as error:
        if place.stands_in:
            raise StorageFailed(f"{place.mirror}: {error.strerror}; no medium works") from error
        # The first medium works: what the second one has can wait until it does too.
        log.error("%s: %s; check the second medium", place.mirror, error.strerror)
    if place.stands_in:
        return None
    copies = Mirror(place.mirror)
    for journal in epochs.journals:
        if journal is epochs.live or journal.cursor < journal.span().last:
            journal.mirror(copies)
    return copies


def _open(place: Place) -> House:
    key = load_or_make(place.key)
    epochs = Epochs(place.data / "journal", place.settings.kiosk, key.public.der)
    epochs.open()
    return House(place, key, epochs)


def _open_second(second: Place, why: str) -> House:
    first = structs.replace(second, stands_in=False)
    failed = (
        f"{first.data}: {why}; working on the second medium, {second.data}. Replace the first one, "
        f"or repair it and move {first.data / 'journal'} away"
    )
    log.error("%s", failed)
    _bring_key(second)
    return structs.replace(_open(second), failed=failed)


def _bring_key(place: Place) -> None:
    """Put the spare of the device's key where there is none. Raises StorageFailed."""
    assert place.mirror is not None  # noqa: S101 - there is a second medium
    spare = place.mirror / SPARE_KEY
    try:
        if spare.exists() and not place.key.exists():
            place.key.parent.mkdir(parents=True, exist_ok=True)
            write_durably(place.key, spare.read_bytes())
    except OSError as error:
        raise StorageFailed(f"{place.key}: {error.strerror}; check the disk") from error


def _spare_key(place: Place) -> None:
    """Put a spare of the device's key on the second medium; if that fails it is said."""
    assert place.mirror is not None  # noqa: S101 - there is a second medium
    spare = place.mirror / SPARE_KEY
    try:
        wanted = place.key.read_bytes()
        if not spare.exists() or spare.read_bytes() != wanted:
            place.mirror.mkdir(parents=True, exist_ok=True)
            write_durably(spare, wanted)
    except OSError as error:
        log.error("%s: %s; check the second medium", spare, error.strerror)


def _has_journal(place: Place) -> bool:
    """Return whether there is a journal, or a medium that cannot even say so."""
    try:
        return bool(files(place.data / "journal"))
    except OSError:
        return True


def _undelivered(path: Path) -> Iterator[bytes]:
    """Yield what central lacks of a journal's file. Raises JournalError."""
    reader = Reader(path)
    reader.open()
    try:
        for row in reader.rows(reader.cursor() + 1):
            if row.body is not None:
                yield row.body
    finally:
        reader.close()


def _free(path: Path) -> Path:
    """Return a name like `path` that nothing has."""
    names = (path.with_name(f"{path.name}-{n}") for n in count(1))
    return next(name for name in names if not name.exists())
