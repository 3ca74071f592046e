"""Ingest: what central makes of a kiosk's hello and batches; testable without a line.

    verify -> store the bytes and what is derived -> move the prefix -> receipt, valid once the
    caller has committed

Nothing here sends, signs, commits or has a clock of its own. Whatever contradicts is stored, said
aloud by an alarm, and never moves the prefix; the receipt tells the truth all the same.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, structs

from sync.central import derive, prefix
from sync.central.authority import Clock, Speaker, Unadmitted, verify
from sync.central.bounds import check_batch, check_hello, is_fingerprint
from sync.central.condense import condensed
from sync.central.prefix import Run
from sync.central.store import Transaction
from sync.central.store.arrivals import Arrivals, Sighting
from sync.central.store.ledger import Held, Line, SignedEnd
from sync.central.store.standing import Alarm
from sync.protocol import batch, chain, entry, hello
from sync.protocol.batch import BatchHeader, read_hash
from sync.protocol.errors import Malformed
from sync.protocol.hello import Hello
from sync.protocol.moments import telling
from sync.protocol.receipt import Receipt
from sync.protocol.signed import Signed

MOST_LOST: Final = 50
"""Ranges that one receipt names: each is a restored backup, or a body that was destroyed."""


class AskHello(Struct, frozen=True):
    """The answer to a batch of an epoch whose beginning is not known: say hello first."""

    kiosk: str


class Read(Struct, frozen=True):
    """A batch that is whole in itself, and what its entries say. Not yet verified.

    Attributes:
        telling: (seq, what it says) of the entries that say more than those beside them.
        unreadable: why this version cannot read an entry, by seq.
    """

    header: BatchHeader
    signed: Signed
    run: Run
    arrivals: Arrivals
    telling: Sequence[tuple[int, entry.Entry]]
    unreadable: Mapping[int, Malformed]

    def leads_to(self, other: "Read") -> bool:
        """Return whether `other` goes on where this one ends, under the same key."""
        ours, theirs = self.header, other.header
        who, whose = (ours.kiosk, ours.epoch, ours.key), (theirs.kiosk, theirs.epoch, theirs.key)
        begins, ends = (other.run.first - 1, other.run.prev), (self.run.last, self.run.hashes[-1])
        return who == whose and begins == ends


def read_batch(message: bytes) -> Read:
    """Read a batch; most of the work that it makes, and none that needs the database.

    `message` is unpacked. Raises ProtocolError.
    """
    arrived = batch.decode(message)
    header = arrived.header
    check_batch(header)
    run = Run(header.first, read_hash(header.prev), arrived.hashes)
    said: list[tuple[int, entry.Entry]] = []
    sightings: list[Sighting | None] = []
    unreadable: dict[int, Malformed] = {}
    for seq, body in enumerate(arrived.bodies, run.first):
        sighting = None
        try:
            meant, sighting = derive.read(body)
            said.append((seq, meant))
        except Malformed as error:
            unreadable[seq] = error
        sightings.append(sighting)
    seqs = range(run.first, run.last + 1)
    arrivals = Arrivals(
        seqs=seqs,
        hashes=run.hashes,
        prevs=[run.prev, *run.hashes[:-1]],
        bodies=arrived.bodies,
        readable=[seq not in unreadable for seq in seqs],
        sightings=sightings,
    )
    return Read(header, arrived.signed, run, arrivals, telling(said), unreadable)


class Ingest:
    """Central's side of the conversation. `key` is the fingerprint that receipts will name."""

    def __init__(self, key: str, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    # Hello.

    def receive_hello(self, tx: Transaction, speaker: str, message: bytes) -> Receipt | None:
        """Agree where both ends stand. None where the epoch does not begin as its key says.

        `speaker` is the topic's kiosk. Raises ProtocolError; only the waiting list is touched then.
        """
        said, signed = hello.decode(message)
        check_hello(said)
        head, anchor = read_hash(said.head), read_hash(said.anchor)
        try:
            key = verify(tx.registry, Speaker(speaker, said.kiosk, said.key), signed)
        except Unadmitted:
            if is_fingerprint(said.key):
                tx.registry.put_on_list(speaker, said.key, self._clock())
            raise
        line = self._open_line(tx, said, anchor, key.der)
        if line is None:
            return None
        if _is_fresh(line, said):
            clock = said.clock
            line = structs.replace(
                line, hello_nonce=said.nonce, hello_boot=clock.boot, hello_up=clock.up
            )
            tx.ledger.note_hello(line, said.first, said.last)
        ends = {said.first - 1: anchor, said.last: head}
        if not self._is_forked(tx, line, ends) and said.first > line.through + 1:
            line = self._give_up(tx, line, said.first - 1, anchor)
        # Said again with every hello, for the receipt that tells it may be lost too.
        lost = tx.ledger.lost_ranges(line)[-MOST_LOST:]
        tx.standing.note_hello(line.kiosk, said.software, said.roster, self._clock())
        return self._receipt(line, said.nonce, lost)

    def _open_line(self, tx: Transaction, said: Hello, anchor: bytes, key: bytes) -> Line | None:
        """Return the epoch, begun by its first hello; None where its genesis does not fit."""
        born = said.born or said.key
        if said.born:
            registered = tx.registry.key(said.born)
            if registered is None or registered.kiosk != said.kiosk:
                return self._refuse(tx, said, f"began under unknown key {born[:16]}")
            key = registered.der
        genesis = chain.genesis(said.kiosk, said.epoch, key)
        if said.first == 1 and anchor != genesis:
            return self._refuse(tx, said, f"entry 1 does not follow key {born[:16]}")
        line = tx.ledger.line(said.kiosk, said.epoch)
        if line is None:
            begun = Line(
                kiosk=said.kiosk,
                epoch=said.epoch,
                number=said.number,
                genesis=genesis,
                through=0,
                head=genesis,
            )
            line = tx.ledger.begin(begun, born, self._clock())
        if line.genesis != genesis:
            return self._refuse(tx, said, f"began under another key than {born[:16]}")
        return line

    def _refuse(self, tx: Transaction, said: Hello, why: str) -> Line | None:
        """Raise the alarm about an epoch that is not what its key says, and take no part in it."""
        detail = f"epoch {said.epoch}: {why}"
        tx.standing.raise_alarm(Alarm.GENESIS, said.kiosk, said.epoch, detail, self._clock())
        return None

    def _is_forked(self, tx: Transaction, line: Line, ends: dict[int, bytes]) -> bool:
        """Return whether the prefix has another hash than `ends[seq]` at a seq, with alarm."""
        for seq, said in ends.items():
            held = prefix.hash_at(tx.ledger, line, seq) if seq <= line.through else None
            if held is not None and held != said:
                self._fork(tx, line, seq)
                return True
        return False

    def _give_up(self, tx: Transaction, line: Line, seq: int, anchor: bytes) -> Line:
        """Return the line gone on from the kiosk's anchor: what is missing before will not come."""
        seq, anchor = prefix.reach_back(tx.ledger, line, seq, anchor)
        if seq == line.through:
            self._fork(tx, line, seq)  # what we hold leads back to another prefix than ours
            return line
        first, now = line.through + 1, self._clock()
        tx.ledger.lose(line, first, seq, anchor, now)
        tx.proofs.end_runs(line.kiosk)
        detail = f"epoch {line.epoch}: entries {first} to {seq}"
        tx.standing.raise_alarm(Alarm.LOST, line.kiosk, f"{line.epoch} {first}", detail, now)
        line = structs.replace(line, through=seq, head=anchor)
        tx.ledger.move(line)
        return prefix.note_signed(tx.ledger, self._run_on(tx, line))

    # Batch.

    def receive_batch(self, tx: Transaction, speaker: str, message: bytes) -> Receipt | AskHello:
        """Read a batch and take it in. Raises ProtocolError; nothing is stored then."""
        return self.take_in(tx, speaker, read_batch(message))

    def take_in(self, tx: Transaction, speaker: str, said: Read) -> Receipt | AskHello:
        """Store a batch and return how far the prefix reaches now.

        Raises Unverified; nothing is stored then.
        """
        [answer] = self.take_in_run(tx, speaker, [said])
        return answer

    def take_in_run(
        self, tx: Transaction, speaker: str, batches: Sequence[Read]
    ) -> Sequence[Receipt | AskHello]:
        """Store batches, each of which leads to the next one; return the answer to each.

        Raises Unverified; nothing is stored then.
        """
        first, last, header = batches[0].run, batches[-1].run, batches[0].header
        key = verify(tx.registry, Speaker(speaker, header.kiosk, header.key), batches[0].signed)
        for said in batches[1:]:
            said.signed.verify(key)
        line = tx.ledger.line(header.kiosk, header.epoch)
        if line is None:
            return [AskHello(header.kiosk)] * len(batches)
        receipts = []
        if self._goes_on(tx, line, first, last):
            # The usual batch: it follows, and nothing of it or after it has come before.
            for said in batches:
                self._store(tx, line, said, linked=True)
                line = structs.replace(
                    line,
                    through=said.run.last,
                    head=said.run.hashes[-1],
                    signed_through=said.run.last,
                )
                receipts.append(self._receipt(line, said.header.nonce))
            self._note_linked(tx, line, [one for said in batches for one in said.telling])
            tx.ledger.move_signed(line, batches[-1].signed.lines)
        else:
            for said in batches:
                line = self._fit_in(tx, line, said)
                receipts.append(self._receipt(line, said.header.nonce))
        tx.standing.note_receipt(line.kiosk, self._clock())
        return receipts

    def _goes_on(self, tx: Transaction, line: Line, first: Run, last: Run) -> bool:
        """Return whether what begins with `first` follows the prefix, and nothing is held beyond.

        As far as is looked: up to the entry after `last`.
        """
        if line.through != first.first - 1 or line.head != first.prev:
            return False
        return not tx.ledger.holds(line, first.first, last.last + 1)

    def _fit_in(self, tx: Transaction, line: Line, said: Read) -> Line:
        """Return the line after storing a batch of which something is held, or that is an island.

        What contradicts is stored as well, with alarm.
        """
        run = said.run
        held = tx.ledger.held(line, run.first - 1, run.last + 1)
        contradicted = prefix.contradiction(tx.ledger, line, run, held)
        if contradicted is not None:
            self._fork(tx, line, contradicted)
        self._store(tx, line, said, held)
        end = SignedEnd(run.last, run.hashes[-1], said.signed.lines)
        return prefix.note_signed(tx.ledger, self._run_on(tx, line), end)

    def _store(
        self,
        tx: Transaction,
        line: Line,
        said: Read,
        held: Sequence[Held] = (),
        *,
        linked: bool = False,
    ) -> None:
        """Store the entries that are not held yet, readable or not."""
        arrivals = said.arrivals.without({(one.seq, one.hash) for one in held})
        if said.unreadable:
            for seq, body in zip(arrivals.seqs, arrivals.bodies, strict=True):
                if seq in said.unreadable:
                    self._set_aside(tx, line, seq, body, said.unreadable[seq])
        tx.ledger.add(line, arrivals, self._clock(), linked=linked)

    def _set_aside(
        self, tx: Transaction, line: Line, seq: int, body: bytes, error: Malformed
    ) -> None:
        """Show a person an entry that this version cannot read; it is stored all the same."""
        now = self._clock()
        tx.standing.quarantine(body, str(error), f"entry {line.kiosk} {line.epoch} {seq}", now)
        detail = f"epoch {line.epoch}, entry {seq}: {error}"
        tx.standing.raise_alarm(Alarm.UNREADABLE, line.kiosk, line.epoch, detail, now)

    def _run_on(self, tx: Transaction, line: Line) -> Line:
        """Return the line run on as far as the entries held lead."""
        line, passed = prefix.run_on(tx.ledger, line)
        while passed:
            read = ((one.seq, derive.read_if_possible(one.body)) for one in passed)
            self._note_linked(tx, line, [(seq, said) for seq, said in read if said is not None])
            line, passed = prefix.run_on(tx.ledger, line)
        return line

    def _note_linked(
        self, tx: Transaction, line: Line, linked: Sequence[tuple[int, entry.Entry]]
    ) -> None:
        """Take in what entries (seq, what it says) say now that they belong to the prefix."""
        for seq, said in condensed(linked):
            tx.standing.note_linked(line, seq, said)
            tx.proofs.note(line, seq, said, self._clock())
            if isinstance(said, entry.Gap):
                self._note_gap(tx, line, seq, said)
            elif isinstance(said, entry.Audit):
                tx.city.note(line, seq, said)
        if linked:
            tx.times.note(line, linked, self._clock())
            tx.times.note_drifts(line, linked, self._clock())

    def _note_gap(self, tx: Transaction, line: Line, seq: int, said: entry.Gap) -> None:
        kind = Alarm.ROLLBACK if said.what == entry.HISTORY else Alarm.GAP
        detail = f"epoch {line.epoch}, entry {seq}: {said.what} {said.since}: {said.reason}"
        # Recorded anew by a later epoch, it is still the same one.
        subject = " ".join(filter(None, (said.what, said.source, said.since)))
        tx.standing.raise_alarm(kind, line.kiosk, subject, detail, self._clock())

    def _fork(self, tx: Transaction, line: Line, seq: int) -> None:
        detail = f"epoch {line.epoch}: two different entries at place {seq}"
        tx.standing.raise_alarm(Alarm.FORK, line.kiosk, line.epoch, detail, self._clock())

    def _receipt(self, line: Line, nonce: str, lost: Sequence[tuple[int, int]] = ()) -> Receipt:
        return Receipt(
            kiosk=line.kiosk,
            epoch=line.epoch,
            through=line.through,
            head=line.head.hex(),
            nonce=nonce,
            utc=self._clock(),
            key=self._key,
            lost=lost,
        )


def _is_fresh(line: Line, said: Hello) -> bool:
    """Return whether `said` is the latest hello: the line may deliver an older one again, later."""
    if said.nonce == line.hello_nonce:
        return False
    return said.clock.boot != line.hello_boot or said.clock.up >= line.hello_up
