"""What a backup holds, by which names, and what is left out of it.

    settings/...      kiosk.toml, and the files beside it that it names: public keys, certificates
    data/...          who may log in, PINs, approved terminals, the roster, certificates
    journal/...       every epoch that is held, each as it is at one moment, proved
    vault             templates, as `kiosk vault export` writes them: they stay sealed by themselves
    contents.json     what there is; the last one, so that nothing is missing before it

Left out: `device.key`, unless the technician asks for it, for whoever has it speaks for this
kiosk; `vault.key`, which `vault` holds sealed; weights, which can be had again; files that were
salvaged, which are for people; sockets, locks and what only one process needs.
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct

from kiosk import approved, codes, pins, technicians
from kiosk.faces import unitkey
from kiosk.settings import Place, Settings

CONTENTS: Final = "contents.json"
VAULT: Final = "vault"
SETTINGS: Final = "settings"
DATA: Final = "data"
JOURNAL: Final = "journal"
SETTINGS_FILE: Final = f"{SETTINGS}/kiosk.toml"

DEVICE_KEY: Final = "device.key"

UNIT_KEY: Final = "unit.pem"
"""The unit key's public half, kept from the first backup on: the next ones need not name it."""

FILES: Final = (
    *(technicians.FILE, pins.FILE, approved.FILE, codes.FILE),
    *(unitkey.SEALED_FILE, UNIT_KEY),
)
"""Files of the data directory that are carried."""

DIRECTORIES: Final = ("roster", "certificates", "line")
"""Directories of it that are."""

MEMBER_MOST_BYTES: Final = 64 << 20
"""Longest member that is read into memory; a journal is not."""


class Held(Struct, frozen=True, kw_only=True):
    """An epoch in a backup.

    Attributes:
        file: its name in the journal's directory.
        receipted: up to where central was known to have it.
    """

    file: str
    epoch: str
    number: int
    first: int
    last: int
    receipted: int


class Contents(Struct, frozen=True, kw_only=True):
    """What is in a backup, its last member.

    Attributes:
        version: of this form; a reader refuses a higher one.
        tombstones: up to which generation who was forgotten when it was made.
        people: how many are enrolled by face.
        device_key: whether the device key is in it.
        elsewhere: files that the settings name and that are not beside them: not carried.
    """

    version: int = 1
    kiosk: str
    made: int
    epochs: list[Held]
    tombstones: dict[str, int]
    people: int
    device_key: bool
    elsewhere: list[str]


def named(settings: Settings, *, keys: bool) -> list[str]:
    """Return the files that the settings name, as they name them; private keys with `keys`."""
    said = list(settings.central)
    tls, page = settings.line.tls, settings.screen.technician
    if tls is not None:
        said += [tls.ca, tls.certificate, tls.crl, *([tls.key] if keys else [])]
    said += [page.certificate, *([page.key] if keys else [])]
    return [one for one in dict.fromkeys(said) if one]


def is_beside(said: str) -> bool:
    """Return whether a path in the settings stays in their own directory."""
    path = PurePosixPath(said)
    return not path.is_absolute() and ".." not in path.parts and bool(path.parts)


def is_carried(place: Place, said: str) -> bool:
    """Return whether a file that the settings name is carried: beside them, or with the data."""
    line = place.path(place.settings.data) / "line"
    return is_beside(said) or place.path(said).parent == line


def carried(place: Place, *, keys: bool) -> Iterator[tuple[str, Path]]:
    """Yield the member's name and the path of all that is carried as it is, where it is there.

    The roster's manifest comes before its pages, so that none of them is of a later version.
    """
    yield SETTINGS_FILE, place.file
    for said in filter(is_beside, named(place.settings, keys=keys)):
        yield f"{SETTINGS}/{said}", place.path(said)
    for name in FILES:
        yield f"{DATA}/{name}", place.data / name
    for directory in DIRECTORIES:
        base = place.data / directory
        for path in sorted(base.rglob("*")) if base.is_dir() else ():
            if path.is_file():
                yield f"{DATA}/{path.relative_to(place.data)}", path
    if keys:
        yield f"{DATA}/{DEVICE_KEY}", place.key


def is_expected(name: str) -> bool:
    """Return whether a member may be so called: nothing of a backup goes anywhere else."""
    parts = PurePosixPath(name).parts
    if "/".join(parts) != name or ".." in parts or "\0" in name:
        return False
    match parts:
        case (member,):
            return member in (VAULT, CONTENTS)
        case (base, _) if base == JOURNAL:
            return True
        case (base, *_) if base == SETTINGS:
            return True
        case (base, file) if base == DATA:
            return file in FILES or file == DEVICE_KEY
        case (base, directory, *_) if base == DATA:
            return directory in DIRECTORIES
    return False
