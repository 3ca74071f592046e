"""What a kiosk says of itself: from its status to central's page and figures, on both databases."""

import msgspec
import pytest

from sync.central.figures import figures
from sync.central.web.kiosks import _kiosk
from sync.protocol import topics
from sync.protocol.health import MAX_SOURCES, MAX_STATE_BYTES, Health, SourceHealth
from sync.protocol.topics import State, Up

HOUR = 3_600_000


def health(now: int, **more) -> Health:
    sources = [
        SourceHealth(name="lobi", connected=True, covered="2026-11-24T07:30:00", drift=-400),
        SourceHealth(name="gudang", connected=False, drift=600_000, failures=4),
    ]
    fields = {"waiting": 7, "oldest": now - HOUR, "trusted": False, "disk": 91.5}
    return Health(at=now, sources=sources, **{**fields, **more})


def say(central, kiosk, **more):
    state = State(**{"online": True, "connection": 1, "boot": "b", **more})
    return central.receive(topics.up(kiosk.name, Up.STATE), msgspec.json.encode(state))


def line(central):
    with central.store.reading() as tx:
        [found] = tx.pages.kiosks()
    return found


def test_central_knows_what_the_kiosk_said_last(central, kiosk):
    central.hello(kiosk)
    assert line(central).health is None
    say(central, kiosk, health=health(central.now))
    assert line(central).health == health(central.now)
    assert line(central).health_at == central.now
    central.now += HOUR
    say(central, kiosk)  # as one that says nothing of itself, or whose will it is
    assert line(central).health == health(central.now - HOUR)
    say(central, kiosk, health=health(central.now, waiting=0))
    assert line(central).health.waiting == 0


def test_an_older_session_s_word_changes_nothing(central, kiosk):
    central.hello(kiosk)
    say(central, kiosk, connection=5, health=health(central.now))
    say(central, kiosk, connection=4, health=health(central.now, waiting=99))
    assert line(central).health.waiting == 7


@pytest.mark.parametrize(
    "payload",
    [
        b'{"online":true,"connection":1,"boot":"b","health":{"at":-1}}',
        b'{"online":true,"connection":1,"boot":"b","health":{"at":1,"disk":1000}}',
        b'{"online":true,"connection":1,"boot":"' + b"b" * MAX_STATE_BYTES + b'"}',
    ],
)
def test_what_is_no_health_is_set_aside(central, kiosk, payload):
    central.hello(kiosk)
    central.receive(topics.up(kiosk.name, Up.STATE), payload)
    assert line(central).health is None
    assert central.stats().quarantined == 1


def test_the_longest_state_is_short_enough():
    name = "é" * 64
    sources = [
        SourceHealth(name=name, connected=True, covered=name, drift=-(2**53), failures=2**53)
        for _ in range(MAX_SOURCES)
    ]
    longest = State(online=True, connection=1, boot="b", health=Health(at=1, sources=sources))
    assert len(msgspec.json.encode(longest)) < 2 * MAX_STATE_BYTES
    plain = msgspec.structs.replace(
        longest,
        health=Health(at=1, sources=[msgspec.structs.replace(one, name="pintu-masuk-utama",
                                                             covered="2026-11-24T07:30:00")
                                     for one in sources]),
    )  # fmt: skip
    assert len(msgspec.json.encode(plain)) < MAX_STATE_BYTES


def test_the_page_says_what_a_person_should_look_at(central, kiosk):
    central.hello(kiosk)
    say(central, kiosk, health=health(central.now))
    from zoneinfo import ZoneInfo

    said = _kiosk(line(central), central.now, ZoneInfo("Asia/Jakarta"))
    for words in (
        "jamnya belum pasti",
        "kartunya hampir penuh",
        "mesin tidak terjangkau: gudang",
        "jam mesin meleset: gudang",
    ):
        assert words in said.worry
    assert "diam" not in said.worry
    assert "lobi: tersambung, selisih -0 detik, terbaca sampai 2026-11-24 07:30:00" in said.sources
    central.now += HOUR
    assert "diam" in _kiosk(line(central), central.now, ZoneInfo("Asia/Jakarta")).worry
    say(central, kiosk, health=health(central.now, trusted=True, disk=10.0))
    central.hello(kiosk)
    assert _kiosk(line(central), central.now, ZoneInfo("Asia/Jakarta")).worry.startswith("mesin")


def test_the_figures_have_it(central, kiosk):
    central.hello(kiosk)
    say(central, kiosk, health=health(central.now))
    with central.store.reading() as tx:
        found = {one.name: one.samples for one in figures(tx, central.now)}
    [waiting] = found["presensi_central_kiosk_entries_waiting"]
    assert (waiting.value, waiting.labels) == (7, {"kiosk": "lobi"})
    away = {one.labels["source"]: one.value for one in found["presensi_central_source_connected"]}
    assert away == {"lobi": 1, "gudang": 0}
