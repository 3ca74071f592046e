"""The first medium turns read-only under the running daemon: the second one takes over by itself.

    python tests/crash/standby.py

The daemon ends with the code that asks to be started again, and its next start goes on with the
mirror's directory. Every presence that it ever said it had recorded must then be in the journal
there, and the terminal's whole log. Prints one JSON line; ends with 1 if anything is missing.
"""

import json
import sys
import tempfile
from pathlib import Path

from machine import Machine

from sync.journal.names import files
from sync.journal.reader import Reader
from sync.protocol import entry

WITHIN_S = 60.0


def recorded(directory: Path) -> set[bytes]:
    """Return the origins of every presence in the journals of a directory, chains verified."""
    found = set()
    for path in files(directory):
        reader = Reader(path)
        reader.open()
        reader.verify()
        for row in reader.rows(1):
            said = entry.decode(row.body or b"")
            if isinstance(said, entry.Presence):
                found.add(said.origin)
        reader.close()
    return found


def main() -> int:
    """Run the lab."""
    failures = []
    with tempfile.TemporaryDirectory() as home:
        machine = Machine(Path(home) / "kiosk", "SIM1", "1", "strict")
        second = Path(home) / "second"
        config = Path(home) / "kiosk" / "kiosk.toml"
        config.write_text(f'mirror = "{second}"\n{config.read_text()}')
        try:
            machine.start()
            machine.people_come(0.4)
            if not machine.until(machine.has_acknowledged_everything, WITHIN_S):
                failures.append("the first medium does not work")
            before = len(machine.acknowledged)
            machine.disk.do("read only", on=True)
            machine.people_come(0.2)
            if not machine.until(machine.wants_restart, WITHIN_S):
                failures.append("it does not ask to be started again")
            machine.data = second / "standby"
            machine.start()
            if not machine.until(machine.has_read_everything, WITHIN_S):
                failures.append("the second medium does not go on")
            machine.people_come(0.2)
            machine.until(machine.has_acknowledged_everything, WITHIN_S)
            machine.stop()
            there = recorded(machine.data / "journal")
            wanted = {one.presence.origin for one in machine.acknowledged}
            wanted |= {machine.terminal.origin(record) for record in machine.terminal.log}
            missing = len(wanted - there)
        finally:
            log = machine.log.read_text()
            machine.close()
            if failures or sys.exc_info()[0]:
                sys.stderr.write(log[-3000:])
    for failure in failures:
        print(failure, file=sys.stderr)
    said = "working on the second medium" in log
    print(json.dumps({"before": before, "wanted": len(wanted), "lost": missing, "said": said}))
    return 1 if failures or missing else 0


if __name__ == "__main__":
    sys.exit(main())
