"""What can be wrong with bytes that somebody sent us, cut by what the receiver does with them.

    ProtocolError
    |-- Malformed    not the format at all: quarantine the bytes, answer nothing
    |-- Unverified   the format, but not signed by a key that may sign it: quarantine, alarm
    `-- Inconsistent signed, but it contradicts itself (count, chain): quarantine, alarm

The sender is at fault in all of them; the receiver never repairs.
"""


class ProtocolError(Exception):
    """Bytes that arrived are not acceptable."""


class Malformed(ProtocolError):
    """The bytes are not the format: not JSON, a missing field, an impossible size."""


class Unverified(ProtocolError):
    """The signature is not by the key that is named, or that key may not sign this."""


class Inconsistent(ProtocolError):
    """What is said in one place contradicts another: a count, a hash, a range."""
