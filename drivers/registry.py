"""Which kinds of terminal there are and who builds their sources.

A kind's driver is imported only when a source of that kind is configured.
"""

from collections.abc import Callable
from datetime import datetime

from drivers.base import Source
from drivers.options import Backend, SourceOptions


def build(options: SourceOptions, now: Callable[[], datetime]) -> Source:
    """Return the source that `options` describe; nothing is connected yet.

    `now` is the kiosk's clock (aware UTC); a source measures its terminal's drift against it.
    """
    if options.backend is Backend.PYZK:
        from drivers.zkteco.pyzk_source import PyzkSource

        return PyzkSource(options, now)
    from drivers.zkteco.source import ZkSource

    return ZkSource(options, now)
