"""Backups, deaths and restores in any order: each punch once, and whatever could be kept is.

A terminal's punches are all counted in the end, however often the kiosk came back from whichever
backup. A card's, which stand nowhere else, are counted where they were delivered, or stood in a
backup that was restored, or are on the card that lives: and never twice.
"""

import io
import random
import shutil
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kiosk.backup import parcel, unpack
from kiosk.backup.pack import Asked, pack
from kiosk.faces import unitkey
from kiosk.settings import Place, load
from sync.journal.journal import Draft
from sync.keyfile import load_or_make
from sync.protocol import entry

UNIT, SHARES = unitkey.make("rudi")
SETTINGS = """\
kiosk = "k1"
data = "{data}"
central = ["central.pem"]
[line]
host = "127.0.0.1"
[[sources]]
kind = "zkteco"
name = "lobi"
host = "127.0.0.1"
"""
TIME = "2026-11-24T09:00:00"


class Life:
    """One kiosk with cards that die, a terminal, and a central."""

    def __init__(self, home: Path, worlds: tuple[type[Any], type[Any], type[Any]]) -> None:
        make_central, make_kiosk, make_log = worlds
        self.central = make_central(home / "central.db")
        self.kiosk = make_kiosk(home / "k1", "k1")
        self.log = make_log()
        self.config = home / "kiosk.toml"
        self.config.write_text(SETTINGS.format(data=self.kiosk.home))
        self.backup: tuple[bytes, set[str]] | None = None
        self.delivered: set[str] = set()
        self.held: set[str] = set()
        self._cards = count(1)
        self.go_on()

    @property
    def place(self) -> Place:
        return load(self.config)

    def go_on(self) -> None:
        """Have central admit the key that there is now, and start."""
        self.kiosk.key = load_or_make(self.kiosk.home / "device.key")
        self.central.admit("k1", self.kiosk.key.public)
        self.kiosk.start()

    def people_come(self, is_read: bool) -> None:
        """Somebody at the terminal, which is read at once or by and by; somebody with a card."""
        self.log.fill(3)
        if is_read:
            self.kiosk.read(self.log)
        user = f"{next(self._cards):010}"
        said = entry.Presence(
            at=self.kiosk.clock.stamp(),
            source="pintu",
            terminal="R1",
            credential="card",
            user=user,
            time=TIME,
            zone="Asia/Jakarta",
            mark=entry.Mark.KNOWN,
        )
        self.kiosk.epochs.live.append([Draft(entry.encode(said), said.origin)])
        self.held.add(user)

    def deliver(self) -> None:
        self.kiosk.deliver_all(self.central)
        self.delivered |= self.held

    def start_anew(self) -> None:
        self.kiosk.restart()

    def back_up(self) -> None:
        out = io.BytesIO()
        device = load_or_make(self.place.key)
        asked = Asked(by="rudi", now=1, software="test", unit=UNIT, device=device)
        pack(self.place, asked, out)
        self.backup = out.getvalue(), set(self.held)

    def die_and_come_back(self) -> None:
        if self.backup is None:
            return
        content, held = self.backup
        self.kiosk.stop()
        shutil.rmtree(self.kiosk.home)

        def opened() -> io.BytesIO:
            file = io.BytesIO(content)
            parcel.heading(file)
            return file

        heading = parcel.heading(io.BytesIO(content))
        unit = unitkey.together(SHARES)
        key = parcel.unseal(heading, unit)
        looked = unpack.look(opened(), heading, key)
        place = self.place
        unpack.ready(place, looked)
        unpack.restore(place, opened, heading, key, unit, looked, {}, "rudi")
        self.held = set(held)
        self.go_on()
        there = b"".join(row.body or b"" for row in self.kiosk.rows())
        assert all(user.encode() in there for user in held)

    def die_without_a_backup(self) -> None:
        self.kiosk.stop()
        shutil.rmtree(self.kiosk.home)
        self.held = set()
        self.go_on()

    def end(self) -> None:
        """Read and deliver all there is: what is counted now?"""
        self.kiosk.read(self.log)
        self.deliver()
        cards = Counter({(user, TIME): 1 for user in self.delivered})
        assert self.central.counted() == self.log.truth + cards
        assert not self.central.lost()

    def close(self) -> None:
        self.kiosk.stop()
        self.central.close()


@pytest.mark.parametrize("seed", range(4))
def test_backups_deaths_and_restores_in_any_order(
    seed: int, tmp_path: Path, worlds: tuple[type[Any], type[Any], type[Any]]
) -> None:
    chance = random.Random(seed)
    life = Life(tmp_path, worlds)
    steps = {
        lambda: life.people_come(chance.random() < 0.7): 5,
        life.deliver: 2,
        life.back_up: 3,
        life.die_and_come_back: 2,
        life.die_without_a_backup: 1,
        life.start_anew: 1,
    }
    try:
        for step in chance.choices(list(steps), list(steps.values()), k=20):
            step()
        life.end()
    finally:
        life.close()
