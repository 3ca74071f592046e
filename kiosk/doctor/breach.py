"""What is in this kiosk's data directory, for whoever has to tell people that it was lost.

Looked at on the device itself (whose copy or second medium was stolen), or on the one that was
restored from its last backup. Reads files only; the daemon may run or not.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from kiosk import pins, technicians
from kiosk.faces import vaultfile
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.rostered import roster_on
from kiosk.settings import Place, has_secrets
from sync import breach
from sync.breach import Heard, Kind, Report
from sync.journal.names import files
from sync.journal.reader import Reader
from sync.protocol import entry
from sync.protocol.errors import Malformed

UNREADABLE = "the file cannot be read here: think of everybody in the roster"


class _Pin(msgspec.Struct):
    person: str


class _Pins(msgspec.Struct):
    pins: dict[str, _Pin]


class _Technician(msgspec.Struct):
    name: str
    until: int = 0


class _Technicians(msgspec.Struct):
    technicians: list[_Technician]


def report(place: Place, now: datetime, known: datetime) -> Report:
    """Return what is in the data directory. Raises JournalError, VaultError."""
    heard, waiting = _heard(place)
    roster = roster_on(place.data)
    names = roster.names()
    kinds = [*_of_vault(place), breach.fingers(heard), *_of_files(place, names)]
    kinds += [breach.presences(heard)]
    if has_secrets(place.settings):
        kinds.append(
            Kind(what=breach.SECRETS, people=(), amount="in kiosk.toml", protected=breach.CLEAR)
        )
    if place.key.exists():
        kinds.append(
            Kind(
                what=breach.DEVICE_KEY,
                people=(),
                amount="whoever has it speaks for this kiosk",
                protected=breach.CLEAR,
            )
        )
    undelivered = (
        f"{waiting} entries are not known to be with central. Terminals that keep a log can be "
        "read again; punches of cards, fingers and faces among them are on this medium only"
        if waiting
        else "central is known to have every entry"
    )
    kiosk = place.settings.kiosk
    return breach.report(kiosk, "kiosk", kinds, names, undelivered, [*_todo(place)], now, known)


def _heard(place: Place) -> tuple[Heard, int]:
    """Return what the journal tells, and how many entries wait for central."""
    heard, waiting = Heard(), 0
    for path in files(place.data / "journal"):
        reader = Reader(path)
        reader.open()
        try:
            span = reader.span()
            waiting += max(0, span.last - max(reader.cursor(), span.first - 1))
            for row in reader.rows(span.first):
                with suppress(Malformed):
                    heard.hear(entry.decode(row.body or b""))
        finally:
            reader.close()
    return heard, waiting


def _of_vault(place: Place) -> Iterator[Kind]:
    """Yield whose faces are in the vault, and under which key."""
    if not (place.data / vaultfile.FILE).exists():
        return
    keys = KeyPlace(place.data)
    vault = Vault(place.data, keys)
    vault.open()
    try:
        people = vault.people()
    finally:
        vault.close()
    away = "AES-256-GCM; its key is no file on this medium: whoever has only this reads nothing"
    protected = breach.SEALED if (place.data / "vault.key").exists() else away
    for what, who in (
        (breach.FACES, [one.person for one in people if one.templates]),
        (breach.PICTURES, [one.person for one in people if one.pictures]),
    ):
        yield Kind(what=what, specific=True, people=tuple(who), protected=protected)


def _of_files(place: Place, names: Mapping[str, str]) -> Iterator[Kind]:
    """Yield what small files hold: PINs, roster, technicians."""
    yield Kind(what=breach.ROSTER, people=tuple(sorted(names)), protected=breach.CLEAR)
    try:
        kept = msgspec.json.decode(_read(place.data / pins.FILE) or b'{"pins":{}}', type=_Pins)
        who = tuple(sorted({one.person for one in kept.pins.values()}))
        yield Kind(what=breach.PINS, people=who, protected=breach.STRETCHED)
    except (msgspec.DecodeError, OSError):
        yield Kind(what=breach.PINS, people=(), amount=UNREADABLE, protected=breach.STRETCHED)
    try:
        content = _read(place.data / technicians.FILE) or b'{"technicians":[]}'
        held = msgspec.json.decode(content, type=_Technicians).technicians
        said = ", ".join(sorted(one.name for one in held if not one.until))
        yield Kind(what=breach.TECHNICIANS, people=(), amount=said, protected=breach.STRETCHED)
    except (msgspec.DecodeError, OSError):
        yield Kind(
            what=breach.TECHNICIANS, people=(), amount=UNREADABLE, protected=breach.STRETCHED
        )


def _read(path: Path) -> bytes:
    """Return what a file holds; nothing where there is none. Raises OSError."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def _todo(place: Place) -> Iterator[str]:
    kiosk = place.settings.kiosk
    yield f"at central: presensi-central kiosks retire {kiosk}, and crl.pem to the broker"
    if has_secrets(place.settings):
        yield "change the comm keys and passwords of the terminals and cameras"
    yield "set every PIN and every technician's password anew"
    yield "was a fingerprint module lost with it: enrol its people at another one"
    yield "faces: enrol with other pictures does not help whoever was disclosed; tell them"
    yield f"a new card: kiosk restore, or a new kiosk; what is lost of {kiosk} central shows"
    yield "write down when and how it was noticed, and who was told when"
