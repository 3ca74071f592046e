"""The next certificate: when it is asked for, what is believed, what becomes of the files."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec import structs

from sync.edge.papers import Papers, PapersError
from sync.edge.post import Reply, Unreachable
from sync.edge.renewal import ANSWER_MOST_S, EXPIRED_MOST_S, SPREAD, Renewal, due
from sync.edge.renewer import LOOK_EVERY_S, Renewer
from sync.edge.session import Self
from sync.line import Tls
from sync.protocol import renewal
from sync.protocol.certificate import Certificate, End, Issuer
from sync.protocol.errors import Inconsistent, Malformed, ProtocolError, Unverified
from sync.protocol.identity import PrivateKey, PublicKey
from sync.protocol.renewal import Renewed

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
LIFE = timedelta(days=1000)
CENTRAL, DEVICE, OTHER = (PrivateKey.generate() for _ in range(3))
ISSUER, STRANGE = (
    Issuer.begin(PrivateKey.generate(), "presensi authority", NOW, timedelta(days=7300))
    for _ in range(2)
)
ME = Self("kiosk-lobi", DEVICE, [CENTRAL.public], "test")
HELD = ISSUER.issue(DEVICE.public, "kiosk-lobi", End.CLIENT, NOW, LIFE)


def renewed(issuer: Issuer = ISSUER, **changed: str) -> Renewed:
    """Return what central gives a year and a half later."""
    made = issuer.issue(DEVICE.public, "kiosk-lobi", End.CLIENT, NOW + timedelta(days=660), LIFE)
    told = Renewed(
        certificate=made.pem.decode(),
        ca=ISSUER.certificate.pem.decode(),
        crl=ISSUER.revocations(b"", [], NOW).decode(),
    )
    return structs.replace(told, **changed)


def answer(asked: bytes, told: Renewed | None = None, key: PrivateKey = CENTRAL) -> bytes:
    """Return central's answer, by the book."""
    line, request, signed = renewal.decode_asking(asked)
    signed.verify(DEVICE.public)
    return renewal.encode_answer(line.kiosk, line.nonce, told or renewed(), request.key, key)


def test_it_is_asked_for_after_two_thirds_and_a_lot() -> None:
    moments = set()
    for _ in range(30):
        made = ISSUER.issue(DEVICE.public, "kiosk-lobi", End.CLIENT, NOW, LIFE)
        share = (due(made) - made.since) / (made.until - made.since)
        assert 2 / 3 <= share <= 2 / 3 + SPREAD
        assert due(made) == due(Certificate.from_pem(made.pem)), "the same after a start"
        moments.add(due(made))
    assert len(moments) == 30


def test_asked_again_twice_as_late_each_time() -> None:
    asking = Renewal(ME)
    times = [now for now in range(0, 400_000, 10) if asking.asking(f"{now:032x}", float(now))]
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps[:4] == [60, 120, 240, 480]
    assert max(gaps) <= ANSWER_MOST_S + 10


def test_answer_takes_the_place_of_the_one_held() -> None:
    asking = Renewal(ME)
    asked = asking.asking("n1", 0.0)
    assert asked is not None
    found = asking.answered(HELD, answer(asked))
    assert found is not None
    assert Certificate.from_pem(found.certificate.encode()).until > HELD.until
    with pytest.raises(Inconsistent):
        asking.answered(HELD, answer(asked))


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (lambda asked: answer(asked, key=OTHER), Unverified),
        (lambda asked: answer(asked, renewed(STRANGE)), Unverified),
        (lambda asked: answer(asked, renewed(central="no key")), Malformed),
        (
            lambda asked: answer(
                asked,
                renewed(
                    certificate=ISSUER.issue(OTHER.public, "kiosk-lobi", End.CLIENT, NOW, LIFE)
                    .pem.decode()
                ),
            ),
            Inconsistent,
        ),
        (
            lambda _: renewal.encode_answer(
                "kiosk-lobi", "n0", renewed(), DEVICE.public, CENTRAL
            ),
            Inconsistent,
        ),
        (
            lambda _: renewal.encode_answer("another", "n1", renewed(), DEVICE.public, CENTRAL),
            Inconsistent,
        ),
        (lambda _: b"{}\n\n", ProtocolError),
    ],
    ids=["key", "authority", "central", "device", "nonce", "kiosk", "bytes"],
)  # fmt: skip
def test_what_is_not_believed(message: Callable[[bytes], bytes], error: type[Exception]) -> None:
    asking = Renewal(ME)
    asked = asking.asking("n1", 0.0)
    assert asked is not None
    with pytest.raises(error):
        asking.answered(HELD, message(asked))
    assert asking.answered(HELD, answer(asked)) is not None, "the true answer is still taken"


def test_the_same_certificate_again_changes_nothing() -> None:
    asking = Renewal(ME)
    asked = asking.asking("n1", 0.0)
    assert asked is not None
    same = renewed(certificate=HELD.pem.decode())
    assert asking.answered(HELD, answer(asked, same)) is None
    assert asking.asking("n2", 3600.0) is None


class Office:
    """A kiosk's files, a clock that a test moves, and a web server in memory."""

    def __init__(self, home: Path, web: str = "http://central.example") -> None:
        self.home = home
        self.tls = Tls(
            ca=str(home / "ca.pem"), certificate=str(home / "kiosk.crt"), crl=str(home / "crl.pem")
        )
        Path(self.tls.ca).write_bytes(ISSUER.certificate.pem)
        Path(self.tls.crl).write_bytes(ISSUER.revocations(b"", [], NOW))
        Path(self.tls.certificate).write_bytes(HELD.pem)
        self.central = home / "central.pem"
        self.sure: datetime | None = NOW
        self.now = 0.0
        self.posted: list[str] = []
        self.reply: Callable[[bytes], Reply] = lambda body: Reply(200, answer(body))
        self.believed: list[PublicKey] = []
        self.renewer = Renewer(
            ME,
            Papers(self.tls, self.central),
            lambda: self.sure,
            self._post,
            web,
            wait=self._wait,
            now=lambda: self.now,
            believe=self.believed.extend,
        )

    def _post(self, url: str, body: bytes, most: int) -> Reply:
        self.posted.append(url)
        return self.reply(body)

    def _wait(self, seconds: float) -> None:
        self.now += seconds

    def later(self) -> bytes | None:
        """Let a look be due, and return what is asked over the line."""
        self.now += LOOK_EVERY_S
        return self.renewer.asking()

    @property
    def until(self) -> datetime:
        return Certificate.from_pem(Path(self.tls.certificate).read_bytes()).until


def test_over_the_line(tmp_path: Path) -> None:
    office = Office(tmp_path)
    assert office.later() is None
    office.sure = due(HELD)
    asked = office.later()
    assert asked is not None
    told = renewed(central=(CENTRAL.public.pem + OTHER.public.pem).decode())
    office.renewer.take(answer(asked, told))
    assert office.until > HELD.until
    assert office.central.read_bytes() == told.central.encode()
    assert OTHER.public.fingerprint in {key.fingerprint for key in office.believed}
    assert office.renewer.trouble == ""
    assert office.later() is None, "the new one is young"
    assert not office.posted


def test_one_that_is_not_good_yet_does_not_take_the_place_of_one_that_is(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.sure = due(HELD)
    future = office.sure + timedelta(days=400)
    made = ISSUER.issue(DEVICE.public, "kiosk-lobi", End.CLIENT, future, LIFE)
    asked = office.later()
    assert asked is not None
    office.renewer.take(answer(asked, renewed(certificate=made.pem.decode())))
    assert office.until == HELD.until
    assert "set the clock at central" in office.renewer.trouble
    asked = office.later()
    assert asked is not None, "it is asked again, now that its wait is over"
    office.renewer.take(answer(asked))
    assert office.until > HELD.until
    assert office.renewer.trouble == ""


@pytest.mark.parametrize("sure", [None, NOW - timedelta(days=9000), NOW])
def test_never_by_a_clock_that_is_not_sure(tmp_path: Path, sure: datetime | None) -> None:
    office = Office(tmp_path)
    office.sure = sure
    assert office.later() is None
    office.renewer.look()
    assert not office.posted


def test_expired_asks_the_web_server(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.sure = HELD.until
    office.renewer.look()
    assert office.posted == ["http://central.example/enrol/v1/renewal"]
    assert office.until > HELD.until


def test_broker_that_says_it_is_over_is_believed_more_than_the_clock(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.sure = None
    office.renewer.expired()
    office.renewer.look()
    assert office.until > HELD.until
    office.renewer.look()
    assert len(office.posted) == 1


def test_a_connection_before_the_new_one_is_refused_and_nothing_is_wrong(tmp_path: Path) -> None:
    """The line was being opened with the old certificate while the web server gave the new one."""
    office = Office(tmp_path)
    office.renewer.expired()
    office.renewer.look()
    fresh = Certificate.from_pem(Path(office.tls.certificate).read_bytes())
    assert fresh.until > HELD.until
    office.sure = fresh.since + timedelta(days=2)
    office.reply = lambda body: Reply(200, answer(body, renewed(certificate=fresh.pem.decode())))
    office.now += 2 * EXPIRED_MOST_S
    office.renewer.expired()
    office.renewer.look()
    assert len(office.posted) == 2
    assert office.renewer.trouble == ""
    office.sure = fresh.until + timedelta(days=1)
    office.now += 2 * EXPIRED_MOST_S
    office.renewer.expired()
    office.renewer.look()
    assert "that is here already" in office.renewer.trouble


def test_web_server_is_not_flooded(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.renewer.expired()

    def nobody(_: bytes) -> Reply:
        raise Unreachable("central.example: refused")

    office.reply = nobody
    until = 4 * 3600.0
    office.renewer.run(lambda: office.now > until, lambda: None)
    assert 7 <= len(office.posted) <= 11
    assert "cannot be asked" in office.renewer.trouble
    office.reply = lambda body: Reply(200, answer(body))
    office.renewer.run(lambda: office.now > until + EXPIRED_MOST_S, lambda: None)
    assert office.until > HELD.until
    assert office.renewer.trouble == ""


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(403, b"no such key\n"), "403 no such key. Is this device still admitted?"),
        (Reply(200, b"<html>"), "not central's"),
    ],
)
def test_what_the_web_server_may_say_else(tmp_path: Path, reply: Reply, words: str) -> None:
    office = Office(tmp_path)
    office.renewer.expired()
    office.reply = lambda _: reply
    office.renewer.look()
    assert words in office.renewer.trouble
    assert office.until == HELD.until


def test_without_an_address_it_says_what_to_do(tmp_path: Path) -> None:
    office = Office(tmp_path, web="")
    office.renewer.expired()
    office.renewer.look()
    assert "central_web" in office.renewer.trouble


def test_files_that_may_not_be_written_are_not_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = Office(tmp_path)
    office.sure = due(HELD)
    monkeypatch.setattr("sync.edge.papers.os.access", lambda *_: False)
    assert office.later() is None
    assert "renewed by hand" in office.renewer.trouble


def test_files_that_are_gone_say_what_to_do(tmp_path: Path) -> None:
    office = Office(tmp_path)
    Path(office.tls.certificate).unlink()
    assert office.later() is None
    assert "kiosk setup" in office.renewer.trouble


def test_replacing_stops_where_the_disk_does(tmp_path: Path) -> None:
    """The certificate comes last: what is there before it works with the one that is held."""
    office = Office(tmp_path)
    Path(office.tls.crl).unlink()
    Path(office.tls.crl).mkdir()
    with pytest.raises(PapersError, match=r"crl\.pem"):
        Papers(office.tls).replace(renewed())
    assert office.until == HELD.until
