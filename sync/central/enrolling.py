"""What `presensi-central kiosks` does to let devices in, and one out; returns what to print."""

from datetime import date, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec
from msgspec import structs

from sync.central import breach, certify
from sync.central.certify import open_registrar
from sync.central.decisions import who
from sync.central.exits import Exit, Refused, no_such_unit
from sync.central.house import House, told_broker
from sync.central.present import moment
from sync.central.store.city import Post
from sync.keyfile import write_durably
from sync.protocol.errors import ProtocolError
from sync.protocol.roster import Unit

ANSWER_SUFFIX: Final = ".answer"
_MINUTE_MS: Final = 60_000


def claim(house: House, kiosk: str, unit: str, minutes: int | None, reason: str = "") -> str:
    """Make a claim code. Raises Refused."""
    registrar = open_registrar(house)
    life = minutes or registrar.claim_minutes
    code = registrar.make_claim(kiosk, unit, life * _MINUTE_MS, house.decide, who(), reason)
    broker = told_broker(house)
    return (
        f"claim code {code.text}\n"
        f"It is shown only now, for {kiosk}, for one device, for {life} minutes.\n"
        f"The kiosk will be told that the broker is {broker.host}, port {broker.port}.\n"
        + _warning(broker.host)
        + ("" if unit else _unplaced(house, kiosk))
    )


def _unplaced(house: House, kiosk: str) -> str:
    """Return what to do where no post says which unit a kiosk serves: it is sent no roster then."""
    with house.store.reading() as tx:
        if any(one.kiosk == kiosk for one in tx.city.all(Post)):
            return ""
    return (
        f"It serves no unit yet and is sent no roster. Once it is enrolled: "
        f"presensi-central kiosks move {kiosk} UNIT\n"
    )


def _warning(host: str) -> str:
    try:
        is_here = ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    if not is_here:
        return ""
    return "That is this machine itself: for kiosks elsewhere set `host` in [enrolment].\n"


def waiting(house: House, *, as_json: bool) -> str:
    """List the devices that wait for a person."""
    found = open_registrar(house).waiting()
    if as_json:
        return "".join(
            msgspec.json.encode(
                {
                    "number": one.number,
                    "name": one.name,
                    "software": one.software,
                    "address": one.address,
                    "asked_at": one.asked_at,
                }
            ).decode()
            + "\n"
            for one in found
        )
    if not found:
        return "No device waits. At the device: `kiosk setup`, without a claim code.\n"
    zone = house.place.settings.web.zone
    lines = [
        f"{one.number[:3]} {one.number[3:]}  {one.name or '-':24} from {one.address:15} "
        f"since {moment(one.asked_at, zone)}  {one.software}"
        for one in found
    ]
    lines.append("Have the technician read the number out; then `kiosks approve NUMBER KIOSK`.")
    return "\n".join(lines) + "\n"


def approve(house: House, number: str, kiosk: str, unit: str, reason: str = "") -> str:
    """Let the device in that shows a number. Raises Refused."""
    number = number.replace(" ", "")
    open_registrar(house).approve(number, kiosk, unit, house.decide, who(), reason)
    told = f"{kiosk} is let in; the device that shows {number} is told within seconds\n"
    return told + ("" if unit else _unplaced(house, kiosk))


def refuse(house: House, number: str, reason: str = "") -> str:
    """Do not let the device in that shows a number. Raises Refused."""
    number = number.replace(" ", "")
    open_registrar(house).refuse(number, house.decide, reason)
    return f"the device that shows {number} is refused\n"


def enrol(house: House, file: Path, answer: Path | None) -> str:
    """Answer a device's request on a stick. Raises Refused."""
    try:
        message = file.read_bytes()
        told = open_registrar(house).claim(message)
    except OSError as error:
        raise Refused(f"{file}: {error.strerror}") from error
    except ProtocolError as error:
        raise Refused(f"{file}: {error}") from error
    to = answer or file.with_suffix(ANSWER_SUFFIX)
    try:
        write_durably(to, told, 0o644)
    except OSError as error:
        raise Refused(f"{to}: {error.strerror}; ask again, the claim is kept for it") from error
    return f"{to}\nBring it back; at the device: kiosk setup --answer {to.name}\n"


def move(house: House, kiosk: str, unit: str, day: date, reason: str = "") -> str:
    """Have a kiosk serve another unit, and that one only, from a day on. Raises Refused."""
    with house.store.writing() as tx:
        if not tx.registry.knows(kiosk):
            raise Refused(f"{kiosk}: no such kiosk; see `presensi-central kiosks list`")
        units = {one.id for one in tx.city.all(Unit)}
        if unit not in units:
            raise no_such_unit(unit, units)
        tx.city.lock()
        held = [
            one
            for one in tx.city.all(Post)
            if one.kiosk == kiosk and (one.until is None or one.until >= day)
        ]
        if [(one.unit, one.until) for one in held] == [(unit, None)]:
            raise Refused(f"{kiosk} serves {unit} already, with no end")
        eve = day - timedelta(days=1)
        tx.city.remove(held)
        tx.city.put(
            structs.replace(one, until=eve) for one in held if one.since is None or one.since < day
        )
        tx.city.put([Post(kiosk=kiosk, unit=unit, since=day)])
        tx.city.rise()
        before = " ".join(one.unit for one in held)
        served = " ".join(one.unit for one in held if one.since is None or one.since < day)
        detail = {"unit": unit, "from": f"{day}", "before": before}
        house.decide(tx, "move kiosk", kiosk, reason=reason, detail=detail)
    return (
        f"{kiosk} serves {unit} from {day}; until {eve} it served {served or 'nobody'}\n"
        "It is sent the new roster by itself, and knows the people there from that day on.\n"
    )


def lost(house: House, kiosk: str, reason: str = "", *, as_json: bool) -> str:
    """Retire and revoke a kiosk, and report what was on it. Raises Refused."""
    with house.store.reading() as tx:
        if not tx.registry.knows(kiosk):
            raise Refused(f"{kiosk}: no such kiosk; see `presensi-central kiosks list`")
        held = bool(tx.evidence.epochs(kiosk))
    try:
        said, code = certify.retire(house, kiosk, reason or "lost"), Exit.OK
    except Refused as refusal:  # its keys are retired; the list of the revoked is not written
        said, code = f"{refusal}\n", refusal.code
    report = breach.show(house, kiosk, "", as_json=as_json) if held else "It delivered nothing.\n"
    if code is not Exit.OK:
        raise Refused(f"{said}\n{report}".rstrip(), code)
    return report if as_json else f"{said}\n{report}"
