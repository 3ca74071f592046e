"""A simulated finger module: frames in, frames out. What a command does is in r30xcommands.

Every command that arrives whole is answered once: by one ack, or by one ack and the data that was
asked for. A foreign address, an ack and data that nobody asked for get silence.
"""

from collections.abc import Callable

from msgspec import Struct

from drivers.sim.r30xcommands import OK, Commands, Said
from drivers.sim.r30xfinger import Glass
from drivers.sim.r30xflash import Flash
from drivers.sim.r30xprofile import Profile, Unknown
from drivers.sim.r30xwire import Code, Damaged, Frame, Op, Pid


class Answer(Struct, frozen=True, kw_only=True):
    """What the module says to one frame.

    Attributes:
        op: the command's first byte; None for what was no whole command.
        frames: the ack, and the data behind it; none is silence.
        resets: it starts anew when that is said.
        sleeps: it is deaf then until it is touched.
    """

    op: int | None = None
    frames: tuple[Frame, ...] = ()
    resets: bool = False
    sleeps: bool = False


SILENCE = Answer()


class Module:
    """One module under power. Not thread-safe.

    Attributes:
        commands: what it does, and what it remembers while it has power.
    """

    def __init__(self, profile: Profile, flash: Flash, glass: Glass, seed: int = 1) -> None:
        self.commands = Commands(profile, flash, glass, seed)
        self._profile = profile
        self._flash = flash
        self._expect(None)

    def power_up(self) -> None:
        """Begin anew, as after a power cycle: the flash stays, all else goes."""
        self.commands.power_up()
        self._expect(None)

    def take(self, heard: Frame | Damaged) -> Answer:
        """Return what the module says to a frame."""
        if heard.address != self._flash.address:
            return SILENCE
        match heard.pid:
            case Pid.COMMAND:
                self._expect(None)  # a host that asks for something else sends no more data
                return self._obey(heard)
            case Pid.MORE | Pid.LAST:
                self._take_data(heard)
        return SILENCE

    def _obey(self, heard: Frame | Damaged) -> Answer:
        if isinstance(heard, Damaged):
            return self._answer(None, Said(Code.RECEIVE_ERROR))
        number = heard.content[0]
        if not self.commands.knows(number):
            return self._not_known(heard)
        op = Op(number)
        said = self.commands.do(op, heard.content[1:])
        self._expect(said.takes)
        return self._answer(op, said)

    def _not_known(self, heard: Frame) -> Answer:
        op = heard.content[0]
        match self._profile.unknown:
            case Unknown.RECEIVE_ERROR:
                return self._answer(op, Said(Code.RECEIVE_ERROR))
            case Unknown.UNSUPPORTED:
                return self._answer(op, Said(Code.UNSUPPORTED))
            case Unknown.ECHO:
                return Answer(op=op, frames=(heard,))
            case Unknown.SILENCE:
                return Answer(op=op)

    def _answer(self, op: int | None, said: Said) -> Answer:
        ack = self._frame(Pid.ACK, bytes([said.code]) + said.content)
        return Answer(
            op=op,
            frames=(ack, *self._data(said.stream)),
            resets=op == Op.SOFT_RST and said is OK,
            sleeps=op == Op.STANDBY and said is OK,
        )

    def _frame(self, pid: Pid, content: bytes) -> Frame:
        return Frame(self._flash.address, pid, content)

    def _data(self, stream: bytes) -> list[Frame]:
        size = self.commands.parameters.packet_bytes
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        return [
            self._frame(Pid.LAST if n == len(pieces) else Pid.MORE, piece)
            for n, piece in enumerate(pieces, 1)
        ]

    def _expect(self, takes: Callable[[bytes], None] | None) -> None:
        self._takes = takes
        self._taken = bytearray()

    def _take_data(self, heard: Frame | Damaged) -> None:
        if self._takes is None:
            return
        if isinstance(heard, Damaged):
            self._expect(None)  # the host is not told: it has to look what has become of it
            return
        self._taken += heard.content
        if heard.pid is Pid.LAST:
            self._takes(bytes(self._taken))
            self._expect(None)
