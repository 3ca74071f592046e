"""Approval: at once, recorded, for good, and never half."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec import structs

from drivers.options import PushListener, ZkPush, ZkTerminal
from kiosk.approved import FILE, Approved, approve
from kiosk.local import CannotDo
from kiosk.settings import Place, Settings
from sync.journal.errors import StorageFull
from sync.journal.journal import Journal
from sync.journal.reader import Life
from sync.line import Broker
from sync.protocol import entry
from sync.settingsfile import SettingsError

SAID = {"serial": "S1", "name": "gudang", "by": "rudi", "timezone": "Asia/Makassar"}
STAMP = entry.Stamp(wall=1, up=2, boot="b", synced=False)
GUDANG = ZkPush(name="gudang", serial="S1", timezone="Asia/Makassar")


def place(tmp_path: Path, *more: ZkPush, mirror: str = "") -> Place:
    (tmp_path / "data").mkdir(exist_ok=True)
    settings = Settings(
        kiosk="k1",
        data="data",
        central=["central.pem"],
        line=Broker(host="127.0.0.1"),
        sources=[ZkTerminal(name="lobi", host="127.0.0.1"), *more],
        push=PushListener(),
        mirror=mirror,
    )
    return Place(settings, tmp_path / "kiosk.toml")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    Journal.make(tmp_path / "j.db", Life("k1", "e1", 1, b"key"))
    one = Journal(tmp_path / "j.db")
    one.open()
    yield one
    one.close()


def audits(journal: Journal) -> list[entry.Audit]:
    found = [entry.decode(row.body) for row in journal.reader.rows(1) if row.body is not None]
    return [one for one in found if isinstance(one, entry.Audit)]


def test_an_approved_terminal_begins_at_once_and_stays(tmp_path: Path, journal: Journal) -> None:
    begun: list[ZkPush] = []
    approved = Approved(place(tmp_path))
    assert approved.load() == []
    said = approve(approved, journal, lambda: STAMP, begun.append, SAID)
    assert "S1 is source gudang" in said
    assert begun == [GUDANG]
    [audit] = audits(journal)
    assert (audit.actor, audit.action) == ("rudi", "approve terminal")
    assert audit.detail == {"source": "gudang", "terminal": "S1", "timezone": "Asia/Makassar"}
    assert Approved(place(tmp_path)).load() == [GUDANG]
    more = SAID | {"serial": "S2", "name": "atap", "timezone": ""}
    approve(approved, journal, lambda: STAMP, begun.append, more)
    assert Approved(place(tmp_path)).load() == [GUDANG, ZkPush(name="atap", serial="S2")]


def test_what_a_person_wrote_into_the_file_stays(tmp_path: Path, journal: Journal) -> None:
    locked = ZkPush(name="atap", serial="S9", comm_key='é"\\8812', silent_s=60.0)
    before = Approved(place(tmp_path))
    before.keep([locked])
    approved = Approved(place(tmp_path))
    assert approved.load() == [locked]
    approve(approved, journal, lambda: STAMP, lambda _: None, SAID)
    assert Approved(place(tmp_path)).load() == [locked, GUDANG]


def test_two_who_approve_at_once_are_both_kept(tmp_path: Path, journal: Journal) -> None:
    approved = Approved(place(tmp_path))
    together = threading.Barrier(2)

    def stamp() -> entry.Stamp:
        with suppress(threading.BrokenBarrierError):
            together.wait(0.3)  # both are past the look at what is there, if they can be
        return STAMP

    def one(n: int) -> None:
        said = SAID | {"serial": f"S{n}", "name": f"n{n}"}
        approve(approved, journal, stamp, lambda _: None, said)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert {source.serial for source in Approved(place(tmp_path)).load()} == {"S0", "S1"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "lobi"}, "two sources are called"),
        ({"name": "Gudang!"}, "name"),
        ({"name": ""}, "name"),
        ({"serial": "S 1"}, "serial"),
        ({"timezone": "Asia/Denpasar"}, "no time zone"),
        ({"by": " "}, "nobody says who"),
    ],
)
def test_what_cannot_be_approved(
    tmp_path: Path, journal: Journal, change: dict[str, str], why: str
) -> None:
    approved = Approved(place(tmp_path))
    approved.load()
    with pytest.raises(CannotDo, match=why):
        approve(approved, journal, lambda: STAMP, pytest.fail, SAID | change)
    assert audits(journal) == []
    assert Approved(place(tmp_path)).load() == []


def test_where_nobody_can_call_nobody_is_approved(tmp_path: Path, journal: Journal) -> None:
    where = place(tmp_path)
    deaf = Place(structs.replace(where.settings, push=None), where.file)
    with pytest.raises(CannotDo, match=r"\[push\] section"):
        approve(Approved(deaf), journal, lambda: STAMP, pytest.fail, SAID)
    approve(Approved(where), journal, lambda: STAMP, lambda _: None, SAID)
    with pytest.raises(SettingsError, match=r"\[push\] section"):
        Approved(deaf).load()


def test_nobody_is_approved_twice(tmp_path: Path, journal: Journal) -> None:
    approved = Approved(place(tmp_path))
    approve(approved, journal, lambda: STAMP, lambda _: None, SAID)
    with pytest.raises(CannotDo, match="have the serial"):
        approve(approved, journal, lambda: STAMP, pytest.fail, SAID | {"name": "atap"})


def test_without_a_record_nothing_is_approved(
    tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageFull("no room")

    monkeypatch.setattr(journal, "append", full)
    approved = Approved(place(tmp_path))
    with pytest.raises(StorageFull):
        approve(approved, journal, lambda: STAMP, pytest.fail, SAID)
    assert Approved(place(tmp_path)).load() == []
    monkeypatch.undo()
    (tmp_path / "data" / FILE).unlink()
    (tmp_path / "data").rmdir()
    with pytest.raises(CannotDo, match="nothing was approved"):
        approve(approved, journal, lambda: STAMP, pytest.fail, SAID)
    assert audits(journal) == []


def test_the_settings_go_first(tmp_path: Path, journal: Journal) -> None:
    approve(Approved(place(tmp_path)), journal, lambda: STAMP, lambda _: None, SAID)
    moved = place(tmp_path, ZkPush(name="atap", serial="S1"))
    assert Approved(moved).load() == []
    with pytest.raises(SettingsError, match="two sources are called 'gudang'"):
        Approved(place(tmp_path, ZkPush(name="gudang", serial="S9"))).load()


def test_a_file_that_somebody_broke_is_said(tmp_path: Path) -> None:
    where = place(tmp_path)
    (tmp_path / "data" / FILE).write_text("[[sources]]\nkind = 5\n")
    with pytest.raises(SettingsError, match=FILE):
        Approved(where).load()


def test_the_second_medium_has_a_spare(tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "usb").mkdir()
    both = place(tmp_path, mirror="usb")
    approve(Approved(both), journal, lambda: STAMP, lambda _: None, SAID)
    (tmp_path / "data" / FILE).unlink()
    assert Approved(both).load() == [GUDANG]
    # And the other way round: a second medium that is away keeps nobody from approving.
    (tmp_path / "usb" / FILE).unlink()
    (tmp_path / "usb").rmdir()
    approved = Approved(both)
    approve(approved, journal, lambda: STAMP, lambda _: None, SAID | {"serial": "S2"})
    assert (tmp_path / "data" / FILE).exists()
