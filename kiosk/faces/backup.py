"""A backup of the vault: one signed file, readable by whoever has the unit key only.

    line 1   {kiosk, made, device, key, people, records, digest}; line 2 its signature (signed.py)
    rest     {device, sealed, enrolments, records, tombstones} as JSON, `digest` its SHA-256

Records stay as they rest in the vault, encrypted, and go into any kiosk's. What is restored is
taken in behind everybody's tombstones: those of the file, and those that are known here by any
other way. Who was forgotten here, while the file knows nothing of it, does not come back.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from kiosk import parcels
from kiosk.faces.tombstones import highest
from kiosk.faces.unitkey import Sealed
from kiosk.faces.vault import Vault, bury
from kiosk.faces.vaultfile import VaultError
from kiosk.faces.vaultwords import Action, Kind, Tell, bound_to
from sync.protocol.errors import Malformed, ProtocolError, Unverified
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.sealed import RecordKey
from sync.protocol.signed import sign

AGAIN: Final = "take another copy of the backup"


class Enrolment(Struct, frozen=True):
    """As it stands in the vault."""

    person: str
    generation: int
    model: str
    about: msgspec.Raw


class Record(Struct, frozen=True):
    """As it rests in the vault, encrypted."""

    id: str
    person: str
    kind: Kind
    until: int
    sealed: bytes


class Content(parcels.Rest, frozen=True, kw_only=True):
    """What the backup holds."""

    sealed: Sealed
    enrolments: list[Enrolment]
    records: list[Record]
    tombstones: dict[str, int]


class Heading(parcels.Heading, frozen=True, kw_only=True):
    """What is signed.

    Attributes:
        made: milliseconds UTC by the kiosk's clock, for people.
        vault: fingerprint of the key that the records rest under.
    """

    kiosk: str
    made: int
    vault: str
    people: int
    records: int


class Backup(Struct, frozen=True):
    """A backup whose digest and signature hold; by `device`, which is for a person to know."""

    heading: Heading
    content: Content


class Restored(Struct, frozen=True, kw_only=True):
    """What came of restoring one.

    Attributes:
        taken: who is known here now by the backup.
        dead: who is in the backup and stays forgotten.
        newer: who is known here already by a later enrolment.
        killed: who was known here and is dead by the backup's tombstones.
    """

    taken: tuple[str, ...]
    dead: tuple[str, ...]
    newer: tuple[str, ...]
    killed: tuple[str, ...]


def export(
    vault: Vault, sealed: Sealed | None, kiosk: str, device: PrivateKey, now: int, by: str
) -> bytes:
    """Return a backup of the whole vault. Raises VaultError."""
    if sealed is None or sealed.key != vault.key.fingerprint:
        raise VaultError(
            "the vault's key is not sealed to a unit key yet, so nobody could ever read the "
            "backup elsewhere: kiosk vault seal --unit-key unit.pem --by YOU"
        )
    with vault.changing() as db:
        rows = db.execute("SELECT person, generation, model, about FROM enrolment").fetchall()
        content = Content(
            device=device.public.der,
            sealed=sealed,
            enrolments=[
                Enrolment(person, generation, model, msgspec.Raw(about))
                for person, generation, model, about in rows
            ],
            records=[
                Record(one, person, Kind(kind), until, octets)
                for one, person, kind, until, octets in vault.records()
            ],
            tombstones=vault.tombstones(),
        )
        rest = msgspec.json.encode(content)
        heading = Heading(
            kiosk=kiosk,
            made=now,
            vault=vault.key.fingerprint,
            people=len(content.enrolments),
            records=len(content.records),
            digest=sha256(rest).hexdigest(),
            key=device.public.fingerprint,
        )
        detail = {"sha256": heading.digest, "people": f"{heading.people}", "unit": sealed.unit}
        vault.note(db, Tell(by, Action.EXPORTED, detail))
    return sign(Domain.VAULT, heading, device, rest)


def read(file: bytes) -> Backup:
    """Return the backup in a file: whole, and signed by the device that it names.

    Whether that device is to be believed its caller knows. Raises VaultError.
    """
    try:
        heading, content = parcels.read(Domain.VAULT, file, Heading, Content)
    except (ProtocolError, msgspec.DecodeError) as error:
        raise VaultError(f"not a backup, or a damaged one: {error}; {AGAIN}") from error
    return Backup(heading, content)


def restore(
    vault: Vault, backup: Backup, key: RecordKey, elsewhere: Mapping[str, int], by: str
) -> Restored:
    """Take a backup in, tombstones first; all of it or nothing. Raises VaultError.

    `key` is what its records rest under; `elsewhere` are tombstones from outside of both.
    """
    content = backup.content
    if key.fingerprint != content.sealed.key or key.fingerprint != backup.heading.vault:
        raise VaultError(f"the backup's records rest under another key; {AGAIN}")
    plain = _opened(content, key)
    records: defaultdict[str, list[Record]] = defaultdict(list)
    for record in content.records:
        records[record.person].append(record)
    known_here = highest(vault.tombstones(), elsewhere)
    with vault.changing() as db:
        tombstones = highest(known_here, content.tombstones)
        here = {one.person: one.generation for one in vault.people()}
        dead, newer, taken = [], [], []
        for one in content.enrolments:
            # Forgotten here, and the file knows nothing of it: all that it has of them is dead,
            # however their generations were counted there.
            unaware = known_here.get(one.person, 0) > content.tombstones.get(one.person, 0)
            alive = here.get(one.person, 0)
            if unaware or one.generation <= tombstones.get(one.person, 0):
                dead.append(one.person)
                if unaware and one.generation > tombstones[one.person]:
                    tombstones[one.person] = one.generation
                    if alive > known_here[one.person]:  # enrolled again since: not that one
                        here[one.person] = max(alive, one.generation + 1)
                        db.execute(
                            "UPDATE enrolment SET generation = ? WHERE person = ?",
                            (here[one.person], one.person),
                        )
            elif alive >= one.generation:
                newer.append(one.person)
            else:
                taken.append(one)
        bury(db, tombstones)
        killed = [who for who, n in here.items() if n <= tombstones.get(who, 0)]
        gone = vault.destroy(db, [*killed, *(one.person for one in taken)])
        for one in taken:
            db.execute(
                "INSERT INTO enrolment VALUES (?, ?, ?, ?)",
                (one.person, one.generation, one.model, bytes(one.about)),
            )
            for record in records[one.person]:
                vault.add(
                    *(db, one.person, one.model, record.kind, plain[record.id]),
                    *(record.until, record.id),
                )
        said = {
            "kiosk": backup.heading.kiosk,
            "device": backup.heading.key,
            "sha256": backup.heading.digest,
            "people": f"{len(taken)}",
            "dead": f"{len(dead)}",
            "killed": ", ".join(sorted(killed)[:20]),
        }
        vault.note(db, Tell(by, Action.RESTORED, said))
        for who in killed:
            detail = {"person": who, "generation": f"{tombstones[who]}", "from": "backup"}
            vault.note(db, Tell("kiosk", Action.REPLAYED, detail))
    vault.wash_after(gone)
    return Restored(
        taken=tuple(one.person for one in taken),
        dead=tuple(dead),
        newer=tuple(newer),
        killed=tuple(killed),
    )


def _opened(content: Content, key: RecordKey) -> dict[str, bytes]:
    """Return all records by id, decrypted. Raises VaultError where one is not what it says."""
    models = {one.person: one.model for one in content.enrolments}
    twice = [one for one, n in Counter(record.id for record in content.records).items() if n > 1]
    if twice or len(models) != len(content.enrolments):
        raise VaultError(f"the backup has a record or a person twice; {AGAIN}")
    plain = {}
    for one in content.records:
        try:
            about = bound_to(one.person, models.get(one.person, ""), one.id, one.kind)
            plain[one.id] = key.open(about, one.sealed)
        except (Unverified, Malformed) as why:
            raise VaultError(f"{one.kind} {one.id} of {one.person}: {why}; {AGAIN}") from None
    return plain
