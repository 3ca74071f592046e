"""Fingerprint modules of the R30x family: ZFM-20, R307, R308, R503, R551, AS608. From the bytes up:

    packets.py    the frame: written, and found in whatever a line delivers; codes.py: what it says
    line.py       frames through a port, within a deadline
    link.py       questions and answers: what may be asked again, which answer belongs to which;
                  answers.py says how long each may take
    module.py     what a module can do, a method for each command; profiles.py: what none answers
    identity.py   which module it is, by something that it carries itself
    opening.py    found, named, its slots put in order
    source.py     who laid a finger on it; visits.py is from a finger's coming to its going
    enrolling.py  how a finger becomes known; lamp.py is the module's light

The contract with the kiosk is drivers/fingers.py, the facts are docs/FINGERS.md.
"""
