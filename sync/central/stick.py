"""The stick at central: a kiosk's file taken in as from the line, and the answer to it written.

Same verification, same desk: what came by MQTT before is known, what comes by it later will be.
"""

from collections.abc import Iterator
from itertools import islice
from typing import IO, Final, NamedTuple

from msgspec import Struct

from sync.central.authority import Authority, Clock, Speaker, verify
from sync.central.desk import Desk
from sync.central.store import Store
from sync.protocol import batch, stick, topics
from sync.protocol.identity import Domain
from sync.protocol.receipt import Receipt
from sync.protocol.stick import Contents, Part, Stick
from sync.protocol.topics import Down, Up

GROUP: Final = 16
"""Messages in one COMMIT."""

_TAKEN: Final = (Up.HELLO.value, Up.BATCH.value)


class _Message(NamedTuple):
    """A part of the file as the line would have brought it."""

    topic: str
    payload: bytes
    encoding: str = batch.Encoding.PLAIN.value


class Imported(Struct, frozen=True):
    """What a file brought.

    Attributes:
        messages, unanswered: how many it had, and how many got no receipt.
        receipts: the answers, in order.
        passed_over: kinds of parts that this version does not know.
    """

    contents: Contents
    messages: int
    unanswered: int
    receipts: tuple[Receipt, ...]
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
    messages, receipts = 0, []
    heard = _messages(found)
    while group := list(islice(heard, GROUP)):
        messages += len(group)
        receipts += [answer for _, answer in desk.take_in(group) if isinstance(answer, Receipt)]
    return Imported(
        contents, messages, messages - len(receipts), tuple(receipts), tuple(sorted(unknown))
    )


def _messages(found: Stick) -> Iterator[_Message]:
    kiosk = found.contents.kiosk
    for part in found.parts():
        if part.kind in _TAKEN:
            yield _Message(topics.up(kiosk, Up(part.kind)), part.message)


def answer(file: IO[bytes], imported: Imported, authority: Authority, clock: Clock) -> None:
    """Write central's answer. Raises OSError."""
    said = imported.contents
    contents = Contents(
        kiosk=said.kiosk, nonce=said.nonce, made=clock(), digest="", key=authority.fingerprint
    )
    authority.write_answer(file, contents, (_part(authority, one) for one in imported.receipts))


def _part(authority: Authority, receipt: Receipt) -> Part:
    return Part(Down.RECEIPT.value, authority.sign_receipt(receipt))
