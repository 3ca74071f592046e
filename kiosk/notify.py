"""What systemd is told: sd_notify(3) by its socket, in plain datagrams.

Without systemd (`NOTIFY_SOCKET` unset) nothing is sent and nothing fails.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

_MILLION: Final = 1_000_000


class Notifier:
    """Speaks to the service manager that started us, if one did."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ means the abstract namespace, written with a NUL byte.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / _MILLION
        """Within how many seconds `alive` must be called; 0 for never."""

    def ready(self) -> None:
        """The journal is open and the workers run."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={text}")

    def alive(self) -> None:
        """What must work does work."""
        if self.watchdog_s:
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A service manager that is away for a moment must not end what it watches.
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as there,
        ):
            there.sendto(text.encode(), self._address)
