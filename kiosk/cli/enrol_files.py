"""Pictures in files become templates, in the process of `kiosk enrol`, which loads the engine."""

from collections.abc import Sequence
from pathlib import Path

from drivers.errors import SourceError
from drivers.faces import Enrolled
from drivers.options import CAMERA_NEEDS, Camera
from kiosk.cli.exits import Exit, Refused
from kiosk.settings import Place


def from_files(place: Place, source: str, files: Sequence[Path]) -> Enrolled:
    """Return what the pictures give, by the engine of camera `source`. Raises Refused."""
    camera = camera_of(place, source)
    try:
        from drivers.camera.build import engine
        from drivers.camera.enrolling import from_pictures
        from drivers.camera.pictures import load
        from drivers.camera.rules import Rules
    except ImportError as error:
        raise Refused(
            f"{error}; pictures are read with the camera's libraries: "
            f"{CAMERA_NEEDS.format('camera')}",
            Exit.UNAVAILABLE,
        ) from error
    frames = []
    for file in files:
        if not file.is_file():
            raise Refused(f"there is no picture {file}", Exit.UNAVAILABLE)
        frame = load(file)
        if frame is None:
            raise Refused(f"{file}: not a picture that can be read (JPEG, PNG)", Exit.UNAVAILABLE)
        frames.append(frame)
    try:
        loaded = engine(camera, place.models)
        keep = place.settings.faces.keep_pictures_days > 0
        return from_pictures(loaded, frames, keep, Rules.of(camera, loaded))
    except SourceError as error:
        raise Refused(str(error)) from error


def camera_of(place: Place, source: str) -> Camera:
    """Return the settings of camera `source`, or of the only one. Raises Refused."""
    cameras = [one for one in place.settings.sources if isinstance(one, Camera)]
    for one in cameras:
        if one.name == source or (not source and len(cameras) == 1):
            return one
    there = ", ".join(one.name for one in cameras) or "none"
    raise Refused(
        f"which camera's engine? Say --source; there are: {there} ({place.file})", Exit.SETTINGS
    )
