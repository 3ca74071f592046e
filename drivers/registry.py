"""Which kinds of terminal there are and who builds their sources.

A kind's driver is imported only when a source of that kind is configured.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from drivers.base import Source
from drivers.options import Backend, Camera, PushListener, SourceOptions, ZkPush, ZkTerminal

if TYPE_CHECKING:
    from drivers.camera.source import Parts
    from drivers.zkteco.push.listener import Listener

Now = Callable[[], datetime]
"""The kiosk's clock, aware UTC: what a terminal's drift is measured against."""

TrustedNow = Callable[[], datetime | None]
"""The same, None while it is not trusted: what a terminal may be told."""


def listen(options: PushListener, now: Now, trusted: TrustedNow) -> "Listener":
    """Return the place where push terminals call; its `run` opens it."""
    from drivers.zkteco.push.listener import Listener

    return Listener(options, now, trusted)


def build(
    options: SourceOptions,
    now: Now,
    trusted: TrustedNow = lambda: None,
    listener: "Listener | None" = None,
    cameras: "Parts | None" = None,
) -> Source:
    """Return the source that `options` describe; nothing is connected yet.

    Raises ValueError for a terminal that calls us where there is no `listener`, and for a camera
    where nothing is known of what `cameras` need.
    """
    match options:
        case ZkTerminal(backend=Backend.PYZK):
            from drivers.zkteco.pyzk_source import PyzkSource

            return PyzkSource(options, now)
        case ZkTerminal():
            from drivers.zkteco.source import ZkSource

            return ZkSource(options, now)
        case ZkPush():
            from drivers.zkteco.push.source import PushSource

            if listener is None:
                raise ValueError(f"source {options.name}: nothing listens for push terminals")
            return PushSource(options, now, trusted, listener)
        case Camera():
            from drivers.camera.source import CameraSource

            if cameras is None:
                raise ValueError(f"source {options.name}: there is no gallery for cameras")
            return CameraSource(options, now, cameras)
