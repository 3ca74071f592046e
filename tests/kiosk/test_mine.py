"""Did my punch count? A person's own presences, the latest first, and what central has of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.duty import REMEMBERED
from kiosk.mine import LATELY_MS, LOOKED_AT, SHOWN, Memory, lately
from sync.journal.epochs import Epochs
from sync.journal.journal import Draft
from sync.protocol import entry
from sync.protocol.entry import Mark, Presence, Stamp

SIDES = {"lobi": "masuk", "gudang": "pulang"}


class Office:
    """A journal directory, and who punched."""

    def __init__(self, directory: Path) -> None:
        self.epochs = Epochs(directory, "k1", b"key")
        self.epochs.open()
        self.memory = Memory(
            self.epochs, lambda one: SIDES.get(one.source, ""), lambda person: person.upper()
        )
        self._punches = 0

    def punch(
        self, person: str | None, source: str = "lobi", user: str = "1", wall: int = 1
    ) -> int:
        self._punches += 1
        hour, minute = divmod(self._punches, 60)
        one = Presence(
            at=Stamp(wall=wall, up=1, boot="b", synced=True),
            source=source,
            terminal="T1",
            credential="terminal_user",
            user=user,
            time=f"2026-11-24T{hour:02}:{minute:02}:00",
            zone="Asia/Jakarta",
            mark=Mark.KNOWN,
            person=person,
        )
        [seq] = self.epochs.live.append([Draft(entry.encode(one), entry.origin_of(one))])
        assert seq is not None
        return seq

    def start_again(self) -> None:
        """Close the journal, and begin a new epoch as a new card would not: beside the old one."""
        directory = self.epochs.directory
        self.epochs.live.end()
        self.epochs.close()
        self.epochs = Epochs(directory, "k1", b"key")
        self.epochs.open()
        self.memory = Memory(
            self.epochs, lambda one: SIDES.get(one.source, ""), lambda person: person.upper()
        )


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    one = Office(tmp_path)
    yield one
    one.epochs.close()


def test_the_latest_first_and_nobody_elses(office: Office) -> None:
    first = office.punch("siti")
    office.punch("agus")
    office.punch(None)
    second = office.punch("siti", "gudang")
    mine = office.memory.of("siti")
    assert (mine.person, mine.name) == ("siti", "SITI")
    assert [(one.seq, one.side, one.source) for one in mine.presences] == [
        (second, "pulang", "gudang"),
        (first, "masuk", "lobi"),
    ]
    assert mine.presences[0].made - mine.presences[1].made == 3 * 60_000


def test_a_person_who_is_named_elsewhere_in_an_entry_is_not_it(office: Office) -> None:
    office.punch("agus", user="siti")
    office.punch("siti2")
    assert office.memory.of("siti").presences == []
    assert office.memory.of("").presences == []


def test_ten_and_no_more(office: Office) -> None:
    seqs = [office.punch("siti") for _ in range(SHOWN + 3)]
    assert [one.seq for one in office.memory.of("siti").presences] == seqs[::-1][:SHOWN]


def test_what_central_has_and_since_when(office: Office) -> None:
    epoch = office.epochs.live.life.epoch
    seqs = [office.punch("siti") for _ in range(4)]
    for through, utc in ((seqs[0], 111), (seqs[2], 222)):
        office.epochs.live.receipted(through, utc)
        office.memory.receipted(epoch, through, utc)
    said = [(one.is_receipted, one.receipted) for one in office.memory.of("siti").presences]
    # Of the first receipt of a run nobody knows what of it is new.
    assert said == [(False, 0), (True, 222), (True, 222), (True, 0)]


def test_earlier_epochs_are_looked_at_as_well(office: Office) -> None:
    office.punch("siti")
    first = office.epochs.live.life.epoch
    office.start_again()
    office.punch("siti")
    assert [one.epoch for one in office.memory.of("siti").presences] == [
        office.epochs.live.life.epoch,
        first,
    ]


def test_it_does_not_read_for_ever(office: Office) -> None:
    office.punch("siti")
    other = Presence(
        at=Stamp(wall=1, up=1, boot="b", synced=True),
        source="lobi",
        terminal="T1",
        credential="terminal_user",
        user="2",
        time="2026-11-24T07:00:00",
        zone="Asia/Jakarta",
        mark=Mark.KNOWN,
        person="agus",
    )
    office.epochs.live.append([Draft(entry.encode(other))] * LOOKED_AT)
    assert office.memory.of("siti").presences == []


def test_who_punched_lately_is_read_back_after_a_start_the_oldest_first(office: Office) -> None:
    office.punch("long ago")
    office.punch("siti", wall=LATELY_MS + 10)
    office.start_again()
    office.punch("agus", wall=2 * LATELY_MS)
    office.epochs.live.append([Draft(b"{}")])  # nothing that can be understood
    office.punch(None, wall=2 * LATELY_MS + 1)
    assert [one.person for one in lately(office.epochs)] == ["siti", "agus"]


def test_of_each_person_no_more_is_read_back_than_is_remembered(office: Office) -> None:
    for wall in range(1, REMEMBERED + 10):
        office.punch("siti", wall=wall)
    office.punch("agus", wall=1)
    found = [one for one in lately(office.epochs) if one.person == "siti"]
    assert [one.at.wall for one in found] == list(range(10, REMEMBERED + 10))


def test_a_journal_that_cannot_be_read_keeps_no_kiosk_from_starting(office: Office) -> None:
    office.punch("siti")
    office.epochs.live.reader.close()
    assert lately(office.epochs) == []
