"""How long a simulated finger module takes for a command, where it takes its time at all."""

from typing import Final

from drivers.sim.r30xwire import Op

TRIVIAL_S: Final = 0.005
"""What does neither see, nor reckon, nor write."""

FLASH_S: Final = 0.12
"""Writing to the flash."""

USUAL_S: Final = {
    Op.IMG2TZ: 0.3,
    Op.REG_MODEL: 0.1,
    Op.MATCH: 0.05,
    Op.STORE: FLASH_S,
    Op.DELETE_CHAR: FLASH_S,
    Op.SET_SYS_PARA: FLASH_S,
    Op.SET_PWD: FLASH_S,
    Op.SET_ADDER: FLASH_S,
    Op.WRITE_NOTEPAD: FLASH_S,
    Op.EMPTY: 0.6,
}

IMAGE_S: Final = 0.18
"""Taking the image of a finger."""

NO_IMAGE_S: Final = 0.05
"""Seeing that there is none."""

SEARCH_S: Final = 0.02
SEARCH_EACH_S: Final = 0.002
"""A search, and so much more for each template."""


def pause_s(op: int, finger: bool, templates: int) -> float:
    """Return how long a command takes, with or without a finger, among so many templates."""
    if op in (Op.GEN_IMG, Op.GET_IMAGE_EX, Op.GET_IMAGE_FREE):
        return IMAGE_S if finger else NO_IMAGE_S
    if op in (Op.SEARCH, Op.HI_SPEED_SEARCH):
        return SEARCH_S + SEARCH_EACH_S * templates
    return next((wait_s for known, wait_s in USUAL_S.items() if known == op), TRIVIAL_S)
