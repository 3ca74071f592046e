"""One history: a town of kiosks, a broker and a central, and what befalls them, from one seed.

A history has two parts. First anything happens, in any order: each history draws which kinds of
trouble it knows and how often each comes (swarm testing), so that every pair of them meets
somewhere. Then all trouble ends, and within bounded time everything must have arrived.
"""

import io
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Final

from keys import CENTRAL, KIOSKS
from kiosks import Kiosk, Machine, Terminal
from line import Broker, Letter
from office import Central, Trouble
from promises import Promises

from sync.central.intake import GROUP
from sync.central.store.registry import KioskKey, Status
from sync.edge.session import Self
from sync.protocol import stick, topics
from sync.protocol.identity import Domain, PrivateKey

T0: Final = 1_795_471_200_000  # 2026-11-24
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
YEARS_MS: Final = 10 * 365 * 86_400_000

# What goes on everywhere, and how often.
EVERYDAY: Final = {
    "somebody_punches": 12,
    "a_terminal_is_read": 10,
    "a_card_is_shown": 6,
    "a_kiosk_connects": 14,
    "the_broker_takes": 40,
    "a_worker_is_handed": 40,
    "a_worker_works": 30,
    "a_kiosk_hears": 40,
    "time_passes": 16,
    "an_uplink_looks": 14,
    "a_worker_arrives": 8,
    "a_kiosk_is_started": 10,
    "all_goes_well": 14,
}

# What goes wrong; a history knows some of it.
TROUBLE: Final = {
    "the_line_is_cut": 6,
    "the_power_is_cut": 4,
    "a_clean_stop": 2,
    "the_power_is_cut_after_a_commit": 3,
    "the_disk_fills": 3,
    "a_clock_steps": 4,
    "centrals_clock_steps": 2,
    "a_worker_dies": 4,
    "the_database_is_in_trouble": 4,
    "the_broker_refuses": 2,
    "the_broker_drops": 2,
    "the_broker_swaps": 2,
    "the_broker_doubles": 2,
    "the_broker_begins_anew": 2,
    "something_old_is_said_again": 5,
    "somebody_says_rubbish": 2,
    "an_entry_nobody_can_read": 2,
    "an_oversized_punch": 2,
    "retention": 4,
    "a_body_is_destroyed": 2,
    "central_is_backed_up": 2,
    "central_is_set_back": 2,
    "a_card_is_copied": 2,
    "a_copy_is_put_in": 2,
    "a_new_card": 1,
    "a_twin_appears": 1,
    "a_long_outage": 2,
    "a_stick_is_written": 4,
    "a_stick_arrives": 4,
    "an_answer_arrives": 6,
}

# Troubles that mean little without each other.
THEMES: Final = (
    ("retention", "central_is_backed_up", "central_is_set_back"),
    ("something_old_is_said_again", "central_is_backed_up", "central_is_set_back", "retention"),
    ("retention", "a_body_is_destroyed", "central_is_backed_up", "central_is_set_back"),
    ("a_card_is_copied", "a_copy_is_put_in"),
    ("a_card_is_copied", "a_twin_appears"),
    ("the_power_is_cut", "something_old_is_said_again", "a_clock_steps"),
    ("a_stick_is_written", "a_stick_arrives", "an_answer_arrives"),
    (
        *("a_stick_is_written", "a_stick_arrives", "an_answer_arrives"),
        *("central_is_backed_up", "central_is_set_back", "retention"),
    ),
    ("a_worker_dies", "the_broker_swaps", "the_broker_doubles"),
    ("the_disk_fills", "the_power_is_cut_after_a_commit", "a_long_outage"),
    (
        *("the_disk_fills", "the_power_is_cut_after_a_commit", "a_copy_is_put_in"),
        *("a_card_is_copied", "central_is_backed_up", "central_is_set_back", "retention"),
    ),
)


class World:
    """Everything there is in one history. `parts` makes cards and the store."""

    def __init__(self, seed: int, parts: "Parts") -> None:
        self.rng = rng = Random(seed)
        self.now = 1000.0
        self.events = 0
        self.seen: Counter[str] = Counter()  # situations that came about, and how often
        self.broker = Broker(rng)
        self.broker.room_bytes = rng.choice((None, None, 16_384))
        self.central = Central(rng, self.broker, parts.store(), CENTRAL, self.true_ms, self._see)
        self.promises = Promises(self.central)
        self.terminals = [Terminal(f"T{n}", rng.choice((4, 12, 200))) for n in range(2)]
        self.kiosks: list[Kiosk] = []
        self.copies: list[tuple[str, Any]] = []
        self.sticks: list[bytes] = []
        self.answers: list[tuple[str, bytes]] = []  # whose, and the file
        for number in range(rng.choice((1, 1, 2, 3))):
            name, key = f"k{number}", KIOSKS[number]
            self._admit(name, key)
            card = parts.card(name, key.public.der, lambda: f"{rng.getrandbits(64):016x}")
            self._settle_in(name, key, card)

    def true_ms(self) -> int:
        """Return the true time, which nobody here knows."""
        return T0 + round(self.now * 1000)

    def _see(self, what: str) -> None:
        self.seen[what] += 1

    def _admit(self, name: str, key: PrivateKey) -> None:
        self.central.database.store.admit(
            KioskKey(
                fingerprint=key.public.fingerprint,
                kiosk=name,
                der=key.public.der,
                status=Status.ADMITTED,
                admitted_at=0,
                admitted_by="history",
            )
        )

    def _settle_in(self, name: str, key: PrivateKey, card: Any) -> None:
        rng = self.rng
        reads = rng.sample(self.terminals, rng.choice((1, 1, 2)))
        kiosk = Kiosk(
            Self(name, key, [CENTRAL.public], "history"),
            card,
            Machine(rng, self.true_ms),
            reads,
            self.broker,
            rng,
            self.promises.acked,
            self.promises.receipted,
            self._see,
        )
        self.kiosks.append(kiosk)
        kiosk.power_on()

    # The history.

    def run(self) -> None:
        """Let everything happen, then let it heal. Raises BrokenPromise."""
        rng = self.rng
        known = [name for name in TROUBLE if rng.random() < 0.25]
        if rng.random() < 0.5:
            known += rng.choice(THEMES)
        weights = EVERYDAY | {name: TROUBLE[name] * rng.choice((1, 3, 6)) for name in known}
        steps: list[Callable[[], None]] = [getattr(self, name) for name in weights]
        number = rng.choice((60, 120, 240))
        self.central.arrive([one.name for one in self.kiosks])
        for step in rng.choices(steps, list(weights.values()), k=number):
            self.now += rng.random() * 0.2
            self.events += 1
            step()
        self.heal()
        self.promises.kept(self.kiosks, self.terminals)
        self.seen.update(self.promises.seen)

    def heal(self) -> None:
        """End all trouble, read every terminal, and wait until nothing moves any more."""
        broker, central = self.broker, self.central
        broker.refuses, broker.drops, broker.doubles, broker.swaps = False, 0.0, 0.0, 0.0
        central.database.trouble = Trouble.NONE
        if not central.workers:
            central.arrive([one.name for one in self.kiosks])
        for kiosk in self.kiosks:
            kiosk.machine.off_ms, kiosk.machine.synced = 0, True
            self._start(kiosk)
            kiosk.disk.full = kiosk.disk.dark = False
        self._drain()
        # What central let go of, a start reads again from the terminals.
        for kiosk in self.kiosks:
            self._read_all(kiosk)
        self._drain()
        for kiosk in self.kiosks:
            self._read_all(kiosk)
        self._drain()

    def _read_all(self, kiosk: Kiosk) -> None:
        for which in range(len(kiosk.terminals)):
            kiosk.read(which)

    def _start(self, kiosk: Kiosk) -> None:
        if kiosk.wants_restart:
            kiosk.power_off(cut=False)
        if not kiosk.on:
            kiosk.power_on()

    def _flow(self) -> bool:
        """Let everything that is on its way arrive; return whether a kiosk heard anything."""
        moved = False
        for kiosk in self.kiosks:
            while kiosk.link is not None and kiosk.link.up:
                self.events += 1
                kiosk.said(self.now)
        while self.central.hand_out():
            self.events += 1
        for hands in list(self.central.workers):
            self.central.work(hands, GROUP)
        for kiosk in self.kiosks:
            while kiosk.link is not None and kiosk.link.down:
                self.events += 1
                moved = True
                kiosk.hear(self.now)
        return moved

    def _drain(self) -> None:
        """Let the line work in order until central has everything. Raises BrokenPromise."""
        for _ in range(400):
            for kiosk in self.kiosks:
                self._start(kiosk)
                if kiosk.session is None:
                    kiosk.connect(self.now)
            moved = self._flow()
            if not moved:
                if self.promises.delivered(self.kiosks):
                    return
                self.now += 7.0
            self.now += 0.01
            for kiosk in self.kiosks:
                kiosk.turn(self.now)
        self.promises.stalled(self.kiosks)

    # Every day.

    def somebody_punches(self) -> None:
        rng = self.rng
        for _ in range(rng.choice((1, 1, 2, 5))):
            rng.choice(self.terminals).punch(str(1001 + rng.randrange(3)))

    def _one(self) -> Kiosk | None:
        """Return a kiosk that runs, if the one that was drawn does."""
        kiosk = self.rng.choice(self.kiosks)
        return kiosk if kiosk.on else None

    def a_terminal_is_read(self) -> None:
        if kiosk := self._one():
            kiosk.read(self.rng.randrange(len(kiosk.terminals)))

    def a_card_is_shown(self) -> None:
        if kiosk := self._one():
            for _ in range(self.rng.choice((1, 1, 3, 8))):
                if kiosk.on:
                    kiosk.card_punch(5)

    def a_kiosk_connects(self) -> None:
        if (kiosk := self._one()) and kiosk.session is None and not kiosk.wants_restart:
            kiosk.connect(self.now)

    def a_kiosk_is_started(self) -> None:
        kiosk = self.rng.choice(self.kiosks)
        if kiosk.wants_restart or not kiosk.on:
            self._start(kiosk)

    def the_broker_takes(self) -> None:
        kiosk = self._one()
        if kiosk and kiosk.link and kiosk.link.up:
            kiosk.said(self.now)

    def a_worker_is_handed(self) -> None:
        self.central.hand_out()

    def a_worker_works(self) -> None:
        if self.central.workers:
            self.central.work(self.rng.choice(self.central.workers), self.rng.choice((1, 2, GROUP)))

    def a_kiosk_hears(self) -> None:
        kiosk = self._one()
        if kiosk and kiosk.link and kiosk.link.down:
            kiosk.hear(self.now)

    def an_uplink_looks(self) -> None:
        if kiosk := self._one():
            kiosk.turn(self.now)

    def time_passes(self) -> None:
        self.now += self.rng.choice((0.5, 3.0, 6.0, 30.0, 70.0, HOUR))

    def a_worker_arrives(self) -> None:
        if len(self.central.workers) < 2:
            self.central.arrive([one.name for one in self.kiosks])

    def all_goes_well(self) -> None:
        """What is on its way arrives, and what follows from it too, for a while."""
        if not self.central.workers:
            self.central.arrive([one.name for one in self.kiosks])
        kiosk = self.rng.choice(self.kiosks)
        self._start(kiosk)
        if kiosk.session is None:
            kiosk.connect(self.now)
        for _ in range(self.rng.choice((1, 2, 4))):
            self._flow()
            kiosk.turn(self.now)

    # The line.

    def the_line_is_cut(self) -> None:
        if kiosk := self._one():
            kiosk.hang_up()

    def the_broker_refuses(self) -> None:
        self.broker.refuses = not self.broker.refuses

    def the_broker_drops(self) -> None:
        self.broker.drops = self.rng.choice((0.0, 0.2, 0.6))

    def the_broker_doubles(self) -> None:
        self.broker.doubles = self.rng.choice((0.0, 0.3))

    def the_broker_swaps(self) -> None:
        self.broker.swaps = self.rng.choice((0.0, 0.5))

    def the_broker_begins_anew(self) -> None:
        self.broker.shared.clear()
        for kiosk in self.kiosks:
            kiosk.hang_up()
        for hands in list(self.central.workers):
            self.central.leave(hands)
        self.broker.shared.clear()

    def something_old_is_said_again(self) -> None:
        self.broker.again()

    def somebody_says_rubbish(self) -> None:
        rng, broker = self.rng, self.broker
        if not broker.said:
            return
        letter = rng.choice(broker.said)
        payload = bytearray(letter.payload)
        payload[rng.randrange(len(payload))] ^= 1 << rng.randrange(8)
        topic = letter.topic
        if rng.random() < 0.3:
            topic = topics.up(rng.choice(self.kiosks).name, rng.choice(list(topics.Up)))
        broker.shared.append(Letter(topic, bytes(payload), letter.encoding))
        self.promises.rubbish = True

    def a_long_outage(self) -> None:
        self.now += self.rng.choice((2 * DAY, 40 * DAY))

    # Kiosks.

    def the_power_is_cut(self) -> None:
        kiosk = self.rng.choice(self.kiosks)
        kiosk.power_off(cut=True)
        kiosk.machine.boot()

    def a_clean_stop(self) -> None:
        self.rng.choice(self.kiosks).power_off(cut=False)

    def the_power_is_cut_after_a_commit(self) -> None:
        if kiosk := self._one():
            kiosk.disk.dark = True

    def the_disk_fills(self) -> None:
        if kiosk := self._one():
            kiosk.disk.full = not kiosk.disk.full

    def a_clock_steps(self) -> None:
        machine = self.rng.choice(self.kiosks).machine
        machine.off_ms = self.rng.choice((0, 0, -self.true_ms(), YEARS_MS, -3_600_000, 5_000))
        machine.synced = not machine.off_ms and self.rng.random() < 0.7

    def an_entry_nobody_can_read(self) -> None:
        if kiosk := self._one():
            kiosk.record(self.rng.choice((b'{"kind":"later","at":7}', b"\xff\xfe", b"{" * 4000)))
            self.promises.unreadable = True

    def an_oversized_punch(self) -> None:
        if kiosk := self._one():
            kiosk.card_punch(self.rng.choice((2048, 2049, 60_000)))

    def retention(self) -> None:
        if kiosk := self._one():
            journal = self.rng.choice(kiosk.card.journals)
            self.promises.lets_go(kiosk, journal, self.rng.randrange(1, 40))

    def a_body_is_destroyed(self) -> None:
        if kiosk := self._one():
            journal = kiosk.card.live
            held = [seq for seq, body, _ in journal.bodies() if body and seq <= journal.cursor]
            if held:
                self.promises.destroys(kiosk, journal, self.rng.choice(held))

    def a_card_is_copied(self) -> None:
        kiosk = self.rng.choice(self.kiosks)
        if len(self.copies) < 3:
            self.copies.append((kiosk.name, kiosk.card.copy()))

    def a_copy_is_put_in(self) -> None:
        if not self.copies:
            return
        name, copy = self.rng.choice(self.copies)
        kiosk = next(one for one in self.kiosks if one.name == name)
        self.promises.card_goes(kiosk)
        kiosk.power_off(cut=self.rng.random() < 0.5)
        kiosk.card.destroy()
        kiosk.card, kiosk.exported = copy.copy(), ""
        self.promises.copied.add(name)
        kiosk.power_on()

    def a_new_card(self) -> None:
        kiosk = self.rng.choice(self.kiosks)
        self.promises.card_goes(kiosk)
        kiosk.power_off(cut=True)
        kiosk.card.destroy()
        kiosk.exported = ""
        kiosk.power_on()

    def a_twin_appears(self) -> None:
        """A copy of a card runs in a second machine: two kiosks with one identity."""
        if not self.copies or len(self.kiosks) > 3:
            return
        name, copy = self.rng.choice(self.copies)
        kiosk = next(one for one in self.kiosks if one.name == name)
        self.promises.copied.add(name)
        self._settle_in(name, kiosk.me.key, copy.copy())

    def a_stick_is_written(self) -> None:
        if (kiosk := self._one()) and len(self.sticks) < 4:
            self.sticks.append(kiosk.write_stick())

    def a_stick_arrives(self) -> None:
        """One of those that were ever written, perhaps not for the first time."""
        if self.sticks:
            answer = self.central.take_stick(content := self.rng.choice(self.sticks))
            if answer is not None and len(self.answers) < 6:
                self.answers.append((stick_of(content), answer))

    def an_answer_arrives(self) -> None:
        if self.answers:
            name, answer = self.rng.choice(self.answers)
            kiosk = self.rng.choice([one for one in self.kiosks if one.name == name])
            if kiosk.on:
                kiosk.hear_stick(answer)

    # Central.

    def a_worker_dies(self) -> None:
        if self.central.workers:
            hands = self.rng.choice(self.central.workers)
            self.central.work(hands, GROUP, fuse=self.rng.randrange(6))

    def the_database_is_in_trouble(self) -> None:
        trouble = self.central.database.trouble
        self.central.database.trouble = (
            self.rng.choice(list(Trouble)) if trouble is Trouble.NONE else Trouble.NONE
        )

    def centrals_clock_steps(self) -> None:
        self.central.off_ms = self.rng.choice((0, -self.true_ms(), YEARS_MS, -3_600_000))
        self.promises.central_lied = True

    def central_is_backed_up(self) -> None:
        if len(self.central.backups) < 3:
            self.central.backups.append(self.central.database.store.back_up())

    def central_is_set_back(self) -> None:
        central = self.central
        if not central.backups:
            return
        for hands in list(central.workers):
            central.leave(hands)
        central.database.store.restore(self.rng.choice(central.backups))
        self.promises.set_back = True


def stick_of(content: bytes) -> str:
    """Return whose stick it is."""
    return stick.read(io.BytesIO(content), Domain.STICK).contents.kiosk


class Parts:
    """Which parts a history runs on: models, or the real journal and store in a directory."""

    def __init__(self, card: Callable[..., Any], store: Callable[[], Any]) -> None:
        self.card = card
        self.store = store
