"""A finger module without a line: its library is a dictionary, a finger is a word."""

from collections import deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from drivers.base import Credential, Identity, Method, Reading
from drivers.errors import Refused
from drivers.fingers import Asking, Duplicate, Module, Slots, Stored
from drivers.pending import Pending
from drivers.prompt import Prompt
from drivers.store import Secret

MODEL = "R503"


class FakeModule:
    """Implements `Source` and `KnowsFingers`.

    `there` is the finger on the glass; whoever is put into `come` comes next; `fails` is called
    with the name of each step, and may raise.
    """

    def __init__(self, slots: Slots, name: str = "jari", serial: str = "R503-0042") -> None:
        self.name = name
        self.slots = slots
        self.serial = serial
        self.model = MODEL
        self.capacity = 5
        self.library: dict[int, str] = {}
        self.there = ""
        self.score = 120
        self.come: deque[str] = deque()
        self.fails: Callable[[str], None] = lambda _: None
        self.pending = Pending(lambda: datetime(2026, 11, 24, 0, 30, tzinfo=UTC), "Asia/Jakarta")
        self.warnings: tuple[str, ...] = ()
        self.opened = 0

    def open(self, position: bytes | None, beat: Callable[[], None]) -> Identity:
        self.fails("open")
        self.pending.begin(position)
        compared = self.slots.compare(self.serial, frozenset(self.library))
        for slot in compared.remove:
            self.library.pop(slot, None)
            self.slots.removed(self.serial, slot)
        self.warnings = compared.warnings
        self.opened += 1
        return Identity(serial=self.serial, model=self.model, has_clock=False)

    def read(self, wait_s: float) -> Reading | None:
        self.fails("read")
        while self.come:
            finger = self.come.popleft()
            for slot, held in self.library.items():
                if held == finger:
                    user = self.slots.user(self.serial, slot)
                    self.pending.add(
                        self.serial, Credential.FINGER_SLOT, user, Method.FINGERPRINT, b"{}"
                    )
        if self.pending.is_due:
            return self.pending.watched(proves=True)
        return self.pending.reading()

    def confirm(self, reading: Reading) -> None:
        self.pending.confirm(reading)

    def close(self) -> None: ...

    @property
    def left_at_once(self) -> bool:
        return True

    def module(self) -> Module:
        return Module(
            serial=self.serial, model=self.model, capacity=self.capacity, security=3, captures=4
        )

    def enrol(
        self, ask: Asking, within_s: float, slot: int, minimum: int, mine: Collection[int] = ()
    ) -> Stored | Duplicate:
        ask(Prompt.PLACE_FINGER, 1, 4)
        if not self.there:
            raise Refused("no finger came")
        for held, finger in self.library.items():
            if finger == self.there:
                return Duplicate(held, 150)
        if self.score < minimum:
            raise Refused("its reads do not match well enough")
        self.fails("store")
        assert slot not in self.library
        self.library[slot] = self.there
        self.fails("prove")
        return Stored(slot, self.score)

    def occupied(self) -> frozenset[int]:
        return frozenset(self.library)

    def remove(self, slot: int) -> None:
        self.fails("remove")
        self.library.pop(slot, None)

    def template(self, slot: int) -> Secret:
        if slot not in self.library:
            raise Refused("it is empty")
        return Secret(self.library[slot].encode())

    def keep(self, slot: int, template: Secret) -> None:
        self.fails("keep")
        assert slot not in self.library
        self.library[slot] = template.octets.decode()
