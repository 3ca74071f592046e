"""Drive a finger module with pyfingerprint 1.5; print one JSON value per line.

    pyfingerprint_client.py PORT PICTURE

It is under the D-FSL: it runs in an environment of its own (install.py), never inside our tests.
The fingers come and go as the module looks, as in adafruit_client.py. PICTURE is where an image is
written.
"""

import json
import sys

from pyfingerprint.pyfingerprint import PyFingerprint


def say(value):
    print("say " + json.dumps(value), flush=True)


def main(port, picture):
    finger = PyFingerprint(port, 57600, 0xFFFFFFFF, 0)
    say(finger.verifyPassword())
    say([finger.getStorageCapacity(), finger.getMaxPacketSize(), finger.getBaudRate()])
    say([finger.readImage(), finger.convertImage(1), finger.readImage(), finger.readImage()])
    say([finger.convertImage(2), finger.createTemplate(), finger.storeTemplate(5)])
    for _ in ("the same", "another"):
        say([finger.readImage(), finger.convertImage(1), finger.searchTemplate()[0]])
    say(finger.loadTemplate(5, 1))
    template = finger.downloadCharacteristics(1)
    say([len(template), template[:2]])
    say([finger.uploadCharacteristics(2, template), finger.storeTemplate(6, 2)])
    say(finger.compareCharacteristics() > 50)
    finger.readImage()
    finger.downloadImage(picture)
    used = finger.getTemplateIndex(0)
    say([n for n, one in enumerate(used) if one])
    say([finger.deleteTemplate(5), finger.getTemplateCount()])
    say(finger.generateRandomNumber() != finger.generateRandomNumber())
    finger.setSecurityLevel(2)
    say(finger.getSecurityLevel())
    say([finger.clearDatabase(), finger.getTemplateCount()])


main(*sys.argv[1:])
