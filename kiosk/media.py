"""The two media: on which one the kiosk works, and what it brings along when that changes.

    first medium works                the journal is there; the mirror gets what central lacks
    first medium fails                a journal is begun on the second with what the mirror has; the
                                      kiosk stays there, and says so, until the first is replaced
    first medium is there, and empty  the journal is begun on it with what the second one has

Without a second medium in the settings there is only the first line, and a failure is an error.

A change that a power cut or a refusal interrupts is gone on with at the next start: a return to the
first medium by the file `returning` there, everything else because recording a thing again is
harmless.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from kiosk.settings import Place
from sync.journal import mirror, names
from sync.journal.durable import make_directory
from sync.journal.epochs import Epochs
from sync.journal.errors import Foreign, InUse, JournalError, StorageFull, refused
from sync.journal.journal import Journal
from sync.journal.mirror import Mirror
from sync.journal.names import files
from sync.journal.reader import Reader, follows
from sync.keyfile import KeyFileError, load_or_make, write_durably
from sync.protocol.entry import Stamp
from sync.protocol.identity import PrivateKey

log = logging.getLogger(__name__)

SPARE_KEY: Final = "device.key"
"""The device's key has a copy on the second medium: what is begun there is signed by the same."""

RESTORING: Final = "restoring"
"""This file stands in a data directory while a backup is being restored onto it."""

_RETURNING: Final = "returning"
_FIRST_TAKEN: Final = "first-taken"


class House(Struct, frozen=True):
    """Key and journal, opened at `place`; `failed` says why not on the first medium, else ""."""

    place: Place
    key: PrivateKey
    epochs: Epochs
    failed: str = ""


def open_house(place: Place) -> House:
    """Open key and journal on the medium that works. Raises JournalError, KeyFileError."""
    _look_for_restore(place)
    if place.mirror is None:
        return _open(place)
    second = _standing_in(place)
    if _has_journal(second) and not _is_returning(place):
        if _has_journal(place):
            return _open_second(second, "it has failed before")
        try:
            make_directory(place.data)
            write_durably(place.data / _RETURNING, b"")
        except OSError as error:
            return _open_second(second, f"{error.strerror}")
    try:
        bring_key(place)
        house = _open(place)
    except (StorageFull, InUse, Foreign):
        raise
    except (JournalError, KeyFileError) as failure:
        return _open_second(second, str(failure))
    _spare_key(place)
    _spare_papers(place)
    return house


def working_place(place: Place) -> Place:
    """Return where the daemon works, or will at its next start, as far as the files say."""
    second = _standing_in(place)
    if place.mirror is not None and _has_journal(second) and not _is_returning(place):
        return second
    return place


def bring_along(house: House, stamp: Callable[[], Stamp]) -> Mirror | None:
    """Record anew what only the other medium has; return the mirror, filled, if there is to be one.

    Raises JournalError; what was not finished is done at the next start.
    """
    place, epochs = house.place, house.epochs
    if place.mirror is None:
        return None
    try:
        if place.stands_in:
            _bring_from_logs(house, stamp)
            _bring_from_first(house, stamp)
        else:
            _bring_from_standby(house, stamp)
            _bring_from_logs(house, stamp)
    except OSError as error:
        if place.stands_in:
            raise refused(error, place.mirror) from error
        # The first medium works: what the second one has can wait until it does too.
        log.error("%s: %s; check the second medium", place.mirror, error.strerror)
    if place.stands_in:
        return None
    copies = Mirror(place.mirror)
    for journal in epochs.journals[:-1]:
        if journal.cursor < journal.tip and not journal.replaced:
            journal.mirror(copies, follow=False)
    epochs.live.mirror(copies)
    return copies


def _bring_from_standby(house: House, stamp: Callable[[], Stamp]) -> None:
    """Take along what was recorded while the second medium stood in.

    Raises JournalError, OSError.
    """
    place = house.place
    second = _standing_in(place)
    if _has_journal(second):
        # As at any start: what is damaged there is salvaged first.
        standby = Epochs(second.data / "journal", place.settings.kiosk, house.key.public.der)
        standby.open()
        try:
            standby.take_over(stamp)
            lacking = chain(*map(_undelivered, standby.journals))
            _adopt(house, lacking, stamp)
        finally:
            standby.close()
        second.data.rename(_free(second.data))
    (place.data / _RETURNING).unlink(missing_ok=True)


def _bring_from_first(house: House, stamp: Callable[[], Stamp]) -> None:
    """Take along, once, what can still be read on the first medium.

    Raises JournalError, OSError.
    """
    done = house.place.data / _FIRST_TAKEN
    if done.exists():
        return
    first = structs.replace(house.place, stands_in=False)
    with suppress(OSError):
        for path in files(first.data / "journal"):
            _adopt(house, _readable(path), stamp)
    write_durably(done, b"")


def _bring_from_logs(house: House, stamp: Callable[[], Stamp]) -> None:
    """Take along what the mirror has of epochs that are not here. Raises JournalError, OSError."""
    place = house.place
    assert place.mirror is not None  # noqa: S101 - the caller has looked
    here = {journal.life.epoch: journal for journal in house.epochs.journals}
    for epoch, path in mirror.files(place.mirror).items():
        journal = here.get(epoch)
        if journal is not None:
            done = journal.cursor == journal.tip or journal.replaced
            if journal is not house.epochs.live and done:
                path.unlink()  # central has all of it, or the live epoch
        elif (kiosk := mirror.whose(path)) != place.settings.kiosk:
            log.error("%s: it is kiosk %r's; give each kiosk a medium of its own", path, kiosk)
        else:
            _adopt(house, mirror.read(path), stamp)
            path.rename(_free(path.with_suffix(".taken")))


def _adopt(house: House, bodies: Iterator[bytes], stamp: Callable[[], Stamp]) -> None:
    taken = house.epochs.adopt(bodies, stamp, f"the medium changed to {house.place.data}")
    if taken:
        log.warning("%s: took over %d entries from the other medium", house.place.data, taken)


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
    bring_key(second)
    return structs.replace(_open(second), failed=failed)


def bring_key(place: Place) -> None:
    """Put the spare of the device's key where there is none. Raises JournalError."""
    if place.mirror is None:
        return
    spare = place.mirror / SPARE_KEY
    try:
        if spare.exists() and not place.key.exists():
            make_directory(place.key.parent)
            write_durably(place.key, spare.read_bytes())
    except OSError as error:
        raise refused(error, place.key) from error


def standby_journal(place: Place) -> bool:
    """Return whether the second medium has a journal of the time when it stood in."""
    return place.mirror is not None and _has_journal(_standing_in(place))


def apart(place: Place) -> Path | None:
    """Return where something is that the journal of `place`, where the kiosk works, lacks yet.

    The next start of the daemon brings it along. Raises OSError.
    """
    if place.mirror is None:
        return None
    if place.stands_in and not (place.data / _FIRST_TAKEN).exists():
        return structs.replace(place, stands_in=False).data
    if not place.stands_in and standby_journal(place):
        return _standing_in(place).data
    here = {names.read(path)[0] for path in files(place.data / "journal")}
    for epoch, path in mirror.files(place.mirror).items():
        is_ours = epoch not in here and mirror.whose(path) == place.settings.kiosk
        if is_ours and any(True for _ in mirror.read(path)):
            return path
    return None


def _look_for_restore(place: Place) -> None:
    """Raise InUse while half of a backup stands in the data directory."""
    try:
        half = (place.data / RESTORING).exists()
    except OSError:  # the medium is gone: there is another way to say so
        return
    if half:
        raise InUse(
            f"{place.data}: a backup is being restored here, or was and did not get to its end: "
            "do it again (kiosk restore), then start the kiosk"
        )


def _spare_key(place: Place) -> None:
    """Put a spare of the device's key on the second medium; if that fails it is said."""
    assert place.mirror is not None  # noqa: S101 - there is a second medium
    spare = place.mirror / SPARE_KEY
    try:
        wanted = place.key.read_bytes()
        if not spare.exists() or spare.read_bytes() != wanted:
            make_directory(place.mirror)
            write_durably(spare, wanted)
    except OSError as error:
        log.error("%s: %s; check the second medium", spare, error.strerror)


def _spare_papers(place: Place) -> None:
    """Put copies of the line's certificates and keys on the second medium; or say why not.

    One that cannot be read now is left as it is there: that is what it is for.
    """
    tls = place.line.tls
    named = [] if tls is None else [tls.ca, tls.certificate, tls.crl]
    for path in (*map(Path, filter(None, named)), *place.central):
        spare = place.spare(path)
        if spare is None or spare == path:
            continue
        try:
            content = path.read_bytes()
            if not spare.exists() or spare.read_bytes() != content:
                make_directory(spare.parent)
                write_durably(spare, content)
        except OSError as error:
            log.error("%s: %s; check the second medium", spare, error.strerror)


def _standing_in(place: Place) -> Place:
    return structs.replace(place, stands_in=True)


def _has_journal(place: Place) -> bool:
    """Return whether there is a journal, or a medium that cannot even say so."""
    try:
        return bool(files(place.data / "journal"))
    except OSError:
        return True


def _is_returning(place: Place) -> bool:
    """Return whether a return to the first medium was begun and not finished."""
    try:
        return (place.data / _RETURNING).exists()
    except OSError:
        return False


def _undelivered(journal: Journal) -> Iterator[bytes]:
    """Yield what central lacks of an epoch, each entry proved. Raises JournalError."""
    yield from _proved(journal.reader, journal.cursor)


def _readable(path: Path) -> Iterator[bytes]:
    """Yield what central lacks of a file on a failing medium, as far as it proves itself."""
    reader = Reader(path)
    with suppress(JournalError):
        reader.open()
        yield from _proved(reader, reader.cursor())
    reader.close()


def _proved(reader: Reader, after: int) -> Iterator[bytes]:
    head = reader.hash_at(after)
    if head is None:
        return
    for row in reader.rows(after + 1):
        head = follows(reader.path, after, head, row)
        after = row.seq
        if row.body is not None:
            yield row.body


def _free(path: Path) -> Path:
    """Return a name like `path` that nothing has."""
    names = (path.with_name(f"{path.name}-{n}") for n in count(1))
    return next(name for name in names if not name.exists())
