"""What can be found out about the machine without the daemon, and what to do about it.

    machine.py    where everything is read: a root directory and programs; tests replace both
    card.py       the disk: room, faults, wear
    board.py      memory, temperature, power
    clockwork.py  what keeps the machine's clock
    network.py    the way to the broker, step by step, and its certificates
    serialports.py  rights to ports, and who else uses them
    install.py    the installation itself: whose packages, whose files

Each check is a function of a `Machine` that yields findings; `kiosk doctor` prints them beside what
the daemon says of itself. What does not concern a machine, the undervoltage of a PC, yields none.
"""
