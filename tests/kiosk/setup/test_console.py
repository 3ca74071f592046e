"""Setting up by questions: from the first line to kiosk.toml, cut short anywhere."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from cutdisk import Cut, CutDisk
from msgspec import structs
from setup_parts import KEY, Central, has_what_its_settings_name

from kiosk.settings import load
from kiosk.setup import draft
from kiosk.setup.console import SetUp, Where
from kiosk.setup.disk import Disk
from kiosk.setup.enrolling import NotYet, Post, TurnedAway
from kiosk.setup.said import Said
from sync.edge.post import Reply, Unreachable
from sync.journal.epochs import Epochs
from sync.protocol import enrolment
from sync.protocol.claim import ClaimCode
from sync.protocol.enrolment import Standing
from sync.protocol.identity import PrivateKey

OFFICE = ("Dinas Kesehatan", "", "")
LOBI = ("", "lobi", "192.168.1.201", "", "", "t")
CENTRAL = ("http://central.example", "")


class Script:
    """Answers in a row; then nobody answers."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)
        self.said: list[str] = []

    def say(self, said: Said) -> None:
        self.said.append(said.english)

    def ask(self, said: Said) -> str:
        self.said.append(said.english)
        try:
            return next(self._lines)
        except StopIteration:
            raise EOFError from None


def setup(
    home: Path,
    script: Script,
    post: Post,
    disk: Disk | None = None,
    wait: Callable[[float], bool] = lambda _: True,
    show: Callable[[str], None] = lambda _: None,
) -> SetUp:
    where = Where(disk or Disk(), home / "etc" / "kiosk.toml", home / "var", str(home / "var"))
    return SetUp(where, script, post, lambda *_: None, wait, show)


@pytest.fixture
def central(monkeypatch: pytest.MonkeyPatch) -> Central:
    made = Central()
    known = made.code.key()
    monkeypatch.setattr(ClaimCode, "key", lambda _: known)
    return made


def test_by_code(tmp_path: Path, central: Central) -> None:
    script = Script(*OFFICE, *LOBI, *CENTRAL, central.code.text)
    assert setup(tmp_path, script, central.post).by_line().kiosk == "kiosk-lobi"
    place = load(tmp_path / "etc" / "kiosk.toml")
    assert place.settings.kiosk == "kiosk-lobi"
    assert place.settings.screen.office == "Dinas Kesehatan"
    assert place.settings.central_web == "http://central.example"
    assert not (place.data / draft.FILE).exists()


def test_code_that_central_refuses_is_asked_for_again(tmp_path: Path, central: Central) -> None:
    central.devices.add("another")

    def post(url: str, body: bytes, most: int) -> Reply:
        reply = central.post(url, body, most)
        central.devices.clear()
        return reply

    lines = (*OFFICE, *LOBI, *CENTRAL, central.code.text, central.code.text)
    script = Script(*lines)
    setup(tmp_path, script, post).by_line()
    assert any("used by another device" in one for one in script.said)
    assert load(tmp_path / "etc" / "kiosk.toml").settings.kiosk == "kiosk-lobi"


def test_network_that_is_away(tmp_path: Path, central: Central) -> None:
    def nobody(url: str, body: bytes, most: int) -> Reply:
        raise Unreachable("network is unreachable")

    script = Script(*OFFICE, *LOBI, *CENTRAL, central.code.text, "y", "t")
    with pytest.raises(NotYet):
        setup(tmp_path, script, nobody).by_line()
    assert not (tmp_path / "etc" / "kiosk.toml").exists()
    again = Script("", "", "", *LOBI[:1], "", "", "", "", "", "", "", central.code.text)
    setup(tmp_path, again, central.post).by_line()
    assert load(tmp_path / "etc" / "kiosk.toml").settings.screen.office == "Dinas Kesehatan"


def test_by_approval(tmp_path: Path, central: Central) -> None:
    shown: list[str] = []

    def wait(_: float) -> bool:
        assert set(shown) == {central.digits}, "both screens show one number"
        central.standing = None
        return True

    script = Script(*OFFICE, *LOBI, *CENTRAL, "")
    setup(tmp_path, script, central.post, wait=wait, show=shown.append).by_line()
    assert shown[-1] == ""
    spaced = f"{central.digits[:3]} {central.digits[3:]}"
    assert any(spaced in one for one in script.said)
    assert load(tmp_path / "etc" / "kiosk.toml").settings.kiosk == "kiosk-lobi"


@pytest.mark.parametrize("standing", [Standing.REFUSED, Standing.GONE])
def test_approval_that_is_refused(tmp_path: Path, central: Central, standing: Standing) -> None:
    central.standing = standing
    script = Script(*OFFICE, *LOBI, *CENTRAL, "")
    with pytest.raises(EOFError):
        setup(tmp_path, script, central.post).by_line()
    assert script.said[-1].startswith("Claim code")
    assert not (tmp_path / "etc" / "kiosk.toml").exists()


def test_approval_outlives_a_line_that_comes_and_goes(tmp_path: Path, central: Central) -> None:
    calls = []

    def post(url: str, body: bytes, most: int) -> Reply:
        calls.append(url)
        if len(calls) in (2, 3):
            raise Unreachable("away")
        if len(calls) == 5:
            central.standing = None
        return central.post(url, body, most)

    setup(tmp_path, Script(*OFFICE, *LOBI, *CENTRAL, ""), post).by_line()
    assert len(calls) == 5


def test_answer_by_another_key_than_the_digits_were_for(tmp_path: Path, central: Central) -> None:
    """Who is between them lets the real central answer under the digits of his own key."""
    false = PrivateKey.generate()

    def post(url: str, body: bytes, most: int) -> Reply:
        central.standing = None
        reply = central.post(url, body, most)
        if url.endswith("/ask"):
            asked = enrolment.decode(reply.body, enrolment.Asked)
            said = enrolment.Asked(
                ticket=asked.ticket, central=false.public.pem.decode(), nonce=asked.nonce
            )
            return Reply(200, enrolment.encode(said))
        return reply

    script = Script(*OFFICE, *LOBI, *CENTRAL, "")
    with pytest.raises(EOFError):
        setup(tmp_path, script, post).by_line()
    assert any("signature is not by key" in one for one in script.said)
    assert not (tmp_path / "etc" / "kiosk.toml").exists()


def test_answer_that_names_a_strange_key_beside_the_right_one(
    tmp_path: Path, central: Central
) -> None:
    """Who is between them lets the digits fit, and answers himself: both keys are in it."""
    false = PrivateKey.generate()

    def post(url: str, body: bytes, most: int) -> Reply:
        central.standing = None
        reply = central.post(url, body, most)
        if url.endswith("/ask"):
            return reply
        assert central.asked is not None
        request = central.asked[0]
        both = (KEY.public.pem + false.public.pem).decode()
        mixed = structs.replace(central.enrolled(request), central=both)
        return Reply(200, enrolment.encode_answer(mixed, request.key, false))

    script = Script(*OFFICE, *LOBI, *CENTRAL, "")
    with pytest.raises(EOFError):
        setup(tmp_path, script, post).by_line()
    assert not (tmp_path / "etc" / "kiosk.toml").exists()


def test_by_stick(tmp_path: Path, central: Central) -> None:
    script = Script(*OFFICE, *LOBI, "", central.code.text)
    message = setup(tmp_path, script, central.post).begin_stick()
    assert central.code.text.encode() not in message
    answer = central.post(f"http://x{enrolment.CLAIM_PATH}", message, 1 << 20).body
    with pytest.raises(TurnedAway):
        setup(tmp_path, Script(), central.post).end_stick(answer[:-64] + b"0" * 64)
    assert not (tmp_path / "etc" / "kiosk.toml").exists()
    assert setup(tmp_path, Script(), central.post).end_stick(answer).kiosk == "kiosk-lobi"
    place = load(tmp_path / "etc" / "kiosk.toml")
    assert place.settings.screen.office == "Dinas Kesehatan"
    with pytest.raises(TurnedAway):
        setup(tmp_path, Script(), central.post).end_stick(answer)


def test_an_answer_under_another_name_leaves_a_kiosk_as_it_is(
    tmp_path: Path, central: Central
) -> None:
    script = Script(*OFFICE, *LOBI, "", central.code.text)
    message = setup(tmp_path, script, central.post).begin_stick()
    answer = central.post(f"http://x{enrolment.CLAIM_PATH}", message, 1 << 20).body
    config = tmp_path / "etc" / "kiosk.toml"
    config.parent.mkdir()
    config.write_text('kiosk = "kiosk-aula"\n')
    epochs = Epochs(tmp_path / "var" / "journal", "kiosk-aula", b"key")
    epochs.open()
    epochs.close()
    with pytest.raises(TurnedAway, match="the journal here is kiosk-aula's"):
        setup(tmp_path, Script(), central.post).end_stick(answer)
    assert config.read_text() == 'kiosk = "kiosk-aula"\n'
    assert not (tmp_path / "var" / "line").exists()


def test_a_full_disk_costs_no_second_code(tmp_path: Path, central: Central) -> None:
    class Full(Disk):
        def rename(self, old: Path, new: Path) -> None:
            if new.name == "kiosk.toml":
                raise OSError(errno.ENOSPC, "No space left on device", str(new))
            super().rename(old, new)

    def nobody(url: str, body: bytes, most: int) -> Reply:
        raise AssertionError("central has answered already")

    lines = (*OFFICE, *LOBI, *CENTRAL, central.code.text)
    with pytest.raises(OSError, match="No space"):
        setup(tmp_path, Script(*lines), central.post, Full()).by_line()
    setup(tmp_path, Script(*lines), nobody).by_line()
    assert load(tmp_path / "etc" / "kiosk.toml").settings.kiosk == "kiosk-lobi"


@pytest.mark.parametrize("loses", [False, True], ids=["all-written", "only-synced"])
def test_power_fails_at_any_step(tmp_path: Path, central: Central, loses: bool) -> None:
    lines = (*OFFICE, *LOBI, *CENTRAL, central.code.text)
    at = 0
    while True:
        at += 1
        home = tmp_path / str(at)
        (home / "etc").mkdir(parents=True)
        (home / "var").mkdir()
        central.devices.clear()
        disk = CutDisk([home / "etc", home / "var"], at)
        try:
            setup(home, Script(*lines), central.post, disk).by_line()
            break
        except Cut:
            if loses:
                disk.lose()
            has_what_its_settings_name(home / "etc" / "kiosk.toml")
        if not (home / "etc" / "kiosk.toml").exists():
            setup(home, Script(*lines), central.post).by_line()
        assert load(home / "etc" / "kiosk.toml").settings.kiosk == "kiosk-lobi"
        assert len(central.devices) == 1, "one key, whatever happened"
    assert at > 40
