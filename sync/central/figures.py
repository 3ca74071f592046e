"""Central's figures for Prometheus: how each kiosk stands. docs/FLEET.md says what each means."""

from typing import Final

from sync.central.store import Transaction
from sync.central.store.pages import KioskLine
from sync.prometheus import Figure, Kind, Sample

MOST_ALARMS: Final = 10_000
"""So many alarms are counted by kind, the latest."""


def figures(tx: Transaction, now: int) -> list[Figure]:
    """Return the figures at `now`, milliseconds UTC."""
    lines, stats = tx.pages.kiosks(), tx.pages.stats()
    alarms: dict[tuple[str, str], int] = {}
    for one in tx.pages.alarms(MOST_ALARMS):
        alarms[one.kiosk, one.kind] = alarms.get((one.kiosk, one.kind), 0) + 1
    return [
        Figure(
            "presensi_central_told_timestamp_seconds",
            "When these figures were made.",
            [Sample(now / 1000)],
        ),
        Figure(
            "presensi_central_presences_total",
            "Presences held, repeats and strangers included.",
            [Sample(stats.presences)],
            Kind.COUNTER,
        ),
        Figure(
            "presensi_central_counted_total",
            "Presences that count: no entry reported them before.",
            [Sample(stats.counted)],
            Kind.COUNTER,
        ),
        Figure(
            "presensi_central_lost_entries",
            "Entries that nobody has.",
            [Sample(stats.lost)],
        ),
        Figure(
            "presensi_central_quarantined",
            "Messages that were set aside.",
            [Sample(stats.quarantined)],
        ),
        Figure(
            "presensi_central_waiting_kiosks",
            "Kiosks whose key nobody admitted.",
            [Sample(stats.waiting)],
        ),
        Figure(
            "presensi_central_alarms",
            "Alarms, by what is wrong.",
            [
                Sample(count, {"kiosk": kiosk, "kind": kind})
                for (kiosk, kind), count in sorted(alarms.items())
            ],
        ),
        Figure(
            "presensi_central_kiosk_info",
            "Which software each kiosk runs.",
            [Sample(1, {"kiosk": one.kiosk, "software": one.software}) for one in lines],
        ),
        *(
            Figure(
                f"presensi_central_kiosk_{name}",
                words,
                [Sample(value(one), {"kiosk": one.kiosk}) for one in lines],
            )
            for name, words, value in _OF_KIOSKS
        ),
        *(
            Figure(
                f"presensi_central_kiosk_{name}",
                words,
                [
                    Sample(value(one.health), {"kiosk": one.kiosk})
                    for one in lines
                    if one.health is not None
                ],
            )
            for name, words, value in _BY_ITS_WORD
        ),
        *(
            Figure(
                f"presensi_central_source_{name}",
                words,
                [
                    Sample(value(each), {"kiosk": one.kiosk, "source": each.name})
                    for one in lines
                    if one.health is not None
                    for each in one.health.sources
                ],
            )
            for name, words, value in _OF_SOURCES
        ),
    ]


def _receipt(one: KioskLine) -> float | None:
    return one.receipt_at / 1000 if one.receipt_at else None


def _since(moment: int) -> float | None:
    return moment / 1000 if moment else None


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


_BY_ITS_WORD: Final = (
    ("entries_waiting", "Entries without a receipt, by its own word.", lambda one: one.waiting),
    (
        "oldest_waiting_timestamp_seconds",
        "When the first of them was recorded.",
        lambda one: _since(one.oldest),
    ),
    ("clock_trusted", "Whether lateness may be shown there.", lambda one: one.trusted),
    ("clock_error_seconds", "How far its clock may be off.", lambda one: _seconds(one.error)),
    ("disk_used_ratio", "Of its journal's medium.", lambda one: one.disk / 100),
    (
        "certificate_until_timestamp_seconds",
        "When its certificate runs out.",
        lambda one: _since(one.until),
    ),
)

_OF_SOURCES: Final = (
    ("connected", "Whether the terminal answers.", lambda one: one.connected),
    ("failures", "Failures in a row.", lambda one: one.failures),
    ("drift_seconds", "The terminal's clock against the kiosk's.", lambda one: _seconds(one.drift)),
    ("warnings", "What a technician should look at.", lambda one: one.warnings),
)

_OF_KIOSKS: Final = (
    ("online", "Whether its session is connected.", lambda one: one.online),
    ("last_receipt_timestamp_seconds", "When it was given a receipt last.", _receipt),
    (
        "entries_behind",
        "Entries that it said it has and central does not.",
        lambda one: max(0, one.last - one.through),
    ),
    ("roster_outdated", "Whether it works on an older roster.", lambda one: one.roster < one.meant),
)
