"""The signed heads of the days: printed, and held against the journal.

Whoever can write the files can change an entry and recompute every hash after it: the chain alone
does not tell. A head that was signed on some day before does, and one that was printed or mailed
away tells even where the journal's own were rewritten too.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from kiosk.cli.exits import Exit, Refused
from sync.journal.errors import Damaged, JournalError
from sync.journal.reader import Reader
from sync.protocol import dayhead, entry
from sync.protocol.dayhead import DayHead
from sync.protocol.errors import Malformed, ProtocolError
from sync.protocol.identity import PublicKey

_MENTION: Final = f'"action":"{dayhead.ACTION}"'.encode()


class Written(Struct, frozen=True):
    """A head's two lines, and where they stand."""

    where: str
    signed: str


class Verdict(Enum):
    """What came of holding a head against the journal."""

    AGREES = auto()
    ELSEWHERE = auto()  # nothing is left here to hold it against
    WRONG = auto()


class Finding(Struct, frozen=True, kw_only=True):
    """The verdict on one head; `said` is for people. `head` is None where it cannot be read."""

    verdict: Verdict
    where: str
    head: DayHead | None
    said: str


class _Printed(Struct):
    """As much of a line of `heads --json` as is read back."""

    signed: str


def recorded(reader: Reader) -> Iterator[Written]:
    """Yield the heads that a file's entries record, as far as the file can be read."""
    with suppress(Damaged):  # whoever walks the chain says where
        for row in reader.rows(1):
            if row.body is None or _MENTION not in row.body:
                continue
            with suppress(Malformed):
                said = entry.decode(row.body)
                if isinstance(said, entry.Audit) and said.action == dayhead.ACTION:
                    signed = said.detail.get("signed", "")
                    yield Written(f"{reader.path.name} entry {row.seq}", signed)


def kept(file: Path) -> list[Written]:
    """Return the heads in a file that `kiosk journal heads` wrote once, in either form.

    Raises Refused.
    """
    try:
        lines = [line.strip("> \t") for line in file.read_text().splitlines()]  # a mail quotes
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file}: {error}; copy the file here again", Exit.UNAVAILABLE) from error
    found = []
    for number, line in enumerate(lines):
        if not line.startswith("{"):
            continue
        try:
            signed = msgspec.json.decode(line, type=_Printed).signed
        except msgspec.DecodeError:
            signed = "\n".join(lines[number : number + 2])
        found.append(Written(f"{file} line {number + 1}", signed))
    if not found:
        raise Refused(
            f"{file}: there is no signed head in it; `kiosk journal heads > FILE` writes them",
            Exit.UNAVAILABLE,
        )
    return found


def as_text(signed: str) -> str:
    """Return a head as it is printed. Raises Malformed."""
    head, _ = dayhead.decode(signed.encode())
    return (
        f"{head.day}  epoch {head.epoch}  entry {head.seq}\n"
        f"  head  {head.head}\n"
        f"  key   {head.key}\n"
        f"{signed}\n\n"
    )


def as_json(signed: str) -> str:
    """Return a head as one JSON object on a line. Raises Malformed."""
    head, _ = dayhead.decode(signed.encode())
    return msgspec.json.encode(msgspec.to_builtins(head) | {"signed": signed}).decode() + "\n"


class Heads:
    """What heads are held against: a kiosk's epochs, its keys, and which files were set aside."""

    def __init__(
        self,
        kiosk: str,
        readers: Mapping[str, Reader],
        keys: Sequence[PublicKey],
        set_aside: Sequence[str],
    ) -> None:
        """`readers` by the names of their epochs; `set_aside` are names of files."""
        self._kiosk = kiosk
        self._readers = readers
        self._keys = {key.fingerprint: key for key in keys}
        self._set_aside = set_aside

    def check(self, written: Sequence[Written]) -> list[Finding]:
        """Return a finding for each; a wrong one names the entries among which to look."""
        agreed: dict[str, int] = {}  # by epoch, the highest place up to which all is as signed
        return [self._check(one, agreed) for one in sorted(written, key=_place)]

    def _check(self, one: Written, agreed: dict[str, int]) -> Finding:
        head: DayHead | None = None
        try:
            head, signed = dayhead.decode(one.signed.encode())
            key = self._keys.get(head.key)
            if key is not None:
                signed.verify(key)
            verdict, said = self._compare(head, known=key is not None, after=agreed)
        except ProtocolError as error:
            verdict, said = Verdict.WRONG, f"the signed head is not as it was written: {error}"
        if head is not None and verdict is Verdict.AGREES:
            agreed[head.epoch] = head.seq
        return Finding(verdict=verdict, where=one.where, head=head, said=said)

    def _compare(
        self, head: DayHead, *, known: bool, after: Mapping[str, int]
    ) -> tuple[Verdict, str]:
        """Return the verdict on a head that was signed, or whose key is not `known`."""
        if head.kiosk != self._kiosk:
            return Verdict.WRONG, f"it is a head of kiosk {head.kiosk!r}, not of {self._kiosk!r}"
        reader = self._readers.get(head.epoch)
        if reader is None:
            return Verdict.ELSEWHERE, f"epoch {head.epoch} is not here any more"
        if not known:
            return Verdict.WRONG, f"it was signed by key {head.key[:16]}, which is not this kiosk's"
        try:
            span, found = reader.span(), reader.hash_at(head.seq)
        except JournalError as error:
            return Verdict.WRONG, f"entry {head.seq} cannot be read: {error}"
        if found is None and head.seq < span.first:
            return Verdict.ELSEWHERE, f"entry {head.seq} was let go of"
        if found is None and any(head.epoch in name for name in self._set_aside):
            return Verdict.ELSEWHERE, f"entry {head.seq} was lost with a damaged file"
        if found is None:
            return Verdict.WRONG, (
                f"entry {head.seq}, of which the head of {head.day} speaks, is missing: "
                f"the epoch ends at {span.last}"
            )
        if found.hex() != head.head:
            since = max(after.get(head.epoch, 0) + 1, span.first)
            return Verdict.WRONG, (
                f"entry {head.seq} of epoch {head.epoch} is not what the head of {head.day} says: "
                f"something from entry {since} to {head.seq} was changed after it was signed"
            )
        return Verdict.AGREES, ""


def _place(one: Written) -> tuple[str, int]:
    """Return by what heads are put in order; what cannot be read comes first."""
    try:
        head, _ = dayhead.decode(one.signed.encode())
    except Malformed:
        return "", 0
    return head.epoch, head.seq
