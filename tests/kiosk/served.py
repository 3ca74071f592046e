"""A daemon's end of the local socket, served while a test asks it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.local import Local


@contextmanager
def serving(local: Local) -> Iterator[None]:
    """Have a daemon's end of the socket served meanwhile."""
    stop, up = threading.Event(), threading.Event()
    thread = threading.Thread(target=local.run, args=(stop.is_set, up.set))
    thread.start()
    assert up.wait(5)
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
