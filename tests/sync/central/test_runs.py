"""Messages taken in together leave what they leave one by one: rows, alarms, answers.

Whatever of them stands in one transaction: batches that lead to one another, a fork between, a
signature that is another's, entries that nobody can read, the same again.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from sync.central.desk import Desk
from sync.central.store import tables
from sync.protocol import entry, topics
from sync.protocol.identity import PrivateKey
from sync.protocol.receipt import Receipt
from sync.protocol.topics import Up
from tests.sync.central.conftest import STAMP, FakeCentral, FakeKiosk

Message = tuple[str, bytes]

FORGER = PrivateKey.generate()
NUMBERED = ("quarantine", "presence")
"""Tables whose rows have a number by arrival."""


def messages(dice: random.Random, kiosks: list[FakeKiosk]) -> list[Message]:
    """Return what kiosks say: mostly backlogs in order, and all that may be among them."""
    said: list[Message] = []
    for kiosk in kiosks:
        said.append((topics.up(kiosk.name, Up.HELLO), kiosk.hello()))
    while len(said) < 40:
        kiosk = dice.choice(kiosks)
        size = len(kiosk.bodies)
        first = dice.randint(1, size)
        for _ in range(dice.choice([1, 1, 4, 8])):
            if first > size:
                break
            last = min(size, first + dice.randint(0, 5))
            sign = FORGER if dice.random() < 0.05 else None
            payload = kiosk.batch(first, last, sign=sign)
            said.append((topics.up(kiosk.name, Up.BATCH), payload))
            if dice.random() < 0.1:
                said.append(said[-1])
            first = last + 1
        if dice.random() < 0.1:
            said.append((topics.up(kiosk.name, Up.HELLO), kiosk.hello()))
    return said


def journal(dice: random.Random, kiosk: FakeKiosk, entries: int) -> None:
    for _ in range(entries):
        match dice.choice("ppppppcug"):
            case "p":
                kiosk.punch(user=str(dice.randint(0, 9)))
            case "c":
                covered = {"source": "s", "terminal": "t", "through": "x", "zone": "z"}
                kiosk.add(entry.Coverage(at=STAMP, records=dice.randint(0, 9), **covered))
            case "g":
                kiosk.add(entry.Gap(at=STAMP, what="terminal", source="s", reason="r"))
            case "u":
                kiosk.body(b"\xff%d" % dice.randint(0, 99))


def rows(central: FakeCentral) -> dict[str, list[tuple[object, ...]]]:
    """Return what is in the tables, but for what is numbered by arrival."""
    found = {}
    with central.store.reading() as tx:
        for table in tables.metadata.sorted_tables:
            columns = [c for c in table.c if not (table.name in NUMBERED and c.name == "id")]
            listed = tx.ledger._connection.execute(select(*columns)).all()
            found[table.name] = sorted(map(tuple, listed), key=repr)
    return found


def take_in(central: FakeCentral, groups: list[list[Message]]) -> list[object]:
    desk = Desk(central.store, central.inbox)
    answers = []
    for group in groups:
        letters = [desk.read(topic, payload, "") for topic, payload in group]
        answers += desk.take_in(letters)
    return [
        (one.kiosk, one.through, one.head, one.nonce) if isinstance(one, Receipt) else one
        for one in answers
    ]


@pytest.mark.parametrize("seed", range(10))
def test_together_or_one_by_one(make_database: Callable[[], Path | str], seed: int) -> None:
    dice = random.Random(seed)
    lobi = FakeKiosk()
    journal(dice, lobi, dice.randint(1, 20))
    clone = lobi.copy()
    other = FakeKiosk("aula")
    for kiosk in (lobi, clone, other):
        journal(dice, kiosk, 20)
    said = messages(dice, [lobi, other] if seed % 2 else [lobi, clone, other])
    together, alone = FakeCentral(make_database()), FakeCentral(make_database())
    for central in (together, alone):
        central.admit(lobi)
        central.admit(other)
    groups, left = [], list(said)
    while left:
        groups.append(left[: (most := dice.randint(1, 20))])
        left = left[most:]
    assert take_in(together, groups) == take_in(alone, [[one] for one in said])
    found, expected = rows(together), rows(alone)
    for table, listed in expected.items():
        assert found[table] == listed, table
    together.store.close()
    alone.store.close()
