"""Restoring a backup onto an empty card: the kiosk goes on, in a new epoch.

The epochs of the backup are put back as they are and closed: what central lacks of them is
delivered from them. Nothing is ever appended to them, for central may hold what was recorded after
the backup was made. Where it does, it contradicts, and the kiosk records anew what they hold
(docs/JOURNAL.md); central counts each punch once. Terminals are read on from where the backup
knows them.

A file `restoring` stands in the data directory until all is done: a restore that was cut short is
begun anew by the next one, and no daemon starts on half of it.
"""

import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec import Struct

from kiosk.backup import contents
from kiosk.backup.contents import Contents
from kiosk.backup.parcel import ANOTHER, BackupError, Heading, Reader
from kiosk.backup.people import Returned, bring_back
from kiosk.clock import TrustedClock
from kiosk.media import RESTORING, bring_key, standby_journal
from kiosk.settings import Place, Settings
from kiosk.timekeeper import remembered
from sync.journal import mirror, names
from sync.journal import reader as journals
from sync.journal.durable import make_directory, sync_directory
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft, Journal
from sync.journal.schema import Closed
from sync.journal.takeover import know_all
from sync.keyfile import load_or_make, write_durably
from sync.protocol import entry
from sync.protocol.certificate import Certificate
from sync.protocol.errors import Malformed
from sync.protocol.identity import PrivateKey
from sync.protocol.sealed import RecordKey

MAY_BE_THERE: Final = frozenset({contents.DEVICE_KEY, RESTORING, "models", "lost+found"})
"""What an empty data directory may have: a new device key that central was told of, weights."""

_COPY_BYTES: Final = 1 << 20


class Looked(Struct, frozen=True, kw_only=True):
    """What a first reading of a backup has found, all of it decrypted.

    Attributes:
        contents: what there is.
        small: every member but the journals, by name.
        bytes: how long all members are together.
    """

    contents: Contents
    small: Mapping[str, bytes]
    bytes: int


class Restored(Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        kiosk: whose it is.
        epochs: how many journals were put back.
        undelivered: entries in them of which the backup does not know that central has them.
        epoch: the new one.
        mirrored: entries that only the second medium had.
        people: who came back.
        new_key: fingerprint of the device key, where central does not know it yet; else "".
        not_put_back: files of the settings that are to be brought by hand, and why.
    """

    kiosk: str
    epochs: int
    undelivered: int
    epoch: str
    mirrored: int
    people: Returned
    new_key: str
    not_put_back: tuple[str, ...]


def look(file: IO[bytes], heading: Heading, key: RecordKey) -> Looked:
    """Read a whole backup without writing anything: is it whole, and what is in it?

    `file` stands behind the heading. Raises BackupError, OSError.
    """
    small: dict[str, bytes] = {}
    sizes: dict[str, int] = {}
    for member, content in _members(file, key):
        sizes[member.name] = member.size
        if member.name.startswith(f"{contents.JOURNAL}/"):
            while content.read(_COPY_BYTES):
                pass
        elif member.size > contents.MEMBER_MOST_BYTES:
            raise BackupError(f"{member.name} in the backup is {member.size} bytes; {ANOTHER}")
        else:
            small[member.name] = content.read()
    try:
        said = msgspec.json.decode(small.get(contents.CONTENTS, b""), type=Contents)
    except msgspec.DecodeError as error:
        raise BackupError(f"the backup does not say what is in it: {error}; {ANOTHER}") from error
    if said.version > 1:
        raise BackupError("the backup is by a newer version; install that one, then restore")
    missing = {f"{contents.JOURNAL}/{one.file}" for one in said.epochs} - sizes.keys()
    if missing or said.kiosk != heading.kiosk or contents.SETTINGS_FILE not in small:
        raise BackupError(f"a part of the backup is missing; {ANOTHER}")
    return Looked(contents=said, small=small, bytes=sum(sizes.values()))


def settings_in(looked: Looked) -> Settings:
    """Return the settings in a backup. Raises BackupError."""
    try:
        return msgspec.toml.decode(looked.small[contents.SETTINGS_FILE], type=Settings)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BackupError(
            f"the settings in the backup do not hold with this version: {error}; write kiosk.toml "
            "anew, then restore: the backup's is not put over one that is there"
        ) from error


def put_settings(looked: Looked, file: Path) -> None:
    """Put the backup's settings at `file`, where there are none. Raises OSError."""
    make_directory(file.parent)
    write_durably(file, looked.small[contents.SETTINGS_FILE])


def ready(place: Place, looked: Looked) -> None:
    """Raise BackupError where this is no place to restore the backup to; nothing is touched."""
    mine = place.settings.kiosk
    if mine != looked.contents.kiosk:
        raise BackupError(
            f"the backup is kiosk {looked.contents.kiosk!r}'s, and {place.file} says {mine!r}: "
            "bring the right backup, or move the settings away and take those of the backup"
        )
    if standby_journal(place):
        raise BackupError(
            f"{place.mirror}: the second medium has a journal that is newer than any backup. Do "
            "not restore: start the kiosk, and it goes back to the empty card with all of it"
        )
    data = place.data
    if not data.exists():
        return
    if not data.is_dir():
        raise BackupError(f"{data}: not a directory; move it away")
    found = sorted(one.name for one in data.iterdir() if one.name not in MAY_BE_THERE)
    if not found or (data / RESTORING).exists():
        return
    if "journal" in found:
        raise BackupError(
            f"{data}: there is a journal already. A backup is for an empty card only. Let what is "
            f"there be delivered (or `kiosk journal export`), stop the kiosk, move {data} away and "
            "keep it, then restore"
        )
    raise BackupError(
        f"{data}: not empty: {', '.join(found[:5])}. A backup is for an empty card only: stop the "
        f"kiosk, move {data} away and keep it, then restore"
    )


def restore(
    place: Place,
    open_again: Callable[[], IO[bytes]],
    heading: Heading,
    key: RecordKey,
    unit: PrivateKey,
    looked: Looked,
    central: Mapping[str, int],
    by: str,
) -> Restored:
    """Put a backup that was looked through onto the empty card of `place`.

    `open_again` returns the file behind its heading. `central` are central's tombstones.

    Raises BackupError, JournalError, KeyFileError, VaultError, OSError: the file `restoring` stays,
    and the next restore begins anew.
    """
    data, said = place.data, looked.contents
    make_directory(data)
    write_durably(data / RESTORING, b"")
    _sweep(data)
    _look_for_room(data, looked.bytes)
    with open_again() as file:
        _put_journals(file, key, data / "journal")
    for name, octets in looked.small.items():
        base, _, rest = name.partition("/")
        if base == contents.DATA and not (rest == contents.DEVICE_KEY and place.key.exists()):
            _put(data / rest, octets)
    bring_key(place)
    device = load_or_make(place.key)
    lacking = _put_beside_settings(place, looked, device)
    for path in names.files(data / "journal"):
        _close_epoch(path)
    epochs = Epochs(data / "journal", said.kiosk, device.public.der)
    epochs.open()
    try:
        clock = TrustedClock(remembered(epochs.journals))
        epochs.take_over(clock.stamp)
        for older in epochs.journals[:-1]:
            know_all(epochs.live, older)
        _say_so(epochs.live, said, heading, by, clock.stamp)
        logs = _logs_of(place)
        mirrored = sum(
            epochs.adopt(mirror.read(path), clock.stamp, "restored, and the second medium has more")
            for path in logs
        )
        readers = [one.reader for one in epochs.journals]
        exported = looked.small.get(contents.VAULT)
        people = bring_back(place, exported, unit, said.tombstones, central, readers, by)
        live = epochs.live.life.epoch
    finally:
        epochs.close()
    (data / RESTORING).unlink()
    sync_directory(data)
    for path in logs:  # what they have is in the journal, and that holds from now on
        path.rename(path.with_suffix(".taken"))
    return Restored(
        kiosk=said.kiosk,
        epochs=len(said.epochs),
        undelivered=sum(max(0, one.last - one.receipted) for one in said.epochs),
        epoch=live,
        mirrored=mirrored,
        people=people,
        new_key="" if device.public.fingerprint == heading.key else device.public.fingerprint,
        not_put_back=(*lacking, *said.elsewhere),
    )


def _members(file: IO[bytes], key: RecordKey) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Yield the members of a backup, each to be read before the next. Raises BackupError."""
    plain = Reader(file, key)
    seen = set()
    try:
        with tarfile.open(fileobj=plain, mode="r|gz") as tar:  # type: ignore[call-overload]
            for member in tar:
                content = tar.extractfile(member) if member.isreg() else None
                if content is None or not contents.is_expected(member.name) or member.name in seen:
                    raise BackupError(f"the backup has a part {member.name!r}; {ANOTHER}")
                seen.add(member.name)
                yield member, content
    except tarfile.TarError as error:
        raise BackupError(f"what is in the backup is damaged: {error}; {ANOTHER}") from error
    plain.read_out()


def _sweep(data: Path) -> None:
    """Remove what a restore that was cut short has left. Raises OSError."""
    for one in data.iterdir():
        if one.name in MAY_BE_THERE:
            continue
        if one.is_dir():
            shutil.rmtree(one)
        else:
            one.unlink()


def _look_for_room(data: Path, size: int) -> None:
    free = shutil.disk_usage(data).free
    if free < size * 2:
        raise BackupError(
            f"{data}: the backup holds {size / 1e6:,.1f} MB and the kiosk needs as much again to "
            f"work, and {free / 1e6:,.1f} MB are free: free some space or take a larger card, then "
            "restore again"
        )


def _put(path: Path, octets: bytes) -> None:
    make_directory(path.parent)
    write_durably(path, octets)


def _put_journals(file: IO[bytes], key: RecordKey, directory: Path) -> None:
    """Put the epochs back, each proved. Raises BackupError, JournalError, OSError."""
    make_directory(directory)
    for member, content in _members(file, key):
        base, _, name = member.name.partition("/")
        if base != contents.JOURNAL:
            continue
        path = directory / name
        with path.open("xb") as written:
            shutil.copyfileobj(content, written, _COPY_BYTES)
        if names.files(directory).count(path) != 1:
            raise BackupError(f"the backup has a journal called {name!r}; {ANOTHER}")
        one = journals.Reader(path)
        one.open()
        try:
            one.verify()
        finally:
            one.close()
    sync_directory(directory)


def _close_epoch(path: Path) -> None:
    """Have nothing appended to a restored epoch; all of it is on disk afterwards."""
    journal = Journal(path)
    journal.open()
    try:
        if journal.reader.closed() is Closed.NO:
            journal.end(Closed.SETTLED)
    finally:
        journal.close()
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _put_beside_settings(place: Place, looked: Looked, device: PrivateKey) -> list[str]:
    """Put back the files that the settings name where they are not; return what was left out."""
    left = []
    tls = place.settings.line.tls
    for said in filter(contents.is_beside, contents.named(place.settings, keys=True)):
        octets = looked.small.get(f"{contents.SETTINGS}/{said}")
        if octets is None:
            continue
        path = place.path(said)
        if tls is not None and said == tls.certificate and not _is_of(octets, device):
            left.append(f"{said}: it is of the key on the old card")
        elif not path.exists():
            make_directory(path.parent)
            write_durably(path, octets)
    return left


def _is_of(certificate: bytes, device: PrivateKey) -> bool:
    try:
        return Certificate.from_pem(certificate).key.fingerprint == device.public.fingerprint
    except Malformed:
        return False


def _say_so(
    live: Journal, said: Contents, heading: Heading, by: str, stamp: Callable[[], entry.Stamp]
) -> None:
    """Record that the kiosk was restored, and behind which entry something may be missing."""
    newest = max(said.epochs, key=lambda one: one.number)
    gap = entry.Gap(
        at=stamp(),
        what="journal",
        reason="restored from a backup: what was recorded after it and not delivered is on the old "
        "card, unless a terminal or the second medium has it",
        since=f"{newest.epoch} {newest.last + 1}",
    )
    audit = entry.Audit(
        at=stamp(),
        actor=by,
        action="kiosk restored",
        detail={
            "made": f"{heading.made}",
            "device": heading.key,
            "content": heading.content,
            "epochs": " ".join(f"{one.epoch}:{one.last}" for one in said.epochs[-20:]),
        },
    )
    live.append([Draft(entry.encode(gap)), Draft(entry.encode(audit))])


def _logs_of(place: Place) -> list[Path]:
    """Return the second medium's files of what this kiosk had not delivered. Raises OSError."""
    if place.mirror is None or not place.mirror.is_dir():
        return []
    found = mirror.files(place.mirror).values()
    return [path for path in found if mirror.whose(path) == place.settings.kiosk]
