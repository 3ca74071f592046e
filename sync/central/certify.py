"""What the verbs around certificates do: `certify`, `revoke`, `kiosks retire`.

Admission and certificate are two things. Who is admitted is told once, by a person who compared
fingerprints or had a claim code; a certificate runs out and is issued again for the same key, as
often as needed, from what admission left here.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sync.central.clock import now_ms
from sync.central.exits import Exit, Refused
from sync.central.house import House, told_broker
from sync.central.notary import (
    CA_FILE,
    CA_KEY,
    CENTRAL_NAME,
    CRL_FILE,
    ISSUED,
    Notary,
    open_notary,
)
from sync.central.registrar import Registrar
from sync.central.store.registry import KioskKey, Status
from sync.keyfile import KeyFileError, load_or_make, write_durably
from sync.protocol.certificate import Certificate, End
from sync.protocol.errors import Malformed
from sync.protocol.identity import PublicKey

CENTRAL_FILES: Final = ("line.key", "line.crt")
"""Central's own key and certificate for the line, in its data directory."""

BROKER_FILES: Final = ("broker.key", "broker.crt")
"""The broker's, in the directory that is to be copied to it."""

_KEY: Final = re.compile(r"^[0-9a-f]{8,64}$")

_TO_THE_BROKER: Final = "copy it to the broker and restart that: it reads the list at its start\n"


def notary(house: House, *, begins: bool = False) -> Notary:
    """Return the authority over the line; where there is none, a new one if it `begins`.

    Whatever it issued to a key that is retired is revoked: also where that was interrupted.
    Raises KeyTrouble; Refused: its files are not here. They may be kept elsewhere, and another
    authority in their place would lock everybody out, and revoke nothing.
    """
    if not begins and not _is_here(house):
        raise Refused(
            f"{house.place.data / CA_FILE}: no authority here. Is it kept elsewhere? Bring back "
            f"{CA_KEY}, {CA_FILE}, {CRL_FILE} and {ISSUED}/; else begin one: presensi-central init"
        )
    made = open_notary(house.place.data, lambda: datetime.fromtimestamp(now_ms() / 1000, UTC))
    with house.store.reading() as tx:
        keys = tx.registry.keys()
    retired = {key.fingerprint: key.kiosk for key in keys if key.status is Status.RETIRED}
    revoked = made.revoked()
    # Theirs only: a fleet's are read in a second, for which every kiosk would wait.
    theirs = (one for kiosk in sorted(set(retired.values())) for one in made.issued(kiosk))
    gone = [one for one in theirs if one.key.fingerprint in retired]
    if any(one.serial not in revoked for one in gone):
        made.revoke(*gone)
    return made


def open_registrar(house: House) -> Registrar:
    """Return what makes devices into kiosks."""
    return Registrar(
        house.store,
        house.authority,
        house.decisions,
        lambda: notary(house),
        told_broker(house),
        now_ms,
        house.place.settings.enrolment.claim_minutes,
    )


def certify_kiosk(house: House, kiosk: str, life: timedelta, reason: str = "") -> str:
    """Return a certificate for the key of `kiosk` that was admitted last. Raises Refused."""
    with house.store.reading() as tx:
        registered = tx.registry.keys()
    keys = [key for key in registered if key.kiosk == kiosk]
    admitted = [key for key in keys if key.status is Status.ADMITTED]
    if not admitted:
        why = "its keys are retired" if keys else "nobody of that name was admitted"
        raise Refused(f"{kiosk}: {why}; presensi-central kiosks admit {kiosk} PUBKEY.pem")
    key = PublicKey.from_der(admitted[-1].der)
    made = notary(house).issue(key, kiosk, End.CLIENT, life=life)
    house.decide_alone("certify kiosk", kiosk, reason=reason, detail=_issued(made))
    return made.pem.decode()


def certify_central(house: House, life: timedelta, reason: str = "") -> str:
    """Write central's own key and certificate for the line. Raises Refused."""
    authority = notary(house)
    key, certificate = (house.place.data / name for name in CENTRAL_FILES)
    made = authority.issue(_key_at(key), CENTRAL_NAME, End.CLIENT, life=life)
    house.decide_alone("certify central", CENTRAL_NAME, reason=reason, detail=_issued(made))
    _write(certificate, made.pem, 0o644)
    return (
        f"{certificate}\nvalid until {made.until:%Y-%m-%d}; in central.toml:\n"
        f'[broker.tls]\nca = "{house.place.data / CA_FILE}"\n'
        f'certificate = "{certificate}"\nkey = "{key}"\n'
    )


def certify_broker(
    house: House, hosts: Sequence[str], out: Path, life: timedelta, reason: str = ""
) -> str:
    """Write all that the broker needs into `out`: key, certificate, authority, revoked.

    `hosts` are the names and addresses under which it is reached. Raises Refused.
    """
    authority = notary(house)
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{out}: {error.strerror}", Exit.STORAGE) from error
    key, certificate = (out / name for name in BROKER_FILES)
    try:
        made = authority.issue(_key_at(key), hosts[0], End.SERVER, hosts, life)
    except Malformed as error:
        raise Refused(str(error), Exit.USAGE) from error
    house.decide_alone("certify broker", " ".join(hosts), reason=reason, detail=_issued(made))
    _write(certificate, made.pem, 0o644)
    for name in (CA_FILE, CRL_FILE):
        _write(out / name, (house.place.data / name).read_bytes(), 0o644)
    return (
        f"{out}: {', '.join((*BROKER_FILES, CA_FILE, CRL_FILE))}\n"
        f"valid until {made.until:%Y-%m-%d} for {', '.join(hosts)}; copy them to the broker\n"
    )


def retire(house: House, who: str, reason: str = "") -> str:
    """Retire one key, or all of a kiosk's, and revoke their certificates.

    Raises Refused: also where the authority is not here; the keys are retired then.
    """
    with house.store.writing() as tx:
        tx.standing.hold({key.kiosk for key in _meant(tx.registry.keys(), who)})
        keys = _meant(tx.registry.keys(), who)  # with what it was given until now
        for key in keys:
            tx.registry.retire(key.fingerprint)
        if who == keys[0].kiosk:
            tx.enrolments.void(who)  # or whoever found the code becomes it again
        detail = {"keys": " ".join(key.fingerprint for key in keys)}
        house.decide(tx, "retire kiosk", keys[0].kiosk, reason=reason, detail=detail)
    out = [f"{key.kiosk}: key {key.fingerprint[:16]} is retired" for key in keys]
    try:
        notary(house)
    except Refused as missing:
        raise Refused("\n".join((*out, f"no certificate is revoked: {missing}"))) from missing
    return "\n".join(out) + f"\n{house.place.data / CRL_FILE}: {_TO_THE_BROKER}"


def revoke(house: House, file: Path, reason: str = "") -> str:
    """Revoke one certificate, such as a broker's whose key got lost. Raises Refused."""
    authority = notary(house)
    try:
        found = Certificate.from_pem(file.read_bytes())
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    except Malformed as error:
        raise Refused(f"{file}: {error}") from error
    if not authority.is_ours(found):
        raise Refused(f"{file}: this authority did not issue it")
    house.decide_alone("revoke certificate", found.name, reason=reason, detail=_issued(found))
    authority.revoke(found)
    return f"{found.name} is revoked\n{house.place.data / CRL_FILE}: {_TO_THE_BROKER}"


def renew_authority(house: House, reason: str = "") -> str:
    """Begin a new authority beside the old one. Raises Refused."""
    authority = notary(house)
    if authority.being_replaced:
        raise Refused("the authority is being replaced already; `authority end` ends that")
    house.decide_alone("renew authority", CA_FILE, reason=reason)
    authority.succeed()
    data = house.place.data
    return (
        f"A new authority issues from now on; the old one is still trusted.\n"
        f"1. Copy {data / CA_FILE} and {data / CRL_FILE} to the broker and restart that.\n"
        f"2. Give every kiosk the new ca.pem and a new certificate (certify KIOSK); central too\n"
        "   (certify --central).\n"
        "3. Then renew the broker's certificate (certify --broker), and end the old authority:\n"
        "   presensi-central authority end\n"
    )


def end_authority(house: House, reason: str = "") -> str:
    """Trust the new authority only. Raises Refused."""
    authority = notary(house)
    if not authority.being_replaced:
        raise Refused("there is one authority only; `authority renew` begins a new one")
    house.decide_alone("end authority", CA_FILE, reason=reason)
    authority.end_predecessor()
    return (
        f"Certificates by the old authority are worth nothing where ca.pem is replaced:\n"
        f"copy {house.place.data / CA_FILE} to the broker, and restart that, and to every kiosk.\n"
    )


def valid_until(house: House) -> dict[str, datetime]:
    """Return until when each key has a certificate that holds, by the key's fingerprint."""
    if not _is_here(house):
        return {}
    authority = notary(house)
    revoked = authority.revoked()
    found: dict[str, datetime] = {}
    for one in authority.issued():
        if one.serial not in revoked:
            name = one.key.fingerprint
            found[name] = max(one.until, found.get(name, one.until))
    return found


def _is_here(house: House) -> bool:
    return any((house.place.data / name).exists() for name in (CA_KEY, CA_FILE))


def _issued(one: Certificate) -> dict[str, str]:
    """Return what a decision says of a certificate."""
    return {
        "serial": f"{one.serial:x}",
        "key": one.key.fingerprint,
        "until": f"{one.until:%Y-%m-%d}",
    }


def _meant(keys: Sequence[KioskKey], who: str) -> list[KioskKey]:
    """Return the keys meant by `who`: a kiosk's id, or the beginning of a fingerprint."""
    found = [key for key in keys if key.kiosk == who]
    if not found and _KEY.match(who):
        found = [key for key in keys if key.fingerprint.startswith(who)]
        if len(found) > 1:
            raise Refused(f"{who}: {len(found)} keys begin so; say more of it")
    if not found:
        raise Refused(f"{who}: no such kiosk or key; see `presensi-central kiosks list`")
    return found


def _key_at(path: Path) -> PublicKey:
    try:
        return load_or_make(path).public
    except KeyFileError as error:
        raise Refused(str(error), Exit.STORAGE) from error


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        write_durably(path, content, mode)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}; check the disk", Exit.STORAGE) from error
