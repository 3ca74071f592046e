"""What networks do to the line: all arrives, once, or `kiosk status` says what happened."""

from itertools import count
from typing import Any

import pytest
from line_ends import UNSYNCED, until

from sync.edge.delivery import Timing
from sync.edge.uplink import LineState
from sync.line import Message
from sync.protocol.topics import Down

pytestmark = pytest.mark.slow


def test_with_the_real_files_everything_arrives(town: Any) -> None:
    town.secure()
    town.edge.record(1200)
    town.start()
    town.office.agrees_with(town.edge)
    town.edge.record(1)
    town.office.agrees_with(town.edge)
    assert town.edge.error == ""


def test_a_kiosk_in_1970_reaches_the_broker_and_one_in_its_time_checks_times(town: Any) -> None:
    town.post.recertify_broker(days_ahead=100)
    town.secure()
    town.edge.worker.start()
    town.edge.says("not yet valid", "clock")
    town.edge.uplink._stamp = lambda: UNSYNCED
    town.edge.says("central is not listening")
    assert town.edge.uplink.line.state is LineState.GREETING


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_connection_cut_at_any_byte_loses_and_doubles_nothing(town: Any, direction: str) -> None:
    town.secure()
    town.edge.record(20)
    town.start()
    town.office.agrees_with(town.edge)
    # A greeting by TLS takes 2 to 3 KB up, hello and batch one more; denser where MQTT begins.
    for after in [*range(1, 1800, 173), *range(1800, 4500, 61)]:
        town.proxy.cut_next_after(**{direction: after})
        town.edge.record(2)
        made = town.proxy.made
        town.proxy.cut()
        until("it comes again", lambda made=made: town.proxy.made > made)
    town.office.agrees_with(town.edge)


def test_a_slow_line_is_only_slow(town: Any) -> None:
    town.secure()
    town.proxy.delay_s = 0.15
    town.edge.record(300)
    town.start()
    town.office.agrees_with(town.edge)


def test_a_line_on_which_every_batch_is_overdue_still_gets_on(town: Any) -> None:
    """A batch takes 2 s, a receipt is awaited for 0.4 s: what was stored meanwhile counts."""
    town.secure()
    town.proxy.bytes_per_s = 15_000
    town.edge.record(1500, raw_bytes=200)
    town.start()
    town.office.agrees_with(town.edge)


def test_a_line_that_always_breaks_before_a_batch_is_over_still_gets_on(town: Any) -> None:
    """What was too much comes back smaller, or it would come back for ever."""
    town.plain()
    town.proxy.every_cut_up = 20_000
    town.edge.record(1000, raw_bytes=200)  # a batch of them would take 80 KB
    town.start()
    town.office.agrees_with(town.edge)
    assert town.proxy.made > 5


@pytest.mark.parametrize("secure", [True, False])
def test_a_broker_that_accepts_and_never_greets_is_said(town: Any, secure: bool) -> None:
    town.proxy.mute = True
    town.secure() if secure else town.plain()
    town.edge.record(5)
    town.start()
    town.edge.says("timed out" if secure else "no answer to the connection within 2 s")
    town.proxy.mute = False
    town.office.agrees_with(town.edge)


def test_a_line_that_went_dead_is_given_up_by_keepalive(town: Any) -> None:
    """Half open: no byte passes, and nobody says so."""
    town.plain()
    town.edge.record(5)
    town.start()
    town.office.agrees_with(town.edge)
    town.proxy.mute = True
    town.edge.record(5)
    until("the line is given up", lambda: town.edge.worker.failures > 0)
    assert "the connection ended" in town.edge.worker.error
    town.proxy.mute = False
    town.office.agrees_with(town.edge)


# Central.


class Deaf:
    """Central's line, some of whose receipts are lost on the way."""

    def __init__(self, line: Any, lost: Any) -> None:
        self._line = line
        self._lost = lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)

    def send(self, topic: str, payload: bytes, **more: Any) -> int:
        if topic.endswith(Down.RECEIPT) and self._lost():
            return 0
        sent: int = self._line.send(topic, payload, **more)
        return sent


def test_lost_receipts_cost_time_only(town: Any) -> None:
    town.secure()
    numbers = count()
    town.office.wrap = lambda line: Deaf(line, lambda: next(numbers) % 3 != 2)
    town.edge.record(1500)
    town.start()
    town.office.agrees_with(town.edge)
    assert next(numbers) > 5


def test_a_central_that_never_answers_is_said(town: Any) -> None:
    town.secure()
    silent = [True]
    town.office.wrap = lambda line: Deaf(line, lambda: silent[0])
    town.edge.record(700)
    town.start()
    town.edge.says("central does not answer", "admit", "presensi-central kiosks list")
    silent[0] = False
    town.office.agrees_with(town.edge)
    assert town.edge.error == ""


def test_a_kiosk_that_nobody_admitted_is_told_so(town: Any) -> None:
    town.secure()
    town.office.asked("SELECT 1")  # the database is there
    with town.office.store.writing() as tx:
        tx.registry.retire(town.kiosk_key.public.fingerprint)
    town.edge.record(1)
    town.start()
    town.edge.says("central does not answer", "did it admit this kiosk")


def test_no_central_at_all_is_said_and_everything_waits(town: Any) -> None:
    town.secure()
    town.edge.record(700)
    town.edge.worker.start()
    town.edge.says("central is not listening")
    town.office.start()
    town.office.agrees_with(town.edge)
    assert town.edge.error == ""


def test_a_database_that_is_down_while_the_broker_is_up(town: Any) -> None:
    """Central leaves the broker, comes back, and everything arrives."""
    import sqlite3

    town.secure(timing=Timing(answer_s=0.4, answer_most_s=1.0))
    town.edge.record(10)
    town.start()
    town.office.agrees_with(town.edge)
    lock = sqlite3.connect(town.office.path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    town.edge.record(600)
    town.edge.says("central is not listening")
    lock.execute("ROLLBACK")
    lock.close()
    town.office.agrees_with(town.edge)


def test_central_confirms_only_what_it_has(town: Any) -> None:
    """Every message that central hears is confirmed once it is committed, and only then."""
    town.secure()
    seen: list[tuple[str, int]] = []

    class Watched(Deaf):
        def receive(self, wait_s: float) -> Any:
            event = self._line.receive(wait_s)
            if isinstance(event, Message) and event.topic.endswith("/batch"):
                seen.append(("heard", len(town.office.bodies())))
            return event

        def confirm(self, message: Message) -> None:
            if message.topic.endswith("/batch"):
                seen.append(("confirmed", len(town.office.bodies())))
            self._line.confirm(message)

    town.office.wrap = lambda line: Watched(line, lambda: False)
    town.edge.record(400)
    town.start()
    town.office.agrees_with(town.edge)
    assert [what for what, _ in seen].count("confirmed") == len(seen) // 2
    assert all(number > 0 for what, number in seen if what == "confirmed")
