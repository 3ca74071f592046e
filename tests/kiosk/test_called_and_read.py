"""One terminal that is read over 4370 and calls as well: two witnesses, one punch each."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drivers.base import Source
from drivers.options import PushListener, ZkPush, ZkTerminal
from drivers.registry import Around, build, listen
from drivers.sim.zkpush import PUSH_PROFILES, PushTerminal
from drivers.sim.zkteco import SimulatedTerminal, simulated_staff
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from sync.edge.roster import Rosters
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.protocol import entry

SERIAL = "BOTH0001"
MORNING = datetime(2026, 11, 26, 7, 0)  # noqa: DTZ001 - a terminal's clock has no zone
WITHIN_S = 30.0


def now() -> datetime:
    return datetime.now(UTC)


def wall_clock() -> datetime:
    return now().replace(tzinfo=None)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_each_punch_counts_once_by_whichever_way_it_comes(tmp_path: Path) -> None:
    Journal.make(tmp_path / "j.db", Life("k1", "e1", 1, b"key"))
    journal = Journal(tmp_path / "j.db")
    journal.open()
    stop, up = threading.Event(), threading.Event()
    listener = listen(PushListener(host="127.0.0.1", port=0), now, now)

    def collector(source: Source) -> Collector:
        return Collector(
            source,
            "UTC",
            journal,
            TrustedClock(),
            Rosters(),
            lambda *_: None,
            timedelta(seconds=120),
        )

    with SimulatedTerminal(simulated_staff(5), serial=SERIAL, clock=wall_clock) as read:
        both = [
            ZkTerminal(name="read", host="127.0.0.1", port=read.port, timezone="UTC", check_s=0.2),
            ZkPush(name="called", serial=SERIAL, timezone="UTC"),
        ]
        collectors = [collector(build(one, now, now, Around(listener=listener))) for one in both]
        threads = [threading.Thread(target=listener.run, args=(stop.is_set, up.set))] + [
            threading.Thread(target=one.run, args=(stop.is_set, lambda: None)) for one in collectors
        ]
        for thread in threads:
            thread.start()
        assert up.wait(WITHIN_S)
        call = PushTerminal("127.0.0.1", listener.port, serial=SERIAL, profile=PUSH_PROFILES["2.2"])
        for n in range(40):  # one terminal, so both have every punch
            at = MORNING + timedelta(seconds=n)
            user = f"{1001 + n % 5}"
            read.punch(user, at=at)
            call.punch(user, at=at)
            if n % 7 == 0:
                until(call.turn)
        until(lambda: call.turn() and call.sent == 40)
        until(lambda: sum(one.seen.recorded for one in collectors) == 40)
        until(lambda: sum(one.seen.known_already for one in collectors) >= 40)
        call.stop()
        stop.set()
        for thread in threads:
            thread.join(WITHIN_S)
    bodies = [entry.decode(row.body) for row in journal.reader.rows(1) if row.body is not None]
    told = [one for one in bodies if isinstance(one, entry.Presence)]
    journal.close()
    assert Counter((one.user, one.time) for one in told) == {
        (f"{1001 + n % 5}", (MORNING + timedelta(seconds=n)).isoformat()): 1 for n in range(40)
    }
