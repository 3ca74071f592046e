"""Turn the disk read-only under the running daemon, and back.

    python tests/crash/readonly.py

An ext4 whose medium fails is remounted read-only by the kernel, with every file still open.
Punches made meanwhile are neither shown nor confirmed; the daemon says why; once the disk takes
writes again the same process records all of them. Prints one JSON line.
"""

import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from kills import Kills, Result
from machine import Machine

from kiosk.health import Status
from kiosk.local import NoDaemon, ask

WITHIN_S = 60.0
READ_ONLY_S = 0.5


def error(machine: Machine) -> str:
    """Return what the daemon says is wrong with its terminal; "" for nothing."""
    with contextlib.suppress(NoDaemon, StopIteration):
        return (
            msgspec.json.decode(next(ask(machine.socket, "status")), type=Status).sources[0].error
        )
    return ""


def main() -> int:
    """Run the lab."""
    result = Result()
    with tempfile.TemporaryDirectory() as home:
        machine = Machine(Path(home) / "kiosk", "SIM1", "1", "strict")
        try:
            machine.start()
            machine.people_come(0.3)
            machine.until(machine.has_acknowledged_everything, WITHIN_S)
            machine.disk.do("read only", on=True)
            before, confirmed = len(machine.acknowledged), len(machine.terminal.confirmed)
            machine.people_come(READ_ONLY_S)
            machine.until(lambda: "disk" in error(machine), WITHIN_S)
            said = error(machine)
            meanwhile = len(machine.acknowledged) - before
            meanwhile += len(machine.terminal.confirmed) - confirmed
            machine.disk.do("read only", on=False)
            began = time.monotonic()
            kills = Kills(machine, "read-only", result)
            if not machine.until(machine.has_acknowledged_everything, WITHIN_S):
                result.failures.append(f"not recorded within {WITHIN_S:g} s of being writable")
            recovered_s = time.monotonic() - began
            machine.kill()
            kills.settle()
        finally:
            machine.close()
            if result.failures or sys.exc_info()[0]:
                sys.stderr.write(machine.log.read_text()[-3000:])
    for failure in result.failures[:20]:
        print(failure, file=sys.stderr)
    print(
        json.dumps(
            {
                "acknowledged while read-only": meanwhile,
                "said": said,
                "recovered_s": round(recovered_s, 1),
                "punches": len(machine.terminal.log),
                "lost": result.lost,
                "doubled": result.doubled,
            }
        )
    )
    return 1 if result.failures or meanwhile else 0


if __name__ == "__main__":
    sys.exit(main())
