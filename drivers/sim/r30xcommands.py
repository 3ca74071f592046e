"""What each command does to a simulated finger module, and what it is told. No frame, no port.

Where a command gets anything but OK, the library is as it was.
"""

from collections.abc import Callable
from random import Random
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from drivers.sim.r30xfinger import IMAGE_LEAD, Glass, Print, Quality, read, score, written
from drivers.sim.r30xflash import INDEX_PAGES, Flash, Register
from drivers.sim.r30xprofile import Apply, Profile
from drivers.sim.r30xwire import Code, Op

LENGTHS: Final = {
    Op.IMG2TZ: 1, Op.SEARCH: 5, Op.HI_SPEED_SEARCH: 5, Op.STORE: 3, Op.LOAD_CHAR: 3, Op.UP_CHAR: 1,
    Op.DOWN_CHAR: 1, Op.DELETE_CHAR: 4, Op.SET_SYS_PARA: 2, Op.SET_PWD: 4, Op.VFY_PWD: 4,
    Op.SET_ADDER: 4, Op.PORT_CONTROL: 1, Op.WRITE_NOTEPAD: 33, Op.READ_NOTEPAD: 1,
    Op.READ_INDEX_TABLE: 1, Op.AURA_LED_CONFIG: 4,
}  # fmt: skip
"""How many bytes follow a command's first one; none where it is not here."""

INFORMATION_BYTES: Final = 512
"""What READ_INF_PAGE gives."""

LIGHTS: Final = range(1, 7)
"""AURA_LED_CONFIG's ways: breathe, flash, on, off, fade in, fade out."""


class Said(Struct, frozen=True):
    """What one command gets.

    Attributes:
        content: behind the code.
        stream: what follows the ack as data.
        takes: called with the data that the host sends after the ack, once it is whole.
    """

    code: Code
    content: bytes = b""
    stream: bytes = b""
    takes: Callable[[bytes], None] | None = None


OK: Final = Said(Code.OK)


class Commands:
    """The commands of one module under power, and what they remember between them.

    Attributes:
        flash: what it keeps without power.
        parameters: those in force.
        light: the content of the last AURA_LED_CONFIG, or of LED_ON and LED_OFF.
        broken: its sensor is; CHECK_SENSOR says so.
    """

    def __init__(self, profile: Profile, flash: Flash, glass: Glass, seed: int) -> None:
        self.profile = profile
        self.flash = flash
        self.broken = False
        self._glass = glass
        self._random = Random(seed)  # noqa: S311 - GET_RANDOM_CODE, the same in each run
        self._readings = 0
        self._does: dict[Op, Callable[[bytes], Said]] = {
            op: getattr(self, f"_{op.name.lower()}") for op in profile.ops
        }
        self.power_up()

    def power_up(self) -> None:
        """Begin with what the flash has, and nothing else."""
        self.parameters = self.flash.parameters
        self.light = b""
        self._verified = False
        self._matched = False
        self._image: Print | None = None
        self._quality = Quality.OK
        self._buffers: dict[int, Print] = {}
        self._template: Print | None = None
        self._spoiled = False  # an image was taken since the last feature

    def forget_password(self) -> None:
        """Want to see the password again."""
        self._verified = False

    def knows(self, number: int) -> bool:
        """Return whether there is such a command in this model."""
        return number in self._does

    def do(self, op: Op, asked: bytes) -> Said:
        """Do a command that the model knows."""
        if len(asked) != LENGTHS.get(op, 0):
            return Said(Code.RECEIVE_ERROR)
        if self.flash.password and not self._verified and op is not Op.VFY_PWD:
            return Said(Code.UNVERIFIED)
        return self._does[op](asked)

    # Images and features

    def _gen_img(self, _asked: bytes) -> Said:
        self._spoiled = self.profile.image_between
        finger = self._glass.look()
        if finger is None:
            return Said(Code.NO_FINGER)
        if finger.quality is Quality.NONE or self.broken:
            return Said(Code.IMAGE_FAILED)
        self._readings += 1
        self._image = Print((finger.identity,), finger.likeness, self._readings & 0xFFFF)
        self._quality = finger.quality
        return OK

    _get_image_free = _gen_img

    def _get_image_ex(self, asked: bytes) -> Said:
        said = self._gen_img(asked)
        if said is OK and self._quality in (Quality.PARTIAL, Quality.SMUDGE):
            return Said(Code.TOO_FEW_POINTS)
        return said

    def _img2tz(self, asked: bytes) -> Said:
        if self._image is None:
            return Said(Code.NO_IMAGE)
        match self._quality:
            case Quality.DRY:
                return Said(self.profile.for_dry)
            case Quality.WET:
                return Said(self.profile.for_wet)
            case Quality.SMUDGE:
                return Said(Code.TOO_MESSY)
            case Quality.PARTIAL:
                return Said(Code.TOO_FEW_POINTS)
        self._buffers[self._buffer(asked[0])] = self._image
        self._spoiled = False
        return OK

    def _buffer(self, number: int) -> int:
        """Return which buffer is meant: what is none of them is the second, as ZFM's notes say."""
        return number if 1 <= number <= self.profile.buffers else 2

    def _match(self, _asked: bytes) -> Said:
        one, other = self._buffers.get(1), self._buffers.get(2)
        points = score(one, other) if one is not None and other is not None else 0
        if points >= self.parameters.least_score:
            return Said(Code.OK, _u16(points))
        return Said(Code.NO_MATCH, _u16(points) if self.profile.score_on_mismatch else b"")

    def _search(self, asked: bytes) -> Said:
        first, count = _number(asked[1:3]), _number(asked[3:5])
        looked_for = self._buffers.get(self._buffer(asked[0]))
        best, where = 0, -1
        if looked_for is not None and not self._spoiled:
            for page in sorted(self.flash.library):
                kept = read(self.flash.library[page])
                if first <= page < first + count and kept is not None:
                    points = score(looked_for, kept)
                    if points > best:
                        best, where = points, page
        self._matched = best >= self.parameters.least_score
        if self._matched:
            return Said(Code.OK, _u16(where) + _u16(best))
        return Said(Code.NOT_FOUND, self.profile.miss)

    _hi_speed_search = _search

    def _reg_model(self, _asked: bytes) -> Said:
        read_ones = [self._buffers[n] for n in sorted(self._buffers)]
        if len(read_ones) < 2:
            return Said(Code.MERGE_FAILED)
        whose = dict.fromkeys(name for one in read_ones for name in one.identities)
        if len(whose) > 1 and not self.profile.lenient:
            return Said(Code.MERGE_FAILED)
        merged = Print(tuple(whose), min(one.likeness for one in read_ones), read_ones[-1].reading)
        self._buffers = {1: merged, 2: merged}
        self._template = merged
        return OK

    # The library

    def _store(self, asked: bytes) -> Said:
        page = _number(asked[1:])
        if page >= self.profile.capacity:
            return Said(Code.OUT_OF_LIBRARY)
        made = self._template if self.profile.one_template else None
        made = made or self._buffers.get(self._buffer(asked[0]))
        if made is None:
            return Said(Code.FLASH_ERROR)
        self.flash.library[page] = written(made, self.profile.template_bytes)
        return OK

    def _load_char(self, asked: bytes) -> Said:
        page = _number(asked[1:])
        if page >= self.profile.capacity:
            return Said(Code.OUT_OF_LIBRARY)
        kept = self.flash.library.get(page)
        made = None if kept is None else read(kept)
        if made is None:
            return Said(Code.TEMPLATE_INVALID)
        self._buffers[self._buffer(asked[0])] = self._template = made
        self._spoiled = False
        return OK

    def _up_char(self, asked: bytes) -> Said:
        if self.profile.one_template:
            made, size = self._template, self.profile.template_bytes
        else:
            made = self._buffers.get(self._buffer(asked[0]))
            merged = made == self._template
            size = self.profile.template_bytes if merged else self.profile.feature_bytes
        if made is None:
            return Said(Code.UPLOAD_FAILED)
        return Said(Code.OK, stream=written(made, size))

    def _down_char(self, asked: bytes) -> Said:
        buffer = self._buffer(asked[0])

        def keep(octets: bytes) -> None:
            made = read(octets)
            if made is not None:
                self._buffers[buffer] = self._template = made

        # What was there is gone from now on, whether something good follows or not.
        self._buffers.pop(buffer, None)
        self._template = None
        return Said(Code.OK, takes=keep)

    def _delete_char(self, asked: bytes) -> Said:
        first, count = _number(asked[:2]), _number(asked[2:])
        if first + count > self.profile.capacity:
            return Said(Code.DELETE_FAILED)
        for page in range(first, first + count):
            self.flash.library.pop(page, None)
        return OK

    def _empty(self, _asked: bytes) -> Said:
        self.flash.library.clear()
        return OK

    def _templete_num(self, _asked: bytes) -> Said:
        return Said(Code.OK, _u16(len(self.flash.library)))

    def _read_index_table(self, asked: bytes) -> Said:
        if asked[0] >= INDEX_PAGES:
            return Said(Code.OUT_OF_LIBRARY)
        return Said(Code.OK, self.flash.index(asked[0]))

    # Images to and from the host

    def _up_image(self, _asked: bytes) -> Said:
        if self._image is None:
            return Said(Code.IMAGE_UPLOAD_FAILED)
        return Said(Code.OK, stream=written(self._image, self.profile.image_bytes, IMAGE_LEAD))

    def _down_image(self, _asked: bytes) -> Said:
        def keep(octets: bytes) -> None:
            self._image, self._quality = read(octets, IMAGE_LEAD), Quality.OK

        self._image = None
        return Said(Code.OK, takes=keep)

    # Who may, and how

    def _vfy_pwd(self, asked: bytes) -> Said:
        self._verified = _number(asked) == self.flash.password
        return OK if self._verified else Said(Code.WRONG_PASSWORD)

    def _set_pwd(self, asked: bytes) -> Said:
        self.flash.password = _number(asked)
        return OK

    def _set_adder(self, asked: bytes) -> Said:
        self.flash.address = _number(asked)  # its ack has the new one already
        return OK

    def _set_sys_para(self, asked: bytes) -> Said:
        code = self.flash.set(asked[0], asked[1])
        if code is not Code.OK:
            return Said(code)
        if self.profile.apply is Apply.IMMEDIATE:
            self.parameters = self.flash.parameters
        elif asked[0] == Register.SECURITY:
            self.parameters = replace(self.parameters, security=asked[1])
        return OK

    def _read_sys_para(self, _asked: bytes) -> Said:
        now = self.parameters
        status = self._matched << 1 | self._verified << 2 | (self._image is not None) << 3
        words = (status, 0, self.profile.capacity, now.security)
        told = b"".join(map(_u16, words)) + self.flash.address.to_bytes(4, "big")
        return Said(Code.OK, told + _u16(now.packet) + _u16(now.speed))

    def _write_notepad(self, asked: bytes) -> Said:
        return OK if self.flash.note(asked[0], asked[1:]) else Said(Code.BAD_NOTEPAD_PAGE)

    def _read_notepad(self, asked: bytes) -> Said:
        octets = self.flash.noted(asked[0])
        return Said(Code.BAD_NOTEPAD_PAGE) if octets is None else Said(Code.OK, octets)

    def _get_random_code(self, _asked: bytes) -> Said:
        return Said(Code.OK, self._random.randbytes(4))

    def _read_inf_page(self, _asked: bytes) -> Said:
        return Said(Code.OK, stream=self.flash.product().ljust(INFORMATION_BYTES, b"\xff"))

    def _read_prod_info(self, _asked: bytes) -> Said:
        return Said(Code.OK, self.flash.product())

    def _get_alg_ver(self, _asked: bytes) -> Said:
        return Said(Code.OK, b"SIM ALG 1.0")

    def _get_fw_ver(self, _asked: bytes) -> Said:
        return Said(Code.OK, b"SIM FW 1.0")

    # Lights and signs of life

    def _aura_led_config(self, asked: bytes) -> Said:
        how, _speed, colour, _times = asked
        if how not in LIGHTS or not 0 <= colour <= self.profile.colours:
            return Said(Code.RECEIVE_ERROR)
        self.light = asked
        return OK

    def _led_on(self, _asked: bytes) -> Said:
        self.light = b"\x01"
        return OK

    def _led_off(self, _asked: bytes) -> Said:
        self.light = b""
        return OK

    def _check_sensor(self, _asked: bytes) -> Said:
        return Said(Code.SENSOR_BROKEN) if self.broken else OK

    def _get_echo(self, _asked: bytes) -> Said:
        return Said(Code.ALIVE)

    def _nothing(self, _asked: bytes) -> Said:
        return OK

    _hand_shake = _cancel = _port_control = _standby = _soft_rst = _nothing


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")
