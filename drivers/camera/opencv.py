"""OpenCV, 4.10 to 5.x, told to say errors only; whoever uses it in drivers/camera takes it here."""

import os

# Version 5 remarks of every model that one of its engines ignores targets; a camera that is away
# makes others remark on every try. What matters is returned or raised. The two versions share no
# function for it, only the variable, which is read while the library is loaded.
os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
# FFmpeg writes addresses with their passwords.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2

__all__ = ["cv2"]
