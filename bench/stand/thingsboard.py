"""thingsboard-gateway as a peer of the daemon: started, connected, idle. It needs mosquitto."""

import json
import time
from pathlib import Path

from stand.peers import Peer
from stand.watched import Watched
from sync.line import Broker, Subscription
from sync.mqtt import Connection

WITHIN_S = 60.0

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


def settings(home: Path, port: int) -> Path:
    """Write its settings: sqlite storage, no connector, nothing of its remote control."""
    directory = home / "thingsboard"
    directory.mkdir()
    line = {
        "host": "127.0.0.1",
        "port": port,
        "remoteShell": False,
        "remoteConfiguration": False,
        "statistics": {"enable": False},
        "security": {"type": "accessToken", "accessToken": "bench"},
        "qos": 1,
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
