"""The second medium: it takes over by itself, with everything that was acknowledged, and gives back
when the first one has been replaced."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import structs

from drivers.options import ZkTerminal
from kiosk import media
from kiosk.media import House, bring_along, open_house
from kiosk.settings import Place, Settings
from sync.journal.epochs import Epochs
from sync.journal.errors import JournalError, StorageFailed, StorageFull
from sync.journal.journal import Draft
from sync.journal.mirror import Mirror
from sync.line import Broker
from sync.protocol import entry

AT = entry.Stamp(wall=1, up=2, boot="b", synced=False)
DAY = 86_400_000


def punch(user: int) -> Draft:
    one = entry.Presence(
        at=AT,
        source="lobi",
        terminal="T1",
        credential="card",
        user=str(user),
        time="2026-11-24T07:00:00",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
    )
    return Draft(entry.encode(one), one.origin)


class Kiosk:
    """What `kiosk run` does about its media, start after start."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.house: House | None = None
        self.mirror: Mirror | None = None

    def start(self) -> House:
        self.house = house = open_house(self.place)
        house.epochs.take_over(lambda: AT)
        self.mirror = bring_along(house, lambda: AT)
        return house

    def stop(self) -> None:
        if self.house is not None:
            self.house.epochs.close()
        if self.mirror is not None:
            self.mirror.close()
        self.house = self.mirror = None

    def users(self) -> list[str]:
        """Return who is recorded in the live epoch."""
        assert self.house is not None
        said = [entry.decode(row.body or b"") for row in self.house.epochs.live.reader.rows(1)]
        return [one.user for one in said if isinstance(one, entry.Presence)]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    settings = Settings(
        kiosk="k1",
        data="first",
        mirror="second",
        central=["central.pem"],
        line=Broker(host="127.0.0.1"),
        sources=[ZkTerminal(name="lobi", host="127.0.0.1")],
    )
    return Place(settings, tmp_path / "kiosk.toml")


@pytest.fixture
def kiosk(place: Place) -> Iterator[Kiosk]:
    one = Kiosk(place)
    yield one
    one.stop()


def fail_on(monkeypatch: pytest.MonkeyPatch, directory: Path, failure: JournalError) -> None:
    """Make every journal under `directory` refuse to open."""
    real = Epochs.open

    def refuse(self: Epochs) -> None:
        if self.directory.is_relative_to(directory):
            raise failure
        real(self)

    monkeypatch.setattr(Epochs, "open", refuse)


def test_without_a_second_medium_a_failure_is_an_error(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = structs.replace(place, settings=structs.replace(place.settings, mirror=""))
    fail_on(monkeypatch, place.data, StorageFailed("it refuses"))
    with pytest.raises(StorageFailed):
        open_house(alone)


def test_the_second_medium_takes_over_and_gives_back(
    kiosk: Kiosk, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = kiosk.start()
    assert first.failed == ""
    first.epochs.live.append([punch(n) for n in range(5)])
    first.epochs.live.receipted(3, DAY)
    key = first.key.public.fingerprint
    kiosk.stop()
    with monkeypatch.context() as failing:
        fail_on(failing, place.data, StorageFailed("it cannot be written"))
        second = kiosk.start()
        assert "it cannot be written" in second.failed
        assert "Replace the first one" in second.failed
        assert second.place.stands_in
        assert second.key.public.fingerprint == key
        # All that central may lack; it counts once what it has already.
        assert kiosk.users() == ["0", "1", "2", "3", "4"]
        second.epochs.live.append([punch(5)])
        kiosk.stop()
    # It stays there although the first one answers again: it has failed before.
    assert media.working_place(place).stands_in
    again = kiosk.start()
    assert again.place.stands_in
    assert kiosk.users() == ["0", "1", "2", "3", "4", "5"]
    again.epochs.live.receipted(4, DAY)
    kiosk.stop()
    # Replaced by an empty one.
    shutil.rmtree(place.data)
    new = kiosk.start()
    assert not new.place.stands_in
    assert not media.working_place(place).stands_in
    assert new.key.public.fingerprint == key
    assert kiosk.users() == ["3", "4", "5"]
    new.epochs.live.append([punch(6)])
    kiosk.stop()
    kiosk.start()
    assert kiosk.users() == ["3", "4", "5", "6"]


def stand_in(kiosk: Kiosk, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the second medium stand in: punches 0 to 2 from the mirror, 3 and 4 of its own."""
    house = kiosk.start()
    house.epochs.live.append([punch(n) for n in range(3)])
    kiosk.stop()
    with monkeypatch.context() as failing:
        fail_on(failing, place.data, StorageFailed("it cannot be written"))
        kiosk.start().epochs.live.append([punch(3), punch(4)])
        kiosk.stop()
    shutil.rmtree(place.data)


def test_a_return_that_was_cut_is_gone_on_with(
    kiosk: Kiosk, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(kiosk, place, monkeypatch)
    with monkeypatch.context() as failing:

        def refuse(self: Path, target: Path) -> Path:
            raise OSError(30, "Read-only file system")

        house = open_house(place)
        house.epochs.take_over(lambda: AT)
        failing.setattr(Path, "rename", refuse)
        kiosk.house = house
        kiosk.mirror = bring_along(house, lambda: AT)
    assert not house.place.stands_in
    house.epochs.live.append([punch(5)])
    kiosk.stop()
    again = kiosk.start()
    assert not again.place.stands_in
    assert sorted(kiosk.users()) == ["0", "1", "2", "3", "4", "5"]
    assert not (place.data / "returning").exists()
    kiosk.stop()
    assert not kiosk.start().place.stands_in


def test_what_rotted_on_the_standby_is_salvaged_on_the_way_back(
    kiosk: Kiosk, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(kiosk, place, monkeypatch)
    assert place.mirror is not None
    [path] = (place.mirror / "standby" / "journal").glob("epoch-*.db")
    content = bytearray(path.read_bytes())
    content[content.find(b'"user":"1"') + 8] ^= 0x40
    path.write_bytes(content)
    kiosk.start()
    assert sorted(kiosk.users()) == ["0", "2", "3", "4"]
    [aside] = list((place.mirror).glob("standby-*/journal/*.salvaged"))
    assert aside.exists()


def test_another_kiosks_medium_is_not_taken_along(kiosk: Kiosk, place: Place) -> None:
    house = kiosk.start()
    house.epochs.live.append([punch(0)])
    kiosk.stop()
    shutil.rmtree(place.data)
    renamed = structs.replace(place.settings, kiosk="k2")
    other = Kiosk(structs.replace(place, settings=renamed))
    other.start()
    assert other.users() == []
    other.stop()
    assert place.mirror is not None
    assert len(list(place.mirror.glob("undelivered-*.log"))) == 2


def test_the_first_medium_alone_is_lost(kiosk: Kiosk, place: Place) -> None:
    """A dead card, replaced while the kiosk was off: the mirror has what was not delivered."""
    house = kiosk.start()
    house.epochs.live.append([punch(n) for n in range(3)])
    kiosk.stop()
    shutil.rmtree(place.data)
    kiosk.start()
    assert kiosk.users() == ["0", "1", "2"]


def test_the_second_medium_alone_is_lost(kiosk: Kiosk, place: Place) -> None:
    house = kiosk.start()
    house.epochs.live.append([punch(n) for n in range(3)])
    kiosk.stop()
    assert place.mirror is not None
    shutil.rmtree(place.mirror)
    place.mirror.write_text("not a directory")
    assert kiosk.start().failed == ""
    assert kiosk.mirror is not None
    assert "second medium" in kiosk.mirror.error
    assert kiosk.users() == ["0", "1", "2"]


@pytest.mark.parametrize("failure", [StorageFull("full")])
def test_a_full_medium_has_not_failed(
    kiosk: Kiosk, place: Place, monkeypatch: pytest.MonkeyPatch, failure: JournalError
) -> None:
    fail_on(monkeypatch, place.data, failure)
    with pytest.raises(type(failure)):
        kiosk.start()


def test_older_epochs_that_are_not_delivered_are_mirrored_too(kiosk: Kiosk, place: Place) -> None:
    house = kiosk.start()
    house.epochs.live.append([punch(0)])
    house.epochs.live.end()
    kiosk.stop()
    house = kiosk.start()
    house.epochs.live.append([punch(1)])
    kiosk.stop()
    shutil.rmtree(place.data)
    kiosk.start()
    assert sorted(kiosk.users()) == ["0", "1"]
    assert media.SPARE_KEY == "device.key"
