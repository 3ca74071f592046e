"""What a sender may write into a message never ends central, nor keeps it from the next one."""

import secrets

import msgspec
import pytest

from sync.protocol import batch, entry, hello, topics
from sync.protocol.topics import State, Up

FAR, FARTHER = 2**70, 10**400  # beyond every database's integer, beyond every float

AT = entry.Stamp(wall=1, up=1, boot="b" * 32, synced=True)


@pytest.mark.parametrize("number", [FAR, FARTHER, -FARTHER], ids=["far", "farther", "before"])
@pytest.mark.parametrize("field", ["number", "first", "last"])
def test_a_hello_with_absurd_numbers_is_set_aside(central, kiosk, field, number):
    said = hello.decode(kiosk.hello())[0]
    said = msgspec.structs.replace(said, **{field: number})
    topic = topics.up(kiosk.name, Up.HELLO)
    assert central.receive(topic, hello.encode(said, kiosk.key)) is None
    assert central.stats().quarantined == 1


@pytest.mark.parametrize("number", [FAR, FARTHER], ids=["far", "farther"])
def test_a_batch_with_absurd_numbers_is_set_aside(central, kiosk, number):
    kiosk.punch()
    central.hello(kiosk)
    header = batch.decode(kiosk.batch(1)).header
    header = msgspec.structs.replace(header, first=number, last=number)
    message = batch.encode(header, kiosk.bodies, kiosk.key)
    assert central.receive(topics.up(kiosk.name, Up.BATCH), message) is None
    assert central.stats().quarantined == 1


def test_a_state_with_absurd_numbers_is_set_aside(central, kiosk):
    said = State(online=True, connection=FARTHER, boot="x", since=1)
    assert central.receive(topics.up(kiosk.name, Up.STATE), msgspec.json.encode(said)) is None
    assert central.stats().quarantined == 1


# Random: what compresses well fits into an index of PostgreSQL's all the same.
LONG = secrets.token_urlsafe(4500)


@pytest.mark.parametrize(
    "said",
    [
        entry.Presence(
            at=AT, source="s", terminal=LONG, credential="card", user="1",
            time="2026-11-24T07:28:41", zone="Asia/Jakarta", mark=entry.Mark.KNOWN,
        ),
        entry.Presence(
            at=AT, source="s", terminal="t", credential="card", user="1", person=LONG,
            time="2026-11-24T07:28:41", zone="Asia/Jakarta", mark=entry.Mark.KNOWN,
        ),
        entry.Coverage(at=AT, source=LONG, terminal="t", through="x", zone="z", records=1),
        entry.Coverage(at=AT, source="s", terminal=LONG, through="x", zone="z", records=1, drift=1),
        entry.Terminal(at=AT, source=LONG, serial="t"),
        entry.Audit(at=msgspec.structs.replace(AT, boot=LONG), actor="k", action="x"),
        entry.Gap(at=AT, what="terminal", source=LONG, reason="r"),
        entry.Gap(at=AT, what="journal", since=LONG, reason="r"),
        entry.Gap(at=AT, what=LONG, reason="r"),
    ],
    ids=lambda said: "",
)  # fmt: skip
def test_an_entry_with_a_word_too_long_for_an_index_stalls_nothing(central, kiosk, said):
    kiosk.add(said)
    kiosk.punch()
    central.hello(kiosk)
    assert central.batch(kiosk, 1).through == 2
    assert [one.body for one in central.held(kiosk)] == kiosk.bodies
