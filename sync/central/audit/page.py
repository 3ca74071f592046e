"""The proof as a page for people, to be printed: one file, Bahasa Indonesia first. Proves nothing
by itself; it says what the proof beside it says.
"""

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from msgspec import Struct

from sync.central.audit.proof import DeviceWord, NightWord, Proof
from sync.central.present import MARKS, terminal_time
from sync.protocol import entry
from sync.protocol.entry import Entry
from sync.protocol.errors import Malformed

_TEMPLATES: Final = Path(__file__).parents[1] / "web" / "templates"

Fact = tuple[str, str, str]
"""A name in Bahasa Indonesia and in English, and what is so."""


class _Punch(Struct, frozen=True):
    clock: str
    zone: str
    date: str


class _Words(Struct, frozen=True, kw_only=True):
    """What a signature says, for people; `digest` of its line 1."""

    through: int
    key: str
    digest: str
    day: str


def render(proof: Proof) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    try:
        said: Entry | None = entry.decode(proof.body.encode())
    except Malformed:
        said = None
    punch = None
    if isinstance(said, entry.Presence):
        punch = _Punch(*terminal_time(said.time, said.zone))
    return environment.get_template("proof.html").render(
        proof=proof,
        punch=punch,
        facts=[*_facts(said), *_place(proof)],
        device=None if proof.device is None else _device(proof.device),
        night=None if proof.night is None else _night(proof.night),
    )


def _place(proof: Proof) -> list[Fact]:
    return [
        ("Jurnal", "journal", f"{proof.kiosk} · {proof.epoch}"),
        ("Nomor catatan", "entry", str(proof.seq)),
    ]


def _facts(said: Entry | None) -> list[Fact]:
    """Return what an entry says."""
    match said:
        case entry.Presence():
            how = f"{said.method} · {said.state}"
            facts = [
                ("Orang", "person", said.person or "—"),
                ("ID pada terminal", "user at the terminal", said.user or "—"),
                ("Menurut", "by the word of", f"terminal {said.terminal} ({said.source})"),
                ("Cara dan keadaan", "method and state", how),
                ("Tanda", "mark", f"{MARKS.get(said.mark.value, said.mark.value)} · {said.mark}"),
            ]
        case entry.Decision():
            facts = [
                ("Oleh", "by", said.actor),
                ("Keputusan", "decision", f"{said.action}: {said.subject}"),
                ("Alasan", "reason", said.reason or "—"),
            ]
        case None:
            return []
        case _:
            facts = [("Jenis", "kind", type(said).__name__.lower())]
    synced = "sinkron · synchronised" if said.at.synced else "belum sinkron · not synchronised"
    written = f"{_utc(said.at.wall)} ({synced})"
    return [*facts, ("Ditulis", "written", written)]


def _utc(wall: int) -> str:
    try:
        return f"{datetime.fromtimestamp(wall / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{wall} ms"  # no calendar goes so far


def _device(word: DeviceWord) -> _Words:
    said = json.loads(word.line)
    through = said.get("last", said.get("seq"))
    return _Words(through=through, key=said["key"], digest=_digest(word.line), day="")


def _night(word: NightWord) -> _Words:
    said, through = json.loads(word.line), int(word.end.split(" ")[2])
    return _Words(through=through, key=said["key"], digest=_digest(word.line), day=said["day"])


def _digest(line: str) -> str:
    return sha256(line.encode()).hexdigest()
