"""The thread that watches the daemon: through its absence, its restart and its later versions."""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from screen_stage import recorded, status, woken

from kiosk.health import Status
from kiosk.local import Local, Recorded
from kiosk.mine import Mine
from kiosk.screen.feed import Feed, Seen
from kiosk.screen.frames import Away

WITHIN_S = 10.0


class Daemon:
    """The daemon's end of a socket, which can be away."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = threading.Event()

    def start(self) -> None:
        self._stop.clear()
        up = threading.Event()
        self.local = Local(self._path)
        self.local.status = status
        self.local.mine = lambda person: Mine(person, "Siti", [])
        self._thread = threading.Thread(target=self.local.run, args=(self._stop.is_set, up.set))
        self._thread.start()
        assert up.wait(5)

    def end(self) -> None:
        self._stop.set()
        woken(self._path)
        self._thread.join(5)


class Watched:
    """A feed, and what it tells."""

    def __init__(self, *sockets: Path) -> None:
        self.told: queue.Queue[Seen] = queue.Queue()
        self.feed = Feed(sockets, self.told.put)
        self._thread = threading.Thread(target=self.feed.run)
        self._thread.start()

    def until(self, holds: Callable[[Seen], bool]) -> Seen:
        while not holds(seen := self.told.get(timeout=WITHIN_S)):
            pass
        return seen

    def end(self) -> None:
        self.feed.stop()
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    one = Daemon(tmp_path / "kiosk.sock")
    one.start()
    yield one
    one.end()


@pytest.fixture
def watched(daemon: Daemon, tmp_path: Path) -> Iterator[Watched]:
    one = Watched(tmp_path / "kiosk.sock")
    yield one
    one.end()


def test_the_status_comes_first_and_then_what_happens(daemon: Daemon, watched: Watched) -> None:
    assert isinstance(watched.told.get(timeout=WITHIN_S), Status)
    said = recorded()
    threading.Timer(0.2, daemon.local.tell, [said]).start()  # it watches a moment later
    assert watched.until(lambda seen: isinstance(seen, Recorded)) == said


def test_a_restart_of_the_daemon_is_survived(daemon: Daemon, watched: Watched) -> None:
    watched.until(lambda seen: isinstance(seen, Status))
    daemon.end()
    watched.until(lambda seen: isinstance(seen, Away))
    daemon.start()
    watched.until(lambda seen: isinstance(seen, Status))


def test_where_the_first_medium_is_dead_the_other_ones_socket_is_watched(
    daemon: Daemon, tmp_path: Path
) -> None:
    one = Watched(tmp_path / "none.sock", tmp_path / "kiosk.sock")
    try:
        assert isinstance(one.told.get(timeout=WITHIN_S), Status)
        assert one.feed.mine("siti") == Mine("siti", "Siti", [])
    finally:
        one.end()


def test_without_a_daemon_nobody_says_whose_presences_they_are(tmp_path: Path) -> None:
    assert Feed([tmp_path / "none.sock"], lambda _: None).mine("siti") is None


@contextmanager
def played(path: Path, *, status: list[bytes], watch: list[bytes]) -> Iterator[threading.Event]:
    """Be a daemon that says these lines; a watcher is hung up on when the event is set."""
    over = threading.Event()

    def serve(client: socket.socket) -> None:
        with client:
            is_watched = b"watch" in client.recv(4096)
            client.sendall(b"".join(line + b"\n" for line in (watch if is_watched else status)))
            if is_watched:
                over.wait(WITHIN_S)

    def listen() -> None:
        while not over.is_set():
            with suppress(TimeoutError):
                client, _ = here.accept()
                threading.Thread(target=serve, args=(client,), daemon=True).start()

    with socket.socket(socket.AF_UNIX) as here:
        here.bind(str(path))
        here.listen()
        here.settimeout(0.1)
        serving = threading.Thread(target=listen)
        serving.start()
        try:
            yield over
        finally:
            over.set()
            serving.join(5)


def test_a_daemon_of_a_later_version_that_says_more_is_still_understood(tmp_path: Path) -> None:
    said = recorded()
    lines = [b'{"event":"sang","song":1}', msgspec.json.encode(said)]
    with played(tmp_path / "s", status=[msgspec.json.encode(status())], watch=lines):
        one = Watched(tmp_path / "s")
        try:
            assert isinstance(one.told.get(timeout=WITHIN_S), Status)
            assert one.told.get(timeout=WITHIN_S) == said
        finally:
            one.end()


@pytest.mark.parametrize("status", [[], [b'{"kiosk":"of a later version"}']])
def test_a_daemon_that_turns_away_who_asks_is_there_and_its_punches_are_told(
    tmp_path: Path, status: list[bytes]
) -> None:
    said = recorded()
    with played(tmp_path / "s", status=status, watch=[msgspec.json.encode(said)]) as over:
        one = Watched(tmp_path / "s")
        try:
            assert one.told.get(timeout=WITHIN_S) == said
            over.set()
            assert isinstance(one.told.get(timeout=WITHIN_S), Away)
        finally:
            one.end()
