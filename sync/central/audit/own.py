"""The audit of central's own journal: the same chain, witnessed by the database and the nights."""

from collections.abc import Iterator, Sequence

from sync.central.audit.verdict import Verdict
from sync.central.audit.witnesses import Witnessed
from sync.central.decisions import Decisions
from sync.central.errors import JournalTrouble
from sync.central.store.evidence import EpochRow, Row
from sync.journal.errors import Damaged
from sync.journal.reader import Life, Reader
from sync.protocol.identity import KeyRing
from sync.protocol.nighthead import End


def verify_own(
    own: Decisions, keys: KeyRing, noted: Sequence[End], nights: Witnessed
) -> Iterator[Verdict]:
    """Yield the verdict on each epoch of central's journal.

    `noted` is how far the database says that they reach.
    """
    held: set[str] = set()
    try:
        for reader, life in own.readers():
            held.add(life.epoch)
            verdict = Verdict(kiosk=own.name, epoch=life.epoch)
            try:
                _look(reader, life, keys, verdict)
                said = [
                    (f"the night of {day}", end)
                    for day, end in nights.get((own.name, life.epoch), [])
                ]
                said += [("the database", end) for end in noted if end.epoch == life.epoch]
                _compare(reader, said, verdict)
            except Damaged as damage:
                verdict.fault(damage.seq or 0, str(damage))
            yield verdict
    except JournalTrouble as trouble:
        verdict = Verdict(kiosk=own.name, epoch="(journal)")
        verdict.fault(0, str(trouble))
        yield verdict
        return
    for epoch in sorted({end.epoch for end in noted if end.kiosk == own.name} - held):
        verdict = Verdict(kiosk=own.name, epoch=epoch)
        if own.is_alone:
            verdict.fault(
                0, f"the database says that there is such an epoch; not in {own.directory}"
            )
        else:
            verdict.note(f"it is not in {own.directory}: another central's, to be verified there")
        yield verdict


def _look(reader: Reader, life: Life, keys: KeyRing, verdict: Verdict) -> None:
    if not keys.has_der(life.key):
        verdict.fault(0, f"it began under key {life.born[:16]}, which is not central's")
    span = reader.verify()
    verdict.entries, verdict.through = span.last - span.first + 1, span.last


def _compare(reader: Reader, said: Sequence[tuple[str, End]], verdict: Verdict) -> None:
    for whose, end in said:
        held = reader.hash_at(end.through)
        if held is None:
            verdict.fault(verdict.through + 1, f"by {whose} it reached entry {end.through}")
        elif held.hex() != end.head:
            verdict.fault(end.through, f"{whose} has another hash for it")
        elif whose != "the database":
            verdict.nights += 1


def as_rows(own: Decisions, epoch: str, seq: int) -> tuple[EpochRow | None, Iterator[Row]]:
    """Return an epoch and its entries from `seq` on, as a proof is made from; None if not held."""
    for reader, life in own.readers():
        if life.epoch != epoch or (prev := reader.hash_at(seq - 1)) is None:
            continue
        span, rows = reader.span(), []
        for one in reader.rows(seq):
            if one.body is None:
                break
            rows.append(
                Row(
                    seq=one.seq,
                    hash=one.hash,
                    prev=prev,
                    body=one.body,
                    linked=True,
                    readable=True,
                    received_at=0,
                )
            )
            prev = one.hash
        at = EpochRow(
            kiosk=life.kiosk,
            epoch=life.epoch,
            number=life.number,
            born=life.born,
            genesis=life.genesis,
            through=span.last,
            head=span.head,
            signed_through=0,
            signed=None,
        )
        return at, iter(rows)
    return None, iter(())
