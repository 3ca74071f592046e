"""The timekeeper: what the journal is told of the time, and what the next start knows of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.clock import TrustedClock
from kiosk.local import CannotDo
from kiosk.timekeeper import Timekeeper, remembered, witnessed
from kiosk.truth import Trust
from sync.journal.errors import StorageFull
from sync.journal.journal import Draft, Journal
from sync.journal.reader import Life
from sync.protocol import entry
from sync.protocol.entry import Anchor
from sync.protocol.moments import Boots, Known, Timeline
from tests.kiosk.machine import DAY, HOUR, MINUTE, NOW, SECOND, YEARS_10, FakeMachine


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    Journal.make(tmp_path / "j.db", Life("k1", "e1", 1, b"key"))
    one = Journal(tmp_path / "j.db")
    one.open()
    yield one
    one.close()


class Kiosk:
    """A process: its clock and its timekeeper, begun from what the journal remembers."""

    def __init__(self, machine: FakeMachine, journal: Journal) -> None:
        self.machine = machine
        self.journal = journal
        self.clock = TrustedClock(remembered([journal]), machine)
        self.keeper = Timekeeper(self.clock, journal)

    def punch(self) -> entry.Stamp:
        at = self.clock.stamp()
        said = entry.Audit(at=at, actor="kiosk", action="x")
        self.journal.append([Draft(entry.encode(said))])
        return at

    def live(self, ms: int, step: int = MINUTE) -> None:
        for _ in range(ms // step):
            self.machine.pass_(step)
            self.keeper.record()


def entries(journal: Journal) -> list[entry.Entry]:
    return [entry.decode(row.body) for row in journal.reader.rows(1) if row.body is not None]


def clocks(journal: Journal) -> list[entry.Clock]:
    return [said for said in entries(journal) if isinstance(said, entry.Clock)]


def moments(journal: Journal) -> Timeline:
    boots = Boots()
    for said in entries(journal):
        boots.take(said)
    return Timeline(boots.boots())


def test_the_first_truth_of_a_boot_is_recorded_once_and_corrects_what_came_before(
    journal: Journal,
) -> None:
    machine = FakeMachine(off=-YEARS_10)
    kiosk = Kiosk(machine, journal)
    before = kiosk.punch()
    truth = machine.truth
    kiosk.live(HOUR)
    assert clocks(journal) == []
    machine.sync()
    kiosk.live(2 * HOUR)
    [told] = clocks(journal)
    assert (told.anchor, told.at.synced) == (Anchor.NTP, True)
    assert told.utc == told.at.wall
    moment = moments(journal).moment(before)
    assert moment.how is Known.ANCHORED
    assert moment.utc is not None
    assert moment.error is not None
    assert abs(moment.utc - truth) <= moment.error < 2 * SECOND
    # Another process of this boot goes on from it, and has nothing to add.
    machine.synced = False
    again = Kiosk(machine, journal)
    assert again.clock.belief().trust is Trust.HOLDOVER
    again.live(HOUR)
    assert len(clocks(journal)) == 1


def test_after_a_reboot_into_1970_the_clock_goes_on_from_the_last_known_time(
    journal: Journal,
) -> None:
    machine = FakeMachine()
    machine.sync()
    kiosk = Kiosk(machine, journal)
    kiosk.live(HOUR)
    last = kiosk.punch()
    machine.reboot(wall=0)
    dark = Kiosk(machine, journal)
    first = dark.punch()
    assert first.wall >= last.wall
    assert not first.synced
    machine.reboot(wall=0)  # and again, with nothing known in between
    assert Kiosk(machine, journal).punch().wall >= first.wall
    bounded = moments(journal).moment(first)
    assert bounded.earliest is not None
    assert bounded.earliest <= machine.truth - MINUTE


def test_a_wall_years_ahead_does_not_poison_the_time_for_ever(journal: Journal) -> None:
    machine = FakeMachine(off=0)
    machine.sync()
    kiosk = Kiosk(machine, journal)
    kiosk.live(HOUR)
    machine.reboot(wall=NOW + YEARS_10)  # beyond belief: not even shown
    kiosk = Kiosk(machine, journal)
    assert kiosk.punch().wall < NOW + DAY
    machine.reboot(wall=NOW + 365 * DAY)  # a year in a drawer is possible: shown, not known
    kiosk = Kiosk(machine, journal)
    assert kiosk.punch().wall == NOW + 365 * DAY
    assert kiosk.clock.told(machine.truth, 100, Anchor.RECEIPT).why == ""
    kiosk.live(MINUTE)
    assert kiosk.punch().wall == machine.truth
    machine.reboot(wall=0)
    assert NOW < Kiosk(machine, journal).punch().wall <= machine.truth


def test_a_receipt_is_recorded_where_ntp_is_blocked_and_no_flood_follows(journal: Journal) -> None:
    machine = FakeMachine(off=-DAY)
    kiosk = Kiosk(machine, journal)
    kiosk.keeper.record()
    for _ in range(200):  # the line comes and goes for a day and a half
        kiosk.keeper.on_time(machine.truth + 20, 40)
        kiosk.live(10 * MINUTE)
    told = clocks(journal)
    assert 1 <= len(told) <= 5
    assert {one.anchor for one in told} == {Anchor.RECEIPT}
    assert all(abs(one.utc - (NOW + one.at.up - 10 * SECOND)) <= one.error for one in told)


def test_a_lying_central_leaves_a_note_and_does_no_harm(journal: Journal) -> None:
    machine = FakeMachine()
    machine.sync()
    kiosk = Kiosk(machine, journal)
    for lie in (0, NOW + YEARS_10, NOW - YEARS_10):
        kiosk.keeper.on_time(lie, 50)
        kiosk.live(2 * HOUR)
    assert [one.anchor for one in clocks(journal)] == [Anchor.NTP]
    notes = [said for said in entries(journal) if isinstance(said, entry.Audit)]
    assert [note.action for note in notes] == ["clock"] * 3
    assert notes[1].detail["by"] == "receipt"
    assert kiosk.punch().wall == machine.truth


def test_doubt_outlives_the_process(journal: Journal) -> None:
    machine = FakeMachine(off=-DAY)
    kiosk = Kiosk(machine, journal)
    for wrong in (365 * DAY, 0):
        kiosk.keeper.on_time(machine.truth + wrong, 50)
        kiosk.keeper.record()
    assert len(clocks(journal)) == 2
    again = Kiosk(machine, journal)
    belief = again.clock.belief()
    assert belief.trust is Trust.DOUBTED
    assert belief.error is not None
    assert belief.error >= 365 * DAY
    assert "repair central's clock" in belief.trouble
    again.keeper.on_time(machine.truth, 50)
    again.keeper.record()
    assert len(clocks(journal)) == 2
    machine.reboot(wall=0)
    assert Kiosk(machine, journal).clock.belief().trust is Trust.UNKNOWN


def test_a_technician_is_recorded_by_name(journal: Journal) -> None:
    machine = FakeMachine(off=-YEARS_10)
    kiosk = Kiosk(machine, journal)
    said = {"by": "rudi", "utc": str(machine.truth), "error": "60000"}
    assert "goes by it" in witnessed(kiosk.keeper, said)
    [told] = clocks(journal)
    assert (told.anchor, told.error, told.utc) == (Anchor.TECHNICIAN, 60_000, machine.truth)
    [note] = [said for said in entries(journal) if isinstance(said, entry.Audit)]
    assert (note.actor, note.action, note.detail["error"]) == ("rudi", "witness", "60000 ms")
    assert kiosk.punch().wall == machine.truth
    machine.reboot(wall=0)
    kiosk = Kiosk(machine, journal)
    with pytest.raises(CannotDo, match="before the last known time"):
        witnessed(kiosk.keeper, {**said, "utc": str(NOW - DAY)})
    assert len(clocks(journal)) == 1
    assert "goes by it" in witnessed(kiosk.keeper, {**said, "utc": str(NOW - DAY), "sure": "yes"})
    with pytest.raises(CannotDo, match="are needed"):
        witnessed(kiosk.keeper, {"by": "rudi"})
    for absurd in ({"error": "-1"}, {"utc": str(10**18)}, {"utc": "-1"}):
        with pytest.raises(CannotDo, match="no time is"):
            witnessed(kiosk.keeper, {**said, "sure": "yes", **absurd})


def test_what_a_full_disk_refused_is_recorded_later(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = FakeMachine(off=-DAY)
    kiosk = Kiosk(machine, journal)
    kiosk.keeper.on_time(machine.truth, 50)

    def full(*_: object) -> list[int | None]:
        raise StorageFull("no room")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", full)
        with pytest.raises(StorageFull):
            kiosk.keeper.record()
    kiosk.keeper.record()
    assert len(clocks(journal)) == 1


def test_a_witness_that_a_full_disk_refused_is_recorded_later_with_his_name(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = FakeMachine(off=-DAY)
    kiosk = Kiosk(machine, journal)

    def full(*_: object) -> list[int | None]:
        raise StorageFull("no room")

    with monkeypatch.context() as patched:
        patched.setattr(journal, "append", full)
        with pytest.raises(StorageFull):
            kiosk.keeper.witness("rudi", machine.truth, MINUTE, sure=False)
    assert kiosk.punch().wall == machine.truth  # it is gone by already
    machine.pass_(MINUTE)
    kiosk.keeper.record()
    [told] = clocks(journal)
    assert told.utc == machine.truth
    assert [one.actor for one in entries(journal) if isinstance(one, entry.Audit)][1:] == ["rudi"]


def test_running_it_records_and_ends_when_told(journal: Journal) -> None:
    machine = FakeMachine()
    machine.sync()
    kiosk = Kiosk(machine, journal)
    beats: list[int] = []
    kiosk.keeper.run(lambda: len(clocks(journal)) > 0, lambda: beats.append(1))
    assert len(beats) == 1


def test_a_technicians_word_that_only_fits_is_no_fix_for_the_next_process(
    journal: Journal,
) -> None:
    machine = FakeMachine()
    machine.sync()
    kiosk = Kiosk(machine, journal)
    kiosk.keeper.record()
    machine.pass_(HOUR)
    kiosk.keeper.witness("rudi", machine.truth - 4 * MINUTE, 5 * MINUTE, sure=False)
    machine.synced = False
    before = kiosk.clock.belief()
    assert before.error is not None
    again = Kiosk(machine, journal).clock.belief()
    assert again.trust is Trust.HOLDOVER
    assert (again.at.wall, again.error) == (before.at.wall, before.error)
