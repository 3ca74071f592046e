"""OpenCV, 4.10 to 5.x, told to say errors only; whoever uses it in drivers/camera takes it here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.errors import Misconfigured

# Version 5 remarks of every model that one of its engines ignores targets; a camera that is away
# makes others remark on every try. What matters is returned or raised. The two versions share no
# function for it, only the variable, which is read while the library is loaded.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
# FFmpeg writes addresses with their passwords.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

__all__ = ["cv2", "loading"]


@contextmanager
def loading(path: Path) -> Iterator[str]:
    """Give the path of a model to OpenCV. Raises Misconfigured where it cannot read it."""
    try:
        yield str(path)
    except cv2.error as error:
        # The file is the right one by its hash: Debian's OpenCV 4.6 is too old for it.
        raise Misconfigured(
            f"OpenCV {cv2.__version__} cannot load {path}: {error.err}",
            hint="Run: pip install 'opencv-python>=4.10,<6', and keep no other OpenCV beside it",
        ) from None
