"""A simulated ZKTeco terminal on port 4370, TCP and UDP: what tests, technicians and demos use.

    with SimulatedTerminal(simulated_staff(55)) as terminal:
        ...                               # point a client at terminal.host, terminal.port
        terminal.punch("1001")
        terminal.wait_until(lambda t: t.acked == 1)

The layers, from the outside in: this shell (threads and sockets), zkline (one client's line),
zksession (packets in, packets out), zkchanges (what a command changes), zkterminal (people, log,
clock). zkwire, zkrecords and zktemplates are the codec, zkprofile and faults say what kind of
terminal it is and what it does wrong.
"""

import itertools
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from drivers.sim.faults import Breakage, Datagrams, Faults, Foreign, Segmentation
from drivers.sim.flash import DamagedState, Flash
from drivers.sim.people import Person, simulated_staff
from drivers.sim.zkline import Line, TcpLine, UdpPort
from drivers.sim.zkprofile import PROFILES, Full, Profile, Sharing
from drivers.sim.zkrecords import EventLayout, LogLayout, Record, SizesLayout, UserLayout
from drivers.sim.zksession import Answer, Phase, Session, Transport
from drivers.sim.zkterminal import LogFull, Terminal
from drivers.sim.zkwire import Code, Packet, Table

__all__ = [
    "PROFILES",
    "Breakage",
    "Code",
    "DamagedState",
    "Datagrams",
    "EventLayout",
    "Faults",
    "Foreign",
    "Full",
    "LogFull",
    "LogLayout",
    "Person",
    "Profile",
    "Record",
    "Segmentation",
    "Sharing",
    "SimulatedTerminal",
    "SizesLayout",
    "Table",
    "UserLayout",
    "simulated_staff",
]

FIRST_SESSION: Final = 0x1F2E
"""Session id of the first client; they rise from here, so that runs can be compared."""

PORT_ATTEMPTS: Final = 50
"""How many free TCP ports are tried until one is free on UDP too."""

REMEMBERED_REQUESTS: Final = 100_000
"""How many requests `SimulatedTerminal.requests` looks back."""


def _wall_clock() -> datetime:
    return datetime.now()  # noqa: DTZ005 - a terminal's clock is local and has no zone


class SimulatedTerminal:
    """One simulated terminal; a context manager that listens inside the `with`.

    Attributes:
        host: the address it listens on.
        port: the port it listens on; kept over stop() and start(), as a terminal keeps its own.
        serial: its serial number.
    """

    def __init__(
        self,
        staff: Sequence[Person],
        *,
        serial: str = "SIM0001",
        profile: Profile | None = None,
        faults: Faults | None = None,
        comm_key: int | None = None,
        clock: Callable[[], datetime] = _wall_clock,
        state: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Describe a terminal; nothing is opened before `start`.

        Args:
            comm_key: None where AUTH is not asked for; 0 for units that ask although none is set.
            clock: the terminal's wall clock, naive local time.
            state: file in which serial and log survive; without it they live as long as the object.
            port: 0 takes any that is free on TCP and UDP.
        """
        self.host = host
        self.port = port
        self.serial = serial
        self.stopping = threading.Event()
        self.terminal = Terminal(
            staff,
            serial=serial,
            profile=profile or Profile(),
            faults=faults or Faults(),
            comm_key=comm_key,
            clock=clock,
            flash=None if state is None else Flash(state),
        )
        self._changed = threading.Condition(self.terminal.lock)
        self._sessions = itertools.count(FIRST_SESSION)
        self._requests: deque[int] = deque(maxlen=REMEMBERED_REQUESTS)
        self._bad_packets = 0
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._udp: UdpPort | None = None
        self._tcp_lines: list[TcpLine] = []

    # Switching on and off

    def start(self) -> None:
        """Read the state, bind and serve. Raises OSError (port taken, disk) and DamagedState."""
        self.terminal.switch_on()
        self.stopping.clear()
        try:
            listener, bound = self._bind()
        except OSError:
            self.terminal.switch_off()
            raise
        self.terminal.announce = self._announce
        if listener is not None:
            self._listener = listener
            self._acceptor = threading.Thread(
                target=self._accept, args=(listener,), name="zksim-accept", daemon=True
            )
            self._acceptor.start()
        if bound is not None:
            self._udp = UdpPort(self, bound, lambda: self._session(Transport.UDP))
            self._udp.start()

    def stop(self) -> None:
        """Cut every connection, end every thread, free the port. May be called twice."""
        self.stopping.set()
        if self._listener is not None and self._acceptor is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(); closing would not
            self._acceptor.join()
            self._listener.close()
            self._listener = self._acceptor = None
        lines = self._tcp()
        self.drop_clients()
        for line in lines:
            line.join()
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        self.terminal.switch_off()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    # What people do in front of it

    def punch(
        self, user_id: str, method: int = 1, state: int = 0, at: datetime | None = None
    ) -> Record:
        """Log a punch, durably where there is a state file, then push it to who registered.

        Args:
            at: naive local time; None takes the terminal's clock.

        Raises:
            LogFull: the log has no row left and its firmware stops then.
        """
        return self.burst([user_id], method=method, state=state, at=at)[0]

    def burst(
        self,
        user_ids: Sequence[str],
        method: int = 1,
        state: int = 0,
        at: datetime | None = None,
        *,
        one_packet: bool = False,
    ) -> list[Record]:
        """Log several punches at once; their events leave together, on demand in one packet."""
        return self.terminal.punch(user_ids, method, state, at, one_packet=one_packet)

    def set_clock(self, moment: datetime) -> None:
        """Set its wall clock (naive local time), as somebody at its menu does."""
        with self.terminal.lock:
            self.terminal.set_clock(moment)

    def drop_clients(self) -> None:
        """Cut every connection now."""
        for line in self._lines():
            line.close()

    # What a test may look at

    @property
    def log(self) -> tuple[Record, ...]:
        """The attendance log, oldest first."""
        with self.terminal.lock:
            return tuple(self.terminal.records)

    @property
    def faults(self) -> Faults:
        """What it does wrong; may be changed while it runs."""
        return self.terminal.faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self.terminal.faults = faults

    @property
    def acked(self) -> int:
        """How many pushed events clients have acknowledged."""
        return self.terminal.acked

    @property
    def enabled(self) -> bool:
        """False while a client has disabled keypad and sensor."""
        return self.terminal.enabled

    @property
    def clients(self) -> int:
        """How many clients have a session now."""
        with self.terminal.lock:
            return sum(line.session.phase is Phase.OPEN for line in self._lines())

    @property
    def listeners(self) -> int:
        """How many clients have registered for attendance events."""
        with self.terminal.lock:
            return sum(line.session.registered for line in self._lines())

    @property
    def requests(self) -> tuple[int, ...]:
        """The codes of the packets received (compare with `Code`), oldest first."""
        with self.terminal.lock:
            return tuple(self._requests)

    @property
    def bad_packets(self) -> int:
        """How often a client sent bytes that are no packet, or a wrong checksum."""
        return self._bad_packets

    def wait_until(self, true: Callable[[Self], bool], timeout_s: float = 5.0) -> bool:
        """Wait until `true(self)` holds, looked at after every packet, punch and hang-up.

        Returns whether it did within `timeout_s` seconds.
        """
        with self._changed:
            return self._changed.wait_for(lambda: true(self), timeout_s)

    # What the lines say (zkline.Shell)

    def packet(self, line: Line, packet: Packet) -> None:
        """Take a client's packet."""
        with self._changed:
            self._requests.append(packet.code)
            if packet.code == Code.CONNECT and not self._admit(line):
                line.close()
                return
            answer: Answer = line.session.receive(packet)
            line.put(answer)
            self._changed.notify_all()

    def bad_packet(self) -> None:
        """Count bytes that were no packet."""
        with self._changed:
            self._bad_packets += 1
            self._changed.notify_all()

    def gone(self, line: Line) -> None:
        """Forget a client that hung up."""
        with self._changed:
            if isinstance(line, TcpLine) and line in self._tcp_lines:
                self._tcp_lines.remove(line)
            self._changed.notify_all()

    def _admit(self, line: Line) -> bool:
        others = [one for one in self._lines() if one is not line]
        busy = [one for one in others if one.session.phase is not Phase.NEW]
        match self.terminal.profile.sharing:
            case Sharing.SHARED:
                return True
            case Sharing.FIRST:
                return not busy
            case Sharing.NEWEST:
                for one in busy:
                    one.close()
                return True

    def _announce(self, records: Sequence[Record], one_packet: bool) -> None:
        with self._changed:
            for line in self._lines():
                line.put(line.session.events(records, one_packet=one_packet))
            self._changed.notify_all()

    def _tcp(self) -> list[TcpLine]:
        with self.terminal.lock:
            return list(self._tcp_lines)

    def _lines(self) -> list[Line]:
        udp = [] if self._udp is None else self._udp.lines
        return [*self._tcp(), *udp]

    def _session(self, transport: Transport) -> Session:
        with self.terminal.lock:
            # 1 to 65535: a session of 0 is a client that has none.
            session_id = next(self._sessions) % 0xFFFF + 1
        return Session(self.terminal, session_id, transport)

    # Sockets

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _address = listener.accept()
            except OSError:  # shut down by stop()
                return
            line = TcpLine(self, connection, self._session(Transport.TCP))
            with self.terminal.lock:
                self._tcp_lines.append(line)
            line.start()

    def _bind(self) -> tuple[socket.socket | None, socket.socket | None]:
        """Bind TCP and UDP, as far as the profile has them, to one port number."""
        profile = self.terminal.profile
        for attempt in itertools.count(1):
            tcp = udp = None
            try:
                tcp = _tcp_socket(self.host, self.port) if profile.tcp else None
                port = self.port if tcp is None else tcp.getsockname()[1]
                udp = _udp_socket(self.host, port) if profile.udp else None
            except OSError:
                if tcp is not None:
                    tcp.close()
                if self.port == 0 and attempt < PORT_ATTEMPTS:
                    continue
                raise
            self.port = port if udp is None else udp.getsockname()[1]
            return tcp, udp
        raise AssertionError("unreachable: count() does not end")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _tcp_socket(host: str, port: int) -> socket.socket:
    listener = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        # A restarted terminal gets its port back although old connections linger.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _udp_socket(host: str, port: int) -> socket.socket:
    bound = socket.socket(_family(host), socket.SOCK_DGRAM)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound
