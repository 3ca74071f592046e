"""The end of a kiosk's service: nothing is destroyed before central, or a stick, has it.

    record     an entry that says so, delivered like every other one
    check      what central lacks, from the files, with nobody at work on them
    wipe       settings out of the way first, so that no daemon begins anew on half of its files;
               then keys, vault, journal and the rest; the settings' secrets last

Power may fail anywhere: called again, it goes on. `retiring.json` says that it was begun, by whom
and why, and becomes `retired-KIOSK.json`, which stays.
"""

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kiosk import approved, codes, pins, technicians
from kiosk.faces import tombstones
from kiosk.local import CannotDo
from kiosk.media import apart
from kiosk.returned import not_taken
from kiosk.settings import Place, load
from kiosk.setup.disk import Disk
from sync.journal import mirror, names
from sync.journal.journal import Draft, Journal
from sync.journal.reader import Reader
from sync.journal.schema import Closed
from sync.protocol import entry
from sync.protocol.entry import Stamp

BEGUN: Final = "retiring.json"

_KEPT: Final = frozenset({"certificates", "models"})
"""Directories of the data directory that stay: certificates of destruction, and weights."""

_ON_MIRROR: Final = (
    *("device.key", "line", technicians.FILE, pins.FILE, codes.FILE, approved.FILE),
    *(tombstones.FILE, "standby*", "undelivered-*"),
)
"""What is ours on the second medium, where other things may be as well."""


class Retired(Struct, frozen=True, kw_only=True):
    """What stays of a kiosk: who ended it, why, and what was not delivered then.

    Attributes:
        key: the device key's fingerprint, by which central knows it.
        at: the kiosk's clock, milliseconds UTC.
        anyway: why it was wiped although central lacked something; "" if it did not.
        lacking: entries by epoch that no receipt covered.
        exported: where these are; "" for nowhere.
    """

    kiosk: str
    key: str
    by: str
    reason: str
    at: int
    anyway: str = ""
    lacking: dict[str, int] = {}
    exported: str = ""


class StillNeeded(Exception):
    """It must not be wiped: what, and what to do."""


def record(journal: Journal, stamp: Callable[[], Stamp], said: Mapping[str, str]) -> str:
    """Carry out what `kiosk retire` asks of the daemon first. Raises CannotDo, JournalError."""
    by, reason = said.get("by", ""), said.get("reason", "")
    if not by or not reason:
        raise CannotDo("say who retires the kiosk, and why: --by NAME --reason TEXT")
    audit = entry.Audit(at=stamp(), actor=by, action="kiosk retiring", detail={"reason": reason})
    journal.append([Draft(entry.encode(audit))])
    return "recorded"


def lacking(place: Place) -> dict[str, int]:
    """Return how many entries of each epoch no receipt covers.

    Raises StillNeeded where nobody can say, JournalError, OSError.
    """
    directory = place.data / "journal"
    if names.damaged(directory):
        raise StillNeeded(
            f"{names.damaged(directory)[0]} is damaged and not rescued yet: start the daemon once"
        )
    for aside in filter(None, (*not_taken(place.data), apart(place))):
        raise StillNeeded(
            f"{aside} may hold entries that the journal lacks: start the daemon once, it brings "
            "them along"
        )
    found = {}
    for path in names.files(directory):
        reader = Reader(path)
        life = reader.open()
        try:
            if reader.closed() is not Closed.REPLACED and (
                left := reader.span().last - reader.cursor()
            ):
                found[life.epoch] = left
        finally:
            reader.close()
    return found


def is_begun(config: Path) -> bool:
    """Return whether a wipe was begun that is to be finished: the settings are aside."""
    return not config.exists() and _aside(config).exists()


def place_of(config: Path) -> Place:
    """Return the kiosk that is or was at `config`. Raises SettingsError."""
    return load(_aside(config) if is_begun(config) else config)


@contextmanager
def held(place: Place) -> Iterator[None]:
    """Keep every daemon away meanwhile. Raises StillNeeded: one is at work; OSError."""
    directory = place.data / "journal"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StillNeeded(
                "the daemon is at work: sudo systemctl disable --now presensi-kiosk presensi-screen"
            ) from error
        yield


def begin(disk: Disk, config: Path, place: Place, retired: Retired) -> None:
    """Say that it ends, and put the settings aside; then it is only gone on with.

    Raises OSError.
    """
    disk.replace(place.data / BEGUN, msgspec.json.encode(retired))
    disk.rename(config, _aside(config))
    disk.sync_directory(config.parent)


def wipe(disk: Disk, config: Path, place: Place) -> Path | None:
    """Destroy what is here; return what stays to say so, None where nothing was begun.

    Raises OSError: called again, it goes on.
    """
    begun = place.data / BEGUN
    content = disk.read(begun)
    retired = None if content is None else msgspec.json.decode(content, type=Retired)
    keys = [place.data / "device.key", place.data / "vault.key"]
    for path in (*keys, *_of_data(place), *_of_mirror(place)):
        _destroy(disk, path)
    stays = None
    if retired is not None:
        stays = place.data / f"retired-{retired.kiosk}.json"
        disk.rename(begun, stays)
        disk.sync_directory(place.data)
    finish(disk, config)
    return stays


def finish(disk: Disk, config: Path) -> None:
    """Destroy the settings, the last thing that is destroyed. Raises OSError.

    Settings that are aside and cannot be read any more are half written over: all else has gone.
    """
    for path in (config.with_name(f"{config.name}.before"), _aside(config)):
        _destroy(disk, path)


def _of_data(place: Place) -> Iterator[Path]:
    if not place.data.is_dir():
        return
    for top in sorted(place.data.iterdir()):
        is_word = top.name == BEGUN or top.name.startswith("retired-")
        if top.name not in _KEPT and not is_word:
            yield top


def _of_mirror(place: Place) -> Iterator[Path]:
    if place.mirror is None or not place.mirror.is_dir():
        return
    for pattern in _ON_MIRROR:
        for path in sorted(place.mirror.glob(pattern)):
            is_log = path.is_file() and path.name.startswith("undelivered-")
            if not is_log or mirror.whose(path) in ("", place.settings.kiosk):
                yield path


def _destroy(disk: Disk, path: Path) -> None:
    """Write over a file, or all that is in a directory, and remove it. Links are not followed."""
    if path.is_symlink() or not (path.exists()):
        disk.remove(path)
        return
    if path.is_dir():
        for one in sorted(path.iterdir()):
            _destroy(disk, one)
        disk.remove_directory(path)
    else:
        if path.is_file():
            disk.blank(path)
        disk.remove(path)
    disk.sync_directory(path.parent)


def _aside(config: Path) -> Path:
    return config.with_name(f"{config.name}.retired")
