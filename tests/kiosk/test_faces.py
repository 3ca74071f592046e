"""Enrolment through the daemon's collectors: a fake camera, a real vault, a real journal."""

import logging
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from drivers.errors import SourceError, TimedOut
from drivers.faces import Enrolled, Shot
from drivers.prompt import Prompt
from drivers.store import Secret
from kiosk.clock import TrustedClock
from kiosk.collect import Collector
from kiosk.faces import tombstones
from kiosk.faces.enrolment import Faces, Listing
from kiosk.faces.telling import Telling
from kiosk.faces.vault import Vault
from kiosk.faces.vaultkey import KeyPlace
from kiosk.faces.vaultwords import Action, Erasure, Tell
from kiosk.here import Here
from kiosk.local import CannotDo
from kiosk.prompts import Prompted
from sync.edge.roster import Adopted, Rosters
from sync.journal.errors import StorageFull
from sync.journal.journal import Journal, Position
from sync.journal.reader import Life
from sync.protocol import entry
from sync.protocol.roster import Person, Roster
from tests.kiosk.face_parts import MODEL, FakeCamera, enrolled, template

NAMES = {"siti": "Siti Aminah", "budi": "Budi Santoso", "tono": "Tono"}
GROUND = {"notice": "2026-1", "basis": "public-task", "by": "rudi"}


class Kiosk(Here):
    """What the daemon gives; its journal may be full."""

    full = False

    def keep(self, position: Position, did: Any = ()) -> None:
        if self.full:
            raise StorageFull("the disk is full")
        super().keep(position, did)


class Office:
    """A kiosk with one camera."""

    def __init__(self, home: Path, keep_pictures_days: int = 0) -> None:
        self.home = home
        Journal.make(home / "j.db", Life("k1", "e1", 1, b"key"))
        self.journal = Journal(home / "j.db")
        self.journal.open()
        people = [Person(id=one, name=name) for one, name in NAMES.items()]
        self.rosters = Rosters(Adopted(Roster(version=1, people=people)))
        self.here = Kiosk(self.journal, TrustedClock(), self.rosters)
        self.vault = Vault(home, KeyPlace(home, {}))
        self.vault.open()
        self.telling = Telling(self.vault, self.here)
        self.camera = FakeCamera()
        self.prompts: list[Prompted] = []
        self.collectors: dict[str, Collector] = {}
        self.faces = Faces(
            self.vault,
            self.collectors,
            ["pintu"],
            self.rosters,
            self.here,
            self.telling,
            self.prompts.append,
            keep_pictures_days,
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._collect)

    def connect(self) -> None:
        collector = self.collectors["pintu"] = Collector(
            self.camera,
            "Asia/Jakarta",
            self.journal,
            TrustedClock(),
            self.rosters,
            lambda *_: None,
            timedelta(seconds=120),
        )
        self._thread.start()
        waiting = threading.Event()
        while not collector.seen.connected:
            waiting.wait(0.005)

    def _collect(self) -> None:
        while not self._stop.wait(0.005):
            with suppress(SourceError):
                self.collectors["pintu"].run(self._stop.is_set, lambda: None)

    def enrol(self, person: str, **said: str) -> str:
        return self.faces.enrol({"person": person, **GROUND, **said})

    def bring(self, person: str, who: str = "", model: str = MODEL, **said: str) -> str:
        """Enrol from files."""
        brought = msgspec.json.encode(enrolled(who or person, model)).decode()
        return self.enrol(person, enrolled=brought, **said)

    def audits(self) -> list[entry.Audit]:
        bodies = [row.body for row in self.journal.reader.rows(1)]
        said = [entry.decode(body) for body in bodies if body is not None]
        return [one for one in said if isinstance(one, entry.Audit)]

    def listing(self) -> Listing:
        return msgspec.json.decode(self.faces.list({}), type=Listing)

    def close(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self.vault.close()
        self.journal.close()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.01)
    monkeypatch.setattr("kiosk.faces.enrolment.LOOK_S", 5.0)
    one = Office(tmp_path)
    yield one
    one.close()


def test_somebody_is_enrolled_at_the_camera(office: Office) -> None:
    office.connect()
    office.camera.there = "siti"
    said = office.enrol("siti")
    assert said == f"siti Siti Aminah is known by face, from 3 pictures: {MODEL}"
    assert len(office.vault.known(MODEL).rows) == 3
    steps = [(one.what, one.step, one.of, one.name) for one in office.prompts]
    assert steps == [
        (Prompt.LOOK_STRAIGHT, 1, 3, "Siti Aminah"),
        (Prompt.TURN_LEFT, 2, 3, "Siti Aminah"),
        (Prompt.TURN_RIGHT, 3, 3, "Siti Aminah"),
        (Prompt.DONE, 0, 0, "Siti Aminah"),
    ]
    [told] = [one for one in office.audits() if one.action == "face enrolled"]
    assert (told.actor, told.detail) == (
        "rudi",
        {
            "person": "siti", "model": MODEL, "shots": "3", "notice": "2026-1",
            "basis": "public-task", "from": "pintu", "generation": "1",
        },
    )  # fmt: skip
    assert office.vault.untold() == []


def test_the_ground_is_kept_with_the_enrolment(office: Office) -> None:
    office.bring("siti", basis="consent", reference="formulir 17")
    [one] = office.vault.people()
    assert (one.about.notice, one.about.basis) == ("2026-1", "consent")
    assert (one.about.reference, one.about.by) == ("formulir 17", "rudi")
    assert office.audits()[-1].detail["from"] == "files"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"notice": ""}, "which notice was the person shown"),
        ({"basis": ""}, "on which legal basis"),
        ({"basis": "because"}, "on which legal basis"),
        ({"basis": "consent"}, "a consent that nobody can show is none"),
        ({"by": " "}, "who does it"),
        ({"person": "nobody"}, "the roster knows no person 'nobody'"),
        ({"source": "gudang"}, "there is no camera 'gudang'; there are: pintu"),
        ({"notice": "a\nb"}, "printable"),
        ({"notice": "x" * 201}, "at most 200"),
    ],
)
def test_without_its_ground_nothing_is_begun(
    office: Office, said: dict[str, str], why: str
) -> None:
    with pytest.raises(CannotDo, match=why):
        office.enrol(said.pop("person", "siti"), **said)
    assert office.prompts == []
    assert office.vault.people() == []
    assert office.audits() == []


def test_whoever_resembles_another_is_refused_until_somebody_has_looked(office: Office) -> None:
    office.connect()
    office.bring("budi")
    office.camera.there = "budi"
    with pytest.raises(
        CannotDo, match=r"taken for budi Budi Santoso \((0\.9|1\.0).*--although budi"
    ):
        office.enrol("siti")
    assert office.prompts[-1].what is Prompt.FAILED
    assert [one.person for one in office.vault.people()] == ["budi"]
    office.enrol("siti", although="budi, tono")
    assert office.audits()[-1].detail["although"] == "budi"
    [_, siti] = office.vault.people()
    assert siti.about.although == ("budi",)


def test_ones_own_earlier_templates_are_no_duplicate(office: Office) -> None:
    office.bring("siti")
    office.bring("siti")
    assert office.audits()[-1].detail["generation"] == "2"


def test_the_duplicate_search_of_dlib_goes_by_distance(office: Office) -> None:
    office.bring("budi", model="dlib:abc")
    with pytest.raises(CannotDo, match="taken for budi"):
        office.bring("siti", who="budi", model="dlib:abc")
    office.bring("siti", model="dlib:abc")


def test_templates_of_a_model_that_no_camera_uses_are_refused(office: Office) -> None:
    office.bring("siti", model="sface:other")  # no camera says what it uses
    office.connect()
    with pytest.raises(CannotDo, match=f"read with sface:other, and the cameras here .*{MODEL}"):
        office.bring("siti", model="sface:other")


BROKEN = [
    ("{}", "templates as this version writes them"),
    (b"\x00\x01\x02", "are no row of float32"),
    (b"", "are no row of float32"),
    (b"\x00\x00\x80\x3f", "has 128 numbers, not 1"),
    (bytes(512), "nothing but zeros"),
    (b"\x00\x00\xc0\x7f" * 128, "a number that is none"),
    (b"\x00\x00\x80\x3f" * 128, "has length 1, not 11.314"),
]


@pytest.mark.parametrize(("octets", "why"), BROKEN)
def test_what_no_model_made_is_refused(office: Office, octets: str | bytes, why: str) -> None:
    if isinstance(octets, bytes):
        shot = Shot(template=Secret(octets), quality=1.0, yaw=0.0)
        octets = msgspec.json.encode(Enrolled(model=MODEL, shots=(shot,) * 3)).decode()
    with pytest.raises(CannotDo, match=why):
        office.enrol("siti", enrolled=octets)
    assert office.vault.people() == []


def test_two_pictures_are_too_few(office: Office) -> None:
    few = msgspec.structs.replace(enrolled("siti"), shots=enrolled("siti").shots[:2])
    with pytest.raises(CannotDo, match="2 pictures were taken; 3 are needed"):
        office.enrol("siti", enrolled=msgspec.json.encode(few).decode())


def test_who_walks_away_is_not_enrolled(office: Office) -> None:
    office.connect()
    with pytest.raises(CannotDo, match="nobody stood there long enough"):
        office.enrol("siti")
    assert office.prompts[-1].what is Prompt.FAILED

    def dies() -> None:
        raise TimedOut("the camera is gone")

    office.camera.fails = dies
    with pytest.raises(CannotDo, match="the camera is gone"):
        office.enrol("siti")
    assert office.vault.people() == []


def test_pictures_go_at_once_or_when_their_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.collect.WAIT_S", 0.01)
    for days in (0, 30):
        home = tmp_path / f"{days}"
        home.mkdir()
        office = Office(home, days)
        office.connect()
        office.camera.there, office.camera.picture = "siti", b"JPEG" * 9
        office.enrol("siti")
        now = office.here.stamp().wall
        assert len(office.vault.pictures("siti")) == (3 if days else 0)
        assert office.audits()[-1].detail.get("pictures") == ("3" if days else None)
        assert office.vault.end_pictures(now + (days - 1) * 86_400_000) == 0
        assert office.vault.end_pictures(now + days * 86_400_000 + 1) == (3 if days else 0)
        assert office.telling.tell() == (1 if days else 0)
        office.close()


def test_the_list_says_who_has_to_be_enrolled_again(office: Office) -> None:
    office.bring("siti")
    office.bring("budi", model="sface:old")
    assert [one.again for one in office.listing().people] == [None, None]
    assert office.listing().models == {"pintu": ""}
    office.connect()
    assert office.listing().models == {"pintu": MODEL}
    assert {one.person: one.again for one in office.listing().people} == {
        "siti": False, "budi": True,
    }  # fmt: skip
    office.rosters.current = Adopted(Roster(version=2, people=[Person(id="siti", name="Siti")]))
    assert {one.person: one.in_roster for one in office.listing().people} == {
        "siti": True, "budi": False,
    }  # fmt: skip
    with pytest.raises(CannotDo, match="no camera says that it works with 'sface:old'"):
        office.faces.prune({"by": "rudi", "model": "sface:old"})
    said = office.faces.prune({"by": "rudi", "model": MODEL})
    assert said == "1 people's templates of other models are destroyed"
    assert [one.person for one in office.listing().people] == ["siti"]
    assert office.audits()[-1].action == "faces of another model erased"


def test_nobody_is_enrolled_on_the_medium_that_stands_in(office: Office) -> None:
    office.faces = Faces(
        *(office.vault, office.collectors, ["pintu"], office.rosters, office.here),
        *(office.telling, office.prompts.append, 0, "data: the card is out"),
    )
    with pytest.raises(CannotDo, match=r"the card is out\. Whoever were enrolled on the second"):
        office.bring("siti")
    assert office.vault.people() == []


def test_a_vault_without_its_key_enrols_nobody(office: Office, tmp_path: Path) -> None:
    office.bring("siti")
    (tmp_path / "vault.key").unlink()
    office.vault.unlock()
    with pytest.raises(CannotDo, match="is lost"):
        office.bring("budi")
    office.vault.close()
    with pytest.raises(CannotDo, match="not open; see `kiosk status`"):
        office.bring("budi")


# Vault and journal.


def test_a_journal_that_is_full_is_told_later_once(office: Office) -> None:
    office.here.full = True
    assert "its entry waits until the journal can take it" in office.bring("siti")
    assert office.audits() == []
    office.here.full = False
    assert office.telling.tell() == 1
    assert office.telling.tell() == 0
    assert [one.action for one in office.audits()] == ["face enrolled"]


def test_a_cut_between_vault_and_journal_leaves_no_face_without_its_entry(office: Office) -> None:
    office.here.full = True
    office.bring("siti")
    office.here.full = False
    office.vault.close()  # the power goes, and comes
    office.vault.open()
    assert Telling(office.vault, office.here).tell() == 1
    assert [one.detail["person"] for one in office.audits()] == ["siti"]


def test_a_cut_after_the_journals_commit_tells_nothing_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = office.vault.told
    monkeypatch.setattr(office.vault, "told", lambda through: None)  # the power goes before it
    office.bring("siti")
    assert len(office.vault.untold()) == 1
    monkeypatch.setattr(office.vault, "told", real)
    assert Telling(office.vault, office.here).tell() == 0
    assert office.vault.untold() == []
    assert len(office.audits()) == 1
    office.bring("budi")
    assert len(office.audits()) == 2


def test_another_vaults_words_are_all_told(office: Office, tmp_path: Path) -> None:
    office.bring("siti")
    assert not office.telling.is_new()
    (tmp_path / "second").mkdir()
    second = Vault(tmp_path / "second", KeyPlace(tmp_path / "second", {}))
    second.open()
    telling = Telling(second, office.here)
    assert telling.is_new()
    telling.begin()
    assert not telling.is_new()
    assert office.telling.is_new()
    second.close()


def test_an_older_copy_of_the_vault_is_noticed_and_tells_everything(
    office: Office, tmp_path: Path
) -> None:
    """Somebody put yesterday's card image back, or its data directory."""
    office.bring("siti")
    older = office.vault.path.read_bytes()
    erasure = Erasure(id="1", person="siti", generation=0, by="rudi", reason="left", at=1)
    office.vault.forget(erasure, Tell("rudi", Action.FORGOTTEN, {"person": "siti"}))
    office.telling.tell()
    assert not office.telling.is_new()
    office.vault.close()
    office.vault.path.write_bytes(older)

    def replay() -> None:
        assert not office.telling.is_new()
        assert office.telling.look()
        assert office.telling.is_new()
        dead = office.vault.replay(tombstones.entered([office.journal.reader]), "journal")
        assert dead == ["siti"]
        office.telling.begin()

    office.vault.open(first=replay)
    assert not office.telling.is_new()
    assert not office.telling.look()
    assert office.vault.known(MODEL).rows == []
    office.bring("budi")
    said = [(one.action, one.detail["person"]) for one in office.audits()]
    assert said == [
        (Action.ENROLLED, "siti"),
        (Action.FORGOTTEN, "siti"),
        (Action.REPLAYED, "siti"),
        (Action.ENROLLED, "budi"),
    ]


# Silence.


def test_no_byte_of_a_template_is_in_journal_logs_or_errors(
    office: Office, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    office.connect()
    texts = [office.bring("budi"), office.bring("siti")]
    office.camera.there = "budi"
    brought = msgspec.json.encode(enrolled("budi")).decode()
    for said in (
        {"person": "tono"},
        {"person": "tono", "enrolled": brought},
        {"person": "tono", "enrolled": brought[:-9]},
        {"person": "tono", "enrolled": brought.replace('"quality":0.9', '"quality":"x"')},
        {"person": "tono", "enrolled": brought.replace("sface", "other", 1)},
    ):
        try:
            texts.append(office.faces.enrol({**GROUND, **said}))
        except CannotDo as why:
            texts += [str(why), repr(why), repr(why.__cause__)]
    texts += [repr(enrolled("budi")), repr(office.vault.people()), office.faces.list({})]
    texts += [record.getMessage() for record in caplog.records]
    everything = "\n".join(texts).encode()
    everything += b"".join(row.body or b"" for row in office.journal.reader.rows(1))
    everything += b"".join(path.read_bytes() for path in tmp_path.glob("*") if path.is_file())
    assert len(everything) > 10_000
    for who in ("budi", "siti"):
        for shot in range(3):
            octets = template(who, shot)
            base64 = msgspec.json.encode(octets)[1:-1]
            for at in range(0, len(octets) - 12, 12):
                assert octets[at : at + 12] not in everything
                assert base64[at * 4 // 3 : at * 4 // 3 + 16] not in everything
                assert octets[at : at + 12].hex().encode() not in everything
