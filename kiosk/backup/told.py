"""The daemon's part of a backup: that one was made is an entry of the journal."""

from collections.abc import Callable, Mapping
from typing import Final

from kiosk.devices import actor_of

ASKED: Final = "backed up"
"""What the command asks of the daemon, once the file is on its medium."""

Record = Callable[[str, str, dict[str, str]], None]


def backed_up(record: Record, said: Mapping[str, str]) -> str:
    """Record that a backup was made: `by`, of which content key, for which unit key.

    Raises CannotDo, JournalError.
    """
    told = {name: said[name][:100] for name in ("content", "unit", "device_key") if said.get(name)}
    record(actor_of(said), "kiosk backed up", told)
    return "recorded"
