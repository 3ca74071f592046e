"""How much is sent at once: as much as the line has lately shown that it carries.

Theory. A batch that is too much for the line comes back as nothing: the broker is out of memory and
hangs up, a bad line breaks before the last byte. Sent again as it was, it fails again, and the line
stands still for ever. So whatever was under way when that happens halves what is sent at once, one
batch at a time, down to where an entry or two still fit; every receipt doubles it again. A good
line notices nothing, a bad one gets on with what it carries. A receipt that is overdue proves
nothing yet: where the next hello's answer covers the batch, central was busy, and smaller batches
would only make it busier.
"""

from typing import Final

from sync.protocol.batch import MAX_SENT_BYTES

LEAST_BYTES: Final = 1024
"""Never less than this: an entry that is longer goes alone."""


class Pace:
    """Outlives the connections whose experience it is."""

    def __init__(self) -> None:
        self._most_bytes = MAX_SENT_BYTES

    def most_bytes(self, room_bytes: int) -> int:
        """Return how many bytes of entries a batch may have where `room_bytes` fit."""
        return min(self._most_bytes, room_bytes)

    def window(self, most: int) -> int:
        """Return how many batches may be under way, of at most `most`."""
        return most if self._most_bytes == MAX_SENT_BYTES else 1

    def carried(self) -> None:
        """A batch was receipted."""
        self._most_bytes = min(self._most_bytes * 2, MAX_SENT_BYTES)

    def broke(self) -> None:
        """Batches were under way, and nothing came back."""
        self._most_bytes = max(self._most_bytes // 2, LEAST_BYTES)
