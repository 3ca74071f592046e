"""What others signed of a chain: the device its batches and its days, central its nights.

A witness that cannot be compared (the key is unknown, the place is lost) is noted; one that
contradicts is a fault. Whoever changes an entry and all hashes behind it is found here.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from sync.central.audit.verdict import Verdict
from sync.central.store import Transaction
from sync.central.store.evidence import EpochRow
from sync.central.store.nights import NightRow
from sync.protocol import dayhead, entry, nighthead
from sync.protocol.batch import BatchHeader
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import Domain, KeyRing, PublicKey
from sync.protocol.nighthead import End
from sync.protocol.signed import Signed, take_apart

Witnessed = dict[tuple[str, str], list[tuple[str, End]]]
"""By (kiosk, epoch): the day of a head of the night, and what it says."""

NIGHTS = "(nights)"
"""What stands for an epoch in the verdict on the heads of the night."""


def check_batch(tx: Transaction, at: EpochRow, verdict: Verdict) -> None:
    """Compare the device's last signature that was kept with the chain."""
    verdict.signed_through = at.signed_through
    if at.signed is None:
        if at.through:
            verdict.note("no signature of the device is kept: it came before central kept them")
        return
    try:
        signed = take_apart(Domain.BATCH, at.signed + b"\n")
        header = signed.read(BatchHeader)
        place = (header.kiosk, header.epoch, header.last)
        if place != (at.kiosk, at.epoch, at.signed_through):
            verdict.fault(at.signed_through, f"the device's signature is for {place}")
        elif _is_by(tx, signed, at.kiosk, header.key, verdict) and (
            tx.evidence.hash_at(at, header.last) != bytes.fromhex(header.head)
        ):
            verdict.fault(header.last, "the device signed another hash for it")
    except (ProtocolError, ValueError) as error:
        verdict.fault(at.signed_through, f"the device's signature does not hold: {error}")


def check_day(tx: Transaction, kiosk: str, seq: int, said: entry.Audit, verdict: Verdict) -> None:
    """Compare a head of the day, recorded by entry `seq`, with the epoch that it speaks of."""
    try:
        head, signed = dayhead.decode(said.detail.get("signed", "").encode())
        at = tx.evidence.epoch(kiosk, head.epoch)
        if head.kiosk != kiosk:
            verdict.fault(seq, f"its head of {head.day} is another kiosk's")
        elif not _is_by(tx, signed, kiosk, head.key, verdict):
            return
        elif at is None or (held := tx.evidence.hash_at(at, head.seq)) is None:
            verdict.note(f"the head of {head.day} is about entry {head.epoch} {head.seq}: not held")
        elif held != bytes.fromhex(head.head):
            verdict.fault(
                seq, f"the device's head of {head.day} has another hash for {head.epoch} {head.seq}"
            )
        else:
            verdict.heads += 1
    except (ProtocolError, ValueError) as error:
        verdict.fault(seq, f"its head of the day does not hold: {error}")


def _is_by(tx: Transaction, signed: Signed, kiosk: str, name: str, verdict: Verdict) -> bool:
    """Return whether the kiosk's key of that name signed; noted where it is not known.

    Raises Unverified.
    """
    registered = tx.registry.key(name)
    if registered is None or registered.kiosk != kiosk:
        verdict.note(f"key {name[:16]} is not registered for {kiosk}: its signatures prove nothing")
        return False
    signed.verify(PublicKey.from_der(registered.der))
    return True


def read_nights(
    heads: Iterable[NightRow], keys: KeyRing, kiosks: Iterable[str], verdict: Verdict
) -> Witnessed:
    """Verify the heads of the night and their order; return what they say of `kiosks`."""
    wanted, found = set(kiosks), defaultdict[tuple[str, str], list[tuple[str, End]]](list)
    number, previous = 0, ""
    for row in heads:
        number += 1
        try:
            night = nighthead.decode(row.message)
            night.signed.verify(keys.named(night.head.key))
        except ProtocolError as error:
            verdict.fault(row.number, f"the head of night {row.day} does not hold: {error}")
            number, previous = row.number, ""
            continue
        if row.number != number:
            verdict.fault(number, f"a head of the night before {row.day} is missing")
        elif night.head.previous != previous and (previous or number == 1):
            verdict.fault(number, f"the head of night {row.day} does not follow the one before it")
        if night.head.day != row.day:
            verdict.fault(row.number, f"the head of {night.head.day} stands for night {row.day}")
        number, previous = row.number, night.digest
        verdict.nights += 1
        for end in night.ends:
            if end.kiosk in wanted:
                found[end.kiosk, end.epoch].append((row.day, end))
    return found


def check_nights(
    tx: Transaction, at: EpochRow, said: list[tuple[str, End]], verdict: Verdict
) -> None:
    """Compare what heads of the night say of an epoch with what it is now."""
    for day, end in said:
        if end.through > at.through:
            verdict.fault(at.through + 1, f"in the night of {day} it reached entry {end.through}")
        elif (held := tx.evidence.hash_at(at, end.through)) is None:
            verdict.fault(end.through, f"the night of {day} has a hash for it, and it is not held")
        elif held.hex() != end.head:
            verdict.fault(end.through, f"the night of {day} has another hash for it")
        else:
            verdict.nights += 1


def kept(directory: Path) -> list[Path]:
    """Return the heads of the night in a directory; list them before the database is read."""
    return sorted(directory.glob("night-*.txt"))


def check_files(tx: Transaction, copies: Sequence[Path], verdict: Verdict) -> None:
    """Compare the heads of the night with those that were kept as files."""
    if not copies:
        verdict.note("no head is in audit.directory: is it mounted? none was compared with it")
    for path in copies:
        held = tx.nights.of_day(path.stem.removeprefix("night-"))
        try:
            if held is None:
                verdict.fault(0, f"{path}: no head of that night is held")
            elif path.read_bytes() != held.message:
                verdict.fault(held.number, f"{path}: another head of that night is held")
        except OSError as error:
            verdict.note(f"{path}: {error.strerror}; it was not compared")
