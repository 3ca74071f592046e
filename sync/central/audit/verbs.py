"""What `presensi-central verify`, `night` and `prove` do to an open house, and say of it."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from sync.central.audit import Audit, Progress
from sync.central.audit.nightly import Nightly
from sync.central.audit.verdict import Verdict
from sync.central.audit.witnesses import kept
from sync.central.clock import now_ms
from sync.central.exits import Exit, Refused
from sync.central.house import House
from sync.central.present import moment
from sync.central.store import Transaction
from sync.journal.durable import make_directory
from sync.keyfile import write_durably
from sync.protocol import nighthead


def verify(house: House, kiosk: str, *, as_json: bool) -> int:
    """Prove what is held of a kiosk, or of all for "". Raises Refused."""
    wrong = 0
    for verdict in _verdicts(house, kiosk):
        wrong += not verdict.holds
        words = msgspec.json.encode(verdict).decode() if as_json else verdict.words
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()
    return Exit.FAILED if wrong else Exit.OK


def night(house: House) -> int:
    """Make the head of today if there is none, and write it wherever it is not yet."""
    nightly = Nightly(house.place, house.store, house.authority, now_ms, house.decisions.ends)
    made = nightly.make()
    wrong = nightly.write(at_once=True)
    line = made.message.partition(b"\n")[0]
    sys.stdout.write(f"night {made.day}\n{line.decode()}\nSHA-256 {nighthead.digest(line)}\n")
    for copy, why in wrong.items():
        sys.stderr.write(f"presensi-central: night {copy.day}: {why}\n")
    if not nightly.places:
        sys.stderr.write("presensi-central: it is kept nowhere else; see [audit] in central.toml\n")
    return Exit.FAILED if wrong else Exit.OK


def decisions(house: House, *, as_json: bool) -> int:
    """List what was decided here."""
    zone = house.place.settings.web.zone
    for epoch, seq, said in house.decisions.read():
        if as_json:
            words = msgspec.json.encode({"epoch": epoch, "seq": seq, "decision": said}).decode()
        elif said is None:
            words = f"{epoch} {seq}: this version cannot read it"
        else:
            more = [f"{name} {value}" for name, value in said.detail.items()]
            reason = [f"reason: {said.reason}"] if said.reason else []
            what = "; ".join((f"{said.action} {said.subject}", *more, *reason))
            words = f"{moment(said.at.wall, zone)}  {said.actor}: {what}  ({epoch} {seq})"
        sys.stdout.write(f"{words}\n")
    return Exit.OK


def prove(house: House, place: Sequence[str], punch: Sequence[str] | None, directory: Path) -> int:
    """Write the proof of one entry and its page into `directory`. Raises Refused."""
    from sync.central.audit.page import render
    from sync.central.audit.proof import prove

    with house.store.reading() as tx:
        kiosk, epoch, seq = _find(tx, punch) if punch else _named(place)
        proof = prove(tx, house.authority.keys, kiosk, epoch, seq, house.decisions)
    if proof.night is None and proof.device is None:
        raise Refused("nobody has signed for it yet; `presensi-central night` does")
    try:
        make_directory(directory.absolute())
        for suffix, content in (
            ("json", msgspec.json.format(msgspec.json.encode(proof), indent=2)),
            ("html", render(proof).encode()),
        ):
            path = directory / f"{proof.name}.{suffix}"
            write_durably(path, content)  # it says who was where: for its owner only
            sys.stdout.write(f"{path}\n")
    except OSError as error:
        raise Refused(f"{directory}: {error.strerror}; name another with --out") from error
    if proof.night is None:
        sys.stderr.write("presensi-central: no night covers it yet; the device's word proves it\n")
    if proof.device is None:
        sys.stderr.write("presensi-central: the device's signature does not reach it\n")
    return Exit.OK


def _named(place: Sequence[str]) -> tuple[str, str, int]:
    match place:
        case [kiosk, epoch, seq] if seq.isascii() and seq.isdecimal():
            return kiosk, epoch, int(seq)
    raise Refused("prove KIOSK EPOCH SEQ, or prove --punch KIOSK/TERMINAL USER TIME", Exit.USAGE)


def _find(tx: Transaction, punch: Sequence[str]) -> tuple[str, str, int]:
    """Return the entry that reported a punch first. Raises Refused."""
    where, user, time = punch
    kiosk, _, terminal = where.partition("/")
    found = tx.evidence.find(kiosk, terminal, user, time)
    if not found:
        raise Refused(
            f"{kiosk} reports no punch of {user} at terminal {terminal!r} at {time!r}; the time is "
            "the terminal's own, as 2026-11-24T07:28:41"
        )
    return kiosk, *found[0]


def _verdicts(house: House, kiosk: str) -> Iterator[Verdict]:
    own, directory = house.decisions, house.place.settings.audit.directory
    copies = kept(house.place.path(directory)) if directory else None
    with house.store.reading() as tx:
        held = tx.evidence.kiosks()
        if kiosk and kiosk not in (*held, own.name):
            raise Refused(
                f"nothing is held of kiosk {kiosk!r}; there are {', '.join(held) or 'none'}"
            )
        audit = Audit(tx, house.authority.keys, own, _progress())
        yield from audit.verify([kiosk] if kiosk else [*held, own.name], copies)


def _progress() -> Progress:
    """Return what shows how far an audit is, where a person looks."""
    if not sys.stderr.isatty():
        return lambda *_: None

    def show(kiosk: str, epoch: str, seq: int) -> None:
        sys.stderr.write(f"\r\033[K{kiosk} {epoch}: entry {seq}\r")
        sys.stderr.flush()

    return show
