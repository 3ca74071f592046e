"""How rows are put in words for people: Bahasa Indonesia first. Pure; the templates only place it.

Words that a kiosk sends are open sets: one that is not known here is shown as it came.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from sync.central.derive import zone_named
from sync.central.store.city import Place
from sync.central.store.pages import AlarmLine, KioskLine, Shown
from sync.central.store.standing import Alarm
from sync.central.times import History, Punched, moments
from sync.protocol.entry import Mark, Stamp
from sync.protocol.moments import Known, Moment

LATE: Final = timedelta(minutes=10)
"""A punch that arrives later than this says when it arrived: the line was away."""

CORRECTED_LEAST_MS: Final = 60_000
"""A terminal's time that is wrong by less is not corrected before people's eyes."""

INTERVAL_LEAST_MS: Final = 120_000
"""With a greater error a time is shown as the interval in which it lies."""

_DAYS: Final = ("Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min")
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des",
)  # fmt: skip

MARKS: Final = {
    Mark.KNOWN.value: "dikenal",
    Mark.STRANGER.value: "tidak dikenal",
    Mark.REPEAT.value: "berulang",
    Mark.UNREADABLE.value: "tidak terbaca",
    Mark.UNBOUND.value: "terminal lain",
    Mark.TAKEN.value: "nomor bekas",
}

_METHODS: Final = {
    "password": "kata sandi",
    "fingerprint": "sidik jari",
    "card": "kartu",
    "face": "wajah",
    "palm": "telapak tangan",
    "qr": "kode QR",
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
    """A presence in words. `icon` names its mark's symbol in the page's sprite.

    `truth` is when it really was, where that is news; `doubted`: its witnesses contradict.
    """

    id: int
    clock: str
    zone: str
    date: str
    late: str
    truth: str
    doubted: bool
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
    certain: bool
    again: bool
    first_kiosk: str


def punched(shown: Shown) -> Punched:
    """Return what of a presence its time depends on."""
    return Punched(
        kiosk=shown.kiosk,
        terminal=shown.terminal,
        utc=shown.utc,
        at=Stamp(
            wall=shown.wall,
            up=shown.up,
            boot=shown.boot,
            synced=shown.synced,
            error=shown.error,
        ),
        drift=shown.drift,
        received_at=shown.received_at,
    )


def really(
    shown: Sequence[Shown],
    history: Callable[[str, Collection[str]], History],
    settled: Mapping[Place, int],
) -> list[Moment]:
    """Return when each presence really was; of those that a person settled, by that word."""
    said = {place[:3]: utc for place, utc in settled.items()}
    found = moments([punched(one) for one in shown], history)
    for number, one in enumerate(shown):
        utc = said.get((one.kiosk, one.epoch, one.seq))
        if utc is not None:
            found[number] = Moment(utc, utc, Known.ANCHORED)
    return found


def row(shown: Shown, really: Moment, own: ZoneInfo) -> Row:
    """Return a presence in words, and when it was; `own` is the zone of central's times."""
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
        truth=truth(shown, really, own),
        doubted=really.doubted,
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
        certain=shown.synced or really.is_known,
        again=shown.again,
        first_kiosk=shown.first_kiosk,
    )


def truth(shown: Shown, really: Moment, own: ZoneInfo) -> str:
    """Return when a punch really was, in words; "" where that is no news."""
    zone = zone_named(shown.zone) or own
    low, high, utc, error = really.earliest, really.latest, really.utc, really.error
    if shown.utc is None or (shown.synced and really.how is Known.UNKNOWN):
        return ""
    try:
        if utc is not None and error is not None and error <= INTERVAL_LEAST_MS:
            if abs(utc - shown.utc) < max(CORRECTED_LEAST_MS, error):
                return ""
            seconds = max(1, round(error / 1000))
            return f"sebenarnya {_near(utc, shown.utc, zone, '%H.%M.%S')} ± {seconds} detik"
        if low is not None and high is not None:
            return f"antara {_near(low, shown.utc, zone)} dan {_near(high, shown.utc, zone)}"
        if high is not None:
            return f"sebelum {_near(high, shown.utc, zone)}"
        return "" if low is None else f"setelah {_near(low, shown.utc, zone)}"
    except (ValueError, OverflowError, OSError):
        return ""  # no calendar goes so far


def _near(at: int, shown: int, zone: ZoneInfo, form: str = "%H.%M") -> str:
    """Return a time as `07.28`, with its date where that is not the date shown."""
    when = datetime.fromtimestamp(at / 1000, UTC).astimezone(zone)
    day = datetime.fromtimestamp(shown / 1000, UTC).astimezone(zone).date()
    return f"{when:{form}}" if when.date() == day else f"{when:{form}} {_date(when)}"


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
    Alarm.ROSTER.value: (
        "Daftar pegawai tidak dapat dikirim",
        "Kiosk ini tetap memakai daftar yang lama. Perbaiki baris yang disebut dengan "
        "`presensi-central roster import`.",
    ),
    Alarm.RENEWAL.value: (
        "Sertifikat belum diperpanjang",
        "Kiosk meminta sertifikat berikutnya. Pasang kembali ca.key di direktori data pusat, atau "
        "perpanjang dengan `presensi-central certify`; kiosk bertanya lagi sendiri.",
    ),
    Alarm.NIGHT.value: (
        "Kepala malam belum tersimpan di luar",
        "Periksa tempat yang disebut (disk terpasang, server surel, otoritas stempel waktu) dan "
        "[audit] di central.toml. Pusat mencoba lagi setiap jam; `presensi-central night` mencoba "
        "sekarang.",
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
