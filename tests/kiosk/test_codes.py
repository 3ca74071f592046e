"""Employees' codes before a kiosk: invented, expired, used, replaced, and by a doubtful clock."""

import json
import logging
from pathlib import Path

import pytest

from drivers.possession import Genuine, NotGenuine
from kiosk.clock import Belief
from kiosk.codes import FILE, SLACK_S, USED_MOST, Codes
from kiosk.local import CannotDo
from kiosk.truth import Trust
from sync.protocol import employeecode
from sync.protocol.employeecode import EmployeeCode, Kind
from sync.protocol.entry import Stamp
from sync.protocol.identity import PrivateKey

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
NOW_S = 1_795_000_000
BUDI, SITI = "198503152010011007", "199002022015022003"


class Desk:
    """Codes before a kiosk whose clock a test sets; None for one that nobody trusts."""

    def __init__(self, data: Path) -> None:
        self.at_s: float = NOW_S
        self.error_ms: int | None = 100
        self.files = [data / FILE]
        self.codes = self.again()

    def again(self) -> Codes:
        """Return them as a daemon has them that was started anew."""
        return Codes([OTHER.public, KEY.public], self.belief, self.files)

    def belief(self) -> Belief:
        at = Stamp(wall=round(self.at_s * 1000), up=1, boot="b", synced=True)
        is_trusted = self.error_ms is not None
        return Belief(
            trust=Trust.SYNCED if is_trusted else Trust.UNKNOWN,
            at=at,
            error=self.error_ms,
            anchor=None,
            may_show_lateness=is_trusted,
            trouble="",
            recorded=[],
        )

    def shows(self, text: str) -> str:
        """Return whose it is, or why it counts for nobody."""
        worth = self.codes.judge(text)
        return worth.person if isinstance(worth, Genuine) else worth.why


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def once(person: str = BUDI, at_s: int = NOW_S, number: int = 1, key: PrivateKey = KEY) -> str:
    return employeecode.encode(employeecode.once(person, at_s, number), key)


def card(person: str = BUDI, issue: int = 7, until_s: int = NOW_S + 1000) -> str:
    code = EmployeeCode(
        person=person, kind=Kind.STATIC, since=NOW_S - 1000, until=until_s, number=issue
    )
    return employeecode.encode(code, KEY)


def test_a_one_time_code_counts_once(desk: Desk) -> None:
    text = once()
    worth = desk.codes.judge(text)
    assert isinstance(worth, Genuine)
    assert worth.person == BUDI
    proof = json.loads(worth.proof)
    assert (proof["kind"], proof["number"], proof["since"]) == ("once", "1", NOW_S)
    assert "clock" not in proof
    assert desk.codes.judge(text) == NotGenuine("a one-time code that has been used here", BUDI)
    assert desk.shows(once(number=2)) == BUDI
    assert desk.shows(once(SITI)) == SITI, "what was drawn for one is nobody else's"


def test_an_invented_one_is_nobodys(desk: Desk) -> None:
    worth = desk.codes.judge(once(key=PrivateKey.generate()))
    assert worth == NotGenuine("not signed by this city's central", "")
    assert desk.codes.judge("http://example.org") == NotGenuine("no employee's code", "")
    assert desk.shows(once()) == BUDI


@pytest.mark.parametrize(
    ("later_s", "error_ms", "why"),
    [
        (0, 0, ""),
        (60 + SLACK_S, 0, ""),
        (61 + SLACK_S, 0, "expired 31 s ago"),
        (-SLACK_S, 0, ""),
        (-SLACK_S - 1, 0, "not valid for another 31 s"),
        (3600, 0, "expired 3540 s ago"),
        (61 + SLACK_S, 20_000, ""),  # so far this kiosk's clock may be off
        (81 + SLACK_S + 1, 20_000, "expired 52 s ago"),
    ],
)
def test_a_codes_time(desk: Desk, later_s: float, error_ms: int, why: str) -> None:
    desk.at_s, desk.error_ms = NOW_S + later_s, error_ms
    worth = desk.codes.judge(once())
    assert worth.person == BUDI, "who it was made for is known all the same"
    assert (worth.why if isinstance(worth, NotGenuine) else "") == why


def test_a_card_holds_until_its_date(desk: Desk) -> None:
    text = card()
    assert desk.shows(text) == BUDI
    assert desk.shows(text) == BUDI, "as often as it is shown"
    desk.at_s = NOW_S + 1000 + SLACK_S + 2
    assert desk.shows(text).startswith("expired")


def test_a_card_is_refused_once_its_successor_was_seen_here(desk: Desk) -> None:
    lost, found = card(issue=7), card(issue=8)
    assert desk.shows(lost) == BUDI, "nobody here can know yet"
    assert desk.shows(found) == BUDI
    refused = desk.codes.judge(lost)
    assert refused == NotGenuine("a card that a later one has replaced", BUDI)
    assert desk.shows(card(SITI, issue=1)) == SITI
    desk.codes = desk.again()
    assert desk.codes.judge(lost) == refused, "after a restart too"
    assert desk.files[0].stat().st_mode & 0o777 == 0o600


def test_an_expired_card_replaces_nothing(desk: Desk) -> None:
    assert desk.shows(card(issue=9, until_s=NOW_S - 500)).startswith("expired")
    assert desk.shows(card(issue=7)) == BUDI


def test_by_a_clock_that_nobody_trusts_nothing_is_lost(desk: Desk) -> None:
    desk.error_ms = None
    desk.at_s = 0
    text = once()
    worth = desk.codes.judge(text)
    assert isinstance(worth, Genuine)
    assert json.loads(worth.proof)["clock"] == "not trusted"
    assert isinstance(desk.codes.judge(text), NotGenuine), "it counts once all the same"
    assert desk.shows(card()) == BUDI
    assert desk.shows(once(key=PrivateKey.generate())) == "not signed by this city's central"


@pytest.mark.parametrize("error_ms", [None, 100])
def test_a_one_time_code_counts_once_whatever_is_switched_off(
    desk: Desk, error_ms: int | None
) -> None:
    """Without a clock it never expires: whoever has pulled the plug would use it again."""
    text, other = once(), once(SITI, number=2)
    desk.error_ms = error_ms
    assert (desk.shows(text), desk.shows(other)) == (BUDI, SITI)
    desk.error_ms = None
    for _ in range(2):
        desk.codes = desk.again()
        assert desk.shows(text) == desk.shows(other) == "a one-time code that has been used here"
        assert desk.shows(card(issue=8)) == BUDI


def test_a_file_of_before_knows_no_used_codes(desk: Desk) -> None:
    desk.files[0].write_text(json.dumps({"issues": {BUDI: 8}}))
    assert desk.shows(card(issue=7)) == "a card that a later one has replaced"
    assert desk.shows(once()) == BUDI


def test_the_code_is_in_no_proof_and_no_refusal(desk: Desk) -> None:
    for text in (once(), card()):
        for _ in range(2):
            worth = desk.codes.judge(text)
            shown = repr(worth) + repr(vars(desk.codes))
            assert text not in shown
            assert text[20:60] not in shown


def test_what_is_remembered_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.codes.USED_MOST", 3)
    assert USED_MOST >= 10_000
    texts = [once(number=n) for n in range(5)]
    assert [desk.shows(one) for one in texts] == [BUDI] * 5
    assert [desk.shows(one) == BUDI for one in texts[2:]] == [False] * 3, "the latest"
    assert len(desk.codes._used) == 3


def test_a_damaged_file_refuses_nobodys_card(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.files[0].write_bytes(b"{")
    assert desk.shows(card()) == BUDI
    assert "cards that were replaced may count here again" in caplog.text


def test_a_full_disk_refuses_nobodys_card(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    desk = Desk(tmp_path / "gone")
    assert desk.shows(card(issue=8)) == BUDI
    assert "may count here until its successor" in caplog.text
    assert desk.shows(card(issue=7)) != BUDI, "as long as this process remembers"


def test_the_second_medium_knows_what_the_first_lost(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.files = [tmp_path / "a.json", tmp_path / "b.json"]
    desk.codes = desk.again()
    assert desk.shows(card(issue=8)) == BUDI
    (tmp_path / "a.json").unlink()
    desk.codes = desk.again()
    assert desk.shows(card(issue=7)) != BUDI


def test_who_is_forgotten_stands_in_no_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert desk.codes.forget("", BUDI, "rudi") == "not known there"
    assert desk.shows(card(issue=7)) == BUDI
    assert desk.shows(once()) == BUDI
    assert desk.shows(card(SITI)) == SITI
    assert desk.codes.forget("", BUDI, "rudi") == "forgot which cards were shown"
    kept = desk.files[0].read_text()
    assert BUDI not in kept
    assert SITI in kept
    assert desk.again().forget("", BUDI, "rudi") == "not known there"

    def refuses(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kiosk.codes.write_durably", refuses)
    with pytest.raises(CannotDo, match="No space left"):
        desk.codes.forget("", SITI, "rudi")
