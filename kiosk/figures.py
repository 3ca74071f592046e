"""The kiosk's figures for Prometheus, out of its status. Pure; docs/FLEET.md lists them."""

from typing import Final

from kiosk.health import SourceStatus, Status
from kiosk.truth import Trust
from sync.prometheus import Figure, Sample

_PREFIX: Final = "presensi_"


def figures(status: Status, boot_s: float) -> list[Figure]:
    """Return the figures of one status, made at `boot_s`, seconds since 1970 by its own clock."""
    journal, disk, line, clock = status.journal, status.disk, status.line, status.clock
    error = None if clock.error_ms is None else clock.error_ms / 1000
    receipt = line.receipt_utc / 1000 if line.receipt_utc else None
    until = line.certificate_until / 1000 if line.certificate_until else None
    return [
        _one("told_timestamp_seconds", "When these figures were made.", boot_s),
        Figure(
            f"{_PREFIX}software_info",
            "Which software this is.",
            [Sample(1, {"software": status.software})],
        ),
        _one("entries_waiting", "Entries without central's receipt.", line.waiting),
        _one("journal_entries", "Entries in the newest epoch.", journal.last),
        _one("last_receipt_timestamp_seconds", "Central's clock in the last receipt.", receipt),
        _one("line_up", "Whether central is connected.", line.state == "up"),
        _one("certificate_until_timestamp_seconds", "When our certificate runs out.", until),
        _one("clock_trusted", "Whether lateness may be shown.", clock.may_show_lateness),
        _one("clock_error_seconds", "How far the clock may be off.", error),
        _one("clock_synchronised", "Whether NTP keeps it.", clock.state == Trust.SYNCED.value),
        _one("disk_used_ratio", "Of the journal's medium.", disk.used_percent / 100),
        _one("disk_free_bytes", "Of the journal's medium.", disk.free_bytes),
        _one("disk_ballast", "Whether the last reserve is there.", disk.ballast),
        _one("roster_version_timestamp_seconds", "When central made the roster that holds.",
             status.roster.version / 1000 if status.roster.version else None),
        *(
            Figure(f"{_PREFIX}source_{name}", words, [
                Sample(value(one), {"source": one.name}) for one in status.sources
            ])
            for name, words, value in _OF_SOURCES
        ),
    ]  # fmt: skip


def _one(name: str, words: str, value: float | None) -> Figure:
    return Figure(f"{_PREFIX}{name}", words, [Sample(value)])


def _drift(one: SourceStatus) -> float | None:
    return None if one.drift_ms is None else one.drift_ms / 1000


_OF_SOURCES: Final = (
    ("connected", "Whether the terminal answers.", lambda one: one.connected),
    ("failures", "Failures in a row.", lambda one: one.failures),
    ("drift_seconds", "The terminal's clock against ours.", _drift),
    ("recorded", "Punches recorded since the daemon began.", lambda one: one.recorded),
    ("records", "Records in the terminal.", lambda one: one.records),
    ("warnings", "What a technician should look at.", lambda one: len(one.warnings)),
)
