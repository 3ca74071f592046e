"""What brokers do to the line: their limits, their losses, their ends."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from line_broker import (
    NOT_AUTHORIZED,
    QUOTA_EXCEEDED,
    RULED_OUT,
    SUCCESS,
    TAKEN_OVER,
    TOO_LARGE,
    ScriptedBroker,
    disconnect,
    puback,
)
from line_ends import until

from sync.edge.uplink import LineState
from sync.line import TakenOver
from sync.protocol.topics import Up

pytestmark = pytest.mark.slow


def test_another_kiosks_certificate_is_refused_by_the_acl_and_said(town: Any) -> None:
    """The settings say k1, the certificate says k2: nothing is delivered under a wrong name."""
    town.secure()
    other = town.post.kiosk("k2")
    town.edge.uplink._broker = town.post.where(other.tls(town.post.ca), town.proxy.port)
    town.edge.record(5)
    town.start()
    town.edge.says("Not authorized", "its ACL", "the certificate is this kiosk's")
    assert town.office.bodies() == []
    town.edge.uplink._broker = town.post.where(
        town.post.kiosk("k1").tls(town.post.ca), town.proxy.port
    )
    town.office.agrees_with(town.edge)


def test_a_full_house_is_said(town: Any) -> None:
    town.secure({"max_connections 4000": "max_connections 1"})
    town.office.start()
    until("central is in", lambda: town.office.intake.state.value == "up")
    town.edge.record(5)
    town.edge.worker.start()
    town.edge.says("hung up", "max_connections")
    town.office.stop()
    until("there is room", lambda: town.edge.uplink.line.state is LineState.GREETING)


@pytest.mark.parametrize("settings", ["max_inflight_messages 1", "max_inflight_messages 3"])
def test_a_narrow_window_is_only_slower(town: Any, settings: str) -> None:
    town.plain(settings=settings)
    town.edge.record(2500)
    town.start()
    town.office.agrees_with(town.edge)


def test_packets_are_as_small_as_the_broker_wants_them(town: Any) -> None:
    town.secure({"max_packet_size 327680": "max_packet_size 16384"})
    town.edge.record(200, raw_bytes=2048)  # each entry takes 2.2 KB of a packet
    town.start()
    town.office.agrees_with(town.edge)


def test_packets_too_small_for_an_entry_are_said_at_once(town: Any) -> None:
    town.secure({"max_packet_size 327680": "max_packet_size 16383"})
    town.edge.record(1)
    town.start()
    town.edge.says("up to 16383 bytes only", "may need 16384", "Raise max_packet_size")


def test_a_session_taken_over_waits_a_minute_and_says_why(town: Any) -> None:
    scripted = ScriptedBroker(lambda *_: disconnect(TAKEN_OVER))
    town.plain()
    town.proxy.target = scripted.port
    town.edge.record(1)
    town.start()
    town.edge.says("another client connected as this one", "retire one of them")
    assert TakenOver.wait_s == 60.0
    assert town.edge.worker.waits_s >= 60.0
    scripted.close()


@pytest.mark.parametrize(
    ("reason", "words"),
    [(QUOTA_EXCEEDED, "Quota exceeded"), (RULED_OUT, "Implementation specific")],
)
def test_what_the_broker_refuses_is_said_and_comes_again(
    town: Any, reason: int, words: str
) -> None:
    answers: list[int] = []

    def answer(topic: str, packet: bytes) -> bytes:
        answers.append(SUCCESS if topic.endswith(Up.STATE) else reason)
        return puback(packet, answers[-1])

    scripted = ScriptedBroker(answer)
    town.plain()
    town.proxy.target = scripted.port
    town.edge.record(50)
    town.start()
    town.edge.says(words, "check its ACL and limits")
    until("it is tried again", lambda: answers.count(reason) >= 3)
    assert scripted.connections == 1  # a refusal is no reason to connect anew
    town.proxy.target = town.broker.port
    scripted.close()
    town.office.agrees_with(town.edge)


def test_what_it_said_before_it_hung_up_is_said_too(town: Any) -> None:
    """As Mosquitto 2.0.11 does: the first word is refused, and the line is gone."""
    scripted = ScriptedBroker(lambda _, packet: puback(packet, NOT_AUTHORIZED) + disconnect(0))
    town.plain()
    town.proxy.target = scripted.port
    town.start()
    town.edge.says("Not authorized", "its ACL", "the certificate is this kiosk's")
    scripted.close()


def test_a_reason_for_hanging_up_is_said(town: Any) -> None:
    scripted = ScriptedBroker(lambda *_: disconnect(TOO_LARGE))
    town.plain()
    town.proxy.target = scripted.port
    town.edge.record(50)
    town.start()
    town.edge.says("the connection ended: Packet too large")
    town.proxy.target = town.broker.port
    scripted.close()
    town.office.agrees_with(town.edge)


def test_what_the_broker_drops_in_silence_comes_again(town: Any) -> None:
    """Its queue is full: Mosquitto answers "Success", and drops."""
    town.plain(settings="max_inflight_messages 1\nmax_queued_bytes 2000")
    town.edge.record(3000)
    town.start()
    town.office.agrees_with(town.edge)


class Slow:
    """Central's line, looked at only now and then."""

    def __init__(self, line: Any) -> None:
        self._line = line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def receive(self, wait_s: float) -> Any:
        time.sleep(0.1)  # that is what slow means
        return self._line.receive(wait_s)


def test_a_broker_without_memory_for_our_batches_is_given_smaller_ones(town: Any) -> None:
    """Mosquitto 2.0.11 hangs up, "out of memory", again and again."""
    town.plain(settings="memory_limit 200000")
    town.office.wrap = Slow
    town.edge.record(2000, raw_bytes=300)
    town.start()
    town.office.agrees_with(town.edge)
    assert "out of memory" in town.broker.log()


def test_a_broker_that_is_killed_and_comes_back_empty(town: Any) -> None:
    town.secure()
    town.edge.record(300)
    town.start()
    for _ in range(4):
        town.edge.record(2000)
        until("half is there", lambda: town.edge.epochs.live.cursor > 300)
        town.broker.stop()  # SIGKILL
        town.edge.says("hung up in the middle of the greeting", "Does a broker run there")
        town.broker.start()
    town.office.agrees_with(town.edge)


def test_another_broker_with_nothing_in_it_takes_over(town: Any) -> None:
    town.plain()
    town.edge.record(500)
    town.start()
    town.office.agrees_with(town.edge)
    town.edge.record(3000)
    town.office.stop()
    town.broker.stop()
    town.replace_broker("iotcore")
    town.office.start()
    town.proxy.cut()
    town.office.agrees_with(town.edge)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 64 KB that is full; needs root."""
    if os.geteuid():
        pytest.skip("only root may mount a small disk")
    disk = tmp_path / "full"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], check=True)
    with suppress(OSError):
        (disk / "filler").write_bytes(bytes(65536))
    with pytest.raises(OSError, match="No space"):
        (disk / "more").write_bytes(bytes(4096))
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_broker_whose_disk_is_full_still_passes_everything_on(town: Any, full_disk: Path) -> None:
    town.plain(
        settings=f"persistence true\npersistence_location {full_disk}/\n"
        "autosave_on_changes true\nautosave_interval 1"
    )
    town.edge.record(2000)
    town.start()
    town.office.agrees_with(town.edge)
