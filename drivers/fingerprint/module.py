"""What an R30x module can do, one method for each command; in which order is not this file's.

Whatever is no result (a finger, a match, an empty slot) leaves here as SourceError. Slots are
counted from 0, however the module does.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from msgspec import Struct

from drivers.errors import Garbled, NotOffered, Refused, SourceError
from drivers.fingerprint.answers import EXTRACT_S, LOOK_S, SLOW_S, Answer, Fence, Unanswered
from drivers.fingerprint.codes import Kind, Meaning, Op
from drivers.fingerprint.link import Link
from drivers.fingerprint.profiles import Evidence, Parameters, Profile, profile_of

NOTEPAD_BYTES: Final = 32
"""A page of the notepad; there are sixteen."""

PAGE_SLOTS: Final = 256
"""So many slots are in one page of the index table."""

CAPACITY_MOST: Final = 4 * PAGE_SLOTS
"""The index table has four pages."""

IDENTITY_TRIES: Final = 3
"""So often something is asked whose absence would make another module of this one."""

ROLL_BACK_S: Final = 0.9
"""How long emptying a slot may go on where all is to stop: a module needs a quarter of a second."""

_SYS_PARA: Final = struct.Struct(">HHHHIHH")
_PROD_INFO: Final = struct.Struct(">16s4s8sBB8sHHHH")
_SECURITY: Final = 5  # a register of SET_SYS_PARA
_LED_DARK: Final = bytes((4, 0, 1, 0))  # off; colour and times do not matter

_GARBLED: Final = "Look at cable and ground; long cables want a lower speed"


class Product(Struct, frozen=True, kw_only=True):
    """What READ_PROD_INFO tells; `serial` is b"" where it has none."""

    model: str
    serial: bytes
    hardware: str
    template_bytes: int


class Hit(Struct, frozen=True):
    """Where a search found the finger, and how alike they are."""

    slot: int
    score: int


class R30x:
    """One module at the other end of an open link.

    Attributes:
        link: by which it is spoken to.
        profile, parameters, firmware: what it is; `introduce` sets them.
        product: None where it does not tell.
        has_ring, has_backlight: which light may be told something.
    """

    profile: Profile
    parameters: Parameters

    def __init__(self, link: Link, where: str) -> None:
        self.link = link
        self.product: Product | None = None
        self.firmware = ""
        self.has_ring = self.has_backlight = False
        self._where = where
        self._has_index = False
        self._first_bit: int | None = None  # of slot 0 in the index table; None: not known yet

    # What it is.

    def introduce(self) -> None:
        """Ask what it is and what it offers. Raises SourceError."""
        told = self.link.learn(Op.READ_SYS_PARA, size=_SYS_PARA.size, tries=IDENTITY_TRIES)
        parameters = self._parameters(told) if told is not None else None
        if parameters is not None:
            self.link.fence = Fence(Op.READ_SYS_PARA, _SYS_PARA.size)
        index = self.link.learn(Op.READ_INDEX_TABLE, b"\0", size=32, tries=IDENTITY_TRIES)
        self._has_index = index is not None
        if self._has_index and self.link.fence is None:
            self.link.fence = Fence(Op.READ_INDEX_TABLE, 32, b"\0")
        offered = {Op.READ_SYS_PARA} if parameters else set()
        told = self.link.learn(Op.READ_PROD_INFO, size=_PROD_INFO.size, tries=IDENTITY_TRIES)
        if told is not None:
            self.product = _product(told.body)
        self.has_ring = self._offers(Op.AURA_LED_CONFIG, _LED_DARK)
        if self.has_ring:
            offered.add(Op.AURA_LED_CONFIG)
            version = self.link.learn(Op.GET_FW_VER, size=None)
            if version is not None:
                offered.add(Op.GET_FW_VER)
                self.firmware = _text(version.body)
        else:
            self.has_backlight = self._offers(Op.LED_OFF)
        if not self.firmware and self.product is not None:
            self.firmware = self.product.hardware
        self.profile = profile_of(
            Evidence(
                offered=frozenset(offered),
                echoes=self.link.echoes,
                capacity=parameters.capacity if parameters else None,
            )
        )
        self.parameters = self._known(parameters)

    @property
    def model(self) -> str:
        """Return what it calls itself, with the size of its templates; else what it is like."""
        if self.product is not None and self.product.model:
            return f"{self.product.model}/{self.product.template_bytes}"
        return f"{self.profile.name}/{self.parameters.capacity}"

    def set_security(self, level: int) -> None:
        """Set its threshold, which it keeps. Raises NotOffered where that cannot be read back."""
        if self.parameters.security is None:
            raise NotOffered(f"{self._where}: the module does not tell its security level")
        self._done(Op.SET_SYS_PARA, bytes((_SECURITY, level)), SLOW_S)
        answer = self._asked(Op.READ_SYS_PARA, size=_SYS_PARA.size)
        self.parameters = self._parameters(answer)

    def notepad(self, page: int) -> bytes | None:
        """Return a page of its notepad; None where it has none."""
        answer = self.link.learn(
            Op.READ_NOTEPAD, bytes((page,)), size=NOTEPAD_BYTES, tries=IDENTITY_TRIES
        )
        return None if answer is None else answer.body[:NOTEPAD_BYTES]

    def write_notepad(self, page: int, octets: bytes) -> None:
        """Write a whole page of its notepad."""
        if len(octets) != NOTEPAD_BYTES:
            raise ValueError(f"a page has {NOTEPAD_BYTES} bytes, not {len(octets)}")
        self._done(Op.WRITE_NOTEPAD, bytes((page,)) + octets, SLOW_S)

    # A finger.

    def look(self) -> Meaning:
        """Take a picture of what lies there: OK, IDLE for nothing, RETRY.

        SEQUENCE where it sees what is no new finger: some call a print that was left behind so.
        """
        fine = Kind.OK, Kind.IDLE, Kind.RETRY, Kind.SEQUENCE
        return self._result(Op.GEN_IMG, b"", LOOK_S, *fine)

    def extract(self, buffer: int) -> Meaning:
        """Make features of the picture: OK, RETRY, SEQUENCE where there is none."""
        fine = Kind.OK, Kind.RETRY, Kind.SEQUENCE
        return self._result(Op.IMG_2_TZ, bytes((buffer,)), EXTRACT_S, *fine)

    def search(self, buffer: int) -> Hit | None:
        """Return where the features in a buffer are found, in all slots; None for nowhere."""
        # The last word is how many, and not up to which.
        args = struct.pack(">BHH", buffer, 0, self.parameters.capacity)
        answer = self._asked(Op.SEARCH, args, SLOW_S, size=4, fine=(Kind.NO_MATCH,))
        if not answer.is_ok:
            return None  # slot and score may be anything then
        return Hit(*struct.unpack(">HH", answer.body[:4]))

    def match(self) -> int | None:
        """Return how alike buffers 1 and 2 are; None where they are not by its own threshold."""
        answer = self._asked(Op.MATCH, within_s=SLOW_S, size=2, fine=(Kind.NO_MATCH,))
        return int.from_bytes(answer.body[:2], "big") if answer.is_ok else None

    def merge(self) -> bool:
        """Make one template of what is in the buffers; False where it takes them for several."""
        return self._result(Op.REG_MODEL, b"", SLOW_S, Kind.OK, Kind.RETRY).kind is Kind.OK

    # Slots.

    def store(self, slot: int) -> None:
        """Write the template into an empty slot. Raises SourceError; Refused where none is left."""
        try:
            self._done(Op.STORE, _buffered(slot), SLOW_S, may_repeat=False)
        except Unanswered:
            if slot not in self.occupied():
                raise

    def load(self, slot: int) -> bool:
        """Take a slot's template into buffer 1; return whether there is one."""
        fine = Kind.OK, Kind.EMPTY
        return self._result(Op.LOAD_CHAR, _buffered(slot), SLOW_S, *fine).kind is Kind.OK

    def remove(self, slot: int) -> None:
        """Empty a slot and see that it is empty. Raises Refused where it does not become so."""
        for _ in range(2):
            if slot not in self.occupied():
                return
            try:
                self._done(Op.DELETE_CHAR, struct.pack(">HH", slot, 1), SLOW_S, may_repeat=False)
            except Unanswered:
                continue  # whether it was done is seen in the index
        if slot in self.occupied():
            raise Refused(
                f"{self._where}: slot {slot} was emptied and is still in use",
                hint="The module's memory is worn or broken: replace it",
            )

    @contextmanager
    def emptied_if_left(self, slot: int) -> Iterator[None]:
        """Have a slot emptied where what is within does not come to its end."""
        try:
            yield
        except BaseException as error:
            try:
                with self.link.line.undisturbed(ROLL_BACK_S):
                    self.remove(slot)
            except SourceError as left:
                error.add_note(f"slot {slot} could not be emptied: {left}")
            raise

    def occupied(self) -> frozenset[int]:
        """Return the slots in use. What is in buffer 1 may be gone then."""
        slots = range(self.parameters.capacity)
        if not self._has_index:
            return frozenset(slot for slot in slots if self.load(slot))
        pages = (self.parameters.capacity + PAGE_SLOTS - 1) // PAGE_SLOTS
        bits: list[int] = []
        for page in range(pages):
            table = self._asked(Op.READ_INDEX_TABLE, bytes((page,)), size=32).body
            bits += [
                page * PAGE_SLOTS + bit
                for bit in range(PAGE_SLOTS)
                if table[bit // 8] >> bit % 8 & 1
            ]
        if not bits:
            return frozenset()
        if self._first_bit is None:
            self._first_bit = self._count_from(bits)
        return frozenset(bit - self._first_bit for bit in bits)

    def _count_from(self, bits: list[int]) -> int:
        """Return which bit is slot 0's: some modules leave the first one out."""
        lowest, highest = bits[0], bits[-1]
        if lowest == 0 or not self.load(lowest - 1):
            return 0
        is_beyond = highest >= self.parameters.capacity
        return 1 if is_beyond or not self.load(highest) else 0

    # Templates.

    def upload(self) -> bytes:
        """Return the template in buffer 1, whatever its length."""
        for is_last in (False, True):
            self._done(Op.UP_CHAR, b"\x01", SLOW_S)
            try:
                return self.link.receive()
            except Garbled:
                if is_last:
                    raise
        raise AssertionError("the last try returns or raises")

    def download(self, template: bytes) -> None:
        """Put a template into buffer 1; whether it arrived is seen from what becomes of it."""
        self._done(Op.DOWN_CHAR, b"\x01", SLOW_S)
        self.link.send(template, self.parameters.packet_bytes)

    # Answers.

    def _result(self, op: Op, args: bytes, within_s: float, *kinds: Kind) -> Meaning:
        return self._asked(op, args, within_s, fine=kinds).meaning

    def _done(self, op: Op, args: bytes, within_s: float, *, may_repeat: bool = True) -> None:
        answer = self.link.ask(op, args, within_s=within_s, may_repeat=may_repeat)
        if not answer.is_ok:
            self._refuse(op, answer)

    def _asked(
        self,
        op: Op,
        args: bytes = b"",
        within_s: float = 1.0,
        *,
        size: int = 0,
        fine: tuple[Kind, ...] = (),
    ) -> Answer:
        """Return the answer, where it is OK or of a kind that is `fine`. Raises SourceError."""
        answer = self.link.ask(op, args, size=size, within_s=within_s)
        if not answer.is_ok and answer.meaning.kind not in fine:
            self._refuse(op, answer)
        return answer

    def _refuse(self, op: Op, answer: Answer) -> NoReturn:
        said = f"{self._where}: {op.name} was answered {answer.code.name} ({answer.code:#04x})"
        match answer.meaning.kind:
            case Kind.COMM:
                raise Garbled(said, hint=_GARBLED)
            case Kind.UNSUPPORTED:
                raise NotOffered(said, hint="Send this with the module's model")
            case Kind.AUTH:
                raise Refused(said, hint="Set `password` and `address` to those of the module")
            case Kind.FULL:
                raise Refused(said, hint="Its slots are all in use: remove people who have left")
            case Kind.DEVICE:
                raise Refused(
                    said, hint="Clean it and power it off for two seconds; else replace it"
                )
        raise Refused(said, hint="Try again; if it stays, power the module off for two seconds")

    def _offers(self, op: Op, args: bytes = b"") -> bool:
        return self.link.learn(op, args) is not None

    def _parameters(self, answer: Answer) -> Parameters:
        # Status and system id say nothing: manuals and modules disagree about the id.
        _, _, capacity, security, _, packet, _ = _SYS_PARA.unpack(answer.body[: _SYS_PARA.size])
        if not 1 <= capacity <= CAPACITY_MOST or packet > 3:
            raise Garbled(
                f"{self._where}: expected 1 to {CAPACITY_MOST} slots and a packet size of 0 to 3, "
                f"the module tells {capacity} and {packet}",
                hint="Send this with the module's model",
            )
        return Parameters(capacity=capacity, security=security, packet_bytes=32 << packet)

    def _known(self, told: Parameters | None) -> Parameters:
        """Return its parameters, told by itself or known of its kind. Raises NotOffered."""
        parameters = told or self.profile.fixed
        if parameters is None:
            raise NotOffered(
                f"{self._where}: the module does not tell how many slots it has",
                hint="Send this with the module's model",
            )
        return parameters


def _buffered(slot: int) -> bytes:
    """Return buffer 1 and a slot: R50x want no other buffer here."""
    return struct.pack(">BH", 1, slot)


def _product(body: bytes) -> Product:
    fields = _PROD_INFO.unpack(body[: _PROD_INFO.size])
    model, _, serial, major, minor, _, _, _, template_bytes, _ = fields
    is_blank = not serial.strip(b"\0") or not serial.strip(b"\xff")
    return Product(
        model=_text(model),
        serial=b"" if is_blank else serial,
        hardware=f"{major}.{minor}",
        template_bytes=template_bytes,
    )


def _text(octets: bytes) -> str:
    text = octets.split(b"\0", 1)[0].decode("ascii", "replace").strip()
    return "".join(letter for letter in text if letter.isprintable())
