"""A simulated terminal in a process of its own, at which people punch as it is told.

    python bench/stand/terminal.py PORT

Reads lines `COUNT RATE` from stdin, makes so many punches at so many a second, and answers each
line with the number of its punches. A line `now` makes one by the terminal's own clock, as somebody
who stands there does, and is answered with when its event was sent, milliseconds since 1970. Ends
when stdin does.
"""

import sys
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from drivers.sim.zkteco import SimulatedTerminal, simulated_staff

STAFF = 55
ZONE = ZoneInfo("Asia/Jakarta")
START = datetime(2026, 1, 5, 7)  # noqa: DTZ001 - a terminal's clock has no zone


def main() -> None:
    """Serve until stdin ends."""
    staff = simulated_staff(STAFF)
    made = 0
    terminal = SimulatedTerminal(
        staff,
        serial="BENCH0001",
        clock=lambda: datetime.now(ZONE).replace(tzinfo=None),
        port=int(sys.argv[1]),
    )
    with terminal:
        print("listens", flush=True)
        for line in sys.stdin:
            if line.strip() == "now":
                sent_ms = 1000 * time.time()
                terminal.punch(staff[made % STAFF].user_id)
                made += 1
                print(sent_ms, flush=True)
                continue
            count, rate = line.split()
            began = time.monotonic()
            for n in range(int(count)):
                time.sleep(max(0.0, began + n / float(rate) - time.monotonic()))
                # Its clock runs a second with every punch: no two are one punch.
                at = START + timedelta(seconds=made)
                terminal.punch(staff[made % STAFF].user_id, at=at)
                made += 1
            print(made, flush=True)


if __name__ == "__main__":
    main()
