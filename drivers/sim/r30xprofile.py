"""What kind of finger module is simulated: a model's ways, as data.

A new model is a new `Profile`, not new code. Capacities are those that such modules usually tell;
names, versions and serials are made up.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from drivers.sim.r30xwire import Code, Op


class Unknown(StrEnum):
    """What a command that the module does not know gets."""

    RECEIVE_ERROR = "receive error"  # code 01, as a damaged one does
    UNSUPPORTED = "unsupported"  # code FC
    ECHO = "echo"  # the command itself, as it came
    SILENCE = "silence"


class Apply(StrEnum):
    """When a new speed or packet size is in force; the ack still goes out with the old one."""

    IMMEDIATE = "immediate"
    AFTER_RESET = "after reset"


CORE: Final = frozenset(
    {
        Op.GEN_IMG, Op.IMG2TZ, Op.MATCH, Op.SEARCH, Op.REG_MODEL, Op.STORE, Op.LOAD_CHAR,
        Op.UP_CHAR, Op.DOWN_CHAR, Op.UP_IMAGE, Op.DOWN_IMAGE, Op.DELETE_CHAR, Op.EMPTY,
        Op.SET_SYS_PARA, Op.READ_SYS_PARA, Op.SET_PWD, Op.VFY_PWD, Op.GET_RANDOM_CODE,
        Op.SET_ADDER, Op.READ_INF_PAGE, Op.WRITE_NOTEPAD, Op.READ_NOTEPAD, Op.TEMPLETE_NUM,
        Op.READ_INDEX_TABLE,
    }
)  # fmt: skip
"""What the whole family knows."""

ROUND: Final = frozenset({Op.AURA_LED_CONFIG, Op.CHECK_SENSOR, Op.SOFT_RST, Op.HAND_SHAKE})
"""What the round capacitive ones know beside it."""

ALL_SPEEDS: Final = frozenset(range(1, 13))
FEW_SPEEDS: Final = frozenset({1, 2, 4, 6, 12})


class Profile(Struct, frozen=True, kw_only=True):
    """One model's ways.

    Attributes:
        model: as READ_PROD_INFO tells it, where the model knows that.
        capacity: how many templates it keeps; pages are numbered from 0.
        buffers: how many char buffers it has.
        feature_bytes, template_bytes: what one reading takes, and what several merged do.
        one_template: a merged template has a buffer of its own, which UP_CHAR and STORE take
            whatever buffer they name.
        width, height: of its image, in pixels; four bits each.
        ops: the commands that it knows.
        unknown: what others get.
        ready_byte: it says 55 when it has started.
        start_s: how long it starts, with realistic timings.
        index_base: the bit of page 0 in READ_INDEX_TABLE.
        colours: the highest colour of AURA_LED_CONFIG.
        speeds: what it accepts as its speed, in 9600 bits a second.
        apply: when a new speed or packet size is in force.
        score_on_mismatch: a MATCH that fails carries a score all the same.
        miss: what a SEARCH that fails has for page and score.
        image_between: a GEN_IMG between IMG2TZ and SEARCH spoils the search.
        says_dry: it has codes of its own for dry and wet fingers.
        lenient: its lot merges two different fingers without a word.
    """

    model: str
    capacity: int
    buffers: int = 2
    feature_bytes: int = 512
    template_bytes: int = 512
    one_template: bool = False
    width: int = 256
    height: int = 288
    ops: frozenset[Op] = CORE | {Op.HI_SPEED_SEARCH}
    unknown: Unknown = Unknown.RECEIVE_ERROR
    ready_byte: bool = False
    start_s: float = 0.5
    index_base: int = 0
    colours: int = 7
    speeds: frozenset[int] = ALL_SPEEDS
    apply: Apply = Apply.AFTER_RESET
    score_on_mismatch: bool = True
    miss: bytes = bytes(4)
    image_between: bool = False
    says_dry: bool = False
    lenient: bool = False

    @property
    def image_bytes(self) -> int:
        """Return the size of an image as it travels."""
        return self.width * self.height // 2

    @property
    def for_dry(self) -> Code:
        """Return what IMG2TZ says of a dry finger."""
        return Code.TOO_DRY if self.says_dry else Code.TOO_FEW_POINTS

    @property
    def for_wet(self) -> Code:
        """Return what IMG2TZ says of a wet one."""
        return Code.TOO_WET if self.says_dry else Code.TOO_MESSY


_R307: Final = Profile(
    model="R307",
    capacity=1000,
    ops=CORE | {Op.HI_SPEED_SEARCH, Op.PORT_CONTROL, Op.LED_ON, Op.LED_OFF, Op.GET_ECHO},
    says_dry=True,
)

_R503: Final = Profile(
    model="R503",
    capacity=200,
    buffers=6,
    feature_bytes=384,
    template_bytes=768,
    width=192,
    height=192,
    ops=CORE | ROUND | {Op.READ_PROD_INFO},
    unknown=Unknown.UNSUPPORTED,
    ready_byte=True,
    start_s=0.05,
    colours=3,
    speeds=FEW_SPEEDS,
    apply=Apply.IMMEDIATE,
    score_on_mismatch=False,
    miss=bytes.fromhex("01ee0000"),
    image_between=True,
)

PROFILES: Final = {
    "zfm20": Profile(
        model="ZFM-20",
        capacity=162,
        ops=CORE | {Op.HI_SPEED_SEARCH, Op.LED_ON, Op.LED_OFF, Op.GET_IMAGE_FREE, Op.GET_ECHO},
    ),
    "r307": _R307,
    "r308": replace(
        _R307,
        model="R308",
        capacity=500,
        ops=_R307.ops - {Op.READ_SYS_PARA},
        unknown=Unknown.SILENCE,
        score_on_mismatch=False,
    ),
    "r503-1.1": _R503,
    "r503-1.2.2": replace(
        _R503,
        feature_bytes=512,
        template_bytes=1536,
        one_template=True,
        ops=_R503.ops | {Op.GET_IMAGE_EX, Op.CANCEL, Op.GET_ALG_VER, Op.GET_FW_VER},
        colours=7,
        apply=Apply.AFTER_RESET,
    ),
    "r551": Profile(
        model="R551",
        capacity=150,
        width=160,
        height=160,
        ops=CORE | {Op.STANDBY, Op.AURA_LED_CONFIG, Op.HAND_SHAKE},
        unknown=Unknown.ECHO,
        ready_byte=True,
        start_s=0.2,
        index_base=1,
        speeds=FEW_SPEEDS,
        says_dry=True,
    ),
}
"""The models, by the names that `kiosk sim fingerprint --profile` takes."""
