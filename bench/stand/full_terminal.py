"""A simulated terminal in a process of its own, whose log is full.

    python bench/stand/full_terminal.py RECORDS USERS LAYOUT

Prints the port it listens on, then serves until stdin ends. LAYOUT is a `LogLayout`'s name.
"""

import sys
from datetime import datetime, timedelta

from drivers.sim.zkteco import (
    LogLayout,
    Profile,
    Record,
    SimulatedTerminal,
    Table,
    simulated_staff,
)

LAST = datetime(2026, 1, 5, 7)  # noqa: DTZ001 - a terminal's clock has no zone


def main() -> None:
    """Serve until stdin ends."""
    count, people, layout = int(sys.argv[1]), int(sys.argv[2]), LogLayout[sys.argv[3]]
    staff = simulated_staff(people)
    profile = Profile(log=layout, record_capacity=count + 1, user_capacity=people)
    terminal = SimulatedTerminal(
        staff, serial="FULL0001", profile=profile, clock=lambda: LAST + timedelta(hours=1)
    )
    terminal.terminal.records = [
        Record(
            staff[n % people].user_id,
            LAST - timedelta(minutes=3 * (count - n)),
            1,
            255,
            n % people + 1,
        )
        for n in range(count)
    ]
    inside = terminal.terminal
    made = {table: inside.table(table) for table in Table}
    # A device's flash has its tables as they are sent; making 200,000 rows anew takes a second.
    inside.table = lambda table, *_: made[table]
    with terminal:
        print(terminal.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
