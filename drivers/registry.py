"""Which kinds of terminal there are and who builds their sources.

A kind's driver is imported only when a source of that kind is configured.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from drivers.base import Source
from drivers.fingers import Slots
from drivers.options import (
    Backend,
    Camera,
    FingerModule,
    PushListener,
    SourceOptions,
    ZkPush,
    ZkTerminal,
)
from drivers.possession import ReaderParts
from drivers.prompt import Prompt

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


class Around(Struct, frozen=True, kw_only=True):
    """What sources need of the kiosk around them; None where no source of the kind is configured.

    Attributes:
        listener: where terminals of kind `zkpush` call.
        cameras: for cameras.
        slots: who is in which slot of a finger module.
        readers: for readers of cards, codes and PINs.
        tell: passes on what somebody in front of a source is to do; never blocks.
    """

    listener: "Listener | None" = None
    cameras: "Parts | None" = None
    slots: Slots | None = None
    readers: ReaderParts | None = None
    tell: Callable[[str, Prompt], None] = lambda *_: None


def build(
    options: SourceOptions,
    now: Now,
    trusted: TrustedNow = lambda: None,
    around: Around = Around(),  # noqa: B008 - frozen
) -> Source:
    """Return the source that `options` describe; nothing is connected yet.

    Raises ValueError where `around` lacks what a source of that kind needs.
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

            if around.listener is None:
                raise ValueError(f"source {options.name}: nothing listens for push terminals")
            return PushSource(options, now, trusted, around.listener)
        case Camera():
            from drivers.camera.source import CameraSource

            if around.cameras is None:
                raise ValueError(f"source {options.name}: there is no gallery for cameras")
            return CameraSource(options, now, around.cameras)
        case FingerModule():
            from drivers.fingerprint.source import FingerSource

            if around.slots is None:
                raise ValueError(f"source {options.name}: nobody knows who is in which slot")
            return FingerSource(options, now, around.slots, around.tell)
        case _:
            raise ValueError(f"source {options.name}: no driver yet")
