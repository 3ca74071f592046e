"""The Unix socket through which everything else on this machine talks to the daemon.

One JSON object per line, both ways. A client asks once:

    {"ask": "status"}    is answered with one Status and the end
    {"ask": "watch"}     is answered with a line for everything that happens, and for half a second
                         in which nothing does, until it hangs up
    {"ask": "mine", "said": {"person": ...}}   is answered with that person's last presences
    {"ask": "witness", "said": {...}}   and whatever else changes something is answered with one
                         Done or Refusal; what has to be said with it is text

The socket belongs to the daemon's user and group; whoever may open it may ask. The group may pass
through its directory, and that is all: what is kept there is the daemon's user's.
"""

import contextlib
import os
import queue
import select
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from kiosk.duty import Told
from kiosk.health import Status
from kiosk.mine import Mine
from kiosk.prompts import Prompted
from sync.journal.errors import JournalError
from sync.protocol.entry import Presence

WATCHERS_MOST: Final = 16
"""Most clients at once; one more is turned away."""

QUEUE_MOST: Final = 10_000
"""A watcher that has fallen this far behind is hung up on, rather than slow the daemon."""

ASK_MOST_BYTES: Final = 12 << 20
"""Longest question with what is said in it: central's answer from a stick is the longest."""

ASK_WITHIN_S: Final = 5.0
"""How long a client may take to say what it wants."""

_LOOK_EVERY_S: Final = 0.5


class Ask(Struct, frozen=True, forbid_unknown_fields=True):
    """What a client wants: `status`, `watch` or what is to be carried out, with what it says."""

    ask: str
    said: dict[str, str] = {}


class Recorded(Struct, frozen=True, tag_field="event", tag="recorded"):
    """A presence is on disk. `name` is the person's, for screens; "" for a stranger.

    `told` is what may be said of it: masuk or pulang, and how late. `made` is when it was by our
    clock, milliseconds UTC, 0 for never; `is_fresh` says whether somebody may still stand there.
    """

    epoch: str
    seq: int
    presence: Presence
    name: str
    told: Told | None = None
    made: int = 0
    is_fresh: bool = False


class Receipted(Struct, frozen=True, tag_field="event", tag="receipted"):
    """Entries up to `through` are in central's database."""

    epoch: str
    through: int


class Alive(Struct, frozen=True, tag_field="event", tag="alive"):
    """Nothing has happened for half a second."""


class Done(Struct, frozen=True, tag_field="event", tag="done"):
    """What was asked is carried out."""

    text: str


class CannotDo(Exception):
    """What was asked is not carried out; the text says why and what to do."""


class Refusal(Struct, frozen=True, tag_field="event", tag="refused"):
    """The daemon cannot do what was asked."""

    reason: str


Happening = Recorded | Receipted | Prompted
HasGone = Callable[[], bool]
"""Says whether a client has hung up."""

_encode: Final = msgspec.json.encode
_ALIVE: Final = _encode(Alive())


class Local:
    """The daemon's end of the socket.

    Who has put the daemon together sets `status`, `mine` and, by name, what a client may have
    carried out: it is given what the client says, returns what is done, and raises CannotDo. What
    is `attended` is also given what says whether the client has gone, for it is to end then.
    """

    status: Callable[[], Status]
    mine: Callable[[str], Mine]
    carry_out: Mapping[str, Callable[[Mapping[str, str]], str]] = {}
    attended: Mapping[str, Callable[[Mapping[str, str], HasGone], str]] = {}

    def __init__(self, path: Path) -> None:
        self._path = path
        self._watchers: set[queue.Queue[Happening]] = set()
        self._clients = threading.BoundedSemaphore(WATCHERS_MOST)
        self._lock = threading.Lock()

    def tell(self, happening: Happening) -> None:
        """Pass on what happened; never blocks."""
        with self._lock:
            for watcher in list(self._watchers):
                try:
                    watcher.put_nowait(happening)
                except queue.Full:
                    self._watchers.discard(watcher)

    def run(self, stopping: Callable[[], bool], beat: Callable[[], None]) -> None:
        """Answer clients until `stopping()`. Raises OSError if the socket cannot be had."""
        self._path.unlink(missing_ok=True)  # the directory's lock says that nobody else serves it
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as here:
            with short_path(self._path) as address:
                here.bind(address)
            self._path.chmod(0o660)
            with contextlib.suppress(PermissionError):  # it is somebody else's, who sees to it
                self._path.parent.chmod(self._path.parent.stat().st_mode | 0o010)
            here.listen(WATCHERS_MOST)
            here.settimeout(_LOOK_EVERY_S)
            try:
                while not stopping():
                    beat()
                    with contextlib.suppress(TimeoutError):
                        client, _ = here.accept()
                        self._admit(client, stopping)
            finally:
                self._path.unlink(missing_ok=True)

    def _admit(self, client: socket.socket, stopping: Callable[[], bool]) -> None:
        if not self._clients.acquire(blocking=False):
            client.close()
            return
        threading.Thread(
            target=self._serve, args=(client, stopping), name="local-client", daemon=True
        ).start()

    def _serve(self, client: socket.socket, stopping: Callable[[], bool]) -> None:
        try:
            # A client that vanishes is its own business.
            with client, contextlib.suppress(OSError):
                client.settimeout(ASK_WITHIN_S)
                with client.makefile("rwb") as lines:
                    asked = lines.readline(ASK_MOST_BYTES)
                    for answer in self._answers(asked, stopping, lambda: _has_gone(client)):
                        lines.write(answer + b"\n")
                        lines.flush()
        finally:
            self._clients.release()

    def _answers(
        self, line: bytes, stopping: Callable[[], bool], has_gone: HasGone
    ) -> Iterator[bytes]:
        try:
            asked = msgspec.json.decode(line, type=Ask)
        except msgspec.DecodeError as error:
            yield _encode(Refusal(f"not understood: {error}"))
            return
        if asked.ask == "status":
            yield _encode(self.status())
        elif asked.ask == "watch":
            yield from self._watch(stopping)
        elif asked.ask in {"mine", *self.carry_out, *self.attended}:
            try:
                yield _encode(self._answer(asked, has_gone))
            except (CannotDo, JournalError) as error:
                yield _encode(Refusal(str(error)))
        else:
            yield _encode(Refusal(f"nothing is known of {asked.ask!r}; ask for status or watch"))

    def _answer(self, asked: Ask, has_gone: HasGone) -> Done | Mine:
        """Return what answers it. Raises CannotDo, JournalError."""
        if asked.ask in self.attended:
            return Done(self.attended[asked.ask](asked.said, has_gone))
        if asked.ask != "mine":
            return Done(self.carry_out[asked.ask](asked.said))
        person = asked.said.get("person", "")
        if not person:
            raise CannotDo("mine: say whose presences, `person`")
        return self.mine(person)

    def _watch(self, stopping: Callable[[], bool]) -> Iterator[bytes]:
        watcher: queue.Queue[Happening] = queue.Queue(QUEUE_MOST)
        with self._lock:
            self._watchers.add(watcher)
        try:
            yield _ALIVE
            while not stopping() and watcher in self._watchers:
                try:
                    yield _encode(watcher.get(timeout=_LOOK_EVERY_S))
                except queue.Empty:
                    yield _ALIVE
        finally:
            with self._lock:
                self._watchers.discard(watcher)


def _has_gone(client: socket.socket) -> bool:
    """Return whether a client has hung up: it has nothing more to say, and says so."""
    try:
        return bool(select.select([client], [], [], 0)[0]) and not client.recv(1, socket.MSG_PEEK)
    except (OSError, ValueError):
        return True


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """Yield another name of `path`: a socket's address ends after 107 bytes, paths do not."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


class NoDaemon(Exception):
    """Nobody answers at the socket."""


def ask(
    path: Path,
    wanted: str,
    timeout_s: float | None = 5.0,
    said: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[bytes]:
    """Ask the daemon at `path` and yield its lines. Raises NoDaemon."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as there:
            there.settimeout(timeout_s)
            with short_path(path) as address:
                there.connect(address)
            there.sendall(_encode(Ask(wanted, dict(said))) + b"\n")
            with there.makefile("rb") as lines:
                yield from lines
    except OSError as error:
        raise NoDaemon(
            f"{path}: no kiosk daemon answers there ({error}); is it running?"
        ) from error
