"""Frames that real modules have said, and the commands they answered: golden for both codecs.

Bytes only, each with its source, so that a driver's tests and a simulator's hold to the same ones.
Nobody's template is among them: where a recording had one, what stands here is of the same shape
and made up.
"""

from typing import Final

VFY_PWD: Final = bytes.fromhex("ef01ffffffff010007130000000000 1b")
VFY_PWD_ACK: Final = bytes.fromhex("ef01ffffffff07000300000a")
READ_SYS_PARA: Final = bytes.fromhex("ef01ffffffff0100030f0013")
READ_SYS_PARA_ACK: Final = bytes.fromhex(
    "ef01ffffffff070013 00 0004 0000 00c8 0003 ffffffff 0002 0006 04ed"
)
"""Status 4, system id 0, capacity 200, security 3, packet 2 (128 bytes), speed 6 (57,600)."""
GEN_IMG: Final = bytes.fromhex("ef01ffffffff010003010005")
SEARCH_HIT: Final = bytes.fromhex("ef01ffffffff070007 00 0001 0060 006f")
"""Page 1, score 96."""
SEARCH_MISS: Final = bytes.fromhex("ef01ffffffff070007 09 01ee 0000 0106")
"""Not found, and 01EE where a page would stand."""

FPM_25: Final = (
    (VFY_PWD, 0x01, bytes.fromhex("1300000000")),
    (VFY_PWD_ACK, 0x07, bytes.fromhex("00")),
    (READ_SYS_PARA, 0x01, bytes.fromhex("0f")),
    (READ_SYS_PARA_ACK, 0x07, bytes.fromhex("00 0004 0000 00c8 0003 ffffffff 0002 0006")),
    (GEN_IMG, 0x01, bytes.fromhex("01")),
    (SEARCH_HIT, 0x07, bytes.fromhex("00 0001 0060")),
    (SEARCH_MISS, 0x07, bytes.fromhex("09 01ee 0000")),
)
"""An R503: brianrho/FPM, pull request 25. Frame, packet id, content."""

UP_CHAR: Final = bytes.fromhex("ef01ffffffff010004 0801 000e")
DATA_HEAD: Final = bytes.fromhex("ef01ffffffff020082")
OUT_OF_STEP: Final = bytes.fromhex("36ab14650fa7051f2e")
ADAFRUIT_29: Final = VFY_PWD_ACK + DATA_HEAD + bytes(range(100)) + OUT_OF_STEP
"""Adafruit_CircuitPython_Fingerprint, issue 29: an ack, then data from which bytes were lost.

Nine bytes stood where the next frame's start was due. The hundred before them are made up.
"""

LAST_OF_ZEROS: Final = bytes.fromhex("ef01ffffffff080082") + bytes(128) + bytes.fromhex("008a")
"""Adafruit-Fingerprint-Sensor-Library, issue 64 (an R307): the last frame of a template."""
WITH_LOSSES: Final = tuple(
    bytes.fromhex("ef01ffffffff020082") + bytes(range(n, n + 121)) + bytes.fromhex(written)
    for n, written in ((5, "154b"), (17, "2d4c"))
)
"""The two before it had lost bytes on their way: 128 are announced, fewer come.

As there, the frames follow one another; their content is made up.
"""
ADAFRUIT_64: Final = b"".join(WITH_LOSSES) + LAST_OF_ZEROS
