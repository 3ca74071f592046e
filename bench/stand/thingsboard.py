"""thingsboard-gateway as a peer of the daemon: idle, and draining a backlog. It needs mosquitto."""

import json
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from stand.peers import Peer
from stand.watched import Watched
from sync.line import Broker, Message, Subscription
from sync.mqtt import Connection

WITHIN_S = 60.0
TELEMETRY = "v1/gateway/telemetry"
ASKS, ANSWERS = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
DRAINING = [Subscription(TELEMETRY), Subscription(ASKS + "+")]
UNLIMITED = {
    "maxPayloadSize": 65536,
    "maxInflightMessages": 100,
    "rateLimits": {},
    "gatewayRateLimits": {},
}
QUIET_S = 10.0  # nothing comes for so long: it has drained

PROGRAM = """
import sys
from thingsboard_gateway.gateway.tb_gateway_service import TBGatewayService
TBGatewayService(sys.argv[1])
"""

# It asks the vendor for updates and tells him of itself; here that ends at this machine.
NOWHERE = dict.fromkeys(("http_proxy", "https_proxy"), "http://127.0.0.1:1")


def figures(home: Path, port: int, idle_s: float, settle_s: float) -> dict[str, float | None]:
    """Return its figures against the broker on `port`; null where it is not installed."""
    if not Peer.THINGSBOARD.installed:
        return dict.fromkeys(
            ("thingsboard_ready_s", "thingsboard_rss_mib", "thingsboard_cpu_pct"), None
        )
    line = Connection(Broker(host="127.0.0.1", port=port), "bench-peer", [Subscription("v1/#")])
    line.open()
    began = time.monotonic()
    peer = Watched(
        [Peer.THINGSBOARD.python, "-c", PROGRAM, settings(home, port)],
        home / "thingsboard.log",
        notifies=False,
        more=NOWHERE,
    )
    try:
        if line.receive(WITHIN_S) is None:
            raise TimeoutError(f"thingsboard-gateway says nothing; see {home}/thingsboard.log")
        ready_s = time.monotonic() - began
        time.sleep(settle_s)
        at, cpu_s = time.monotonic(), peer.cpu_s()
        time.sleep(idle_s)
        spent_s, passed_s = peer.cpu_s() - cpu_s, time.monotonic() - at
        return {
            "thingsboard_ready_s": ready_s,
            "thingsboard_rss_mib": peer.rss_mib(),
            "thingsboard_cpu_pct": 100 * spent_s / passed_s,
        }
    finally:
        peer.end()
        line.close()


FILL = """
import json, logging, sys, time
from threading import Event
from thingsboard_gateway.storage.sqlite.sqlite_event_storage import SQLiteEventStorage
logging.Logger.trace = lambda *_: None  # its own loggers have one
storage = SQLiteEventStorage({"data_file_path": sys.argv[1]}, logging.getLogger(), Event())
for n in range(int(sys.argv[2])):
    storage.put(json.dumps({
        "deviceName": "lobi", "deviceType": "terminal", "attributes": [],
        "telemetry": [{"ts": 1795471200000 + n, "values": {
            "user": str(1001 + n % 55), "person": f"19800101{n % 55:010}",
            "method": "fingerprint", "mark": "known", "terminal": "CEXA180860012"}}],
    }))
while not storage.write_queue.empty():
    time.sleep(0.1)
time.sleep(1.0)
storage.stop()
"""


def drain(home: Path, port: int, broker: Callable[[], None], count: int) -> float | None:
    """Return the events a second that it drains; null where it is not installed.

    Its own storage is filled with `count` events while there is no broker on `port`; `broker`
    starts one. Measured from the first event that arrives to the last: its client has the
    broker's PUBACK then, and nobody's database has the events.
    """
    if not Peer.THINGSBOARD.installed:
        return None
    file = settings(home, port)
    subprocess.run(
        [Peer.THINGSBOARD.python, "-c", FILL, f"{file.parent}/data/", str(count)],
        check=True, capture_output=True,
    )  # fmt: skip
    peer = Watched(
        [Peer.THINGSBOARD.python, "-c", PROGRAM, file],
        home / "thingsboard.log",
        notifies=False,
        more=NOWHERE,
    )
    try:
        broker()
        line = Connection(Broker(host="127.0.0.1", port=port), "bench-peer", DRAINING)
        line.open()
        try:
            return _arriving(line, count)
        finally:
            line.close()
    finally:
        peer.end()


def _arriving(line: Connection, count: int) -> float:
    """Return the events a second that arrive, until none comes any more."""
    came: list[tuple[float, bytes]] = []
    wait_s = WITHIN_S
    while (event := line.receive(wait_s)) is not None:
        if not isinstance(event, Message):
            continue
        line.confirm(event)
        if event.topic.startswith(ASKS):  # it sends nothing before the server has said its limits
            line.send(ANSWERS + event.topic.removeprefix(ASKS), json.dumps(UNLIMITED).encode())
        elif event.topic == TELEMETRY:
            came.append((time.perf_counter(), event.payload))
            wait_s = QUIET_S
    # Counted when all is over: it shall not share the processor with our counting.
    events = [sum(map(len, json.loads(payload).values())) for _, payload in came]
    if sum(events) < 0.9 * count:  # some it loses by itself: two points of one millisecond
        raise TimeoutError(f"thingsboard-gateway drained {sum(events)} of {count} events")
    return sum(events[1:]) / (came[-1][0] - came[0][0])


def settings(home: Path, port: int) -> Path:
    """Write its settings: sqlite storage, no connector, nothing of its remote control."""
    directory = home / "thingsboard"
    directory.mkdir(parents=True)
    line = {
        "host": "127.0.0.1",
        "port": port,
        "remoteShell": False,
        "remoteConfiguration": False,
        "statistics": {"enable": False},
        "security": {"type": "accessToken", "accessToken": "bench"},
        "qos": 1,
        # Its limits are made for the vendor's cloud.
        **dict.fromkeys(("rateLimits", "dpRateLimits", "messagesRateLimits"), "0:0,"),
        **dict.fromkeys(("deviceRateLimits", "deviceDpRateLimits"), "0:0,"),
        "deviceMessagesRateLimits": "0:0,",
    }
    storage = {"type": "sqlite", "data_file_path": f"{directory}/data/"}
    made = {
        "thingsboard": line,
        "storage": storage,
        "grpc": {"enabled": False},
        "connectors": [],
    }
    logs = {"version": 1, "root": {"level": "WARNING", "handlers": []}}
    (directory / "logs.json").write_text(json.dumps(logs))
    (directory / "tb_gateway.json").write_text(json.dumps(made))
    return directory / "tb_gateway.json"


def await_port(port: int) -> None:
    """Wait until something listens there."""
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")
