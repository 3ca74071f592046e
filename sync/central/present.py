"""How rows are put in words for people: Bahasa Indonesia first. Pure; the templates only place it.

Words that a kiosk sends are open sets: one that is not known here is shown as it came.
"""

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.central.derive import zone_named
from sync.central.store.pages import AlarmLine, KioskLine, Shown
from sync.central.store.standing import Alarm
from sync.protocol.entry import Mark

LATE: Final = timedelta(minutes=10)
"""A punch that arrives later than this says when it arrived: the line was away."""

_DAYS: Final = ("Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des",
)  # fmt: skip

MARKS: Final = {
    Mark.KNOWN.value: "dikenal",
    Mark.STRANGER.value: "tidak dikenal",
    Mark.REPEAT.value: "berulang",
    Mark.UNREADABLE.value: "tidak terbaca",
}

_METHODS: Final = {
    "password": "kata sandi",
    "fingerprint": "sidik jari",
    "card": "kartu",
    "face": "wajah",
    "palm": "telapak tangan",
    "unknown": "—",
}

_STATES: Final = {
    "in": "masuk",
    "out": "pulang",
    "break_out": "istirahat keluar",
    "break_in": "istirahat kembali",
    "overtime_in": "lembur masuk",
    "overtime_out": "lembur pulang",
    "undefined": "—",
}


class Row(Struct, frozen=True, kw_only=True):
    """A presence in words. `icon` names its mark's symbol in the page's sprite."""

    id: int
    clock: str
    zone: str
    date: str
    late: str
    person: str
    name: str
    detail: str
    terminal: str
    source: str
    kiosk: str
    icon: str
    mark: str
    method: str
    state: str
    synced: bool
    again: bool
    first_kiosk: str


def row(shown: Shown, own: ZoneInfo) -> Row:
    """Return a presence in words; `own` is the zone of central's times."""
    clock, zone, date = terminal_time(shown.time, shown.zone)
    late = ""
    if shown.utc is not None and shown.received_at - shown.utc > LATE / timedelta(milliseconds=1):
        hour, day = _local(shown.received_at, own)
        late = hour if day == date else f"{hour} · {day}"
    unknown = f"ID {shown.user}" if shown.user else "tanpa ID"
    parts = (shown.person if shown.name else "", shown.unit)
    return Row(
        id=shown.id,
        clock=clock,
        zone=zone,
        date=date,
        late=late,
        person=shown.person or "",
        name=shown.name or shown.person or unknown,
        detail=" · ".join(part for part in parts if part),
        terminal=shown.terminal,
        source=shown.source,
        kiosk=shown.kiosk,
        icon=shown.mark if shown.mark in MARKS else Mark.UNREADABLE.value,
        mark=MARKS.get(shown.mark, shown.mark),
        method=_METHODS.get(shown.method, shown.method),
        state=_STATES.get(shown.state, shown.state),
        synced=shown.synced,
        again=shown.again,
        first_kiosk=shown.first_kiosk,
    )


def terminal_time(time: str, zone: str) -> tuple[str, str, str]:
    """Return a terminal's naive time as (`07.28.41`, `WIB`, `Sel 24 Nov 2026`).

    What is no real time is shown as it came, without a date.
    """
    known = zone_named(zone)
    try:
        naive = datetime.fromisoformat(time)
        name = naive.replace(tzinfo=known).tzname() if known else zone
    except (ValueError, OverflowError):
        return time or "tanpa waktu", "", ""
    return f"{naive:%H.%M.%S}", name or "", _date(naive)


def moment(at: int, own: ZoneInfo) -> str:
    """Return a time of central's, milliseconds UTC, as `07.28 · Sel 24 Nov 2026`; "" for 0."""
    return " · ".join(_local(at, own)) if at else ""


def _local(at: int, own: ZoneInfo) -> tuple[str, str]:
    local = datetime.fromtimestamp(at / 1000, UTC).astimezone(own)
    return f"{local:%H.%M} {local.tzname()}", _date(local)


def _date(day: datetime) -> str:
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


class KioskCard(Struct, frozen=True, kw_only=True):
    """How one kiosk stands, in words."""

    kiosk: str
    online: bool
    receipt: str
    through: str
    behind: int
    alarms: int
    software: str


def card(line: KioskLine, own: ZoneInfo) -> KioskCard:
    """Return a kiosk's standing in words."""
    return KioskCard(
        kiosk=line.kiosk,
        online=line.online,
        receipt=moment(line.receipt_at, own) or "belum ada",
        through=f"{line.through:,}".replace(",", "."),
        behind=max(0, line.last - line.through),
        alarms=line.alarms,
        software=line.software,
    )


# Each alarm's name, and the next step of whoever reads it.
_ALARMS: Final = {
    Alarm.FORK.value: (
        "Riwayat bercabang",
        "Apakah kartu SD disalin atau dipulihkan? Kiosk memulai epoch baru sendiri; "
        "pastikan hanya satu kiosk memakai identitas ini.",
    ),
    Alarm.ROLLBACK.value: (
        "Kiosk berjalan pada salinan lama",
        "Kartu SD kiosk disalin atau dipulihkan dari cadangan; kiosk memulai epoch baru. "
        "Yang sudah diterima tetap aman di sini; pastikan hanya satu kiosk memakai identitas ini.",
    ),
    Alarm.GAP.value: (
        "Mungkin ada yang hilang",
        "Kiosk melaporkan berkas jurnal rusak atau log terminal menyusut. Baca ulang log terminal; "
        "ganti kartu SD bila rusak.",
    ),
    Alarm.LOST.value: (
        "Catatan hilang",
        "Kiosk tidak lagi menyimpan rentang ini dan pusat belum menerimanya. Baca ulang log "
        "terminal atau impor dari stik USB.",
    ),
    Alarm.GENESIS.value: (
        "Awal epoch tidak sah",
        "Epoch tidak dimulai dengan kunci kiosk ini. Periksa apakah data kiosk lain terpasang.",
    ),
    Alarm.UNREADABLE.value: (
        "Catatan tidak terbaca",
        "Tersimpan utuh. Perbarui perangkat lunak pusat agar dapat membacanya.",
    ),
    Alarm.UNVERIFIED.value: (
        "Tanda tangan tidak sah",
        "Ada yang berbicara atas nama kiosk ini dengan kunci lain. Periksa ACL broker.",
    ),
    Alarm.INCONSISTENT.value: (
        "Kiriman bertentangan",
        "Isi kiriman tidak sesuai dengan kepalanya; tersimpan di karantina. Periksa kiosk itu.",
    ),
    Alarm.REJECTED.value: (
        "Ditolak basis data",
        "Kiriman ada di karantina; laporkan kepada pengembang.",
    ),
}


class AlarmCard(Struct, frozen=True, kw_only=True):
    """One alarm in words: what it is called, what was seen, what to do."""

    title: str
    advice: str
    kiosk: str
    detail: str
    count: int
    first: str
    last: str


def alarm_card(line: AlarmLine, own: ZoneInfo) -> AlarmCard:
    """Return an alarm in words."""
    title, advice = _ALARMS.get(line.kind, (line.kind, ""))
    return AlarmCard(
        title=title,
        advice=advice,
        kiosk=line.kiosk,
        detail=line.detail,
        count=line.count,
        first=moment(line.first_at, own),
        last=moment(line.last_at, own),
    )
