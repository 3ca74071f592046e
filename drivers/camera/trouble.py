"""Is the camera still looking? Pure: frames and a clock in, what is wrong out.

no frame for SILENT_S           unplugged, or the network is gone
the same frame for FROZEN_S     the camera repeats itself; its noise alone changes a true picture
dark and flat for COVERED_S     something is over the lens, or the light is out
"""

from typing import Final
from zlib import crc32

from drivers.camera.engine import Frame
from drivers.camera.opencv import cv2
from drivers.errors import Garbled, SourceError, TimedOut

SILENT_S: Final = 5.0
FROZEN_S: Final = 15.0
"""A compressed stream may repeat itself up to its next key frame, which comes every 1 to 10 s."""
COVERED_S: Final = 10.0
DARK: Final = 40.0
"""Mean brightness, of 255, below which a picture is dark."""
FLAT: Final = 6.0
"""Standard deviation of brightness, averaged over patches so that noise does not count."""
PATCHES: Final = (16, 12)


class Trouble:
    """What is wrong with one camera, `where` it is.

    Attributes:
        has_seen: whether anything was ever to be seen.
    """

    def __init__(self, where: str, now_s: float) -> None:
        """`now_s` is monotonic, here and below."""
        self._where = where
        self._frame_s = now_s  # when the last frame came
        self._changed_s = now_s  # when it last was another one
        self._seen_s = now_s  # when something was last to be seen in it
        self._digest = 0
        self.has_seen = False

    def see(self, frame: Frame | None, now_s: float) -> SourceError | None:
        """Take a frame, or that none came; return what is wrong."""
        if frame is None:
            return self._silent(now_s)
        self._frame_s = now_s
        digest = crc32(frame[::4].tobytes())
        if digest != self._digest:
            self._digest, self._changed_s = digest, now_s
        if not _covered(frame):
            self._seen_s, self.has_seen = now_s, True
        # A covered lens of a quiet sensor freezes too; the cover is what somebody can lift.
        if now_s - self._seen_s >= COVERED_S:
            return Garbled(
                f"{self._where}: nothing but dark for {COVERED_S:g} s",
                hint="Look whether something is over the lens, and whether there is light",
            )
        if now_s - self._changed_s >= FROZEN_S:
            return TimedOut(
                f"{self._where}: the same picture for {FROZEN_S:g} s, to the last bit",
                hint="The camera hangs: take its power away and give it back",
            )
        return None

    def _silent(self, now_s: float) -> SourceError | None:
        if now_s - self._frame_s < SILENT_S:
            return None
        return TimedOut(
            f"{self._where}: no picture for {SILENT_S:g} s",
            hint="Look at its cable and power; on a Pi also at `dmesg`",
        )


def _covered(frame: Frame) -> bool:
    patches = cv2.resize(frame, PATCHES, interpolation=cv2.INTER_AREA).mean(axis=2)
    return bool(patches.mean() < DARK and patches.std() < FLAT)
