"""What a technician asks of the terminals: the daemon's end of `kiosk devices`.

The daemon holds each terminal's only session, so nobody else speaks to it; whatever is to be done
there is asked for through the local socket. Each function takes what the client said, returns what
is done in words, and raises CannotDo.
"""

from collections.abc import Mapping

from kiosk.collect import Collector, NotReplaced
from kiosk.local import CannotDo


class Devices:
    """The terminals of one kiosk, by the names of their sources."""

    def __init__(self, collectors: Mapping[str, Collector]) -> None:
        self._collectors = collectors

    def replace(self, said: Mapping[str, str]) -> str:
        """Bind a source to the terminal that answers now. Raises CannotDo, JournalError."""
        collector, actor = self._named(said), _actor(said)
        try:
            return collector.replace(actor)
        except NotReplaced as why:
            raise CannotDo(str(why)) from why

    def read(self, said: Mapping[str, str]) -> str:
        """Have a terminal's whole record read again, soon. Raises CannotDo."""
        self._named(said).read_again()
        return f"{said['source']}: its whole record is read again; see `kiosk status`"

    def _named(self, said: Mapping[str, str]) -> Collector:
        name = said.get("source", "")
        if name not in self._collectors:
            raise CannotDo(f"there is no source {name!r}; there are: {', '.join(self._collectors)}")
        return self._collectors[name]


def _actor(said: Mapping[str, str]) -> str:
    actor = said.get("by", "").strip()
    if not actor:
        raise CannotDo("who does it? Say --by NAME: it is recorded")
    return actor
