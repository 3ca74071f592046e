"""The stick, both ways: real journals, real ingest, files in between."""

import io
import shutil
import tracemalloc
import zipfile
from contextlib import closing
from hashlib import sha256
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.central import stick as at_central
from sync.central.authority import Authority
from sync.central.downlink import Downlink
from sync.edge import stick as at_kiosk
from sync.edge.roster import Rosters
from sync.edge.session import Self
from sync.edge.shelf import NotKept, Shelf
from sync.journal.journal import Draft
from sync.journal.reader import Reader
from sync.journal.schema import Closed
from sync.protocol import entry, receipt, stick
from sync.protocol.errors import Inconsistent, Malformed, ProtocolError, Unverified
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.roster import Person, Roster
from sync.protocol.signed import sign
from sync.protocol.stick import Contents, Part

Office = Any  # tests/sync/conftest.py: Kiosk, Log, Central; a fixture's module has no name here
LogOf = Any
HeadOffice = Any


def export(office: Office, *, whole: bool = False) -> tuple[bytes, str]:
    """Return the office's stick, and the nonce of its answer."""
    file = io.BytesIO()
    me = Self(office.name, office.key, [], "test")
    lives = [(one.life, one.reader) for one in office.epochs.journals if not one.replaced]
    written = at_kiosk.export(file, me, lives, office.clock.stamp(), whole=whole)
    return file.getvalue(), written.nonce


def take_in(head_office: HeadOffice, content: bytes) -> bytes:
    """Take a stick in at central; return its answer."""
    imported = at_central.take_in(io.BytesIO(content), head_office.store, head_office.desk)
    answer = io.BytesIO()
    at_central.answer(answer, imported, Authority(head_office.key), lambda: head_office.now)
    return answer.getvalue()


def hear(office: Office, head_office: HeadOffice, answer: bytes, last: str) -> Any:
    """Bring the answer back."""
    me = Self(office.name, office.key, [head_office.key.public], "test")
    return at_kiosk.hear(io.BytesIO(answer), me, office.epochs.journals, office.clock.stamp(), last)


class TwoPages:
    """What the office is to have."""

    def state(self, tx: Any) -> object:
        return 1

    def pages(self, tx: Any, kiosk: str) -> list[bytes]:
        people = [Roster(people=[Person(id=one, name=one)]) for one in ("Ani", "Budi")]
        return [msgspec.json.encode(one) for one in people]


def test_a_roster_comes_by_stick_and_an_older_one_does_not_undo_it(
    office: Office, head_office: HeadOffice, tmp_path: Any
) -> None:
    downlink = Downlink(head_office.store, Authority(head_office.key), TwoPages(), lambda: 5)

    def answered(content: bytes) -> bytes:
        imported = at_central.take_in(io.BytesIO(content), head_office.store, head_office.desk)
        answer = io.BytesIO()
        at_central.answer(answer, imported, Authority(head_office.key), lambda: 1, downlink)
        return answer.getvalue()

    def heard(answer: bytes, last: str) -> Any:
        me = Self(office.name, office.key, [head_office.key.public], "test")
        at = office.clock.stamp()
        return at_kiosk.hear(io.BytesIO(answer), me, office.epochs.journals, at, last, shelf)

    rosters = Rosters()
    shelf = Shelf(tmp_path / "roster", rosters, lambda _: None)
    content, nonce = export(office)
    answer = answered(content)
    assert "a new roster" in at_kiosk.in_words(brought := heard(answer, nonce))
    assert brought.roster == 5
    assert [rosters.current.name(one) for one in ("Ani", "Budi")] == ["Ani", "Budi"]
    assert heard(answer, "").roster == 0
    # Another kiosk's file, or a part of another answer, is refused.
    later, its_nonce = export(office)
    parts = list(stick.read(io.BytesIO(answered(later)), Domain.ANSWER).parts())
    older = list(stick.read(io.BytesIO(answer), Domain.ANSWER).parts())
    mixed = [*parts, *(one for one in older if one.kind == "roster")]
    contents = Contents(
        kiosk=office.name,
        nonce=its_nonce,
        made=1,
        digest="",
        key=head_office.key.public.fingerprint,
    )
    file = io.BytesIO()
    stick.write(file, Domain.ANSWER, contents, mixed, head_office.key)
    with pytest.raises(Unverified, match="another file's"):
        heard(file.getvalue(), its_nonce)


def card(user: str) -> Draft:
    said = entry.Presence(
        at=entry.Stamp(wall=1, up=2, boot="b", synced=True),
        source="pintu",
        terminal="R1",
        credential="card",
        user=user,
        time="2026-11-24T09:00:00",
        zone="Asia/Jakarta",
        mark=entry.Mark.KNOWN,
    )
    return Draft(entry.encode(said), said.origin)


def test_an_office_without_a_line(office: Office, log: LogOf, head_office: HeadOffice) -> None:
    office.read(log)
    content, nonce = export(office)
    live = office.epochs.live
    live.append([card("77")])  # goes on meanwhile
    answered = hear(office, head_office, take_in(head_office, content), nonce)
    assert answered.receipted == {live.life.epoch: live.tip - 1}
    assert (answered.anew, live.cursor) == ("", live.tip - 1)
    assert head_office.counted() == log.truth
    log.fill(7)
    office.read(log)
    content, nonce = export(office)
    hear(office, head_office, take_in(head_office, content), nonce)
    assert live.cursor == live.tip
    assert head_office.counted().total() == log.truth.total() + 1
    # Nothing is left to be said, and an empty stick is one too.
    content, nonce = export(office)
    assert hear(office, head_office, take_in(head_office, content), nonce).receipted == {}
    # Retention counts the time in its receipts like in any others.
    head_office.now += 40 * 86_400_000
    content, nonce = export(office)
    hear(office, head_office, take_in(head_office, content), nonce)
    assert live.prune(live.tip) == live.tip


@pytest.mark.parametrize("times", [1, 2])
def test_before_and_after_the_line(
    office: Office, log: LogOf, head_office: HeadOffice, times: int
) -> None:
    office.read(log)
    content, nonce = export(office)
    office.deliver_all(head_office)
    for _ in range(times):
        answer = take_in(head_office, content)
    assert head_office.again() == 0
    for _ in range(times):
        hear(office, head_office, answer, nonce)
    log.fill(5)
    office.read(log)
    content, nonce = export(office, whole=True)
    take_in(head_office, content)
    office.deliver_all(head_office)
    assert head_office.counted() == log.truth
    assert head_office.again() == 0
    assert head_office.alarms() == set()


def test_an_older_answer_moves_forward_only(
    office: Office, log: LogOf, head_office: HeadOffice
) -> None:
    office.read(log)
    head_office.back_up()
    first = take_in(head_office, export(office)[0])
    log.fill(5)
    office.read(log)
    content, nonce = export(office)
    hear(office, head_office, first, nonce)
    old = office.epochs.live.cursor
    assert 0 < old < office.epochs.live.tip
    hear(office, head_office, take_in(head_office, content), nonce)
    assert office.epochs.live.cursor == office.epochs.live.tip
    hear(office, head_office, first, nonce)
    assert office.epochs.live.cursor == office.epochs.live.tip
    # The answer to the last one moves it back, too: central was restored.
    head_office.restore()
    content, nonce = export(office)
    hear(office, head_office, take_in(head_office, content), nonce)
    assert office.epochs.live.cursor == 0
    content, nonce = export(office)
    hear(office, head_office, take_in(head_office, content), nonce)
    assert head_office.counted() == log.truth


def test_a_copied_card_learns_of_it_by_stick(
    office: Office, log: LogOf, head_office: HeadOffice, tmp_path: Any
) -> None:
    office.copy_card(tmp_path / "backup")
    office.epochs.live.append([card(str(n)) for n in range(4)])
    hear(office, head_office, take_in(head_office, export(office)[0]), "")
    office.put_card(tmp_path / "backup")
    office.epochs.live.append([card(str(n)) for n in range(10, 12)])
    content, nonce = export(office)
    answered = hear(office, head_office, take_in(head_office, content), nonce)
    assert "copied or restored" in answered.anew
    office.restart()
    content, nonce = export(office)
    hear(office, head_office, take_in(head_office, content), nonce)
    assert {user for user, _ in head_office.counted()} == {"0", "1", "2", "3", "10", "11"}
    assert head_office.alarms() == {"fork", "rollback"}


def test_destroyed_bodies_are_passed_over(
    office: Office, log: LogOf, head_office: HeadOffice
) -> None:
    head_office.back_up()
    office.read(log)
    office.deliver_all(head_office)
    office.epochs.live.destroy(5)
    head_office.restore()
    content, nonce = export(office, whole=True)
    hear(office, head_office, take_in(head_office, content), nonce)
    assert head_office.lost() == [(5, 5)]
    assert office.epochs.live.cursor == office.epochs.live.tip
    assert head_office.counted().total() == 29


def test_what_central_does_not_take(office: Office, log: LogOf, head_office: HeadOffice) -> None:
    office.read(log)
    content, _ = export(office)
    stranger = PrivateKey.generate()
    contents = Contents(kiosk="k1", nonce="n", made=0, digest="", key=stranger.public.fingerprint)
    forged = io.BytesIO()
    stick.write(forged, Domain.STICK, contents, [Part("hello", b"x")], stranger)
    for bad, why in (
        (forged.getvalue(), Unverified),
        (b"", Malformed),
        (b"PK", Malformed),
        (content[:-40], Malformed),
        (take_in(head_office, content), ProtocolError),  # an answer is no stick
    ):
        with pytest.raises(why):
            take_in(head_office, bad)
    assert head_office.counted() == log.truth


def test_a_part_that_was_exchanged(office: Office, log: LogOf, head_office: HeadOffice) -> None:
    office.read(log)
    content, _ = export(office)
    changed = io.BytesIO()
    with (
        closing(zipfile.ZipFile(io.BytesIO(content))) as before,
        closing(zipfile.ZipFile(changed, "w")) as after,
    ):
        for name in before.namelist():
            body = before.read(name)
            after.writestr(name, body.replace(b'"1001"', b'"1002"', 1))
    with pytest.raises(Inconsistent):
        take_in(head_office, changed.getvalue())
    assert head_office.bodies() == []


def test_answers_of_others(office: Office, head_office: HeadOffice, make_office: Any) -> None:
    office.epochs.live.append([card("1")])
    answer = take_in(head_office, export(office)[0])
    other = make_office("k2")
    with pytest.raises(Unverified, match="k1"):
        hear(other, head_office, answer, "")
    me = Self("k1", office.key, [PrivateKey.generate().public], "test")
    with pytest.raises(Unverified, match="trusts"):
        at_kiosk.hear(io.BytesIO(answer), me, office.epochs.journals, office.clock.stamp(), "")
    assert office.epochs.live.cursor == 0


def test_while_the_daemon_works(office: Office, log: LogOf, head_office: HeadOffice) -> None:
    """Another process exports from the same file."""
    office.read(log)
    reader = Reader(office.epochs.live.path)
    life = reader.open()
    file = io.BytesIO()
    me = Self("k1", office.key, [], "test")
    at_kiosk.export(file, me, [(life, reader)], office.clock.stamp(), whole=False)
    reader.close()
    take_in(head_office, file.getvalue())
    assert head_office.counted() == log.truth


@pytest.fixture(scope="module")
def a_stick() -> tuple[bytes, PrivateKey]:
    """Return a stick with a few parts, and whose it is."""
    key = PrivateKey.generate()
    file = io.BytesIO()
    contents = Contents(kiosk="k1", nonce="n", made=0, digest="", key=key.public.fingerprint)
    parts = [Part("hello", b"one" * 50), Part("batch", b"two" * 500), Part("later", b"")]
    assert stick.write(file, Domain.STICK, contents, parts, key) == 3
    return file.getvalue(), key


def _read(content: bytes, key: PrivateKey) -> list[Part]:
    found = stick.read(io.BytesIO(content), Domain.STICK)
    found.signed.verify(key.public)
    return list(found.parts())


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_damaged_stick_is_refused_or_the_same(
    a_stick: tuple[bytes, PrivateKey], data: st.DataObject
) -> None:
    content, key = a_stick
    whole = _read(content, key)
    assert [part.kind for part in whole] == ["hello", "batch", "later"]
    if data.draw(st.booleans()):
        damaged = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        at = data.draw(st.integers(0, len(content) - 1))
        flipped = content[at] ^ data.draw(st.integers(1, 255))
        damaged = content[:at] + bytes([flipped]) + content[at + 1 :]
    try:
        assert _read(damaged, key) == whole
    except ProtocolError:
        return


@pytest.mark.parametrize("packed", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("kind", [Domain.STICK, Domain.ANSWER])
def test_a_bomb_is_not_unpacked(packed: int, kind: Domain) -> None:
    """zipfile bounds what it unpacks of a deflated member only."""
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", packed) as archive, archive.open("contents", "w") as member:
        for _ in range(80):
            member.write(b"\0" * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="packed as no stick is"):
            stick.read(io.BytesIO(bomb.getvalue()), kind)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_strangers_long_list_costs_no_more_than_its_bytes() -> None:
    key = PrivateKey.generate()
    rest = b"  \n" * 1_000_000
    listed = Contents(
        kiosk="k1", nonce="n", made=0, digest=sha256(rest).hexdigest(), key=key.public.fingerprint
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("contents", sign(Domain.ANSWER, listed, key, rest))
    tracemalloc.start()
    try:
        found = stick.read(file, Domain.ANSWER)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(rest)
    finally:
        tracemalloc.stop()
    with pytest.raises(Malformed):
        list(found.parts())


def test_a_loss_told_by_stick_brings_back_what_replaced_epochs_hold(
    office: Office, head_office: HeadOffice
) -> None:
    office.epochs.live.append([card(str(n)) for n in range(5)])
    office.epochs.live.end()
    office.restart()
    replaced, live = office.epochs.journals
    assert replaced.replaced
    last = live.tip
    live.receipted(last, 1)
    live.prune(last)
    lost = receipt.Receipt(
        kiosk="k1",
        epoch=live.life.epoch,
        through=last,
        head=(live.hash_at(last) or b"").hex(),
        nonce="n",
        utc=1,
        key=head_office.key.public.fingerprint,
        lost=[(1, last)],
    )
    answer = io.BytesIO()
    contents = Contents(kiosk="k1", nonce="n", made=0, digest="", key=lost.key)
    parts = [Part("receipt", receipt.encode(lost, head_office.key))]
    stick.write(answer, Domain.ANSWER, contents, parts, head_office.key)
    assert "lacks entries" in hear(office, head_office, answer.getvalue(), "n").anew
    assert replaced.reader.closed() is Closed.ENDED
    office.restart()
    office.deliver_all(head_office)
    assert {user for user, _ in head_office.counted()} == {"0", "1", "2", "3", "4"}


def test_what_leads_back_to_a_twins_history_stalls_nothing(
    office: Office, make_office: Any, head_office: HeadOffice, tmp_path: Any
) -> None:
    """A copied card, a central set back, and an old stick taken in again, as the alarm advises."""
    office.epochs.live.append([card("1")])
    office.deliver_all(head_office)
    head_office.back_up()
    office.copy_card(tmp_path / "copy")
    office.epochs.live.append([card(str(n)) for n in range(2, 7)])
    content, _ = export(office, whole=True)
    office.deliver_all(head_office)
    office.epochs.live.prune(4)
    head_office.restore()
    twin = type(office)(tmp_path / "twin", office.name)
    twin.key = office.key
    shutil.copytree(tmp_path / "copy", twin.directory)
    twin.start()
    twin.epochs.live.append([card("x")])
    twin.deliver_all(head_office)
    twin.stop()
    take_in(head_office, content)
    office.epochs.live.append([card("7")])
    office.deliver(head_office)
    assert office.epochs.live.reader.closed() is Closed.ENDED
    office.restart()
    office.deliver(head_office)
    assert {user for user, _ in head_office.counted()} == {"1", "2", "3", "4", "5", "6", "7", "x"}
    assert "fork" in head_office.alarms()


def test_an_answer_about_what_retention_has_let_go_of_since_is_no_contradiction(
    office: Office, log: LogOf, head_office: HeadOffice
) -> None:
    office.read(log)
    content, nonce = export(office)
    answer = take_in(head_office, content)
    office.epochs.live.append([card(str(n)) for n in range(9)])
    office.deliver_all(head_office)
    live = office.epochs.live
    live.prune(live.tip - 1)
    assert hear(office, head_office, answer, nonce).anew == ""
    assert live.cursor == live.tip


class Full:
    """A keeper whose disk is full."""

    version = 0

    def take(self, *_: object, **__: object) -> None:
        raise NotKept("roster: No space left on device")

    def is_overdue(self, now: float) -> bool:
        return False


def test_a_roster_that_cannot_be_kept_costs_no_start_anew(
    office: Office, log: LogOf, head_office: HeadOffice, tmp_path: Any
) -> None:
    """The epoch is ended then: without a start, nothing begins the next one."""
    office.copy_card(tmp_path / "backup")
    office.epochs.live.append([card(str(n)) for n in range(4)])
    hear(office, head_office, take_in(head_office, export(office)[0]), "")
    office.put_card(tmp_path / "backup")
    office.epochs.live.append([card(str(n)) for n in range(10, 12)])
    content, nonce = export(office)
    downlink = Downlink(head_office.store, Authority(head_office.key), TwoPages(), lambda: 5)
    imported = at_central.take_in(io.BytesIO(content), head_office.store, head_office.desk)
    file = io.BytesIO()
    at_central.answer(file, imported, Authority(head_office.key), lambda: 1, downlink)
    me = Self(office.name, office.key, [head_office.key.public], "test")
    at, journals = office.clock.stamp(), office.epochs.journals
    answer = io.BytesIO(file.getvalue())
    answered = at_kiosk.hear(answer, me, journals, at, nonce, Full())
    assert "copied or restored" in answered.anew
    assert "No space left" in at_kiosk.in_words(answered)
