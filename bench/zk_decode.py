"""How fast a terminal's log is read and decoded, and in how much memory; beside pyzk.

    python bench/zk_decode.py [--quick] [--records N]

Prints one JSON line last:

    records, seconds, peak_mib     all rows decoded and held, raw bytes kept; best of five, and the
                                   most resident MiB of a fresh process that does it once
    punches_*                      gone through as the kiosk does it, as punches, a page at a time
    socket_*                       from CONNECT to the last punch, through a real socket
    pyzk_seconds, pyzk_peak_mib, socket_pyzk_*    pyzk's get_attendance; null where it is not there
    speedup, punches_speedup, socket_speedup      its seconds by ours

The terminal is the simulated one, in a process of its own. pyzk decodes once, is quadratic, and its
time follows the machine's memory: compare within one run. It is GPL-2.0: it runs in its own
interpreter, .peers/pyzk/bin/python, and is never imported here.
"""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from busy_terminals import full_terminal

ROOT = Path(__file__).resolve().parent.parent
PYZK = ROOT / ".peers" / "pyzk" / "bin" / "python"
STAFF = 2404

OURS = """
import json, sys, time
from pathlib import Path
from drivers.zkteco import times
from drivers.zkteco.log import LogPunches, decode_log

what, table, count = sys.argv[1], Path(sys.argv[2]).read_bytes(), int(sys.argv[3])
latest = times.ticks(2099, 1, 1)
best = float("inf")
for _ in range(int(sys.argv[4])):
    began = time.perf_counter()
    log = decode_log(table, (count, count), latest, dict)
    if what == "rows":
        held = list(log)
    else:
        for held in LogPunches(log, "CEXA1"):
            pass
    best = min(best, time.perf_counter() - began)
assert len(log) == count
if what == "rows":
    assert all(table.startswith(row.raw, 4 + 40 * n) for n, row in enumerate(held))
else:
    assert held.raw == table[-40:]
"""

THEIRS = """
import json, sys, time
from pathlib import Path
from zk import ZK

table, count = Path(sys.argv[2]).read_bytes(), int(sys.argv[3])
peer = ZK("127.0.0.1", ommit_ping=True)
peer.read_sizes = lambda: None
peer.records = count
peer.get_users = lambda: []
peer.read_with_buffer = lambda *request: (table, len(table))
began = time.perf_counter()
rows = peer.get_attendance()
best = time.perf_counter() - began
assert len(rows) == count
"""

OURS_BY_SOCKET = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
from drivers.options import ZkTerminal
from drivers.registry import build

began = time.perf_counter()
options = ZkTerminal(name="gate", host="127.0.0.1", port=int(sys.argv[2]))
source = build(options, lambda: datetime.now(UTC))
source.open(None, lambda: None)
reading = source.read(60.0)
assert reading.coverage.records == int(sys.argv[3])
for punch in reading.punches:
    pass
best = time.perf_counter() - began
source.close()
"""

THEIRS_BY_SOCKET = """
import json, sys, time
from pathlib import Path
from zk import ZK

began = time.perf_counter()
peer = ZK("127.0.0.1", port=int(sys.argv[2]), timeout=60, ommit_ping=True).connect()
rows = peer.get_attendance()
best = time.perf_counter() - began
peer.disconnect()
assert len(rows) == int(sys.argv[3])
"""

TELL = """
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
print(json.dumps({"seconds": best, "peak": peak / 1024}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="10,000 records")
    given = parser.parse_args()
    count = 10_000 if given.quick else given.records
    figures: dict[str, float | None] = {"records": count}
    with tempfile.NamedTemporaryFile(suffix=".zk") as file:
        file.write(log(count))
        file.flush()
        for prefix, what in (("", "rows"), ("punches_", "punches")):
            fast = measure(sys.executable, OURS, what, file.name, count, 5)
            once = measure(sys.executable, OURS, what, file.name, count, 1)
            figures[f"{prefix}seconds"] = fast["seconds"]
            figures[f"{prefix}peak_mib"] = once["peak"]
        beside(figures, "", THEIRS, file.name, count)
    with full_terminal(count, STAFF, "TFT_40") as port:
        once = measure(sys.executable, OURS_BY_SOCKET, "", str(port), count, 1)
        figures |= {"socket_seconds": once["seconds"], "socket_peak_mib": once["peak"]}
        beside(figures, "socket_", THEIRS_BY_SOCKET, str(port), count)
    theirs, ours = figures["pyzk_seconds"], figures["punches_seconds"]
    figures["punches_speedup"] = theirs and ours and theirs / ours
    print(json.dumps({k: v if v is None else round(v, 4) for k, v in figures.items()}))


def beside(
    figures: dict[str, float | None], prefix: str, program: str, where: str, count: int
) -> None:
    """Add what pyzk takes for the same."""
    names = [f"{prefix}pyzk_seconds", f"{prefix}pyzk_peak_mib", f"{prefix}speedup"]
    figures |= dict.fromkeys(names)
    if PYZK.exists():
        theirs = measure(str(PYZK), program, "", where, count, 1)
        ours = figures[f"{prefix}seconds"] or 0.0
        values = theirs["seconds"], theirs["peak"], theirs["seconds"] / ours
        figures |= dict(zip(names, values, strict=True))


def log(count: int) -> bytes:
    """Return an attendance table of 40-byte rows, one punch every ten minutes from 2024 on."""
    start = 24 * 12 * 31 * 86_400  # 2024-01-01 in ticks
    row = struct.Struct("<H24sBIB8s")
    tail = b"\0\0\0\0\xff\0\0\0"
    # 600 s a row stays on days 1 to 28, so that pyzk, which dies of 31 February, can follow.
    rows = (
        row.pack(n % STAFF + 1, b"%d" % (1001 + n % STAFF), 1, start + spread(n), 255, tail)
        for n in range(count)
    )
    return (count * row.size).to_bytes(4, "little") + b"".join(rows)


def spread(n: int) -> int:
    """Return ticks from the first day on, of the n-th punch: 144 a day, 28 days a month."""
    day, slot = divmod(n, 144)
    month, day = divmod(day, 28)
    return (month * 31 + day) * 86_400 + slot * 600


def measure(
    python: str, program: str, what: str, where: str, count: int, repeats: int
) -> dict[str, float]:
    """Run `program` in a fresh process and return what it tells."""
    told = subprocess.run(
        [python, "-c", program + TELL, what, where, str(count), str(repeats)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    figures: dict[str, float] = json.loads(told.stdout)
    return figures


if __name__ == "__main__":
    main()
