"""Why a release is not taken, cut by what its technician does about it.

ReleaseError
|-- Refused     the bundle or its release is not for this kiosk: get the right one; nothing changed
|-- NotNow      a trial is under way, or there is no way back: wait, or look at the list
`-- Failed      the disk or a program refuses: nothing changed, or it was changed back
"""


class ReleaseError(Exception):
    """What was asked was not done; the sentence says what to do next."""


class Refused(ReleaseError):
    """It is not for this kiosk."""


class NotNow(ReleaseError):
    """It cannot be done as things stand."""


class Failed(ReleaseError):
    """The machine refuses."""
