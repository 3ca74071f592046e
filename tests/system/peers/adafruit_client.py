"""Drive a finger module with adafruit-circuitpython-fingerprint; print one JSON value per line.

    adafruit_client.py PORT fast|slow [led]

Runs in an environment of its own (install.py), never inside our tests. The fingers come and go as
the module looks: twice one with a pause between, again, another, and the first once more.
"""

import json
import sys

import adafruit_fingerprint
import serial


def say(value):
    print("say " + json.dumps(value), flush=True)


def main(port, search, *led):
    finger = adafruit_fingerprint.Adafruit_Fingerprint(serial.Serial(port, 57600, timeout=2))
    say([finger.library_size, finger.security_level, finger.data_packet_size, finger.baudrate])
    enrolled = [finger.get_image(), finger.image_2_tz(1), finger.get_image(), finger.get_image()]
    say([*enrolled, finger.image_2_tz(2), finger.create_model(), finger.store_model(5)])
    look_up = finger.finger_fast_search if search == "fast" else finger.finger_search
    for _ in ("the same", "another"):
        say([finger.get_image(), finger.image_2_tz(1), look_up(), finger.finger_id])
    say(finger.load_model(5, 1))
    template = finger.get_fpdata("char", 1)
    say([len(template), bytes(template[:2]).hex()])
    say([finger.send_fpdata(template, "char", 2), finger.store_model(6, 2)])
    say([finger.load_model(6, 1), finger.get_fpdata("char", 1) == template])
    say([finger.load_model(5, 2), finger.compare_templates()])
    finger.get_image()
    image = finger.get_fpdata("image")
    say([len(image), finger.send_fpdata(image, "image"), finger.get_fpdata("image") == image])
    say([finger.read_templates(), finger.templates, finger.count_templates()])
    say([finger.delete_model(5), finger.read_templates(), finger.templates])
    say(finger.set_sysparam(5, 4))
    if led:
        say(finger.set_led(color=1, mode=3))
        finger.soft_reset()
    say(finger.verify_password())
    say([finger.empty_library(), finger.count_templates(), finger.template_count])


main(*sys.argv[1:])
