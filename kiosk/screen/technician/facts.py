"""How the kiosk is, in words for a technician. Pure: status in, facts out.

What is wrong and what to do about it is said in the very sentences of `kiosk status`.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from kiosk.cli.status import another, certificate_lines, clock_in_words, users_line
from kiosk.facts import Fact, State
from kiosk.health import FacesStatus, SourceStatus, Status
from kiosk.troubles import Trouble
from sync.edge.uplink import LineState


class Stranger(Struct, frozen=True):
    """A terminal that calls and is unknown."""

    serial: str
    said: str


class Wrong(Struct, frozen=True):
    """Something that went wrong, when it last did, and how often."""

    when: str
    grave: bool
    part: str
    text: str
    times: int


def facts(status: Status, zone: str) -> list[Fact]:
    """Return all there is to say."""
    here = ZoneInfo(zone)
    return [
        _clock(status, here),
        _line(status, here),
        _journal(status),
        _roster(status, here),
        *map(_source, status.sources),
        *_push(status),
        *_faces(status),
    ]


def strangers(status: Status) -> list[Stranger]:
    """Return the terminals that call and that nobody has approved."""
    if status.push is None:
        return []
    return [
        Stranger(
            one.serial, f"dari {one.address}, {one.calls} kali{', ' if one.said else ''}{one.said}"
        )
        for one in status.push.strangers
    ]


def lately(troubles: Sequence[Trouble], zone: str) -> list[Wrong]:
    """Return what went wrong, in words."""
    here = ZoneInfo(zone)
    return [
        Wrong(
            f"{datetime.fromtimestamp(one.at, UTC).astimezone(here):%d-%m %H.%M.%S}",
            one.grave,
            one.part,
            one.text,
            one.times,
        )
        for one in troubles
    ]


def _clock(status: Status, here: ZoneInfo) -> Fact:
    clock = status.clock
    state = State.GOOD if clock.may_show_lateness else State.BAD
    if clock.trouble and state is State.GOOD:
        state = State.LOOK
    return Fact(
        title="Jam",
        state=state,
        said="jam tepat" if clock.may_show_lateness else "jam belum pasti",
        rows=[("Sekarang", _when(clock.utc, here)), ("Keadaan", clock_in_words(clock))],
        advice=[clock.trouble] if clock.trouble else [],
    )


def _line(status: Status, here: ZoneInfo) -> Fact:
    line = status.line
    is_up = line.state == LineState.UP.value
    advice = [line.error] if line.error else []
    ending: list[str] = []
    if line.certificate_until and status.clock.may_show_lateness:
        now = datetime.fromtimestamp(status.clock.utc / 1000, UTC)
        said = certificate_lines(status.kiosk, line.certificate_until, now)
        ending = [one.strip() for one in said]
    ending += [line.renewal] if line.renewal else []
    state = State.GOOD if is_up and not ending else State.LOOK
    until = _when(line.certificate_until, here) if line.certificate_until else "tidak ada"
    return Fact(
        title="Jaringan ke pusat",
        state=state,
        said="tersambung" if is_up else "terputus, presensi tetap tersimpan",
        rows=[
            ("Keadaan", line.state),
            ("Menunggu dikirim", str(line.waiting)),
            ("Tanda terima terakhir", _when(line.receipt_utc, here)),
            ("Sertifikat sampai", until),
        ],
        advice=[*advice, *ending],
    )


def _journal(status: Status) -> Fact:
    journal, disk = status.journal, status.disk
    state = {"fine": State.GOOD, "critical": State.BAD}.get(disk.level, State.LOOK)
    if disk.trouble or not disk.ballast:
        state = State.BAD if state is State.BAD else State.LOOK
    advice = [disk.trouble] if disk.trouble else []
    if not disk.ballast:
        advice.append("the reserve is spent: free some space on this medium, or replace it")
    return Fact(
        title="Jurnal dan kartu",
        state=state,
        said=f"{journal.last} catatan, {journal.receipted} diterima pusat",
        rows=[
            ("Epoch", f"{journal.number} ({journal.epoch})"),
            ("Terpakai", f"{disk.used_percent:g} %, sisa {disk.free_bytes / 1e6:,.0f} MB"),
            ("Diperiksa ulang", f"{disk.proved} catatan"),
            ("Kepala rantai", journal.head[:16]),
        ],
        advice=advice,
    )


def _roster(status: Status, here: ZoneInfo) -> Fact:
    roster = status.roster
    if not roster.version:
        return Fact(
            title="Daftar pegawai",
            state=State.BAD,
            said="belum ada: semua orang tidak dikenal",
            advice=["does central know which unit this kiosk serves? See docs/ROSTER.md"],
        )
    return Fact(
        title="Daftar pegawai",
        state=State.GOOD,
        said=f"{roster.people} orang",
        rows=[("Dibuat", _when(roster.version, here))],
    )


def _source(one: SourceStatus) -> Fact:
    advice = [words for words in (one.error, another(one), users_line(one), *one.warnings) if words]
    state = State.BAD if not one.connected else State.LOOK if advice else State.GOOD
    drift = "?" if one.drift_ms is None else f"{one.drift_ms / 1000:+.1f} detik"
    if one.has_clock:
        title = f"Terminal {one.name}"
        proof = [
            ("Terbaca lengkap sampai", one.covered or "belum pernah"),
            ("Catatan di alat", str(one.records)),
            ("Selisih jam", drift),
        ]
    else:
        title = f"Pembaca {one.name}"
        proof = [("Dijaga sampai", one.covered or "tidak dapat dibuktikan")]
    return Fact(
        title=title,
        state=state,
        said="tersambung" if one.connected else f"terputus ({one.phase})",
        rows=[
            ("Alat", f"{one.model or '?'} {one.serial or '?'}"),
            *proof,
            ("Baru dicatat", str(one.recorded)),
            ("Kegagalan", str(one.failures)),
        ],
        advice=advice,
        source=one.name,
    )


def _push(status: Status) -> Iterator[Fact]:
    if status.push is not None:
        trouble = status.push.trouble
        unknown = ", ".join(one.serial for one in status.push.strangers)
        advice = [trouble] if trouble else []
        if unknown:
            advice.append(
                f"{unknown}: calls and is unknown; load this page again to approve it below"
            )
        yield Fact(
            title="Terminal yang memanggil",
            state=State.BAD if trouble else State.LOOK if status.push.strangers else State.GOOD,
            said=f"port {status.push.port}",
            advice=advice,
        )


def _faces(status: Status) -> Iterator[Fact]:
    """Yield how the vault is; nothing where it has nobody and nothing to say."""
    faces = status.faces
    if faces is None or faces == FacesStatus():
        return
    advice = [faces.trouble] if faces.trouble else []
    advice += [f"still to be forgotten: {one}; kiosk forget --open says who" for one in faces.open]
    yield Fact(
        title="Wajah yang dikenal",
        state=State.BAD if faces.trouble else State.LOOK if faces.open else State.GOOD,
        said=f"{faces.people} orang",
        rows=[("Menunggu jurnal", str(faces.untold))] if faces.untold else [],
        advice=advice,
    )


def _when(utc_ms: int, here: ZoneInfo) -> str:
    if not utc_ms:
        return "belum pernah"
    local = datetime.fromtimestamp(utc_ms / 1000, UTC).astimezone(here)
    return f"{local:%d-%m-%Y %H.%M.%S} {local.tzname()}"
