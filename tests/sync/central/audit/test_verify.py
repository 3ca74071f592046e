"""`verify`: what is whole holds, and whoever changes a row is found, with the place named."""

import re

import msgspec
import pytest

from sync.central.audit.verdict import Fault
from sync.central.store import evidence
from sync.protocol import chain, dayhead, entry
from sync.protocol.dayhead import DayHead
from sync.protocol.identity import PrivateKey

STAMP = entry.Stamp(wall=1_764_000_000_000, up=1, boot="b" * 32, synced=True)


def day_head(by, at: int, sign: PrivateKey | None = None, **over) -> entry.Audit:
    fields = {
        "kiosk": by.name,
        "epoch": by.epoch,
        "seq": at,
        "head": by.hash_at(at).hex(),
        "day": "2026-11-24",
        "utc": STAMP.wall,
        "key": by.key.public.fingerprint,
    }
    signed = dayhead.encode(DayHead(**{**fields, **over}), sign or by.key).decode()
    return entry.Audit(
        at=STAMP, actor="kiosk", action="head", detail={"day": "2026-11-24", "signed": signed}
    )


@pytest.fixture
def full(kiosk, deliver):
    """Return a kiosk that has delivered 12 punches, the last one twice, a head and rubbish."""
    kiosk.punches(12)
    kiosk.punch(user="11")
    kiosk.add(day_head(kiosk, 10))
    kiosk.body(b'{"kind":"later","at":{}}')
    deliver(kiosk, 4)
    return kiosk


@pytest.fixture
def epoch_of(verify):
    """Return a function that gives the verdict on the only epoch."""

    def run(*kiosks: str):
        _, verdict = verify(*kiosks)
        return verdict

    return run


def test_what_is_whole_holds(full, epoch_of):
    verdict = epoch_of("lobi")
    assert verdict.holds, verdict.words
    assert (verdict.entries, verdict.through, verdict.signed_through, verdict.heads) == (
        15, 15, 15, 1,
    )  # fmt: skip
    assert verdict.notes == []
    assert "HOLDS: 15 entries, linked to 15, signed by the device to 15" in verdict.words


def test_lost_ranges_islands_and_branches_are_counted(central, kiosk, deliver, epoch_of):
    kiosk.punches(5)
    deliver(kiosk)
    copy = kiosk.copy()
    kiosk.punches(10, 5)
    copy.punches(3, 50)
    central.batch(copy, 6)
    central.hello(kiosk, first=9)
    kiosk.punches(9, 15)
    central.batch(kiosk, 9, 12)
    central.batch(kiosk, 20, 24)
    verdict = epoch_of()
    assert verdict.holds, verdict.words
    # The copy's three came first and so are the prefix; what contradicts them goes on beside it.
    assert verdict.entries == 5 + 3 + 4 + 5
    assert verdict.islands + verdict.branches + verdict.through - verdict.lost == verdict.entries


def test_the_walk_goes_over_what_is_lost(central, kiosk, deliver, epoch_of):
    kiosk.punches(5)
    deliver(kiosk)
    kiosk.punches(10, 5)
    central.hello(kiosk, first=9)
    assert central.batch(kiosk, 9).through == 15
    verdict = epoch_of()
    assert verdict.holds, verdict.words
    assert (verdict.lost, verdict.entries, verdict.signed_through) == (3, 12, 15)


def test_pages_end_anywhere(monkeypatch, full, epoch_of, verify):
    for size in (1, 2, 3, 15, 16):
        monkeypatch.setattr(evidence, "PAGE", size)
        assert epoch_of("lobi").holds
        assert epoch_of("lobi").entries == 15


EPOCH = "kiosk = 'lobi' AND epoch = 'e1'"

CHANGES = {
    "a byte of a body": (
        f"UPDATE entry SET body = :body WHERE {EPOCH} AND seq = 7",
        Fault(7, "it is not what its hash says"),
    ),
    "a hash": (
        f"UPDATE entry SET hash = :hash WHERE {EPOCH} AND seq = 7",
        Fault(7, "it is not what its hash says"),
    ),
    "a removed entry": (
        f"DELETE FROM entry WHERE {EPOCH} AND seq = 7",
        Fault(7, "entry 7 is missing from the prefix"),
    ),
    "a removed end": (
        f"DELETE FROM entry WHERE {EPOCH} AND seq >= 12",
        Fault(12, "entries 12 to 15 are missing from the prefix"),
    ),
    "an end set back": (
        f"UPDATE epoch SET through = 9 WHERE {EPOCH}",
        Fault(10, "it is linked, and the prefix ends at 9"),
    ),
    "an unlinked entry": (
        f"UPDATE entry SET linked = false WHERE {EPOCH} AND seq = 7",
        Fault(7, "entry 7 is missing from the prefix"),
    ),
    "an invented entry": (
        "INSERT INTO entry (kiosk, epoch, seq, hash, prev, body, linked, readable, received_at) "
        f"SELECT kiosk, epoch, seq, :hash, prev, body, linked, readable, 1 FROM entry "
        f"WHERE {EPOCH} AND seq = 7",
        Fault(7, "it is not what its hash says"),
    ),
    "a genesis": (
        f"UPDATE epoch SET genesis = :hash WHERE {EPOCH}",
        Fault(0, "its genesis is not that of key"),
    ),
    "the key it was born under": (
        f"UPDATE epoch SET born = 'x' WHERE {EPOCH}",
        Fault(0, "it began under key x, which is not the kiosk's"),
    ),
    "a registered key": (
        "UPDATE kiosk_key SET der = :der",
        Fault(0, "is registered as another key"),
    ),
    "the head": (
        f"UPDATE epoch SET head = :hash WHERE {EPOCH}",
        Fault(15, "the prefix does not end with the head that the epoch has"),
    ),
    "the device's signature": (
        f"UPDATE epoch SET signed = :body WHERE {EPOCH}",
        Fault(15, "the device's signature does not hold"),
    ),
    "how far it was signed": (
        f"UPDATE epoch SET signed_through = 14 WHERE {EPOCH}",
        Fault(14, "the device's signature is for"),
    ),
    "what is called lost": (
        "INSERT INTO lost (kiosk, epoch, first, last, anchor, noticed_at) "
        "VALUES ('lobi', 'e1', 3, 4, :hash, 1)",
        Fault(3, "the prefix has another entry at this place"),
    ),
    "who was there": (
        f"UPDATE presence SET person = 'P99' WHERE {EPOCH} AND seq = 7",
        Fault(7, "its presence says person 'P99', the entry says 'P6'"),
    ),
    "when it was": (
        f"UPDATE presence SET utc = utc - 600000 WHERE {EPOCH} AND seq = 7",
        Fault(7, "its presence says utc"),
    ),
    "when it came": (
        f"UPDATE presence SET received_at = received_at - 1 WHERE {EPOCH} AND seq = 7",
        Fault(7, "its presence says that it came at another time"),
    ),
    "a hidden punch": (
        f"DELETE FROM presence WHERE {EPOCH} AND seq = 7",
        Fault(7, "its presence is missing: a punch that is not shown"),
    ),
    "a punch marked unreadable": (
        f"UPDATE entry SET readable = false WHERE {EPOCH} AND seq = 7",
        Fault(7, "a punch is marked unreadable, and is not shown"),
    ),
    "rubbish marked readable": (
        f"UPDATE entry SET readable = true WHERE {EPOCH} AND seq = 15",
        Fault(15, "it is marked readable, and cannot be read"),
    ),
    "an invented punch": (
        f"UPDATE presence SET seq = 99 WHERE {EPOCH} AND seq = 7",
        Fault(99, "a presence is shown of it, and there is no such entry"),
    ),
    "a punch shown for what is none": (
        f"UPDATE presence SET seq = 14, hash = :hash14 WHERE {EPOCH} AND seq = 7",
        Fault(14, "a presence is shown of it, and it is no punch"),
    ),
    "a punch that is not counted": (
        f"UPDATE presence SET again = true WHERE {EPOCH} AND seq = 7",
        Fault(7, "it is not counted, and entry lobi e1 7 was first"),
    ),
    "a punch counted twice": (
        f"UPDATE presence SET again = false WHERE {EPOCH} AND seq = 13",
        Fault(13, "it is counted, and entry lobi e1 12 was first"),
    ),
    "an origin given to another": (
        f"UPDATE origin SET seq = 8, hash = :hash8 WHERE {EPOCH} AND seq = 7",
        Fault(7, "its presence says that entry lobi e1 7 was first"),
    ),
    "an origin that is gone": (
        f"DELETE FROM origin WHERE {EPOCH} AND seq = 7",
        Fault(7, "its origin is not recorded"),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whoever_changes_a_row_is_found(full, sql, epoch_of, change):
    statement, fault = CHANGES[change]
    values = {
        "body": full.bodies[6].replace(b"28:41", b"28:40"),
        "hash": bytes(32),
        "hash8": full.hash_at(8),
        "hash14": full.hash_at(14),
        "der": PrivateKey.generate().public.der,
    }
    named = re.findall(r":(\w+)", statement)
    assert sql(statement, **{name: values[name] for name in named})
    verdict = epoch_of("lobi")
    assert not verdict.holds
    assert any(one.seq == fault.seq and fault.what in one.what for one in verdict.faults), (
        verdict.faults
    )
    assert "DOES NOT HOLD: " in verdict.words
    msgspec.json.encode(verdict)


def test_two_entries_that_changed_places_are_found(full, sql, epoch_of):
    for before, after in ((7, 100), (8, 7), (100, 8)):
        for table in ("entry", "presence", "origin"):
            sql(f"UPDATE {table} SET seq = {after} WHERE {EPOCH} AND seq = {before}")
    chained = [one for one in epoch_of().faults if "follow" in one.what]
    assert chained == [Fault(seq, f"it does not follow entry {seq - 1}") for seq in (7, 8, 9)]


def rewrite(sql, full, seq: int, old: bytes, new: bytes) -> None:
    """Change a body, and every hash and derived row behind it, as somebody with time would."""
    previous = full.hash_at(seq - 1)
    for at in range(seq, len(full.bodies) + 1):
        body = full.bodies[at - 1].replace(old, new) if at == seq else full.bodies[at - 1]
        hash_ = chain.link(previous, body)
        was, place = full.hash_at(at), {"hash": hash_, "was": full.hash_at(at), "at": at}
        sql(
            f"UPDATE entry SET body = :body, prev = :prev, hash = :hash WHERE {EPOCH} "
            "AND seq = :at AND hash = :was",
            body=body, prev=previous, **place,
        )  # fmt: skip
        for table in ("presence", "origin"):
            sql(
                f"UPDATE {table} SET hash = :hash WHERE {EPOCH} AND seq = :at AND hash = :was",
                **place,
            )
        assert was != hash_
        previous = hash_
    sql(f"UPDATE epoch SET head = :head WHERE {EPOCH}", head=previous)


def test_a_chain_made_anew_is_found_by_what_the_device_signed(full, sql, epoch_of):
    rewrite(sql, full, 7, b"P6", b"P9")
    sql(f"UPDATE presence SET person = 'P9' WHERE {EPOCH} AND seq = 7")
    verdict = epoch_of()
    assert verdict.faults == [
        Fault(14, "the device's head of 2026-11-24 has another hash for e1 10"),
        Fault(15, "the device signed another hash for it"),
    ]


def test_without_the_device_s_word_it_is_said(full, sql, epoch_of):
    sql(f"UPDATE epoch SET signed = NULL, signed_through = 0 WHERE {EPOCH}")
    verdict = epoch_of()
    assert verdict.holds
    assert verdict.notes == ["no signature of the device is kept: it came before central kept them"]


@pytest.mark.parametrize(
    ("over", "what"),
    [
        ({"head": "0" * 64}, "has another hash for e1 2"),
        ({"kiosk": "aula"}, "is another kiosk's"),
        ({"head": "x"}, "does not hold"),
    ],
)
def test_a_head_of_the_day_that_contradicts(kiosk, deliver, epoch_of, over, what):
    kiosk.punches(2)
    kiosk.add(day_head(kiosk, 2, **over))
    deliver(kiosk)
    [fault] = epoch_of().faults
    assert (fault.seq, what in fault.what) == (3, True)


def test_a_head_of_the_day_by_somebody_else(kiosk, deliver, epoch_of):
    kiosk.punches(2)
    kiosk.add(day_head(kiosk, 2, sign=PrivateKey.generate()))
    kiosk.add(day_head(kiosk, 2, key="f" * 64))
    kiosk.add(day_head(kiosk, 2, seq=9))
    deliver(kiosk)
    verdict = epoch_of()
    assert [one.seq for one in verdict.faults] == [3]
    assert len(verdict.notes) == 2


def test_what_is_left_of_a_removed_epoch_is_found(full, sql, verify, central):
    if not isinstance(central.database, str):
        pytest.skip("SQLite keeps an epoch that has entries")
    for table in ("boot", "drift", "epoch"):
        sql(f"DELETE FROM {table} WHERE {EPOCH}")
    _, verdict = verify("lobi")
    assert [one.what[:11] for one in verdict.faults] == ["table entry", "table prese"]


def test_rows_of_other_types_are_found(full, sql, epoch_of, central):
    if isinstance(central.database, str):
        pytest.skip("PostgreSQL keeps a column's type")
    sql(f"UPDATE entry SET body = 'text' WHERE {EPOCH} AND seq = 7")
    verdict = epoch_of()
    assert verdict.faults[0].seq == 7, verdict.faults


# The device's last word.


def signed_through(central, kiosk) -> int:
    with central.store.writing() as tx:
        return tx.ledger.line(kiosk.name, kiosk.epoch).signed_through


def test_the_signature_goes_with_the_prefix(central, kiosk, epoch_of):
    kiosk.punches(20)
    central.hello(kiosk)
    # Each batch, and how far the kept signature speaks once it has come.
    for first, last, through in (
        (1, 4, 4), (9, 12, 4), (13, 16, 4), (1, 4, 4), (5, 6, 6), (7, 8, 16), (9, 18, 18),
        (15, 17, 18), (17, 20, 20),
    ):  # fmt: skip
        central.batch(kiosk, first, last)
        assert signed_through(central, kiosk) == through
        assert epoch_of().holds


def test_a_branch_signs_for_nobody(central, kiosk, epoch_of):
    kiosk.punches(4)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    copy = kiosk.copy()
    copy.punches(4, 40)
    kiosk.punches(4, 4)
    central.batch(copy, 7, 8)  # an island of another history
    assert central.batch(kiosk, 5, 6).through == 6
    assert central.batch(kiosk, 7, 8).through == 8
    assert signed_through(central, kiosk) == 8
    verdict = epoch_of()
    assert verdict.holds, verdict.words
    assert verdict.branches == 2


def test_islands_behind_a_lost_range_sign_once_it_is_given_up(central, kiosk, epoch_of):
    kiosk.punches(12)
    central.hello(kiosk)
    central.batch(kiosk, 1, 3)
    central.batch(kiosk, 7, 12)
    assert signed_through(central, kiosk) == 3
    assert central.hello(kiosk, first=7).through == 12
    assert signed_through(central, kiosk) == 12
    assert epoch_of().holds
