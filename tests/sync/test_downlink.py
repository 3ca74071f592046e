"""The roster's way from central to a kiosk's disk, whatever the line and the power do meanwhile.

What a kiosk works on is always one version that central issued, whole. Once all trouble ends it is
the one that central means it to have.
"""

import shutil
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.central.authority import Authority
from sync.central.downlink import Downlink
from sync.central.store import Store, Transaction
from sync.central.store.issues import KEPT
from sync.central.store.registry import KioskKey, Status
from sync.edge.delivery import SayHello
from sync.edge.roster import Adopted, Rosters
from sync.edge.session import Self, hello_message
from sync.edge.shelf import PATIENCE_MOST_S, PATIENCE_S, NotKept, Shelf
from sync.journal.reader import Life, Span
from sync.protocol import rostering
from sync.protocol.entry import Stamp
from sync.protocol.errors import Malformed, ProtocolError
from sync.protocol.identity import PrivateKey
from sync.protocol.roster import Known, Person, Roster

KIOSK, CENTRAL = PrivateKey.generate(), PrivateKey.generate()
ME = Self("k1", KIOSK, [CENTRAL.public], "test")
AT = Stamp(wall=1, up=2, boot="b", synced=False)
HEAD = b"\0" * 32
SPAN = Span(first=1, anchor=HEAD, last=0, head=HEAD)


class Meant:
    """What kiosks are to have: a page for each letter of a word; the page says how often."""

    def __init__(self) -> None:
        self.word: str | None = ""

    def state(self, tx: Transaction) -> object:
        return self.word

    def pages(self, tx: Transaction, kiosk: str) -> Sequence[bytes] | None:
        if self.word is None or kiosk != "k1":
            return None
        return [
            msgspec.json.encode(Roster(people=[Person(id=one, name=str(self.word.count(one)))]))
            for one in sorted(set(self.word))
        ]


class Office:
    """Central's downlink and a kiosk's shelf, with a line of messages between them."""

    def __init__(self, directory: Path) -> None:
        self.meant = Meant()
        self.now_ms = 1000
        self.store = Store(directory / "central.db")
        self.store.open()
        key = KioskKey(
            fingerprint=KIOSK.public.fingerprint,
            kiosk="k1",
            der=KIOSK.public.der,
            status=Status.ADMITTED,
            admitted_at=0,
            admitted_by="test",
        )
        with self.store.writing() as tx:
            tx.registry.admit(key)
        self.downlink = Downlink(self.store, Authority(CENTRAL), self.meant, lambda: self.now_ms)
        self.directory = directory / "roster"
        self.adopted: list[int] = []
        self.line: deque[bytes] = deque()
        self.now_s = 0.0
        self._nonces = count()
        self.said: list[str] = []
        self.power_on()

    def power_on(self) -> None:
        self.rosters = Rosters()
        self.shelf = Shelf(
            self.directory, self.rosters, lambda one: self.adopted.append(one.version)
        )
        self.shelf.load()
        self.cut()

    def cut(self) -> None:
        """The connection ends: what was on its way is gone, its nonces are void."""
        self.line.clear()
        self.said.clear()

    def hello(self, epoch: str = "e") -> list[bytes]:
        nonce = f"n{next(self._nonces)}"
        self.said.append(nonce)
        life = Life("k1", epoch, 1, KIOSK.public.der)
        message = hello_message(ME, SayHello(life, SPAN, nonce), AT, self.shelf.version)
        answer = list(self.downlink.answer(message))
        self.line += answer
        return answer

    def hear(self, place: int = 0) -> None:
        """Take in what arrives next, or by a broker that reorders, what comes later."""
        if not self.line:
            return
        place %= len(self.line)
        message = self.line[place]
        del self.line[place]
        part, signed = rostering.decode(message)
        signed.verify(CENTRAL.public)
        if part.nonce in self.said:
            plain = rostering.unseal(part, signed, KIOSK)
            self.shelf.take(part, plain, self.now_s, latest=part.nonce == self.said[-1])

    def hear_all(self) -> None:
        while self.line:
            self.hear()

    @property
    def word(self) -> str:
        """Return what the kiosk works on, as the word that says so."""
        names = self.rosters.current._names
        return "".join(sorted(one * int(times) for one, times in names.items()))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def meant(office: Office, word: str) -> None:
    office.meant.word, office.now_ms = word, office.now_ms + 5


def test_a_new_kiosk_gets_every_page_then_only_those_that_changed(office: Office) -> None:
    meant(office, "aabc")
    assert len(office.hello()) == 4  # the manifest, and a page for each letter
    office.hear_all()
    assert (office.word, office.adopted) == ("aabc", [office.shelf.version])
    assert office.hello() == []
    meant(office, "aabcc")
    assert len(office.hello()) == 2
    office.hear_all()
    assert office.word == "aabcc"
    meant(office, "a")
    assert len(office.hello()) == 2
    office.hear_all()
    assert office.word == "a"
    assert len(list((office.directory / "pages").iterdir())) == 1


def test_until_the_last_page_came_the_old_version_is_in_force(office: Office) -> None:
    meant(office, "ab")
    office.hello()
    office.hear_all()
    meant(office, "aabbc")
    office.hello()
    before = office.shelf.version
    while len(office.line) > 1:
        office.hear()
        assert (office.word, office.shelf.version) == ("ab", before)
    office.hear()
    assert office.word == "aabbc"


def test_after_a_start_it_goes_on_with_what_it_had(office: Office) -> None:
    meant(office, "abc")
    office.hello()
    office.hear_all()
    version = office.shelf.version
    meant(office, "abcdd")
    office.hello()
    office.hear()  # the manifest of a version that never comes
    office.power_on()
    assert (office.word, office.shelf.version) == ("abc", version)


def test_a_damaged_page_is_asked_for_and_the_others_serve_meanwhile(office: Office) -> None:
    meant(office, "ab")
    office.hello()
    office.hear_all()
    page = sorted((office.directory / "pages").iterdir())[0]
    page.write_bytes(page.read_bytes().replace(b"1", b"2"))
    office.power_on()
    assert (len(office.word), office.shelf.version) == (1, 0)
    assert len(office.hello()) == 3
    office.hear_all()
    assert office.word == "ab"


def test_pages_that_never_came_are_asked_for_again(office: Office) -> None:
    meant(office, "ab")
    office.hello()
    office.hear()
    office.line.clear()
    assert not office.shelf.is_overdue(PATIENCE_S - 1)
    assert office.shelf.is_overdue(PATIENCE_S + 1)
    assert not office.shelf.is_overdue(PATIENCE_S + 2)  # said once


def test_a_full_disk_leaves_the_old_version_in_force(office: Office) -> None:
    meant(office, "a")
    office.hello()
    office.hear_all()
    meant(office, "ab")
    office.hello()
    office.hear()
    shutil.rmtree(office.directory / "pages")
    (office.directory / "pages").touch()  # no page can be written
    with pytest.raises(NotKept, match="stays in force"):
        office.hear()
    assert office.word == "a"


def test_a_page_that_cannot_be_read_changes_nothing(office: Office) -> None:
    meant(office, "a")
    office.hello()
    office.hear_all()
    bad = b'{"people":[{"id":1}]}'
    manifest = rostering.Manifest(version=9, pages=[rostering.digest(bad)])
    for part, plain in (
        (rostering.Part.MANIFEST, rostering.encode_manifest(manifest)),
        (rostering.Part.PAGE, bad),
    ):
        line = rostering.RosterPart(
            kiosk="k1", version=9, part=part, nonce="n", sealed="", key="key"
        )
        with suppress(Malformed):
            office.shelf.take(line, plain, 0.0, latest=True)
    assert office.word == "a"


def test_a_kiosk_that_serves_no_unit_is_told_nothing(office: Office) -> None:
    office.meant.word = None
    assert office.hello() == []


def test_who_is_to_be_asked_after_a_change(office: Office) -> None:
    meant(office, "a")
    assert office.downlink.outdated(["k1", "k2"]) == ["k1"]
    assert not office.downlink.outdated(["k1", "k2"])  # nothing has changed since
    office.hello()
    meant(office, "aa")
    assert office.downlink.outdated(["k1", "k2"]) == ["k1"]
    office.hello()
    meant(office, "aa")
    assert not office.downlink.outdated(["k1", "k2"])


def test_a_central_set_back_issues_versions_that_were_not_there_before(office: Office) -> None:
    meant(office, "a")
    office.hello()
    office.hear_all()
    with office.store.writing() as tx:
        first = tx.issues.latest("k1")
    assert first is not None
    office.now_ms = 10  # and its clock was wrong
    meant(office, "ab")
    office.hello()
    office.hear_all()
    assert office.shelf.version > first.version


STEPS = st.one_of(
    st.tuples(st.just("mean"), st.text("abcd", max_size=6)),
    st.tuples(st.just("hello"), st.none()),
    st.tuples(st.just("hear"), st.integers(0, 3)),
    st.tuples(st.just("drop"), st.integers(0, 8)),
    st.tuples(st.just("double"), st.integers(0, 8)),
    st.tuples(st.just("cut"), st.none()),
    st.tuples(st.just("power"), st.none()),
    st.tuples(st.just("rot"), st.integers(0, 8)),
)


@given(st.lists(STEPS, max_size=40))
@settings(max_examples=60, deadline=None)
def test_it_is_always_one_whole_version_and_in_the_end_the_right_one(
    steps: list[tuple[str, Any]],
) -> None:
    with TemporaryDirectory() as directory:
        office = Office(Path(directory))
        issued, rotten = {""}, False
        for step, more in steps:
            match step:
                case "mean":
                    meant(office, more)
                case "hello":
                    issued.add("".join(sorted(office.meant.word or "")))
                    office.hello()
                case "hear":
                    with suppress(ProtocolError):
                        office.hear(more)
                case "drop" | "double" if office.line:
                    message = office.line[more % len(office.line)]
                    office.line.remove(message)
                    office.line.extend([message, message] if step == "double" else [])
                case "cut":
                    office.cut()
                case "power":
                    office.power_on()
                case "rot":
                    pages = office.directory / "pages"
                    files = sorted(pages.iterdir()) if pages.is_dir() else []
                    if files:
                        files[more % len(files)].write_bytes(b"rot")
                        rotten = True
            assert rotten or office.word in issued
        for _ in range(3):  # a rotten page is met at an adoption, or at a start
            office.cut()
            office.hello()
            with suppress(ProtocolError):
                office.hear_all()
            if rotten:
                office.power_on()
        assert office.word == "".join(sorted(office.meant.word or ""))
        if office.word:
            with office.store.reading() as tx:
                latest = tx.issues.latest("k1")
            assert latest is not None
            assert office.shelf.version == latest.version
        office.store.close()


def test_ten_thousand_people_are_adopted(office: Office) -> None:
    people = [Person(id=str(n), name=f"Orang {n}") for n in range(10_000)]
    known = [Known(person=one.id, credential="terminal_user", user=one.id) for one in people]
    adopted = Adopted(Roster(version=1, people=people, known=known))
    from datetime import date

    assert adopted.person("terminal_user", "77", date(2026, 1, 1)) == "77"
    assert len(adopted.users("terminal_user", date(2026, 1, 1))) == 10_000


def test_a_page_that_did_not_fit_is_asked_for_again_ever_more_rarely(office: Office) -> None:
    meant(office, "a")
    office.hello()
    office.hear_all()
    meant(office, "ab")
    pages = office.directory / "pages"
    shutil.move(pages, office.directory / "aside")
    pages.touch()  # no page can be written
    for wait_s in (PATIENCE_S, 2 * PATIENCE_S):
        office.hello()
        office.hear()
        with pytest.raises(NotKept):
            office.hear()
        assert not office.shelf.is_overdue(office.now_s + wait_s - 1)
        assert office.shelf.is_overdue(office.now_s + wait_s)
        office.now_s += wait_s
    pages.unlink()
    shutil.move(office.directory / "aside", pages)
    office.hello()
    office.hear_all()
    assert office.word == "ab"


def test_a_page_that_has_rotten_by_the_adoption_is_asked_for_again(office: Office) -> None:
    meant(office, "ab")
    office.hello()
    office.hear_all()
    meant(office, "abb")
    office.hello()
    for page in (office.directory / "pages").iterdir():
        page.write_bytes(b"rot")
    with pytest.raises(Malformed):
        office.hear_all()
    assert office.shelf.is_overdue(PATIENCE_S)


def test_a_part_of_a_version_says_that_it_is_none(office: Office) -> None:
    """Else a terminal would be brought to it: who stands in the damaged page would be removed."""
    meant(office, "ab")
    office.hello()
    office.hear_all()
    sorted((office.directory / "pages").iterdir())[0].write_bytes(b"rot")
    office.power_on()
    assert (len(office.word), office.rosters.current.version) == (1, 0)


def test_a_late_answer_does_not_stop_the_latest_one(office: Office) -> None:
    meant(office, "a")
    office.hello()
    office.hear_all()
    meant(office, "ab")
    late = office.hello()
    office.line.clear()
    meant(office, "abc")
    latest = office.hello()
    office.line.clear()
    office.line += [latest[0], *late, *latest[1:]]  # two centrals, and one was slow
    office.hear_all()
    assert office.word == "abc"


def test_a_line_that_always_breaks_at_the_same_place_brings_all_in_the_end(office: Office) -> None:
    meant(office, "abcdefgh")
    for _ in range(100):
        office.hello()
        for _ in range(3):
            office.hear()
        office.cut()
        if office.word:
            break
    assert office.word == "abcdefgh"


def test_of_many_versions_the_latest_are_remembered(office: Office) -> None:
    with office.store.writing() as tx:
        for n in range(KEPT + 3):
            tx.issues.current("k1", [str(n)], n + 1)
        assert [tx.issues.of("k1", n) is None for n in (3, 4)] == [True, False]


def test_nobody_waits_longer_than_an_hour(office: Office) -> None:
    meant(office, "a")
    for _ in range(12):
        office.hello()
        office.hear()  # the manifest; its page is lost
        office.line.clear()
        office.now_s += PATIENCE_MOST_S
        assert office.shelf.is_overdue(office.now_s)


def test_a_kiosk_that_serves_no_unit_any_more_does_not_keep_its_roster(office: Office) -> None:
    """It goes on with the names, and its claims stand at central: nobody says what it serves."""
    meant(office, "ab")
    office.hello()
    office.hear_all()
    office.meant.word = None
    office.hello()
    office.hear_all()
    assert office.word == ""


def test_a_central_set_back_with_a_late_clock_calls_no_other_pages_by_a_known_version(
    office: Office,
) -> None:
    meant(office, "a")
    office.hello()
    office.hear_all()
    with office.store.writing() as tx:  # its clock was wrong once, ahead
        tx.issues.current("k1", ["0" * 64], 10_000)
    meant(office, "ab")
    office.hello()
    office.hear_all()
    assert (office.word, office.shelf.version) == ("ab", 10_001)
    with office.store.writing() as tx:  # and a backup from before that is restored
        tx.issues._connection.exec_driver_sql("DELETE FROM roster_issue WHERE version > 10000")
    meant(office, "abc")
    office.hello()
    office.hear_all()
    assert office.word == "abc"


def test_what_a_power_cut_leaves_half_written_is_cleared_away(office: Office) -> None:
    meant(office, "a")
    office.hello()
    office.hear_all()
    (office.directory / "pages" / (64 * "0" + "x1y2z3")).write_bytes(b"half a pa")
    office.power_on()
    meant(office, "ab")
    office.hello()
    office.hear_all()
    assert len(list((office.directory / "pages").iterdir())) == 2


def test_who_guesses_a_page_is_not_told_by_the_broker_that_it_is_so(office: Office) -> None:
    meant(office, "a")
    guessed = office.meant.pages(None, "k1")  # type: ignore[arg-type]
    said = office.hello()
    assert guessed is not None
    assert all(rostering.digest(guessed[0]).encode() not in one for one in said)
