"""What can go wrong with a source, cut by what its owner can do about it.

    SourceError
    |-- Unreachable     nothing answers: power, cable, address       wait, look at the network
    |-- TimedOut        it answered before and is silent now         connect again
    |-- Garbled         what arrived is not the protocol             another device, a bad line
    |-- Refused         the terminal understood and says no          a key, a licence, a session
    |   `-- NotOffered  nothing of the kind can be asked of it       do it at the terminal
    `-- Misconfigured   our own settings cannot work                 a person edits the settings

Whose fault it is stands in the class; what, where and the next step stand in the message.
A driver raises these and nothing else; whether and when to try again is the worker's business.
"""


class SourceError(Exception):
    """A source cannot go on. `hint` is the technician's next step."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}. {self.hint}" if self.hint else message


class Unreachable(SourceError):
    """Nothing answers at the configured address or port."""


class TimedOut(SourceError):
    """The terminal was there and did not answer within the deadline."""


class Garbled(SourceError):
    """The bytes that arrived are not what the protocol says."""


class Refused(SourceError):
    """The terminal understood the request and refused it."""


class NotOffered(Refused):
    """This kind of terminal cannot be asked for it; nothing was sent."""


class Misconfigured(SourceError):
    """The settings of this source cannot work, whatever the terminal does."""
