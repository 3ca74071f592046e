"""Back from a newer release: what it recorded is taken up, whatever its tables look like."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from drivers.options import ZkTerminal
from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.media import House, open_house
from kiosk.release import copies
from kiosk.returned import TAKEN, take_up
from kiosk.settings import Place, Settings
from kiosk.wrote import sign_in, who_wrote
from sync.journal import names, schema
from sync.journal.schema import Closed
from sync.line import Broker
from sync.protocol import entry
from sync.protocol.identity import PrivateKey
from tests.kiosk.test_config_command import SETTINGS
from tests.kiosk.test_media import AT, punch

NEWER = len(schema.MIGRATIONS) + 1


class Kiosk:
    """What `kiosk run` does with its journal, start after start."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.house: House | None = None

    def start(self) -> House:
        self.house = open_house(self.place)
        self.house.epochs.take_over(lambda: AT)
        take_up(self.house, lambda: AT)
        return self.house

    def stop(self) -> None:
        if self.house is not None:
            self.house.epochs.close()
            self.house = None

    def record(self, *users: int) -> None:
        house = self.start()
        house.epochs.live.append([punch(user) for user in users])
        self.stop()

    def users(self) -> list[str]:
        """Return who is recorded, in every epoch, in order."""
        assert self.house is not None
        rows = [row for one in self.house.epochs.journals for row in one.reader.rows(1)]
        said = [entry.decode(row.body or b"") for row in rows]
        return [one.user for one in said if isinstance(one, entry.Presence)]

    def newer(self) -> None:
        """Have a newer release migrate everything, in its own way."""
        for path in names.files(self.place.data / "journal"):
            with closing(sqlite3.connect(path)) as db:
                db.execute("ALTER TABLE epoch ADD COLUMN more TEXT")
                db.execute(f"PRAGMA user_version = {NEWER}")

    def older(self) -> None:
        """Have the newer release's journal look, for a moment, as if we knew it."""
        for path in names.files(self.place.data / "journal"):
            with closing(sqlite3.connect(path)) as db:
                db.execute("ALTER TABLE epoch DROP COLUMN more")
                db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS)}")


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[Kiosk]:
    settings = Settings(
        kiosk="k1",
        data="data",
        central=["central.pem"],
        line=Broker(host="127.0.0.1"),
        sources=[ZkTerminal(name="lobi", host="127.0.0.1")],
    )
    one = Kiosk(Place(settings, tmp_path / "kiosk.toml"))
    yield one
    one.stop()


def on_trial(kiosk: Kiosk, *users: int) -> None:
    """Copy, have a newer release record something, and return from it."""
    copies.make(kiosk.place.data, "0.2.0")
    kiosk.record(*users)
    kiosk.newer()
    copies.restore(kiosk.place.data, "0.2.0")


def test_everything_of_the_trial_is_there_once(kiosk: Kiosk) -> None:
    kiosk.record(1, 2, 3)
    on_trial(kiosk, 4, 5)
    kiosk.start()
    assert kiosk.users() == ["1", "2", "3", "4", "5"]
    assert kiosk.house is not None
    former, live = kiosk.house.epochs.journals
    assert former.reader.closed() is Closed.SETTLED, "central may know more of it than we"
    assert live.life.number == 2
    assert live.records(punch(1).origin), "a terminal's whole log may be read again"  # type: ignore[arg-type]
    [gap] = [
        one
        for row in live.reader.rows(1)
        if isinstance(one := entry.decode(row.body or b""), entry.Gap)
    ]
    assert gap.reason == "returned from release 0.2.0"
    assert (kiosk.place.data / f"journal-of-0.2.0{TAKEN}").is_dir()

    # And not once more.
    kiosk.stop()
    kiosk.start()
    assert kiosk.users() == ["1", "2", "3", "4", "5"]


def test_a_return_with_nothing_new_records_nothing(kiosk: Kiosk) -> None:
    kiosk.record(1, 2)
    on_trial(kiosk)
    kiosk.start()
    assert kiosk.users() == ["1", "2"]


def test_epochs_that_were_begun_meanwhile_are_taken_up_too(kiosk: Kiosk) -> None:
    kiosk.record(1)
    copies.make(kiosk.place.data, "0.2.0")
    house = kiosk.start()
    house.epochs.live.end(Closed.SETTLED)
    kiosk.stop()
    kiosk.record(2, 3)
    kiosk.newer()
    copies.restore(kiosk.place.data, "0.2.0")
    kiosk.start()
    assert kiosk.users() == ["1", "2", "3"]


def test_a_return_that_is_cut_is_done_again(kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch) -> None:
    kiosk.record(1)
    on_trial(kiosk, *range(2, 40))
    real = Path.rename

    def cut(self: Path, target: Path) -> Path:
        if self.name.startswith("journal-of"):
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", cut)
        with pytest.raises(KeyboardInterrupt):
            kiosk.start()
    kiosk.stop()
    kiosk.start()
    assert kiosk.users() == [str(user) for user in range(1, 40)]
    assert len(kiosk.house.epochs.journals) == 2  # type: ignore[union-attr]


def test_what_is_not_proved_is_kept_for_a_person(
    kiosk: Kiosk, caplog: pytest.LogCaptureFixture
) -> None:
    kiosk.record(1)
    copies.make(kiosk.place.data, "0.2.0")
    kiosk.record(2, 3, 4)
    kiosk.newer()
    [path] = names.files(kiosk.place.data / "journal")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE entry SET body = ? WHERE seq = 3", (punch(9).body,))
    copies.restore(kiosk.place.data, "0.2.0")
    kiosk.start()
    assert kiosk.users() == ["1", "2"]
    assert "entry 3 is not what its hash says" in caplog.text


def test_an_older_release_says_which_one_is_needed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "kiosk.toml"
    config.write_text(SETTINGS)
    (tmp_path / "central.pem").write_bytes(PrivateKey.generate().public.pem)
    settings = Settings(
        kiosk="k1",
        data="data",
        central=["central.pem"],
        line=Broker(host="127.0.0.1"),
        sources=[ZkTerminal(name="lobi", host="127.0.0.1")],
    )
    kiosk = Kiosk(Place(settings, config))
    kiosk.record(1)
    kiosk.newer()
    sign_in(tmp_path / "data", "presensi-kiosk 0.9.0")
    [path] = names.files(tmp_path / "data" / "journal")
    before = path.read_bytes()
    assert main(["run", "--config", str(config)]) == Exit.STORAGE
    said = capsys.readouterr().err
    assert f"written by a newer version (schema {NEWER}, this one knows {NEWER - 1})" in said
    assert "presensi-kiosk 0.9.0 had it open last" in said
    assert path.read_bytes() == before, "it is left as it is"
    # Once it is its own again it goes on, and says that it is it.
    kiosk.older()
    kiosk.start()
    assert kiosk.users() == ["1"]
    kiosk.stop()


def test_who_wrote_is_said_once_and_a_full_disk_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sign_in(tmp_path, "presensi-kiosk 0.1.0")
    written = (tmp_path / "software").stat().st_mtime_ns
    sign_in(tmp_path, "presensi-kiosk 0.1.0")
    assert (tmp_path / "software").stat().st_mtime_ns == written
    assert who_wrote(tmp_path) == "presensi-kiosk 0.1.0"
    sign_in(tmp_path / "gone", "presensi-kiosk 0.1.0")
    assert "it does not say who wrote it" in caplog.text
