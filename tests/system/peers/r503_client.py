"""Drive a finger module with r503 0.0.4; print one JSON value per line.

    r503_client.py PORT

Runs in an environment of its own (install.py), never inside our tests. It opens /dev/ttyUSB{n} and
nothing else, and reads until its time is over: the port that it opens is replaced by PORT, and
ends a read where nothing more comes.
"""

import json
import sys

import serial

PORT = sys.argv[1]
REAL = serial.Serial


class Port(REAL):
    def __init__(self, _name, **more):
        super().__init__(PORT, **more)

    def read(self, size=1):
        """Read until it is silent, as a module without hesitation lets one do."""
        self.timeout = 2.0
        got = super().read(1)
        self.timeout = 0.1
        while len(got) < size and (more := super().read(max(1, min(size, self.in_waiting)))):
            got += more
        return got


serial.Serial = Port

from r503 import R503  # noqa: E402 - only once the port is replaced


def say(value):
    print("say " + json.dumps(value), flush=True)


def main():
    finger = R503(0)
    say([finger.verify_pw(), finger.handshake(), finger.check_sensor()])
    told = finger.read_sys_para_decode()
    say([told["finger_library_size"], told["baud_rate"], told["pw_verified"]])
    what = finger.read_prod_info_decode()
    say([what["module type"], what["serial number"], what["image width"], what["template size"]])
    finger.manual_enroll(5, loop_delay=0)
    for _ in ("the same", "another"):
        code, page, _score = finger.search()
        say([code, page if code == 0 else None])
    say(finger.load_char(5))
    template = finger.up_char()
    say([sum(map(len, template)), template[0][:2].hex()])
    say([finger.down_char(template), finger.store(1, 6)])
    finger.get_img()
    image = finger.up_image()
    say(sum(map(len, image)))
    say([finger.read_index_table(), finger.read_valid_template_num()])
    say([finger.delete_char(5), finger.read_index_table()])
    say([finger.write_notepad(3, "token of ours"), finger.read_notepad(3)[1][:13].decode()])
    say([finger.led_control(ctrl=3, color=4), finger.cancel()])
    say([finger.get_fw_ver()[0], finger.get_alg_ver()[0], len(finger.read_info_page())])
    say([finger.set_security(4), finger.set_pkg_length(64), finger.get_random_code() > 99])
    say([finger.empty_finger_lib(), finger.read_valid_template_num()])


main()
