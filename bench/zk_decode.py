"""How fast a terminal's log is decoded, and in how much memory; beside pyzk where it is there.

Prints one JSON line last: seconds of the best of five decodes, raw bytes kept; seconds with the
punches made of the rows; peak resident MiB of fresh processes that do either once. pyzk decodes
once, is quadratic, and its time follows the machine's memory: compare within one run. It is
GPL-2.0: it runs in its own interpreter, .peers/pyzk/bin/python, and is never imported here.

    python bench/zk_decode.py [--quick] [--records N]
"""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYZK = ROOT / ".peers" / "pyzk" / "bin" / "python"
STAFF = 2404

OURS = """
import json, sys, time
from pathlib import Path
from drivers.base import Credential, Punch, Witness
from drivers.zkteco import times
from drivers.zkteco.log import decode_log

table, count, repeats = Path(sys.argv[1]).read_bytes(), int(sys.argv[2]), int(sys.argv[3])
latest = times.ticks(2099, 1, 1)
best = punched = float("inf")
for _ in range(max(repeats, 1)):
    began = time.perf_counter()
    rows = decode_log(table, (count, count), latest, dict)
    best = min(best, time.perf_counter() - began)
    if repeats != 1:
        punches = [
            Punch(terminal="CEXA1", credential=Credential.TERMINAL_USER, user=row.user,
                  time=row.time, method=row.method, state=row.state, witness=Witness.LOG,
                  raw=row.raw)
            for row in rows
        ]
        punched = min(punched, time.perf_counter() - began)
        del punches
    assert len(rows) == count
    assert all(table.startswith(row.raw, 4 + 40 * n) for n, row in enumerate(rows))
"""

THEIRS = """
import json, sys, time
from pathlib import Path
from zk import ZK

table, count = Path(sys.argv[1]).read_bytes(), int(sys.argv[2])
peer = ZK("127.0.0.1", ommit_ping=True)
peer.read_sizes = lambda: None
peer.records = count
peer.get_users = lambda: []
peer.read_with_buffer = lambda *request: (table, len(table))
began = time.perf_counter()
rows = peer.get_attendance()
best = punched = time.perf_counter() - began
assert len(rows) == count
"""

TELL = """
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
print(json.dumps({"seconds": best, "punches": punched, "peak": peak / 1024}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="10,000 records")
    given = parser.parse_args()
    count = 10_000 if given.quick else given.records
    with tempfile.NamedTemporaryFile(suffix=".zk") as file:
        file.write(log(count))
        file.flush()
        fast = measure(sys.executable, OURS, file.name, count, 5)
        rows_only = measure(sys.executable, OURS, file.name, count, 1)
        with_punches = measure(sys.executable, OURS, file.name, count, 0)
        figures: dict[str, float] = {
            "records": count,
            "seconds": round(fast["seconds"], 4),
            "punches_seconds": round(fast["punches"], 4),
            "peak_mib": round(rows_only["peak"], 1),
            "punches_peak_mib": round(with_punches["peak"], 1),
        }
        if PYZK.exists():
            theirs = measure(str(PYZK), THEIRS, file.name, count, 1)
            figures["pyzk_seconds"] = round(theirs["seconds"], 3)
            figures["pyzk_peak_mib"] = round(theirs["peak"], 1)
            figures["speedup"] = round(theirs["seconds"] / fast["seconds"], 1)
            figures["punches_speedup"] = round(theirs["seconds"] / fast["punches"], 1)
    print(json.dumps(figures))


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


def measure(python: str, program: str, table: str, count: int, repeats: int) -> dict[str, float]:
    """Run `program` in a fresh process and return what it tells."""
    told = subprocess.run(
        [python, "-c", program + TELL, table, str(count), str(repeats)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    figures: dict[str, float] = json.loads(told.stdout)
    return figures


if __name__ == "__main__":
    main()
