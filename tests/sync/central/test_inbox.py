"""What cannot be accepted is set aside, answered with nothing, and stalls nobody."""

import msgspec
import pytest

from sync.central.inbox import read
from sync.central.store.registry import MAX_WAITING
from sync.central.store.standing import MAX_QUARANTINED, MAX_QUARANTINED_BYTES
from sync.protocol import batch, entry, topics
from sync.protocol.identity import PrivateKey
from sync.protocol.topics import Up

STAMP = entry.Stamp(wall=1, up=1, boot="b" * 32, synced=True)
HELLO = topics.up("lobi", Up.HELLO)
BATCH = topics.up("lobi", Up.BATCH)


def quarantined(central):
    with central.store.reading() as tx:
        from sqlalchemy import select

        from sync.central.store import tables

        return tx.ledger._connection.execute(select(tables.quarantine)).all()


def test_an_unknown_key_waits_for_admission(central, make_kiosk):
    stranger = make_kiosk("baru")
    stranger.punches(1)
    assert central.hello(stranger) is None
    assert central.batch(stranger, 1) is None
    with central.store.reading() as tx:
        [waiting] = tx.registry.waiting()
    assert (waiting.kiosk, waiting.fingerprint) == ("baru", stranger.key.public.fingerprint)
    found = central.stats()
    assert (found.entries, found.quarantined, found.alarms, found.waiting) == (0, 0, 0, 1)
    central.admit(stranger)
    assert central.hello(stranger).through == 0
    assert central.stats().waiting == 0


def test_only_so_many_wait(central, make_kiosk):
    stranger = make_kiosk("baru")
    for number in range(MAX_WAITING + 5):
        central.now += 1
        central.hello(stranger, key=f"{number:064x}")
    assert central.stats().waiting == MAX_WAITING


@pytest.mark.parametrize("key", ["", "x", "g" * 64, "0" * 63, "<script>", "0" * 64 + "\n"])
def test_what_is_no_fingerprint_does_not_wait(central, make_kiosk, key):
    central.hello(make_kiosk("baru"), key=key)
    assert central.stats().waiting == 0


def test_a_key_speaks_for_its_own_kiosk_only(central, kiosk, make_kiosk):
    other = make_kiosk("aula")
    central.admit(other)
    kiosk.punches(1)
    # Its own key, in another's name: on another's topic, and on its own.
    assert central.receive(topics.up("aula", Up.HELLO), kiosk.hello()) is None
    assert central.receive(HELLO, kiosk.hello(kiosk="aula")) is None
    assert central.receive(topics.up("aula", Up.HELLO), kiosk.hello(kiosk="aula")) is None
    assert central.receive(topics.up("aula", Up.BATCH), kiosk.batch(1)) is None
    assert central.stats().entries == 0
    assert central.alarms()["unverified"] >= 1
    assert central.stats().quarantined == 4


def test_a_signature_by_another_key_is_refused(central, kiosk):
    kiosk.punches(1)
    forger = PrivateKey.generate()
    assert central.hello(kiosk, sign=forger) is None
    central.hello(kiosk)
    assert central.batch(kiosk, 1, sign=forger) is None
    assert central.stats().entries == 0
    assert central.alarms() == {"unverified": 2}


def test_a_retired_key_signs_nothing_new(central, kiosk):
    from sqlalchemy import update

    from sync.central.store import tables

    with central.store.writing() as tx:
        tx.registry._connection.execute(update(tables.kiosk_key).values(status="retired"))
    assert central.hello(kiosk) is None
    assert central.alarms() == {"unverified": 1}


def test_a_batch_changed_on_the_way_is_inconsistent(central, kiosk):
    kiosk.punches(2)
    central.hello(kiosk)
    message = kiosk.batch(1)
    assert central.receive(BATCH, message.replace(b'"P1"', b'"P2"')) is None
    assert central.alarms() == {"inconsistent": 1}
    assert central.receive(BATCH, message).through == 2


@pytest.mark.parametrize(
    ("topic", "payload", "encoding"),
    [
        (HELLO, b"", ""),
        (HELLO, b"{}\nAAAA\n", ""),
        (HELLO, b'{"x":' + b"[" * 2000 + b"]" * 2000 + b"}\nAAAA\n", ""),
        (BATCH, b"\x00" * 100, "zlib"),
        (BATCH, b"whatever", "brotli"),
        ("presensi/v1/lobi/up/other", b"", ""),
        ("presensi/v1/" + "x" * 500 + "/up/hello", b"", ""),
        ("a/b", b"", ""),
        (topics.up("lobi", Up.STATE), b"[]", ""),
        (topics.up("lobi", Up.STATE), b'{"online":true,"boot":"x","connection":1e400}', ""),
        (topics.up("lobi", Up.STATE), b'{"online":true,"boot":"x","connection":-1}', ""),
        (topics.up("lobi", Up.REPLY), b"{}", ""),
    ],
)
def test_what_is_not_the_format_is_quarantined(central, kiosk, topic, payload, encoding):
    assert central.receive(topic, payload, encoding) is None
    [kept] = quarantined(central)
    assert kept.raw == payload
    assert central.alarms() == {}


@pytest.mark.parametrize(
    "over",
    [
        {"epoch": ""},
        {"epoch": "a/b"},
        {"epoch": "e1\n"},
        {"nonce": "x" * 200},
        {"nonce": "a\nb"},
        {"last": 2**60},
        {"number": -1},
        {"anchor": "zz"},
    ],
)
def test_a_signed_hello_with_impossible_words_is_quarantined(central, kiosk, over):
    kiosk.punches(1)
    assert central.hello(kiosk, **over) is None
    assert len(quarantined(central)) == 1
    assert central.hello(kiosk).through == 0


def test_a_hello_that_contradicts_itself_is_inconsistent(central, kiosk):
    assert central.hello(kiosk, head="00" * 32) is None
    assert central.alarms() == {"inconsistent": 1}


def test_a_packed_batch_is_unpacked(central, kiosk):
    kiosk.punches(20)
    central.hello(kiosk)
    payload, encoding = batch.pack(kiosk.batch(1))
    assert encoding == "zlib"
    assert central.receive(BATCH, payload, encoding).through == 20


def test_the_quarantine_is_bounded(central):
    for number in range(MAX_QUARANTINED + 3):
        with central.store.writing() as tx:
            tx.standing.quarantine(b"x" * 100_000 if number == 5 else b"x", "r", "t", number)
    kept = quarantined(central)
    assert len(kept) == MAX_QUARANTINED
    assert kept[-1].at == MAX_QUARANTINED + 2
    assert max(len(one.raw) for one in kept) == MAX_QUARANTINED_BYTES
    assert max(one.size for one in kept) == 100_000


def test_strangers_raise_no_alarms(central):
    for number in range(20):
        central.receive(topics.up(f"k{number}", Up.BATCH), b"rubbish")
    assert central.stats().alarms == 0


def state(online: bool, connection: int, boot: str) -> bytes:
    said = topics.State(online=online, connection=connection, boot=boot)
    return msgspec.json.encode(said)


def test_an_older_sessions_will_is_ignored(central, kiosk):
    def online():
        with central.store.reading() as tx:
            return tx.pages.kiosks()[0].online

    topic = topics.up("lobi", Up.STATE)
    steps = [
        (state(True, 1, "a"), True),
        (state(True, 2, "a"), True),
        (state(False, 1, "a"), True),  # the will of connection 1, late
        (state(False, 2, "a"), False),
        (state(True, 1, "b"), True),  # a new process
        (state(False, 2, "a"), True),  # the old one's will
        (b"", True),
    ]
    for payload, expected in steps:
        central.receive(topic, payload)
        assert online() is expected
    with central.store.writing() as tx:
        tx.standing.forget_online()
    assert online() is False
    central.receive(topic, state(False, 9, "c"))
    assert online() is False


def test_a_strangers_state_is_not_kept(central):
    central.receive(topics.up("asing", Up.STATE), state(True, 1, "a"))
    with central.store.reading() as tx:
        assert tx.pages.kiosks() == []


def take_in_all(central, letters):
    with central.store.writing() as tx:
        return central.inbox.take_in_all(tx, letters)


def batch_letter(kiosk, *words, **more):
    return read(BATCH, kiosk.batch(*words, **more), "")


def test_a_backlogs_batches_are_taken_in_at_one_stroke_and_each_is_answered(central, kiosk):
    kiosk.punches(9)
    kiosk.add(entry.Coverage(at=STAMP, source="s", terminal="t", through="x", zone="z", records=9))
    central.hello(kiosk)
    letters = [batch_letter(kiosk, first, first + 1) for first in (1, 3, 5, 7, 9)]
    answers = take_in_all(central, letters)
    assert [one.through for one in answers] == [2, 4, 6, 8, 10]
    assert [one.head for one in answers] == [kiosk.hash_at(n).hex() for n in (2, 4, 6, 8, 10)]
    assert [one.seq for one in central.held(kiosk) if one.linked] == list(range(1, 11))
    found = central.stats()
    assert (found.presences, found.counted, found.alarms) == (9, 9, 0)


def test_what_is_sent_twice_within_a_stroke_counts_once(central, kiosk):
    kiosk.punches(6)
    central.hello(kiosk)
    one, two = batch_letter(kiosk, 1, 3), batch_letter(kiosk, 4, 6)
    answers = take_in_all(central, [one, one, two, two, one])
    assert [it.through for it in answers] == [3, 3, 6, 6, 6]
    found = central.stats()
    assert (found.entries, found.presences, found.counted) == (6, 6, 6)


def test_a_punch_that_a_stroke_reports_twice_counts_once(central, kiosk):
    for user in ("1", "2", "1", "3", "2"):
        kiosk.punch(user=user)
    central.hello(kiosk)
    take_in_all(central, [batch_letter(kiosk, 1, 2), batch_letter(kiosk, 3, 5)])
    assert [one.again for one in central.shown()] == [False, False, True, False, True]


def test_a_forged_batch_amid_a_stroke_costs_no_other(central, kiosk):
    kiosk.punches(6)
    central.hello(kiosk)
    letters = [
        batch_letter(kiosk, 1, 2),
        batch_letter(kiosk, 3, 4, sign=PrivateKey.generate()),
        batch_letter(kiosk, 5, 6),
    ]
    answers = take_in_all(central, letters)
    assert [one and one.through for one in answers] == [2, None, 2]  # the last one is an island
    assert central.alarms() == {"unverified": 1}
    assert len(central.held(kiosk)) == 4
