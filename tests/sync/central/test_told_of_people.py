"""What central was told of people at a kiosk: who was forgotten there, and what a lost card had."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sync.central import breach, forgotten
from sync.central.exits import Refused
from sync.journal.journal import Draft
from sync.protocol import entry


class House:
    """What `show` needs of a house."""

    def __init__(self, store: Any) -> None:
        self.store = store


def told(office: Any, action: str, **detail: str) -> Draft:
    said = entry.Audit(at=office.clock.stamp(), actor="rudi", action=action, detail=detail)
    return Draft(entry.encode(said))


def test_the_highest_tombstone_of_each_counts(office: Any, head_office: Any) -> None:
    live = office.epochs.live
    for person, generation in (("budi", "2"), ("budi", "1"), ("siti", "4"), ("", "3"), ("x", "?")):
        live.append([told(office, "person forgotten", person=person, generation=generation)])
    live.append([told(office, "tombstone replayed", person="ani", generation="7")])
    live.append([told(office, "remove pin", person="person forgotten", generation="9")])
    office.deliver_all(head_office)
    shown = forgotten.show(House(head_office.store), "k1")  # type: ignore[arg-type]
    assert msgspec.json.decode(shown) == {
        "kiosk": "k1",
        "tombstones": {"ani": 7, "budi": 2, "siti": 4},
    }


def test_of_a_kiosk_that_is_not_known_nothing_is_said(office: Any, head_office: Any) -> None:
    with pytest.raises(Refused, match="nothing is held of kiosk 'k9'"):
        forgotten.show(House(head_office.store), "k9")  # type: ignore[arg-type]


def test_a_breach_report_names_whom_central_knows(office: Any, head_office: Any) -> None:
    office.epochs.live.append([told(office, "face enrolled", person="budi", generation="1")])
    office.deliver_all(head_office)
    now = datetime(2026, 11, 24, tzinfo=UTC)
    with head_office.store.reading() as tx:
        said = breach.report(tx, "k1", now, now)
    assert [(one.what, one.people) for one in said.kinds] == [("templates of faces", ("budi",))]
    assert "after entry 1 of epoch" in said.undelivered
