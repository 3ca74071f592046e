"""From a camera's settings and a directory of weights to what recognises: the one place that knows.

An engine's library is imported only where it is the one that is wanted.
"""

from pathlib import Path

from drivers import options
from drivers.camera.engine import Engine, Passive
from drivers.errors import Misconfigured


def engine(camera: options.Camera, weights: Path) -> Engine:
    """Return the engine, loaded. Raises Misconfigured: a library or weights are missing, wrong."""
    try:
        if camera.engine is options.Engine.DLIB:
            from drivers.camera.dlib_engine import Dlib

            return Dlib(weights)
        from drivers.camera.sface import SFace

        return SFace(weights)
    except ImportError as error:
        raise _missing(camera, error) from None


def passive(camera: options.Camera, weights: Path) -> Passive | None:
    """Return the passive liveness model, loaded; None without one. Raises Misconfigured."""
    if not camera.passive:
        return None
    try:
        from drivers.camera.passive import AntiSpoof
    except ImportError as error:
        raise _missing(camera, error) from None
    return AntiSpoof(camera.passive, weights)


def _missing(camera: options.Camera, error: ImportError) -> Misconfigured:
    extra = "face-recognition" if error.name == "dlib" else "camera"
    return Misconfigured(
        f"camera {camera.name}: its engine {camera.engine} does not load: {error}",
        hint=f"Run: {options.CAMERA_NEEDS.format(extra)}",
    )
