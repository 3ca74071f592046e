"""The proof of one entry: a file that somebody checks with `docs/verify_proof.py` and without us.

    body, the hash before it, and the digests behind it      lead to two signed hashes:
      a) the device's: a batch that ended there, or a head of the day
      b) a head of the night's: its line of the list, and the Merkle path to the signed root

No other entry's body is in it, only digests. Everything is compared with what is held while the
proof is made: what is wrong here is refused, not handed out.
"""

import base64
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from sync.central.audit.derived import read
from sync.central.audit.own import as_rows
from sync.central.decisions import Decisions
from sync.central.exits import Refused
from sync.central.store import Transaction
from sync.central.store.evidence import EpochRow, Row
from sync.central.store.nights import NightRow
from sync.protocol import chain, dayhead, entry, merkle, nighthead
from sync.protocol.batch import BatchHeader, read_hash
from sync.protocol.errors import ProtocolError
from sync.protocol.identity import Domain, KeyRing, PublicKey
from sync.protocol.nighthead import Night
from sync.protocol.signed import Signed, take_apart

FORM: Final = "presensi-proof-v1"


class DeviceWord(Struct, frozen=True, kw_only=True):
    """What the device signed: `domain` is the signature's, `line` its line 1, `key` in PEM."""

    domain: str
    line: str
    signature: str
    key: str


class NightWord(Struct, frozen=True, kw_only=True):
    """What central signed in a night.

    Attributes:
        end: the epoch's line of the list; at: its place there, from 0; path: the hashes beside it.
        token: a timestamp authority's answer about `line`, base64, if there is one.
    """

    line: str
    signature: str
    key: str
    end: str
    at: int
    path: Sequence[str]
    token: str | None


class Proof(Struct, frozen=True, kw_only=True):
    """The file. Hashes are hexadecimal; `digests` are of the bodies behind the entry, in order."""

    form: str
    kiosk: str
    epoch: str
    seq: int
    body: str
    previous: str
    digests: Sequence[str]
    device: DeviceWord | None
    night: NightWord | None

    @property
    def name(self) -> str:
        """Return what its files are called, without a suffix."""
        return f"proof-{self.kiosk}-{self.epoch}-{self.seq}"


class _Word(Struct, frozen=True):
    """A signed hash of entry `through`, and what of the file says so."""

    through: int
    head: bytes
    said: DeviceWord | NightWord


def prove(
    tx: Transaction,
    central: KeyRing,
    kiosk: str,
    epoch: str,
    seq: int,
    own: Decisions | None = None,
) -> Proof:
    """Return the proof of an entry of the prefix, or of central's `own` journal. Raises Refused."""
    if own is not None and kiosk == own.name:
        at, rows = as_rows(own, epoch, seq)
    else:
        at = tx.evidence.epoch(kiosk, epoch)
        rows = iter(()) if at is None else tx.evidence.linked(kiosk, epoch, seq)
    row = next(rows, None)
    if at is None or row is None or row.seq != seq:
        raise Refused(f"entry {kiosk} {epoch} {seq} is not held, or not linked yet: see `verify`")
    try:
        return _Making(tx, at, row).proof(rows, central)
    except ProtocolError as error:
        raise Refused(f"{kiosk} {epoch}: {error}; see `presensi-central verify {kiosk}`") from error


class _Making:
    """The making of one proof: the way from the entry to what was signed behind it."""

    def __init__(self, tx: Transaction, at: EpochRow, row: Row) -> None:
        self._tx = tx
        self._at = at
        self._seq = row.seq
        self._row = row
        self._hashes: list[bytes] = []
        self._digests: list[str] = []
        self._day: _Word | None = None

    def proof(self, behind: Iterator[Row], central: KeyRing) -> Proof:
        """Return the proof; `behind` are the entries that follow. Raises Refused."""
        try:
            body = self._row.body.decode()
        except UnicodeDecodeError as error:
            raise self._refusal(self._seq, "its bytes are no text") from error
        night, batch = self._night(central), self._last_batch()
        self._walk(behind, night, batch)
        device = self._reached(self._day or batch)
        night = self._reached(night)
        furthest = max((one.through for one in (device, night) if one), default=self._seq)
        return Proof(
            form=FORM,
            kiosk=self._at.kiosk,
            epoch=self._at.epoch,
            seq=self._seq,
            body=body,
            previous=self._row.prev.hex(),
            digests=self._digests[1 : furthest - self._seq + 1],
            device=device.said if device and isinstance(device.said, DeviceWord) else None,
            night=night.said if night and isinstance(night.said, NightWord) else None,
        )

    def _walk(self, behind: Iterator[Row], night: _Word | None, batch: _Word | None) -> None:
        """Walk on as far as is needed, or to a place where entries are lost. Raises Refused."""
        previous = self._row.prev
        to_night = night.through if night else 0
        to_device = batch.through if batch else self._at.through
        for row in itertools.chain((self._row,), behind):
            if row.seq != self._seq + len(self._hashes):
                return  # behind it entries are lost
            if chain.link(row.prev, row.body) != row.hash or row.prev != previous:
                raise self._refusal(row.seq, "it does not hold")
            previous = row.hash
            self._hashes.append(row.hash)
            self._digests.append(chain.digest(row.body).hex())
            self._day = self._day or self._day_head(row)
            if row.seq >= max(to_night, 0 if self._day else to_device):
                return

    def _reached(self, word: _Word | None) -> _Word | None:
        """Return `word` if the way leads to it. Raises Refused where it leads to another hash."""
        if word is None or word.through >= self._seq + len(self._hashes):
            return None
        if self._hashes[word.through - self._seq] != word.head:
            raise self._refusal(word.through, "its hash is not the one that was signed")
        return word

    def _refusal(self, seq: int, why: str) -> Refused:
        at = self._at
        return Refused(
            f"entry {at.kiosk} {at.epoch} {seq}: {why}; see `presensi-central verify {at.kiosk}`"
        )

    # What was signed.

    def _last_batch(self) -> _Word | None:
        """Return the device's last signature, where it speaks for the entry."""
        at = self._at
        if at.signed is None or at.signed_through < self._seq:
            return None
        signed = take_apart(Domain.BATCH, at.signed + b"\n")
        header = signed.read(BatchHeader)
        return self._device(signed, header.key, header.last, header.head)

    def _day_head(self, row: Row) -> _Word | None:
        """Return the head of the day that an entry records, where it speaks for ours."""
        said, _ = read(row.body)
        if not isinstance(said, entry.Audit) or said.action != dayhead.ACTION:
            return None
        try:
            head, signed = dayhead.decode(said.detail.get("signed", "").encode())
            is_ours = (head.kiosk, head.epoch) == (self._at.kiosk, self._at.epoch)
            if not is_ours or not self._seq <= head.seq < row.seq:
                return None
            return self._device(signed, head.key, head.seq, head.head)
        except ProtocolError:
            return None  # `verify` names it; the batch's signature will do

    def _device(self, signed: Signed, name: str, through: int, head: str) -> _Word | None:
        """Return what the kiosk's own key signed. Raises ProtocolError."""
        key = self._tx.registry.key(name)
        if key is None or key.kiosk != self._at.kiosk:
            return None
        public = PublicKey.from_der(key.der)
        signed.verify(public)
        line, signature = signed.lines.decode().split("\n")
        said = DeviceWord(
            domain=signed.domain.value.decode(),
            line=line,
            signature=signature,
            key=public.pem.decode(),
        )
        return _Word(through, read_hash(head), said)

    def _night(self, central: KeyRing) -> _Word | None:
        """Return the first night that covers the entry. Raises ProtocolError."""
        at = self._at
        for row in self._tx.nights.all():
            if f"\n{at.kiosk} {at.epoch} ".encode() not in row.message:
                continue
            night = nighthead.decode(row.message)
            for place, end in enumerate(night.ends):
                if (end.kiosk, end.epoch) == (at.kiosk, at.epoch) and end.through >= self._seq:
                    key = central.named(night.head.key)
                    night.signed.verify(key)
                    return _Word(end.through, read_hash(end.head), _said(night, place, row, key))
        return None


def _said(night: Night, place: int, row: NightRow, central: PublicKey) -> NightWord:
    """Return what a night says at one place of its list."""
    lines = [one.line for one in night.ends]
    line, signature = night.signed.lines.decode().split("\n")
    return NightWord(
        line=line,
        signature=signature,
        key=central.pem.decode(),
        end=lines[place].decode(),
        at=place,
        path=[one.hex() for one in merkle.path(lines, place)],
        token=None if row.token is None else base64.b64encode(row.token).decode(),
    )
