"""Back from a newer release: what it recorded is taken up, whatever its tables look like."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from drivers.options import ZkTerminal
from kiosk.cli import main
from kiosk.cli.exits import Exit
from kiosk.devices import Did
from kiosk.faces.telling import Telling
from kiosk.faces.tombstones import entered
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.faces.vaultwords import Action, Erasure
from kiosk.media import House, open_house
from kiosk.release import copies
from kiosk.returned import TAKEN, take_up
from kiosk.settings import Place, Settings
from kiosk.wrote import sign_in, who_wrote
from sync.journal import names, retention, schema
from sync.journal.epochs import Epochs
from sync.journal.errors import StorageFull
from sync.journal.journal import Draft, Position
from sync.journal.schema import Closed
from sync.line import Broker
from sync.protocol import entry
from sync.protocol.identity import PrivateKey
from tests.kiosk.face_parts import ABOUT, enrolled, tell
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


def test_what_the_newer_release_let_go_of_does_not_hide_the_rest(kiosk: Kiosk) -> None:
    kiosk.record(1, 2)
    copies.make(kiosk.place.data, "0.2.0")
    kiosk.record(*range(3, 9))
    live = kiosk.start().epochs.live
    live.receipted(5, 1)
    with closing(sqlite3.connect(live.path)) as db, db:  # months later, at once
        db.execute("BEGIN IMMEDIATE")
        assert retention.prune_page(db, 5) == 5
    kiosk.stop()
    kiosk.newer()
    copies.restore(kiosk.place.data, "0.2.0")
    kiosk.start()
    assert kiosk.users() == ["1", "2", "6", "7", "8"], "central has 3 to 5, and nobody the others"


class Said:
    """What the vault needs of the kiosk around it, by the journal of this start."""

    def __init__(self, house: House) -> None:
        self._journals = house.epochs.journals

    def stamp(self) -> entry.Stamp:
        return AT

    def keep(self, position: Position, did: Sequence[Did] = ()) -> None:
        audits = [entry.Audit(at=AT, actor=one.actor, action=one.action, detail=dict(one.detail))
                  for one in did]  # fmt: skip
        self._journals[-1].append([Draft(entry.encode(one)) for one in audits], position)

    def recall(self, name: str) -> bytes | None:
        kept = (one.reader.position(name) for one in reversed(self._journals))
        return next((one for one in kept if one is not None), None)

    def record(self, actor: str, action: str, detail: dict[str, str]) -> None:
        raise AssertionError


def test_who_was_forgotten_since_the_copy_stays_forgotten(kiosk: Kiosk) -> None:
    def opened() -> tuple[Vault, Telling]:
        vault = Vault(kiosk.place.data, KeyPlace(kiosk.place.data, {}))
        vault.open()
        return vault, Telling(vault, Said(kiosk.start()))

    vault, telling = opened()
    vault.put("siti", enrolled("siti"), ABOUT, tell())
    telling.begin()
    telling.tell()
    assert not telling.is_new()
    vault.close()
    kiosk.stop()
    copies.make(kiosk.place.data, "0.2.0")
    vault, telling = opened()
    gone = Erasure(id="1", person="siti", generation=0, by="rudi", reason="left", at=1, synced=True)
    vault.forget(gone, tell(Action.FORGOTTEN, person="siti"))
    telling.tell()
    vault.close()
    kiosk.stop()
    kiosk.newer()
    copies.restore(kiosk.place.data, "0.2.0")

    vault, telling = opened()
    assert vault.size() == 1, "the copy knows nothing of it"
    assert telling.is_new(), "so the journal is asked who is dead"
    assert kiosk.house is not None
    dead = entered([one.reader for one in kiosk.house.epochs.journals])
    assert vault.replay(dead, "journal") == ["siti"]
    vault.close()


def test_a_full_disk_keeps_nobody_from_starting(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kiosk.record(1)
    on_trial(kiosk, 2)
    with monkeypatch.context() as patched:
        patched.setattr(Epochs, "adopt", full)
        kiosk.start()
    assert kiosk.users() == ["1"]
    assert "free some space" in caplog.text
    kiosk.stop()
    kiosk.start()
    assert kiosk.users() == ["1", "2"]


def full(*_: object) -> int:
    raise StorageFull("no room")


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
