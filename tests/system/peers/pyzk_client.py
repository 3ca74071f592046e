"""Read a terminal with pyzk 0.9 and print what it says, one JSON value per line.

    pyzk_client.py read|live HOST PORT tcp|udp KEY EVENTS

Runs in pyzk's own virtual environment (install.py), never inside our tests.
"""

import json
import sys

from zk import ZK


def say(value):
    print(json.dumps(value), flush=True)


def punch(row):
    return [row.user_id, row.timestamp.isoformat(), row.status, row.punch]


def main(mode, host, port, transport, key, events):
    terminal = ZK(
        host,
        port=int(port),
        timeout=10,
        password=int(key),
        force_udp=transport == "udp",
        ommit_ping=True,
    ).connect()
    if mode == "read":
        say([terminal.get_serialnumber(), terminal.get_firmware_version(), terminal.get_mac()])
        say([[user.uid, user.user_id, user.name] for user in terminal.get_users()])
        say([punch(row) for row in terminal.get_attendance()])
        say(terminal.get_time().isoformat())
    else:
        left = int(events)
        for row in terminal.live_capture():
            say(punch(row))
            left -= 1
            if left == 0:
                break
    terminal.disconnect()


main(*sys.argv[1:])
