"""Each rule of central's half of the wire, one by one."""

import msgspec
import pytest

from sync.central.ingest import AskHello
from sync.protocol import entry, topics
from sync.protocol.identity import PrivateKey
from sync.protocol.topics import Up

STAMP = entry.Stamp(wall=1, up=1, boot="b" * 32, synced=True)


def test_hello_is_answered_with_nothing_held(central, kiosk):
    kiosk.punches(3)
    receipt = central.hello(kiosk)
    assert (receipt.through, receipt.head) == (0, kiosk.genesis.hex())
    assert receipt.nonce == "n1"
    assert receipt.utc == central.now
    assert receipt.key == central.authority.fingerprint


def test_a_batch_is_receipted_with_its_own_nonce(central, kiosk):
    kiosk.punches(3)
    central.hello(kiosk)
    receipt = central.batch(kiosk, 1, nonce="abc")
    assert (receipt.through, receipt.head, receipt.nonce) == (3, kiosk.hash_at(3).hex(), "abc")
    assert [one.body for one in central.held(kiosk)] == kiosk.bodies


def test_a_known_batch_gets_the_same_receipt_and_is_not_doubled(central, kiosk):
    kiosk.punches(3)
    central.hello(kiosk)
    first = central.batch(kiosk, 1)
    assert central.batch(kiosk, 1) == first
    assert central.batch(kiosk, 2) == first
    assert central.stats().entries == central.stats().presences == central.stats().counted == 3


def test_an_overlapping_batch_adds_only_what_is_new(central, kiosk):
    kiosk.punches(6)
    central.hello(kiosk)
    central.batch(kiosk, 1, 4)
    assert central.batch(kiosk, 3, 6).through == 6
    assert central.stats().entries == 6
    assert central.alarms() == {}


def test_an_island_waits_and_the_prefix_runs_on_through_it(central, kiosk):
    kiosk.punches(9)
    central.hello(kiosk)
    assert central.batch(kiosk, 7, 9).through == 0
    assert central.batch(kiosk, 4, 6).through == 0
    receipt = central.batch(kiosk, 1, 3)
    assert (receipt.through, receipt.head) == (9, kiosk.hash_at(9).hex())
    assert all(one.linked for one in central.held(kiosk))
    assert central.alarms() == {}


def test_the_prefix_runs_on_through_more_than_one_page(central, kiosk):
    kiosk.punches(1201)
    central.hello(kiosk)
    for first in (1002, 502, 2):
        central.batch(kiosk, first, min(first + 499, 1201))
    assert central.batch(kiosk, 1, 1).through == 1201
    assert all(one.linked for one in central.held(kiosk))


def test_coverage_counts_only_once_everything_before_it_is_held(central, kiosk):
    def covered():
        with central.store.reading() as tx:
            from sqlalchemy import select

            from sync.central.store import tables

            return list(tx.ledger._connection.scalars(select(tables.coverage.c.through)))

    kiosk.punches(2)
    for through in ("2026-11-24T08:00:00", "2026-11-24T09:00:00"):
        kiosk.add(
            entry.Coverage(
                at=STAMP,
                source="pintu",
                terminal="CKPG1",
                through=through,
                zone="Asia/Jakarta",
                records=2,
            )
        )
    central.hello(kiosk)
    central.batch(kiosk, 3, 4)
    assert covered() == []
    central.batch(kiosk, 1, 2)
    assert covered() == ["2026-11-24T09:00:00"]


def test_a_batch_before_any_hello_is_answered_by_asking_for_one(central, kiosk):
    kiosk.punches(2)
    assert central.batch(kiosk, 1) == AskHello("lobi")
    assert central.stats().entries == 0


def test_what_nobody_has_is_lost_aloud_and_the_line_goes_on(central, kiosk):
    kiosk.punches(9)
    central.hello(kiosk)
    central.batch(kiosk, 1, 2)
    receipt = central.hello(kiosk, 6)
    assert (receipt.through, receipt.head) == (5, kiosk.hash_at(5).hex())
    assert central.stats().lost == 3
    assert central.alarms() == {"lost": 1}
    assert central.batch(kiosk, 6).through == 9


def test_islands_before_the_anchor_are_not_lost(central, kiosk):
    kiosk.punches(9)
    central.hello(kiosk)
    central.batch(kiosk, 1, 2)
    central.batch(kiosk, 5, 6)
    receipt = central.hello(kiosk, 7)
    assert receipt.through == 6
    assert central.stats().lost == 2
    assert [one.seq for one in central.held(kiosk) if one.linked] == [1, 2, 5, 6]


def test_a_kiosk_that_never_spoke_may_begin_in_the_middle(central, kiosk):
    kiosk.punches(9)
    assert central.hello(kiosk, 5).through == 4
    assert central.stats().lost == 4
    assert central.batch(kiosk, 5).through == 9


def test_a_lost_range_that_comes_after_all_is_kept_without_alarm(central, kiosk):
    kiosk.punches(9)
    central.hello(kiosk)
    central.hello(kiosk, 6)
    assert central.batch(kiosk, 6).through == 9
    assert central.batch(kiosk, 1, 5).through == 9
    assert central.stats().entries == 9
    assert central.alarms() == {"lost": 1}


def test_a_hello_with_another_head_is_a_fork_and_the_receipt_tells_the_truth(central, kiosk):
    kiosk.punches(3)
    clone = kiosk.copy()
    kiosk.punch(user="a")
    clone.punch(user="b")
    central.hello(kiosk)
    central.batch(kiosk, 1)
    receipt = central.hello(clone)
    assert (receipt.through, receipt.head) == (4, kiosk.hash_at(4).hex())
    assert central.alarms() == {"fork": 1}


def test_a_branch_is_stored_counted_and_never_linked(central, kiosk):
    kiosk.punches(3)
    clone = kiosk.copy()
    kiosk.punch(user="a")
    for user in "bcd":
        clone.punch(user=user)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    receipt = central.batch(clone, 3, 6)
    assert (receipt.through, receipt.head) == (4, kiosk.hash_at(4).hex())
    assert central.stats().entries == 7
    assert central.stats().counted == 7  # each is a punch somebody made
    assert {one.hash for one in central.held(kiosk) if one.linked} == set(kiosk.hashes)
    kiosk.punch(user="e")
    assert central.batch(kiosk, 5, 5).through == 5
    assert "fork" in central.alarms()


def test_a_branch_that_leaves_from_the_prefix_end_is_seen(central, kiosk):
    kiosk.punches(3)
    clone = kiosk.copy()
    kiosk.punch(user="a")
    clone.punch(user="b")
    clone.punch(user="c")
    central.hello(kiosk)
    central.batch(kiosk, 1)
    assert central.batch(clone, 5, 5).through == 4  # its entry 4 never came
    assert central.alarms() == {"fork": 1}


def test_a_fork_repeated_is_one_alarm(central, kiosk):
    kiosk.punches(3)
    clone = kiosk.copy()
    kiosk.punch(user="a")
    clone.punch(user="b")
    central.hello(kiosk)
    central.batch(kiosk, 1)
    for _ in range(3):
        central.hello(clone)
    assert central.alarms() == {"fork": 3}


@pytest.mark.parametrize(
    ("what", "alarm"), [("history", "rollback"), ("journal", "gap"), ("terminal", "gap")]
)
@pytest.mark.parametrize("as_island", [False, True])
def test_a_gap_that_a_kiosk_reports_is_an_alarm(central, kiosk, what, alarm, as_island):
    kiosk.punches(2)
    gap = entry.Gap(at=STAMP, what=what, reason="a copied card", since="0123 7")
    kiosk.add(gap)
    central.hello(kiosk)
    if as_island:
        central.batch(kiosk, 3)
        assert central.alarms() == {}  # what does not follow may have anything before it
        central.batch(kiosk, 1, 2)
    for _ in range(2):
        central.batch(kiosk, 1)
    assert central.alarms() == {alarm: 1}


def test_a_hello_that_holds_less_than_was_sent_is_told_so(central, kiosk):
    """No alarm: it may have been said before. Whose card is a copy closes its epoch and says so."""
    kiosk.punches(2)
    old = kiosk.copy()
    kiosk.punches(3, start=2)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    receipt = central.hello(old)
    assert (receipt.through, receipt.head) == (5, kiosk.hash_at(5).hex())
    assert central.alarms() == {}


def test_an_older_hello_delivered_late_is_no_rollback(central, kiosk):
    kiosk.punches(2)
    early = kiosk.hello()
    topic = topics.up("lobi", Up.HELLO)
    central.receive(topic, early)
    kiosk.punches(3, start=2)
    central.hello(kiosk)
    central.batch(kiosk, 1)
    assert central.receive(topic, early).through == 5
    assert central.alarms() == {}


@pytest.mark.parametrize("anchor", ["00" * 32, "ff" * 32])
def test_an_epoch_that_does_not_begin_at_its_genesis_gets_no_receipt(central, kiosk, anchor):
    kiosk.punches(1)
    assert central.hello(kiosk, anchor=anchor) is None
    assert central.alarms() == {"genesis": 1}
    assert central.batch(kiosk, 1) == AskHello("lobi")


def test_an_epoch_born_under_an_older_key_goes_on(central, kiosk, make_kiosk):
    kiosk.punches(2)
    renewed = PrivateKey.generate()
    central.admit(make_kiosk(key=renewed))
    words = {
        "sign": renewed,
        "key": renewed.public.fingerprint,
    }
    assert central.hello(kiosk, born=kiosk.key.public.fingerprint, **words).through == 0
    assert central.batch(kiosk, 1, **words).through == 2
    unknown = PrivateKey.generate().public.fingerprint
    assert central.hello(kiosk, born=unknown, **words) is None
    assert central.hello(kiosk, **words) is None  # as if it had begun under the new key
    assert central.alarms() == {"genesis": 2}


def test_first_come_keeps_the_count_whoever_reports_again(central, kiosk, make_kiosk):
    other = make_kiosk("aula")
    central.admit(other)
    for one in (kiosk, other):
        one.punches(2)
        central.hello(one)
    central.batch(kiosk, 1)
    central.batch(other, 1)
    rows = central.shown()
    assert [row.again for row in rows] == [False, False, True, True]
    assert {row.first_kiosk for row in rows} == {"lobi"}
    found = central.stats()
    assert (found.presences, found.counted, found.again) == (4, 2, 2)


def test_the_same_punch_twice_in_one_batch_is_counted_once(central, kiosk):
    kiosk.punch(user="7")
    kiosk.punch(user="7", state="in")
    central.hello(kiosk)
    central.batch(kiosk, 1)
    assert [row.again for row in central.shown()] == [False, True]


NESTED = b'{"kind":"gap","x":' + b"[" * 3000 + b"]" * 3000 + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b'{"kind":"of tomorrow","at":1}',
        b"\xff\xfe",
        NESTED,
        entry.encode(entry.Clock(at=STAMP, utc=1, error=1, anchor=entry.Anchor.NTP))[:-2],
    ],
)
def test_an_unreadable_entry_is_kept_flagged_and_receipted(central, kiosk, body):
    kiosk.punch(user="1")
    kiosk.body(body)
    kiosk.punch(user="2")
    central.hello(kiosk)
    assert central.batch(kiosk, 1).through == 3
    assert central.held(kiosk)[1].body == body
    assert central.alarms() == {"unreadable": 1}
    assert central.stats().quarantined == 1
    assert central.stats().counted == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"time": "", "raw": "not hexadecimal"},
        {"drift": 2**70},
        {"at": msgspec.structs.replace(STAMP, wall=2**80)},
    ],
)
def test_a_presence_beyond_any_database_is_kept_like_an_unreadable_one(central, kiosk, fields):
    kiosk.punch(**fields)
    central.hello(kiosk)
    assert central.batch(kiosk, 1).through == 1
    assert central.alarms() == {"unreadable": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"zone": "Asia"},
        {"zone": "../../etc/passwd"},
        {"zone": "Asia/Nowhere"},
        {"zone": "x" * 3000},
        {"time": "2026-02-31T07:00:00"},
        {"time": "0001-01-01T00:00:00"},
        {"time": "9999-12-31T23:59:59", "zone": "Etc/GMT+12"},
        {"time": "", "raw": "00ff", "mark": entry.Mark.UNREADABLE},
        {"user": "a\0b'; --", "source": "<script>"},
    ],
)
def test_odd_presences_are_shown_without_a_true_time(central, kiosk, fields):
    kiosk.punch(**fields)
    central.hello(kiosk)
    assert central.batch(kiosk, 1).through == 1
    assert central.stats().presences == 1
    assert central.alarms() == {}


def test_utc_is_read_in_the_terminals_zone(central, kiosk):
    kiosk.punch(time="2026-11-24T07:00:00", zone="Asia/Jayapura")
    central.hello(kiosk)
    central.batch(kiosk, 1)
    assert central.shown()[0].utc == 1795471200000
