"""What `presensi-central verify` does to an open house, and says of it."""

import sys
from collections.abc import Iterator

import msgspec

from sync.central.audit import Audit, Progress
from sync.central.audit.verdict import Verdict
from sync.central.exits import Exit, Refused
from sync.central.house import House


def verify(house: House, kiosk: str, *, as_json: bool) -> int:
    """Prove what is held of a kiosk, or of all for "". Raises Refused."""
    wrong = 0
    for verdict in _verdicts(house, kiosk):
        wrong += not verdict.holds
        words = msgspec.json.encode(verdict).decode() if as_json else verdict.words
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()
    return Exit.FAILED if wrong else Exit.OK


def _verdicts(house: House, kiosk: str) -> Iterator[Verdict]:
    with house.store.reading() as tx:
        held = tx.evidence.kiosks()
        if kiosk and kiosk not in held:
            raise Refused(
                f"nothing is held of kiosk {kiosk!r}; there are {', '.join(held) or 'none'}"
            )
        audit = Audit(tx, house.authority.public, _progress())
        yield from audit.verify([kiosk] if kiosk else held)


def _progress() -> Progress:
    """Return what shows how far an audit is, where a person looks."""
    if not sys.stderr.isatty():
        return lambda *_: None

    def show(kiosk: str, epoch: str, seq: int) -> None:
        sys.stderr.write(f"\r\033[K{kiosk} {epoch}: entry {seq}\r")
        sys.stderr.flush()

    return show
