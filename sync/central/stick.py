"""The stick at central: a kiosk's file taken in as from the line, and the answer to it written.

Same verification, same desk: what came by MQTT before is known, what comes by it later will be.
"""

from collections.abc import Iterator
from itertools import islice
from typing import IO, Final

from msgspec import Struct

from sync.central.authority import Authority, Clock, Speaker, verify
from sync.central.desk import Desk
from sync.central.downlink import Downlink
from sync.central.inbox import Letter, read
from sync.central.store import Store
from sync.protocol import batch, stick, topics
from sync.protocol.identity import Domain
from sync.protocol.receipt import Receipt
from sync.protocol.stick import Contents, Part, Stick
from sync.protocol.topics import Down, Up

GROUP: Final = 16
"""Messages in one COMMIT."""

_TAKEN: Final = (Up.HELLO.value, Up.BATCH.value)


class Imported(Struct, frozen=True):
    """What a file brought.

    Attributes:
        messages, unanswered: how many it had, and how many got no receipt.
        receipts: the answers to its hellos, and the last one of each epoch, in order.
        hello: the last one that was accepted; b"" for none.
        passed_over: kinds of parts that this version does not know.
    """

    contents: Contents
    messages: int
    unanswered: int
    receipts: tuple[Receipt, ...]
    hello: bytes
    passed_over: tuple[str, ...]

    @property
    def through(self) -> dict[str, int]:
        """Return how far each epoch reaches at central now."""
        return {one.epoch: one.through for one in self.receipts}


def take_in(file: IO[bytes], store: Store, desk: Desk) -> Imported:
    """Take in a kiosk's file. May be done again, before and after the same came by MQTT.

    Raises:
        ProtocolError: it is damaged, or not a file of an admitted kiosk's; nothing is stored of
            what comes behind the place that does not hold.
        StoreError: the database refuses; do it again when it does not.
    """
    found = stick.read(file, Domain.STICK)
    contents = found.contents
    with store.reading() as tx:
        verify(tx.registry, Speaker(contents.kiosk, contents.kiosk, contents.key), found.signed)
    # All of it is read once before any is taken in: a file that was cut short brings nothing.
    unknown = {part.kind for part in found.parts()}.difference(_TAKEN)
    messages, unanswered, receipts = 0, 0, list[Receipt]()
    heard, overtaken, greeting = _letters(found), False, b""
    while group := list(islice(heard, GROUP)):
        messages += len(group)
        for letter, word in zip(group, desk.take_in(group), strict=True):
            if not isinstance(word, Receipt):
                unanswered += 1
                continue
            if overtaken and receipts[-1].epoch == word.epoch:
                receipts.pop()
            receipts.append(word)
            overtaken = letter.topic.endswith(Up.BATCH)  # by the next batch's
            if not overtaken:
                greeting = letter.payload
    passed_over = tuple(sorted(unknown))
    return Imported(contents, messages, unanswered, tuple(receipts), greeting, passed_over)


def _letters(found: Stick) -> Iterator[Letter]:
    """Yield the parts of the file as the line would have brought them."""
    kiosk = found.contents.kiosk
    for part in found.parts():
        if part.kind in _TAKEN:
            yield read(topics.up(kiosk, Up(part.kind)), part.message, batch.Encoding.PLAIN)


def answer(
    file: IO[bytes],
    imported: Imported,
    authority: Authority,
    clock: Clock,
    downlink: Downlink | None = None,
) -> None:
    """Write central's answer, and a newer roster if there is one. Raises OSError, StoreError."""
    said = imported.contents
    contents = Contents(
        kiosk=said.kiosk, nonce=said.nonce, made=clock(), digest="", key=authority.fingerprint
    )
    parts = [_part(authority, one) for one in imported.receipts]
    if downlink is not None and imported.hello:
        parts += [Part(Down.ROSTER.value, one) for one in downlink.answer(imported.hello)]
    authority.write_answer(file, contents, parts)


def _part(authority: Authority, receipt: Receipt) -> Part:
    return Part(Down.RECEIPT.value, authority.sign_receipt(receipt))
