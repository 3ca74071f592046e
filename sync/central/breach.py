"""What was on a kiosk that is lost, as far as central was told: see `sync/breach.py`."""

from datetime import UTC, datetime

import msgspec

from sync import breach
from sync.breach import Heard, Report
from sync.central.exits import Exit, Refused
from sync.central.house import House
from sync.central.store import Transaction
from sync.central.store.registry import Status
from sync.protocol import entry
from sync.protocol.errors import Malformed
from sync.protocol.roster import Person


def show(house: House, kiosk: str, known: str, *, as_json: bool) -> str:
    """Return the report on a kiosk; `known` is since when it is known, ISO. Raises Refused."""
    zone = house.place.settings.web.zone
    now = datetime.now(UTC)
    try:
        since = datetime.fromisoformat(known).replace(tzinfo=zone) if known else now
    except ValueError as error:
        raise Refused(f"--known {known}: say it as 2026-11-24T07:30", Exit.USAGE) from error
    with house.store.reading() as tx:
        said = report(tx, kiosk, now, since)
    if as_json:
        return msgspec.json.encode(said).decode() + "\n"
    return breach.text(said, zone)


def report(tx: Transaction, kiosk: str, now: datetime, known: datetime) -> Report:
    """Return what central knows of a kiosk's card. Raises Refused."""
    epochs = tx.evidence.epochs(kiosk)
    if not epochs:
        raise Refused(
            f"nothing is held of kiosk {kiosk!r}; `presensi-central kiosks list` names those that "
            "there are"
        )
    heard = Heard()
    for at in epochs:
        for page in tx.evidence.pages(kiosk, at.epoch):
            for row in page:
                try:
                    heard.hear(entry.decode(row.body))
                except Malformed:
                    continue
    names = {one.id: one.name for one in tx.city.all(Person)}
    undelivered = (
        f"what was recorded after entry {epochs[-1].through} of epoch {epochs[-1].epoch} is not "
        "here. Terminals that keep a log can be read again; the rest was on the card, or on a "
        "second medium"
    )
    keys = tx.registry.keys()
    speaks = any(one.kiosk == kiosk and one.status is Status.ADMITTED for one in keys)
    retire = f"presensi-central kiosks retire {kiosk}; then " if speaks else ""
    todo = (
        f"{retire}crl.pem to the broker, and restart that (docs/KEYS.md)",
        "change the comm keys and passwords of its terminals and cameras",
        "set every PIN and every technician's password of it anew",
        "was a fingerprint module lost with it: enrol its people at another one",
        "a new card: kiosk restore, or a new kiosk",
        "write down when and how it was noticed, and who was told when",
    )
    kinds = breach.kinds_heard(heard)
    return breach.report(kiosk, "central", kinds, names, undelivered, todo, now, known)
