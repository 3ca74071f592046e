"""The audit: proves what central holds of kiosks, or names the first place that does not hold.

From outside in: `walk` (the chain), `derived` (what is shown), `witnesses` (what was signed).
Nothing here writes. docs/AUDIT.md says what is proved by it, and what is not.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sync.central.audit import witnesses
from sync.central.audit.derived import Derived, read
from sync.central.audit.own import verify_own
from sync.central.audit.verdict import Verdict
from sync.central.audit.walk import Walk
from sync.central.audit.witnesses import NIGHTS, Witnessed
from sync.central.decisions import Decisions
from sync.central.store import Transaction
from sync.central.store.evidence import EpochRow
from sync.protocol import chain, dayhead, entry
from sync.protocol.identity import KeyRing, PublicKey

Progress = Callable[[str, str, int], None]
"""Called now and then with the kiosk, the epoch and the entry that is looked at."""


class Audit:
    """One audit within one reading transaction.

    `keys` are central's, which sign the nights; `own` its own journal, verified under its name.
    """

    def __init__(
        self,
        tx: Transaction,
        keys: KeyRing,
        own: Decisions | None = None,
        progress: Progress = lambda *_: None,
    ) -> None:
        self._tx = tx
        self._keys = keys
        self._own = own
        self._progress = progress
        self._nights: Witnessed = {}

    def verify(
        self, kiosks: Sequence[str], copies: Sequence[Path] | None = None
    ) -> Iterator[Verdict]:
        """Yield the verdict on the nights, then on each epoch of `kiosks`.

        `copies` are the files in which heads of the night were kept, if they are.
        """
        tx = self._tx
        verdict = Verdict(kiosk="central", epoch=NIGHTS)
        self._nights = witnesses.read_nights(tx.nights.all(), self._keys, kiosks, verdict)
        if not (verdict.nights or verdict.wrong):
            verdict.note("no head of the night is held; `presensi-central night` makes one")
        if copies is not None:
            witnesses.check_files(tx, copies, verdict)
        yield verdict
        for kiosk in kiosks:
            if self._own is not None and kiosk == self._own.name:
                yield from verify_own(self._own, self._keys, tx.nights.ends(), self._nights)
                continue
            held = tx.evidence.epochs(kiosk)
            yield from map(self._epoch, held)
            yield from self._vanished(kiosk, {at.epoch for at in held})

    def _epoch(self, at: EpochRow) -> Verdict:
        verdict = Verdict(kiosk=at.kiosk, epoch=at.epoch)
        try:
            self._look(at, verdict)
        except (TypeError, ValueError) as error:  # SQLite's columns hold what somebody puts there
            verdict.fault(verdict.entries, f"behind it a row is not of the right types: {error}")
        return verdict

    def _look(self, at: EpochRow, verdict: Verdict) -> None:
        tx = self._tx
        self._check_genesis(at, verdict)
        walk = Walk(at, tx.evidence.lost(at.kiosk, at.epoch), verdict)
        derived = Derived(tx.evidence, at, verdict)
        for page in tx.evidence.pages(at.kiosk, at.epoch):
            self._progress(at.kiosk, at.epoch, page[-1].seq)
            said = [read(row.body) for row in page]
            for row, (one, _) in zip(page, said, strict=True):
                walk.step(row)
                if isinstance(one, entry.Audit) and one.action == dayhead.ACTION and row.linked:
                    witnesses.check_day(tx, at.kiosk, row.seq, one, verdict)
            derived.compare(page, said)
        walk.end()
        derived.end()
        witnesses.check_batch(tx, at, verdict)
        witnesses.check_nights(tx, at, self._nights.get((at.kiosk, at.epoch), []), verdict)

    def _check_genesis(self, at: EpochRow, verdict: Verdict) -> None:
        """Does it begin as the registered key that it was born under says?"""
        key = self._tx.registry.key(at.born)
        if key is None or key.kiosk != at.kiosk:
            verdict.fault(0, f"it began under key {at.born[:16]}, which is not the kiosk's")
        elif PublicKey.from_der(key.der).fingerprint != at.born:
            verdict.fault(0, f"key {at.born[:16]} is registered as another key")
        elif chain.genesis(at.kiosk, at.epoch, key.der) != at.genesis:
            verdict.fault(0, f"its genesis is not that of key {at.born[:16]}")

    def _vanished(self, kiosk: str, held: set[str]) -> Iterator[Verdict]:
        """Yield a verdict on each epoch that something speaks of, and that is not held."""
        verdicts: dict[str, Verdict] = {}

        def about(epoch: str) -> Verdict:
            return verdicts.setdefault(epoch, Verdict(kiosk=kiosk, epoch=epoch))

        for table, epoch in self._tx.evidence.strays(kiosk):
            about(epoch).fault(0, f"table {table} has rows of it, and there is no such epoch")
        for (whose, epoch), said in self._nights.items():
            if whose == kiosk and epoch not in held:
                day, end = said[-1]
                about(epoch).fault(0, f"in the night of {day} it reached {end.through}; it is gone")
        yield from verdicts.values()
