"""`kiosk journal verify`: is every entry what it was, and is every signed head still true?

Nothing is repaired here: the daemon sets damaged files aside and salvages them when it starts.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from kiosk.cli.exits import Exit
from kiosk.cli.journal_heads import Finding, Heads, Verdict, Written, kept, recorded
from kiosk.settings import Place
from sync.journal import schema, wal
from sync.journal.errors import Damaged
from sync.journal.names import beside
from sync.journal.reader import Reader, Span
from sync.keyfile import KeyFileError, load_or_make
from sync.protocol.errors import Malformed
from sync.protocol.identity import PublicKey

_SET_ASIDE: Final = re.compile(r"^epoch-\d{4,}-[0-9a-f]{16}\.db\.(damaged|salvaged(-\d+)?)$")

_LOOKS: Final = 5
_LOOK_EVERY_S: Final = 0.1
"""A log that the daemon is just writing looks broken for a moment; damage stays."""


def run(place: Place, paths: Sequence[Path], heads_file: Path | None, as_json: bool) -> int:
    """Verify the epochs in `paths` and say what was found; exit code 1 if something is wrong.

    Raises Refused, JournalError.
    """
    said = _Said(as_json)
    elsewhere = [] if heads_file is None else kept(heads_file)
    recorded_here: list[Written] = []
    keys = list(_own_key(place.key))
    readers: dict[str, Reader] = {}
    with ExitStack() as opened:
        for path in paths:
            reader = Reader(path)
            opened.callback(reader.close)
            try:
                life = reader.open()
                readers[life.epoch] = reader
                with suppress(Malformed):  # then no signature is its
                    keys.append(PublicKey.from_der(life.key))
                recorded_here += recorded(reader)
                said.whole(path, _walk(reader))
            except Damaged as damage:
                said.broken(path, damage)
        aside = sorted(one.name for one in paths[0].parent.iterdir() if _SET_ASIDE.match(one.name))
        heads = Heads(place.settings.kiosk, readers, keys, aside)
        said.heads("the journal", heads.check(recorded_here))
        if heads_file is not None:
            said.heads(str(heads_file), heads.check(elsewhere))
    for name in aside:
        said.line(
            f"{name}: set aside after damage, kept for people, not verified",
            file=name,
            set_aside=True,
        )
    if said.wrong:
        said.advice(place.data / "journal")
    return Exit.FAILED if said.wrong else Exit.OK


def _own_key(path: Path) -> Iterator[PublicKey]:
    """Yield this kiosk's public key, if it can be had: the epochs' own are mostly enough."""
    if path.exists():
        with suppress(KeyFileError):
            yield load_or_make(path).public


def _walk(reader: Reader) -> Span:
    """Return the chain that holds, the index looked at too. Raises Damaged.

    SQLite takes damage in its log for the end of it, and shows a shorter chain that holds.
    """
    span = reader.verify()
    reader.check_tables()
    for _ in range(_LOOKS):
        log = wal.read(beside(reader.path, "-wal"), schema.PAGE_BYTES)
        if log is None or log.intact:
            return span
        time.sleep(_LOOK_EVERY_S)
    what = f"its write-ahead log is broken: what follows entry {span.last} is cut off"
    raise Damaged(reader.path, what, span.last + 1)


class _Said:
    """What is said on the way, as text or JSON, and whether anything of it was bad."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self.wrong = False

    def line(self, text: str, **fields: object) -> None:
        sys.stdout.write((json.dumps(fields) if self._as_json else text) + "\n")

    def whole(self, path: Path, span: Span) -> None:
        head = span.head.hex()
        self.line(
            f"{path.name}: entries {span.first} to {span.last} hold, head {head}",
            file=path.name,
            holds=True,
            first=span.first,
            last=span.last,
            head=head,
        )

    def broken(self, path: Path, damage: Damaged) -> None:
        self.wrong = True
        self.line(
            f"{damage}; the daemon sets the file aside and salvages it when it starts",
            file=path.name,
            holds=False,
            broken_at=damage.seq,
            said=str(damage),
        )

    def heads(self, where: str, findings: Sequence[Finding]) -> None:
        for one in findings:
            if one.verdict is Verdict.WRONG:
                self.wrong = True
                head = one.head
                self.line(
                    f"{one.where}: {one.said}",
                    where=one.where,
                    holds=False,
                    said=one.said,
                    day=head and head.day,
                    epoch=head and head.epoch,
                    seq=head and head.seq,
                )
        counted = Counter(one.verdict for one in findings)
        agree, elsewhere = counted[Verdict.AGREES], counted[Verdict.ELSEWHERE]
        text = f"signed heads in {where}: {agree} agree, {counted[Verdict.WRONG]} do not"
        if elsewhere:
            text += f", {elsewhere} speak of entries that are not here any more: central has them"
        self.line(text, heads=where, agree=agree, wrong=counted[Verdict.WRONG], elsewhere=elsewhere)

    def advice(self, directory: Path) -> None:
        if not self._as_json:
            self.line(
                f"Copy {directory} away before anything else; then compare with central, which "
                "has every entry up to its receipt"
            )
