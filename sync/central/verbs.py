"""What the verbs of `presensi-central` do to an open house; each returns what to print."""

import io
from collections.abc import Collection
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sync.central import accounts, certify, stick
from sync.central.authority import PUBLIC_FILE
from sync.central.clock import now_ms
from sync.central.desk import Desk
from sync.central.exits import Refused, no_such_unit
from sync.central.figures import figures
from sync.central.house import House, open_downlink
from sync.central.inbox import Inbox
from sync.central.ingest import Ingest
from sync.central.notary import CA_FILE
from sync.central.present import moment
from sync.central.registrar import check_name
from sync.central.roles import Role
from sync.central.store.pages import KioskLine
from sync.central.store.registry import KioskKey, Status
from sync.keyfile import KeyFileError, load_public, write_durably
from sync.prometheus import write
from sync.protocol.errors import ProtocolError
from sync.protocol.roster import Unit

ANSWER_SUFFIX: Final = ".answer"


def init(house: House) -> str:
    """Make the authority over the line, and say what goes to the kiosks.

    Opening the house has made central's own key.
    """
    certify.notary(house, begins=True)
    data = house.place.data
    return (
        f"Central is ready in {data}\n"
        f"key {house.authority.fingerprint}\n"
        f"Copy {data / PUBLIC_FILE} and {data / CA_FILE} to every kiosk; "
        "back up central.key and ca.key.\n"
    )


def admit(house: House, kiosk: str, file: Path, by: str, reason: str = "") -> str:
    """Admit a kiosk's key. Raises Refused."""
    check_name(kiosk, house.decisions.name)
    try:
        key = load_public(file)
    except KeyFileError as error:
        raise Refused(str(error)) from error
    admitted = KioskKey(
        fingerprint=key.fingerprint,
        kiosk=kiosk,
        der=key.der,
        status=Status.ADMITTED,
        admitted_at=now_ms(),
        admitted_by=by,
    )
    with house.store.writing() as tx:
        if not tx.registry.admit(admitted):
            held = tx.registry.key(key.fingerprint)
            whose = f"{held.kiosk}'s, {held.status}" if held else "unknown"
            raise Refused(f"key {key.fingerprint[:16]} is {whose} already; every kiosk has its own")
        detail = {"key": key.fingerprint}
        house.decide(tx, "admit kiosk", kiosk, reason=reason, detail=detail)
    return f"{kiosk} admitted with key {key.fingerprint}\nCompare it with `kiosk identity` there.\n"


def list_kiosks(house: House) -> str:
    """List the admitted kiosks, and those that wait."""
    zone = house.place.settings.web.zone
    with house.store.reading() as tx:
        keys, waiting, lines = tx.registry.keys(), tx.registry.waiting(), tx.pages.kiosks()
    standing = {line.kiosk: line for line in lines}
    until = certify.valid_until(house)
    out = []
    for key in keys:
        line = standing[key.kiosk]
        online = "online" if line.online else "offline"
        since = moment(key.admitted_at, zone)
        ends = until.get(key.fingerprint)
        out.append(
            f"{key.kiosk:24} {key.status:9} {online:8} through {line.through:<10} "
            f"key {key.fingerprint[:16]}  admitted {since} by {key.admitted_by}  "
            + (f"certificate until {ends:%Y-%m-%d}" if ends else "no certificate")
            + f"  {_roster(standing[key.kiosk], zone)}"
        )
    out += [
        f"{one.kiosk:24} waiting   last hello {moment(one.last_at, zone)}  key {one.fingerprint}"
        for one in waiting
    ]
    if not out:
        return "No kiosks yet. Admit one: presensi-central kiosks admit KIOSK PUBKEY.pem\n"
    return "\n".join(out) + "\n"


def _roster(line: KioskLine, zone: ZoneInfo) -> str:
    if not line.meant:
        return "no roster"
    made = f"roster of {moment(line.meant, zone)}"
    return made if line.roster == line.meant else f"{made} not adopted yet"


def set_account(
    house: House,
    name: str,
    password: str | None,
    *,
    replace: bool,
    reason: str = "",
    role: Role | None = None,
    units: Collection[str] = (),
) -> str:
    """Add an account, or with `replace` change it too. Raises Refused."""
    with house.store.writing() as tx:
        known = {one.id for one in tx.city.all(Unit)}
        for unit in units:
            if unit not in known:
                raise no_such_unit(unit, known)
        chosen = accounts.set_account(
            tx,
            house.decide,
            name,
            password,
            now_ms(),
            role=role,
            units=units,
            replace=replace,
            reason=reason,
        )
    shown = f"password {chosen}\nIt is shown only now.\n" if password is None else ""
    return f"account {name} can log in\n{shown}"


def end_account(house: House, name: str, reason: str = "") -> str:
    """Let an account log in no more. Raises Refused."""
    with house.store.writing() as tx:
        accounts.end_account(tx, house.decide, name, now_ms(), reason)
    return f"account {name} can log in no more, and no program reads in its name\n"


def list_accounts(house: House) -> str:
    """List the accounts."""
    with house.store.reading() as tx:
        return accounts.listed(tx)


def add_token(house: House, name: str, program: str, reason: str = "") -> str:
    """Make a token for a program. Raises Refused."""
    with house.store.writing() as tx:
        token = accounts.add_token(tx, house.decide, name, program, now_ms(), reason)
    return (
        f"token {token}\nIt is shown only now; {program} sends it as Authorization: Bearer TOKEN\n"
    )


def import_stick(house: House, file: Path, answer: Path | None, reason: str = "") -> str:
    """Take in a kiosk's stick and write the answer to it. Raises Refused, StoreError."""
    desk = Desk(house.store, Inbox(Ingest(house.authority.fingerprint, now_ms), now_ms))
    try:
        with file.open("rb") as content:
            imported = stick.take_in(content, house.store, desk)
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    except ProtocolError as error:
        raise Refused(f"{file}: {error}") from error
    detail = {"file": file.name, "messages": str(imported.messages)}
    detail |= {f"epoch {name}": f"through {seq}" for name, seq in imported.through.items()}
    house.decide_alone("take in stick", imported.contents.kiosk, reason=reason, detail=detail)
    to = answer or file.with_suffix(ANSWER_SUFFIX)
    written = io.BytesIO()
    stick.answer(written, imported, house.authority, now_ms, open_downlink(house))
    try:
        write_durably(to, written.getvalue(), 0o644)
    except OSError as error:
        raise Refused(f"{to}: {error.strerror}; what was in the stick is stored") from error
    kiosk = imported.contents.kiosk
    out = [
        f"{kiosk} {epoch}: everything up to entry {through} is stored"
        for epoch, through in imported.through.items()
    ]
    out += [f"passed over {kind}: this version does not know it" for kind in imported.passed_over]
    if imported.unanswered:
        out.append(f"{imported.unanswered} messages got no receipt; see the page's alarms")
    out.append(f"Bring back {to}; at the kiosk: kiosk import {to.name}")
    return "\n".join(out) + "\n"


def tell_figures(house: House, to: str) -> str:
    """Write what Prometheus is told; "-" prints it. Raises Refused."""
    with house.store.reading() as tx:
        found = figures(tx, now_ms())
    try:
        write(found, to)
    except OSError as error:
        raise Refused(f"{to}: {error.strerror}; may this user write there?") from error
    return ""


def stats(house: House, *, as_json: bool) -> str:
    """Count everything."""
    with house.store.reading() as tx:
        found = tx.pages.stats()
    if as_json:
        return msgspec.json.encode(found).decode() + "\n"
    out = [
        f"{name:12} {getattr(found, name)}" for name in found.__struct_fields__ if name != "kiosks"
    ]
    out += [f"{one.kiosk} {one.epoch} through {one.through}" for one in found.kiosks]
    return "\n".join(out) + "\n"
