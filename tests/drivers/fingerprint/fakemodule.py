"""A small finger module at the other end of a line that takes no time: for one fault at a time.

It is no simulator: what it answers can be said for each command, byte by byte. Its clock goes on
only while something is waited for.
"""

import struct
from collections import defaultdict, deque
from collections.abc import Callable

from drivers.errors import Unreachable
from drivers.fingerprint.codes import Code, Op
from drivers.fingerprint.packets import ADDRESS, Frame, Frames, Pid, encode
from drivers.fingers import Compared


def ack(code: int, body: bytes = b"", address: int = ADDRESS) -> bytes:
    return encode(Frame(Pid.ACK, bytes((code,)) + body), address)


class Clock:
    def __init__(self) -> None:
        self.at_s = 1_000.0

    def __call__(self) -> float:
        return self.at_s


class Lost:
    """What was asked for is done; the answer is lost."""


class Late:
    """What was asked for is done; the answer comes so much later."""

    def __init__(self, by_s: float) -> None:
        self.by_s = by_s


class FakeModule:
    """Implements `drivers.fingerprint.link.Port`.

    Attributes:
        said: what it was told, frame by frame.
        finger: whose finger lies there; None for nobody's.
        script: called before each picture: fingers come and go by it.
        image, feature: what GEN_IMG and IMG_2_TZ say of it.
        lenient: it merges different fingers.
        at_baud: its speed.
        unknown: what a command that it does not know gets; None for an echo.
    """

    def __init__(self, clock: Clock, capacity: int = 20) -> None:
        self.clock = clock
        self.capacity = capacity
        self.said: list[Frame] = []
        self.finger: str | None = None
        self.script: Callable[[], None] = lambda: None
        self.image = self.feature = Code.OK
        self.lenient = False
        self.library: dict[int, str] = {}
        self.buffers: dict[int, str] = {}
        self.notepad: dict[int, bytes] = {}
        self.password, self.verified = 0, False
        self.security = 3
        self.first_bit = 0
        self.score = 100
        self.at_baud = self.baud = 57_600
        self.unknown: bytes | None = ack(Code.UNSUPPORTED)
        self.lacks: set[Op] = {Op.READ_PROD_INFO, Op.AURA_LED_CONFIG, Op.GET_FW_VER, Op.LED_OFF}
        self.product = b""
        self.is_open = self.is_gone = False
        self.opened = 0
        self._next: dict[Op, deque[bytes | Lost | Late]] = defaultdict(deque)
        self._frames = Frames()
        self._out: list[tuple[float, bytes]] = []
        self._takes = b""
        self._download = bytearray()

    def will(self, op: Op, *answers: bytes | Lost | Late) -> None:
        """Have the next answers to a command be these; b"" is silence, and nothing is done."""
        self._next[op].extend(answers)

    def noise(self, octets: bytes, by_s: float = 0.0) -> None:
        self._out.append((self.clock.at_s + by_s, octets))

    @property
    def ops(self) -> list[Op]:
        return [Op(one.content[0]) for one in self.said if one.pid is Pid.COMMAND]

    # The port.

    def open(self) -> None:
        self._there()
        self.is_open, self._out = True, []
        self.opened += 1

    def close(self) -> None:
        self.is_open = False

    def discard(self) -> None:
        self._there()
        self._out = [one for one in self._out if one[0] > self.clock.at_s]

    def read(self, most: int, wait_s: float) -> bytes:
        self._there()
        until_s = self.clock.at_s + max(0.0, wait_s)
        self._out.sort(key=lambda one: one[0])
        if self._out and self._out[0][0] <= until_s:
            at_s, octets = self._out[0]
            self.clock.at_s = max(self.clock.at_s, at_s)
            self._out[0] = (at_s, octets[most:])
            if not octets[most:]:
                del self._out[0]
            return octets[:most]
        self.clock.at_s = until_s
        return b""

    def write(self, octets: bytes) -> None:
        self._there()
        if self.baud != self.at_baud:
            return
        for frame in self._frames.feed(octets, self.clock.at_s):
            self.said.append(frame)
            self._hear(frame)

    def _there(self) -> None:
        if self.is_gone:
            raise Unreachable("source pintu (fp0): the port is gone")

    # The module.

    def _hear(self, frame: Frame) -> None:
        if frame.pid is not Pid.COMMAND:
            self._download += frame.content
            if frame.pid is Pid.END:
                self.buffers[1] = bytes(self._download).decode()
            return
        op = Op(frame.content[0])
        special = self._next[op].popleft() if self._next[op] else None
        if isinstance(special, bytes):
            self._say(special)
            return
        answer = self._do(op, frame)
        if not isinstance(special, Lost):
            self._say(answer, special.by_s if isinstance(special, Late) else 0.0)

    def _say(self, octets: bytes, by_s: float = 0.0) -> None:
        # A module answers in turn: what is late makes all that follows late.
        behind_s = max((at_s for at_s, _ in self._out), default=0.0)
        if octets:
            self._out.append((max(self.clock.at_s + 0.005 + by_s, behind_s), octets))

    def _do(self, op: Op, frame: Frame) -> bytes:
        if op in self.lacks:
            return encode(frame) if self.unknown is None else self.unknown
        if self.password and not self.verified and op is not Op.VFY_PWD:
            return ack(Code.PASSWORD_WANTED)
        args = frame.content[1:]
        does: Callable[[bytes], bytes] = getattr(self, f"_{op.name.lower()}")
        return does(args)

    def _vfy_pwd(self, args: bytes) -> bytes:
        self.verified = int.from_bytes(args, "big") == self.password
        return ack(Code.OK if self.verified else Code.WRONG_PASSWORD)

    def _read_sys_para(self, _: bytes) -> bytes:
        words = (4, 0, self.capacity, self.security, ADDRESS, 2, 6)
        return ack(Code.OK, struct.pack(">HHHHIHH", *words))

    def _set_sys_para(self, args: bytes) -> bytes:
        self.security = args[1]
        return ack(Code.OK)

    def _read_prod_info(self, _: bytes) -> bytes:
        return ack(Code.OK, self.product)

    def _get_fw_ver(self, _: bytes) -> bytes:
        return ack(Code.OK, b"FW 7")

    def _read_index_table(self, args: bytes) -> bytes:
        bits = sum(1 << slot + self.first_bit for slot in self.library)
        return ack(Code.OK, bits.to_bytes(128, "little")[32 * args[0] :][:32])

    def _read_notepad(self, args: bytes) -> bytes:
        return ack(Code.OK, self.notepad.get(args[0], bytes(32)))

    def _write_notepad(self, args: bytes) -> bytes:
        self.notepad[args[0]] = args[1:]
        return ack(Code.OK)

    def _gen_img(self, _: bytes) -> bytes:
        self.script()
        return ack(Code.NO_FINGER if self.finger is None else self.image)

    def _img_2_tz(self, args: bytes) -> bytes:
        if self.feature is Code.OK:
            self.buffers[args[0]] = self.finger or "?"
        return ack(self.feature)

    def _search(self, args: bytes) -> bytes:
        _, start, count = struct.unpack(">BHH", args)
        for slot, whose in self.library.items():
            if whose == self.buffers.get(args[0]) and start <= slot < start + count:
                return ack(Code.OK, struct.pack(">HH", slot, self.score))
        return ack(Code.NOT_FOUND, bytes.fromhex("01ee0000"))

    def _match(self, _: bytes) -> bytes:
        one, other = self.buffers.get(1, ""), self.buffers.get(2, "nothing")
        if one == other or other in one.split("+"):
            return ack(Code.OK, struct.pack(">H", self.score))
        return ack(Code.NO_MATCH)

    def _reg_model(self, _: bytes) -> bytes:
        fingers = sorted(set(self.buffers.values()))
        if len(fingers) > 1 and not self.lenient:
            return ack(Code.MERGE_FAILED)
        self.buffers = {1: "+".join(fingers), 2: "+".join(fingers)}
        return ack(Code.OK)

    def _store(self, args: bytes) -> bytes:
        self.library[int.from_bytes(args[1:], "big")] = self.buffers[args[0]]
        return ack(Code.OK)

    def _load_char(self, args: bytes) -> bytes:
        slot = int.from_bytes(args[1:], "big")
        if slot not in self.library:
            return ack(Code.TEMPLATE_INVALID)
        self.buffers[args[0]] = self.library[slot]
        return ack(Code.OK)

    def _delete_char(self, args: bytes) -> bytes:
        self.library.pop(int.from_bytes(args[:2], "big"), None)
        return ack(Code.OK)

    def _up_char(self, args: bytes) -> bytes:
        template = self.buffers[args[0]].encode()
        half = len(template) // 2
        parts = Frame(Pid.DATA, template[:half]), Frame(Pid.END, template[half:])
        return ack(Code.OK) + b"".join(map(encode, parts))

    def _down_char(self, _: bytes) -> bytes:
        self._download.clear()
        return ack(Code.OK)

    def _aura_led_config(self, _: bytes) -> bytes:
        return ack(Code.OK)

    def _led_on(self, _: bytes) -> bytes:
        return ack(Code.OK)

    def _led_off(self, _: bytes) -> bytes:
        return ack(Code.OK)


class FakeSlots:
    """A slot map: slot 3 is u3's; what is to be said about a module can be set."""

    def __init__(self) -> None:
        self.says = Compared()
        self.compared: list[tuple[str, frozenset[int]]] = []
        self.emptied: list[int] = []

    def user(self, serial: str, slot: int) -> str:
        return f"u{slot}"

    def compare(self, serial: str, there: frozenset[int]) -> Compared:
        self.compared.append((serial, there))
        return self.says

    def removed(self, serial: str, slot: int) -> None:
        self.emptied.append(slot)
