"""Read or write a terminal's people with pyzk 0.9, one JSON value per line.

    pyzk_people.py read|write HOST PORT tcp|udp

Runs in pyzk's own virtual environment (install.py), never inside our tests.
"""

import json
import sys

from zk import ZK
from zk.finger import Finger


def main(mode, host, port, transport):
    udp = transport == "udp"
    terminal = ZK(host, port=int(port), timeout=10, force_udp=udp, ommit_ping=True).connect()
    users = terminal.get_users()  # without it, set_user writes over slot 1
    if mode == "write":
        terminal.set_user(name="Dari pyzk", password="99", card=1234, user_id="7001")
        user = next(user for user in terminal.get_users() if user.user_id == "7001")
        fingers = [Finger(user.uid, 4, 1, b"finger of pyzk" * 40)]
        terminal.save_user_template(user, fingers)
    else:
        fingers = terminal.get_templates()
        people = [[u.user_id, u.name, u.privilege, u.password, int(u.card)] for u in users]
        slots = {user.uid: user.user_id for user in users}
        found = [[slots[one.uid], one.fid, one.valid, one.template.hex()] for one in fingers]
        print(json.dumps([people, found]), flush=True)
    terminal.disconnect()


main(*sys.argv[1:])
