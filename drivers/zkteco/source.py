"""A ZKTeco terminal on port 4370 as a source: its whole log first, then what happens.

The terminal's log is the truth and live events are a hint. So a visit registers for events, reads
the whole log, and from then on yields events as they come; when the terminal counts more rows than
were read and heard, the whole log is read again. Events are confirmed to the terminal only once
they are recorded. Nothing is ever cleared, and the terminal is never disabled.

Nothing here retries: an error ends the visit, and its worker opens the next.
"""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from drivers.base import Identity, Reading
from drivers.errors import Misconfigured, Refused, SourceError, TimedOut, Unreachable
from drivers.options import Transport, ZkTerminal
from drivers.zkteco.dialogue import Dialogue
from drivers.zkteco.lastread import Memory
from drivers.zkteco.link import Link
from drivers.zkteco.packets import TcpFramer, UdpFramer
from drivers.zkteco.session import OutOfTurn, Session
from drivers.zkteco.store import ZkStore
from drivers.zkteco.visit import Visit

SLICE_BYTES = {Transport.TCP: 65_472, Transport.UDP: 16_384}
"""How much of a buffered table is asked for at once; what terminals are used to."""


class ZkSource:
    """Implements `drivers.base.Source` for a `ZkTerminal`."""

    def __init__(
        self,
        options: ZkTerminal,
        now: Callable[[], datetime],
        connect: Callable[[str, int, Transport, float, str], Link] = Link.connect,
    ) -> None:
        """`now` is the kiosk's clock, aware UTC; drift is measured against it.

        `connect` makes the link: (host, port, transport, timeout in seconds, where).
        """
        self.name = options.name
        self._connect = connect
        self._options = options
        self._now = now
        self._where = f"source {options.name} ({options.host}:{options.port})"
        self._visit: Visit | None = None

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        """Connect and identify. The terminal has no cursor: `position` is what was last read of it.

        Raises:
            Misconfigured: the time zone is unknown.
            Unreachable, TimedOut, Garbled: see `drivers.errors`.
            Refused: wrong comm key, encrypted firmware, or no serial number.
        """
        self.close()
        zone = self._zone()
        dialogue = self._dial(beat)
        try:
            self._enter(dialogue)
            identity = self._identify(dialogue)
        except SourceError:
            dialogue.leave()
            raise
        self._visit = Visit(
            dialogue,
            identity.serial,
            zone,
            self._options,
            self._now,
            self._where,
            Memory(position),
        )
        return identity

    def read(self, wait_s: float) -> Reading | None:
        """Return the whole log at first, then live punches, or the log again when it grew unheard.

        A reading of the log has no coverage when the terminal counts more rows than it gave.
        """
        return self._entered().read(wait_s)

    def confirm(self, reading: Reading) -> None:
        """Acknowledge the live events of `reading` to the terminal."""
        self._entered().confirm(reading)

    def store(self) -> ZkStore:
        """Return what the open terminal keeps, for reading and writing."""
        return ZkStore(self._entered().dialogue, self._where)

    def close(self) -> None:
        """Leave politely, within about a second; never raises."""
        visit, self._visit = self._visit, None
        if visit is not None:
            visit.dialogue.leave()

    def _entered(self) -> Visit:
        if self._visit is None:
            raise OutOfTurn(f"{self._where}: not open")
        return self._visit

    def _zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self._options.timezone)
        except (KeyError, ValueError, OSError) as error:
            raise Misconfigured(
                f"{self._where}: there is no time zone {self._options.timezone!r}",
                hint="Use an IANA name: Asia/Jakarta, Asia/Makassar or Asia/Jayapura",
            ) from error

    def _dial(self, beat: Callable[[], None]) -> Dialogue:
        options = self._options
        link = self._connect(
            options.host, options.port, options.transport, options.timeout_s, self._where
        )
        framer = TcpFramer() if options.transport is Transport.TCP else UdpFramer()
        return Dialogue(
            link,
            Session(framer, self._where),
            where=self._where,
            timeout_s=options.timeout_s,
            slice_bytes=SLICE_BYTES[options.transport],
            beat=beat,
        )

    def _enter(self, dialogue: Dialogue) -> None:
        try:
            dialogue.connect(self._options.comm_key)
        except TimedOut as silence:
            if self._options.transport is Transport.TCP:
                raise
            # A datagram's first answer is the only sign that anything is there at all.
            raise Unreachable(
                f"{self._where}: no answer over UDP",
                hint="Check power, cable and address; newer terminals want transport tcp",
            ) from silence

    def _identify(self, dialogue: Dialogue) -> Identity:
        serial = dialogue.option("~SerialNumber")
        if not serial:
            raise Refused(
                f"{self._where}: the terminal does not say its serial number",
                hint="A punch cannot be told apart without it: send this with the model",
            )
        return Identity(
            serial=serial,
            model=dialogue.option("~DeviceName"),
            firmware=dialogue.version(),
            platform=dialogue.option("~Platform"),
        )
