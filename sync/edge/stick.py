"""The stick at the kiosk: the journal as a file for central, and central's answer read back.

What the line would say is said to a file; what comes back is heard by the same conversation that
the line has, so a receipt on a stick can do no more, and no less, than one that came by MQTT.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from msgspec import Struct

from sync.edge.delivery import Receipted, SayHello, SendBatch
from sync.edge.session import (
    Epoch,
    Keeper,
    Self,
    Session,
    StartAnew,
    batch_message,
    hello_message,
)
from sync.journal.reader import Life, Reader, Span
from sync.protocol import receipt, rostering, stick, topics
from sync.protocol.batch import MAX_ENTRIES, MAX_SENT_BYTES
from sync.protocol.entry import Stamp
from sync.protocol.errors import ProtocolError, Unverified
from sync.protocol.identity import Domain
from sync.protocol.stick import Contents, Part

_EXPORTED: Final = "exported"


def exported_file(data: Path) -> Path:
    """Return where the nonce of the last export is kept."""
    return data / _EXPORTED


def last_exported(data: Path) -> str:
    """Return the nonce of the last export, "" without one."""
    try:
        return exported_file(data).read_text("ascii", "replace").strip()
    except OSError:
        return ""


class Exported(Struct, frozen=True):
    """What was written: how many entries, and the nonce that its answer will carry."""

    entries: int
    nonce: str


class Answered(Struct):
    """What an answer brought.

    Attributes:
        receipted: how far each epoch (its life) is with central now.
        roster: version that is in force since; 0 where none came, or none that is newer.
        not_kept: why the roster in it was not taken in; "" if it was, or if there was none.
        anew: why the kiosk must be started anew; "" if it need not.
        passed_over: kinds of parts that this version does not know.
    """

    receipted: dict[str, int]
    roster: int = 0
    not_kept: str = ""
    anew: str = ""
    passed_over: tuple[str, ...] = ()


class _Counted:
    """Entries written so far."""

    entries = 0


def export(
    file: IO[bytes],
    me: Self,
    lives: Sequence[tuple[Life, Reader]],
    at: Stamp,
    *,
    whole: bool,
    nonce: str = "",
    roster: int = 0,
) -> Exported:
    """Write what central lacks of the epochs to `file`, with `whole` everything that is held.

    `lives` are oldest first. The files may be in use by a daemon meanwhile. `nonce` is a fresh one
    unless given; `roster` is the version in force. Raises JournalError, OSError.
    """
    nonce, counted = nonce or secrets.token_hex(16), _Counted()

    def parts() -> Iterator[Part]:
        for life, reader in lives:
            said = _Said(me, life, nonce, at, roster)
            yield from _epoch(said, reader, counted, whole=whole)

    contents = Contents(
        kiosk=me.kiosk, nonce=nonce, made=at.wall, digest="", key=me.key.public.fingerprint
    )
    stick.write(file, Domain.STICK, contents, parts(), me.key)
    return Exported(counted.entries, nonce)


class _Said(Struct, frozen=True):
    """What all hellos of an export have in common, but for what the epoch holds."""

    me: Self
    life: Life
    nonce: str
    at: Stamp
    roster: int

    def hello(self, span: Span) -> Part:
        """Return the hello of an epoch that holds `span`."""
        step = SayHello(self.life, span, self.nonce)
        return Part(topics.Up.HELLO, hello_message(self.me, step, self.at, self.roster))


def _epoch(said: _Said, reader: Reader, counted: _Counted, *, whole: bool) -> Iterator[Part]:
    me, life, nonce = said.me, said.life, said.nonce
    span = reader.span()
    following = span.first if whole else max(span.first, reader.cursor() + 1)
    yield said.hello(span)
    while following <= span.last:
        most = min(MAX_ENTRIES, span.last - following + 1)
        found = reader.stretch(following, most, MAX_SENT_BYTES)
        if found is None:  # bodies were destroyed here: say from where on there are any again
            behind = reader.span(following - 1)
            if behind.first > span.last:
                return
            yield said.hello(behind)
            following = behind.first
            continue
        last = following + len(found.bodies) - 1
        step = SendBatch(life, following, last, found.prev, found.head, found.bodies, nonce)
        yield Part(topics.Up.BATCH, batch_message(me, step))
        counted.entries += len(found.bodies)
        following = last + 1


def hear(
    file: IO[bytes],
    me: Self,
    journals: Sequence[Epoch],
    at: Stamp,
    last: str,
    keeper: Keeper | None = None,
) -> Answered:
    """Take in central's answer. `last` is the nonce of the last export.

    As on the line, only the answer to the last one may move a cursor back; an older one's receipts
    still move it forward. `keeper` is the roster's. Raises JournalError; ProtocolError: it is not
    central's answer to us, or its roster cannot be kept.
    """
    answer = stick.read(file, Domain.ANSWER)
    contents = answer.contents
    if contents.kiosk != me.kiosk:
        raise Unverified(f"it answers kiosk {contents.kiosk!r}, and this one is {me.kiosk!r}")
    trusted = {key.fingerprint: key for key in me.central}
    if contents.key not in trusted:
        raise Unverified(
            f"signed by key {contents.key[:16]}: not a central this kiosk trusts; was central's "
            "key replaced? Bring its central.pem and restart (docs/KEYS.md)"
        )
    answer.signed.verify(trusted[contents.key])
    receipts: dict[str, list[bytes]] = {}
    rosters: list[bytes] = []
    unknown = set()
    for part in answer.parts():
        if part.kind == topics.Down.RECEIPT:
            receipts.setdefault(receipt.decode(part.message)[0].epoch, []).append(part.message)
        elif part.kind == topics.Down.ROSTER and keeper is not None:
            rosters.append(part.message)
        else:
            unknown.add(part.kind)
    answered = Answered({}, passed_over=tuple(sorted(unknown)))
    for journal in journals:
        # What retention has let go of since the export, no old word is about.
        least = journal.span().first - 1
        said = [
            one
            for one in receipts.get(journal.life.epoch, [])
            if receipt.decode(one)[0].through >= least
        ]
        if contents.nonce != last:
            said = [one for one in said if receipt.decode(one)[0].through > journal.cursor]
        _hear_epoch(answered, me, journal, journals, said, contents.nonce, at)
    if keeper is not None:
        before = keeper.version
        try:
            _hear_roster(me, rosters, keeper, contents.nonce, latest=contents.nonce == last)
        except ProtocolError as error:
            if not answered.anew:
                raise
            answered.not_kept = str(error)  # what the receipts ask for must be done all the same
        answered.roster = 0 if keeper.version == before else keeper.version
    return answered


def _hear_roster(
    me: Self, parts: Sequence[bytes], keeper: Keeper, nonce: str, *, latest: bool
) -> None:
    """Take in a roster. Raises ProtocolError."""
    trusted = {key.fingerprint: key for key in me.central}
    for message in parts:
        part, signed = rostering.decode(message)
        if part.kiosk != me.kiosk or part.nonce != nonce or part.key not in trusted:
            raise Unverified("the roster in it is another kiosk's, or another file's")
        signed.verify(trusted[part.key])
        keeper.take(part, rostering.unseal(part, signed, me.key), 0.0, latest=latest)


def in_words(answered: Answered) -> str:
    """Return what an answer brought, for a technician."""
    said = [
        f"epoch {epoch}: central has everything up to entry {through}"
        for epoch, through in answered.receipted.items()
    ]
    if answered.roster:
        said.append("a new roster is in force")
    if answered.not_kept:
        said.append(answered.not_kept)
    said += [f"passed over {kind}: this version does not know it" for kind in answered.passed_over]
    if answered.anew:
        said.append(f"the daemon starts anew: {answered.anew}")
    return "\n".join(said) or "nothing new in it: central had told this already"


def _hear_epoch(
    answered: Answered,
    me: Self,
    journal: Epoch,
    held: Sequence[Epoch],
    receipts: Sequence[bytes],
    nonce: str,
    at: Stamp,
) -> None:
    """Let one epoch's conversation hear its receipts. What it would say goes nowhere."""
    epochs = [journal] if journal is held[-1] else [journal, held[-1]]
    session = Session(me, epochs, lambda: at, lambda: nonce, lambda: 0.0, held=held)
    session.connected(0.0)
    for message in receipts:
        with suppress(ProtocolError):  # an unbelievable one changes nothing, as on the line
            for act in session.heard(topics.down(me.kiosk, topics.Down.RECEIPT), message, 0.0):
                match act:
                    case Receipted():
                        answered.receipted[act.life.epoch] = act.through
                    case StartAnew():
                        answered.anew = act.reason
                    case _:
                        pass
