"""What `presensi-central verify` and `night` do to an open house, and say of it."""

import sys
from collections.abc import Iterator

import msgspec

from sync.central.audit import Audit, Progress
from sync.central.audit.nightly import Nightly
from sync.central.audit.verdict import Verdict
from sync.central.clock import now_ms
from sync.central.exits import Exit, Refused
from sync.central.house import House
from sync.protocol import nighthead


def verify(house: House, kiosk: str, *, as_json: bool) -> int:
    """Prove what is held of a kiosk, or of all for "". Raises Refused."""
    wrong = 0
    for verdict in _verdicts(house, kiosk):
        wrong += not verdict.holds
        words = msgspec.json.encode(verdict).decode() if as_json else verdict.words
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()
    return Exit.FAILED if wrong else Exit.OK


def night(house: House) -> int:
    """Make the head of today if there is none, and write it wherever it is not yet."""
    nightly = Nightly(house.place, house.store, house.authority, now_ms)
    made = nightly.make()
    wrong = nightly.write(at_once=True)
    line = made.message.partition(b"\n")[0]
    sys.stdout.write(f"night {made.day}\n{line.decode()}\nSHA-256 {nighthead.digest(line)}\n")
    for copy, why in wrong.items():
        sys.stderr.write(f"presensi-central: night {copy.day}: {why}\n")
    if not nightly.places:
        sys.stderr.write("presensi-central: it is kept nowhere else; see [audit] in central.toml\n")
    return Exit.FAILED if wrong else Exit.OK


def _verdicts(house: House, kiosk: str) -> Iterator[Verdict]:
    with house.store.reading() as tx:
        held = tx.evidence.kiosks()
        if kiosk and kiosk not in held:
            raise Refused(
                f"nothing is held of kiosk {kiosk!r}; there are {', '.join(held) or 'none'}"
            )
        audit = Audit(tx, house.authority.public, _progress())
        directory = house.place.settings.audit.directory
        copies = house.place.path(directory) if directory else None
        yield from audit.verify([kiosk] if kiosk else held, copies)


def _progress() -> Progress:
    """Return what shows how far an audit is, where a person looks."""
    if not sys.stderr.isatty():
        return lambda *_: None

    def show(kiosk: str, epoch: str, seq: int) -> None:
        sys.stderr.write(f"\r\033[K{kiosk} {epoch}: entry {seq}\r")
        sys.stderr.flush()

    return show
