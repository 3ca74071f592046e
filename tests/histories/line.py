"""A broker, and everything that a line can do to messages. Nothing is promised by it but QoS 1.

    kiosk -> up -> broker -> shared -> a worker's hands        worker -> broker -> down -> kiosk

Each arrow is a step of the history of its own, so that anything can happen in between.
"""

from collections import deque
from random import Random
from typing import NamedTuple

from sync.edge.session import Say
from sync.line import Verdict

MOST_KEPT = 60


class Letter(NamedTuple):
    """A message on its way."""

    topic: str
    payload: bytes
    encoding: str = ""


class Link:
    """One connection of one kiosk's process."""

    def __init__(self, kiosk: str) -> None:
        self.kiosk = kiosk
        self.up: deque[Letter] = deque()
        self.down: deque[Letter] = deque()


class Broker:
    """What is connected, and what is on its way."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.links: list[Link] = []
        self.shared: deque[Letter] = deque()
        self.workers = 0  # how many are connected
        self.refuses = False  # its quota is spent
        self.drops = 0.0  # share of what it takes and forgets: its queue is full
        self.doubles = 0.0
        self.swaps = 0.0
        self.room_bytes: int | None = None  # its maximum packet size leaves so much
        self.said: list[Letter] = []  # of everything ever said, enough to be said again
        self.answered: list[Letter] = []

    def take(self, link: Link) -> Verdict:
        """Take the next message of a kiosk and return what it is told."""
        letter = link.up.popleft()
        if not self.workers:
            return Verdict.NOBODY
        if self.refuses:
            return Verdict.REFUSED
        rng = self._rng
        _keep(rng, self.said, letter)
        if rng.random() >= self.drops:
            self.shared.append(letter)
        if rng.random() < self.doubles:
            self.shared.append(letter)
        return Verdict.TAKEN

    def hand_out(self) -> Letter | None:
        """Return the next message for a worker, not always the one that came first."""
        if not self.shared:
            return None
        if len(self.shared) > 1 and self._rng.random() < self.swaps:
            self.shared.rotate(self._rng.randrange(len(self.shared)))
        return self.shared.popleft()

    def publish(self, letter: Letter) -> None:
        """Pass on what central says to whoever is connected under that kiosk's name."""
        rng = self._rng
        _keep(rng, self.answered, letter)
        whose = letter.topic.split("/")[2]
        for link in self.links:
            if link.kiosk == whose and rng.random() >= self.drops:
                link.down.append(letter)
                if rng.random() < self.doubles:
                    link.down.append(letter)

    def say(self, link: Link, said: Say) -> None:
        """Have a kiosk's process say something."""
        link.up.append(Letter(said.topic, said.payload, said.encoding))

    def again(self) -> None:
        """Say something again that was said at any time, to central or to a kiosk."""
        rng = self._rng
        if self.said and rng.random() < 0.5:
            self.shared.append(rng.choice(self.said))
        elif self.answered and self.links:
            letter = rng.choice(self.answered)
            whose = letter.topic.split("/")[2]
            for link in self.links:
                if link.kiosk == whose:
                    link.down.append(letter)


def _keep(rng: Random, letters: list[Letter], letter: Letter) -> None:
    if len(letters) < MOST_KEPT:
        letters.append(letter)
    else:
        letters[rng.randrange(MOST_KEPT)] = letter
