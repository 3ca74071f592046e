"""Central's own key is replaced, in three steps and without a gap.

    begin   a next key is made; central.pem has both public halves: kiosks are given it
    use     central signs with the next key; what the one before signed stays its word
    end     kiosks are given central.pem once more, in which the old key is not any more

Between the first and the last of them a kiosk believes both. Where the power fails, in any of them,
the next opening of the directory goes on (`authority.finish_use`).
"""

from pathlib import Path
from typing import Final

from sync.central.authority import (
    BEFORE_FILE,
    KEY_FILE,
    NEXT_FILE,
    PUBLIC_FILE,
    finish_use,
)
from sync.central.exits import Exit, Refused
from sync.central.house import House
from sync.central.store.registry import Fact
from sync.keyfile import KeyFileError, load_or_make, write_durably
from sync.protocol.errors import Malformed
from sync.protocol.identity import PublicKey

_GIVE: Final = "give every kiosk {file}: over the line with its next certificate, or by hand"


def begin(house: House, reason: str = "") -> str:
    """Make the next key. Raises Refused."""
    data = house.place.data
    if (data / NEXT_FILE).exists() or len(_published(data)) > 1:
        raise Refused("the key is being replaced already; `key use`, then `key end`, end that")
    following = _key(data / NEXT_FILE)
    house.decide_alone("begin central's next key", following.fingerprint, reason=reason)
    _write(data / PUBLIC_FILE, house.authority.public.pem + following.pem)
    return (
        f"next key {following.fingerprint}\n"
        f"1. Restart `presensi-central run`; {_GIVE.format(file=data / PUBLIC_FILE)}.\n"
        "2. When all have it: presensi-central key use; restart `presensi-central run`.\n"
    )


def use(house: House, reason: str = "") -> str:
    """Sign with the next key from now on. Raises Refused."""
    data = house.place.data
    if not (data / NEXT_FILE).exists():
        raise Refused("there is no next key; presensi-central key begin")
    following, ours = _key(data / NEXT_FILE), house.authority.public
    before = data / BEFORE_FILE
    had = _read(before) if before.exists() else []
    if all(one.fingerprint != ours.fingerprint for one in had):
        _write(before, b"".join(one.pem for one in (*had, ours)))
    with house.store.writing() as tx:
        tx.registry.replace(Fact.KEY, following.fingerprint)
        detail = {"before": ours.fingerprint}
        house.decide(tx, "use central's next key", following.fingerprint,
                     reason=reason, detail=detail)  # fmt: skip
    finish_use(data, following.fingerprint)
    return (
        f"central signs with key {following.fingerprint}\n"
        "Restart `presensi-central run`, also at every other central on this database, which needs "
        f"{KEY_FILE} and {BEFORE_FILE} from here.\n"
        "Cards with a code of the old key count until the old key is taken away: issue them anew.\n"
        "When every kiosk has delivered since: presensi-central key end\n"
    )


def end(house: House, reason: str = "") -> str:
    """Publish the key that is in use only. Raises Refused."""
    data = house.place.data
    if (data / NEXT_FILE).exists():
        raise Refused("the next key is not in use; presensi-central key use")
    if len(_published(data)) < 2:
        raise Refused("there is one key only; `key begin` makes the next one")
    house.decide_alone("end central's key before", house.authority.fingerprint, reason=reason)
    _write(data / PUBLIC_FILE, house.authority.public.pem)
    return f"{data / PUBLIC_FILE} has the new key only; {_GIVE.format(file='it')}\n"


def _published(data: Path) -> list[PublicKey]:
    return _read(data / PUBLIC_FILE)


def _read(path: Path) -> list[PublicKey]:
    try:
        return PublicKey.all_from_pem(path.read_bytes())
    except (OSError, Malformed) as error:
        raise Refused(f"{path}: {error}; restore it from the backup", Exit.STORAGE) from error


def _key(path: Path) -> PublicKey:
    try:
        return load_or_make(path).public
    except KeyFileError as error:
        raise Refused(str(error), Exit.STORAGE) from error


def _write(path: Path, content: bytes) -> None:
    try:
        write_durably(path, content, 0o644)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}; check the disk", Exit.STORAGE) from error
