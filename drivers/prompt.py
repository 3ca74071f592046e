"""What a person in front of a terminal is asked to do next, for enrolment and for liveness.

A driver says it, the kiosk passes it on to its screen (`kiosk/prompts.py`).
"""

from enum import StrEnum


class Prompt(StrEnum):
    """A step of enrolment or of liveness."""

    PLACE_FINGER = "place_finger"
    LIFT_FINGER = "lift_finger"
    AGAIN = "again"  # not read: the same once more
    TOO_DRY = "too_dry"
    TOO_WET = "too_wet"
    CENTRE_FINGER = "centre_finger"  # too little of it was on the glass
    OTHER_FINGER = "other_finger"  # that one is known already
    CARD = "card"
    DONE = "done"
    FAILED = "failed"
    LOOK_STRAIGHT = "look_straight"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    COME_CLOSER = "come_closer"
    MORE_LIGHT = "more_light"
    HOLD_STILL = "hold_still"
