"""A kiosk with a new card counts its epochs from 1 again: what it says now is the newest word."""

from sync.central.store import tables
from sync.protocol import entry

AT = entry.Stamp(wall=1, up=1, boot="b" * 32, synced=True)


def covered(through: str) -> entry.Coverage:
    return entry.Coverage(
        at=AT, source="pintu", terminal="T1", through=through, zone="Asia/Jakarta", records=1
    )


def test_a_new_cards_coverage_is_the_newest(central, kiosk, make_kiosk):
    kiosk.add(covered("2026-11-24T00:00:00"))
    central.hello(kiosk, number=7)
    central.batch(kiosk, 1)
    central.now += 1000
    fresh = make_kiosk(kiosk.name, "e2", kiosk.key)
    fresh.add(covered("2026-11-26T00:00:00"))
    fresh.punch()
    central.hello(fresh, number=1)
    central.batch(fresh, 1)
    with central.store.reading() as tx:
        rows = tx.ledger._connection.execute(tables.coverage.select()).all()
        [line] = tx.pages.kiosks()
    assert [(row.epoch, row.through) for row in rows] == [("e2", "2026-11-26T00:00:00")]
    assert (line.epoch, line.through) == ("e2", 2)
    # And an older epoch's words do not replace it, whenever they come.
    kiosk.add(covered("2026-11-25T00:00:00"))
    central.hello(kiosk, number=7)
    central.batch(kiosk, 1)
    with central.store.reading() as tx:
        rows = tx.ledger._connection.execute(tables.coverage.select()).all()
    assert [(row.epoch, row.through) for row in rows] == [("e2", "2026-11-26T00:00:00")]
