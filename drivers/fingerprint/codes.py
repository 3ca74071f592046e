"""What is said to an R30x module and what it answers: opcodes, confirmation codes, their meaning.

A code is not yet an error: that nobody lies there, that nobody is known, that a finger has to be
laid down again and that something is broken are four different things (`Kind`).
"""

from enum import Enum, IntEnum
from typing import Final, Self

from msgspec import Struct

from drivers.prompt import Prompt


class Op(IntEnum):
    """Commands, by the names of the manuals. None that empties the library is here, by intent.

    Nor are the Auto commands: the sources disagree about their arguments.
    """

    GEN_IMG = 0x01
    IMG_2_TZ = 0x02
    MATCH = 0x03
    SEARCH = 0x04  # not 0x1B, its fast kin: R503 and R551 lack it
    REG_MODEL = 0x05
    STORE = 0x06
    LOAD_CHAR = 0x07
    UP_CHAR = 0x08
    DOWN_CHAR = 0x09
    DELETE_CHAR = 0x0C
    SET_SYS_PARA = 0x0E
    READ_SYS_PARA = 0x0F
    VFY_PWD = 0x13
    WRITE_NOTEPAD = 0x18
    READ_NOTEPAD = 0x19
    READ_INDEX_TABLE = 0x1F
    AURA_LED_CONFIG = 0x35
    GET_FW_VER = 0x3A
    READ_PROD_INFO = 0x3C
    LED_ON = 0x50
    LED_OFF = 0x51


class Code(IntEnum):
    """How a module answers: the known codes have names, any other becomes UNKNOWN_n."""

    OK = 0x00
    RECEIVE_ERROR = 0x01  # on several modules it is also what they say to an unknown command
    NO_FINGER = 0x02
    IMAGE_FAILED = 0x03
    TOO_DRY = 0x04
    TOO_WET = 0x05
    TOO_MESSY = 0x06
    TOO_FEW_POINTS = 0x07
    NO_MATCH = 0x08
    NOT_FOUND = 0x09
    MERGE_FAILED = 0x0A
    OUT_OF_RANGE = 0x0B
    TEMPLATE_INVALID = 0x0C
    UPLOAD_FAILED = 0x0D
    NO_DATA_TAKEN = 0x0E
    IMAGE_UPLOAD_FAILED = 0x0F
    DELETE_FAILED = 0x10
    EMPTY_FAILED = 0x11
    WRONG_PASSWORD = 0x13
    NO_IMAGE = 0x15
    FLASH_ERROR = 0x18
    UNDEFINED = 0x19
    BAD_REGISTER = 0x1A
    BAD_REGISTER_CONTENT = 0x1B
    BAD_NOTEPAD_PAGE = 0x1C
    PORT_FAILED = 0x1D
    LIBRARY_FULL = 0x1F
    WRONG_ADDRESS = 0x20
    PASSWORD_WANTED = 0x21
    TEMPLATE_EMPTY = 0x22
    LIBRARY_EMPTY = 0x24
    TIMED_OUT = 0x26
    DUPLICATE = 0x27
    SENSOR_ERROR = 0x29
    ALIVE = 0x55
    UNSUPPORTED = 0xFC
    HARDWARE_ERROR = 0xFD
    EXECUTION_FAILED = 0xFE

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int) or not 0 <= value <= 0xFF:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value:02X}"
        member._value_ = value
        return member


class Kind(Enum):
    """What a code means for whoever asked."""

    OK = "ok"
    NO_MATCH = "no match"
    IDLE = "no finger"
    RETRY = "retry"  # the person can mend it: `Meaning.prompt` says how
    EMPTY = "empty"  # nothing is in that slot
    FULL = "full"
    DUPLICATE = "duplicate"
    SEQUENCE = "sequence"  # there is no image to work on
    AUTH = "auth"
    COMM = "comm"  # what we sent did not arrive well
    DEVICE = "device"  # it is broken, or will be soon
    UNSUPPORTED = "unsupported"


class Meaning(Struct, frozen=True):
    """The kind of a code; `prompt` is what the person is asked to do about it."""

    kind: Kind
    prompt: Prompt = Prompt.AGAIN


_KINDS: Final = {
    Kind.OK: (Code.OK, Code.ALIVE),
    Kind.NO_MATCH: (Code.NO_MATCH, Code.NOT_FOUND, Code.LIBRARY_EMPTY),
    Kind.IDLE: (Code.NO_FINGER, Code.TIMED_OUT),
    Kind.RETRY: (Code.IMAGE_FAILED, Code.TOO_MESSY, Code.MERGE_FAILED),
    Kind.EMPTY: (Code.TEMPLATE_INVALID, Code.TEMPLATE_EMPTY),
    Kind.FULL: (Code.LIBRARY_FULL,),
    Kind.DUPLICATE: (Code.DUPLICATE,),
    Kind.SEQUENCE: (Code.NO_IMAGE,),
    Kind.AUTH: (Code.WRONG_PASSWORD, Code.WRONG_ADDRESS, Code.PASSWORD_WANTED),
    Kind.COMM: (
        Code.RECEIVE_ERROR,
        Code.UPLOAD_FAILED,
        Code.NO_DATA_TAKEN,
        Code.IMAGE_UPLOAD_FAILED,
    ),
    Kind.UNSUPPORTED: (
        Code.OUT_OF_RANGE,
        Code.BAD_REGISTER,
        Code.BAD_REGISTER_CONTENT,
        Code.BAD_NOTEPAD_PAGE,
        Code.UNSUPPORTED,
    ),
}

_MEANINGS: Final = {
    **{code: Meaning(kind) for kind, codes in _KINDS.items() for code in codes},
    Code.TOO_DRY: Meaning(Kind.RETRY, Prompt.TOO_DRY),
    Code.TOO_WET: Meaning(Kind.RETRY, Prompt.TOO_WET),
    Code.TOO_FEW_POINTS: Meaning(Kind.RETRY, Prompt.CENTRE_FINGER),
}


def meaning(code: Code) -> Meaning:
    """Return what a code means; one that nobody knows is the device's trouble."""
    return _MEANINGS.get(code, Meaning(Kind.DEVICE))
