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
    ]


def _receipt(one: KioskLine) -> float | None:
    return one.receipt_at / 1000 if one.receipt_at else None


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
