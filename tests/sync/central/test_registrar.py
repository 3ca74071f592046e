"""How devices become kiosks, on both databases: by code, by a person, and how they stay so."""

from datetime import UTC, datetime, timedelta

import pytest
from enrolling_device import BROKER, Device, registrar_of

from sync.central.errors import KeyTrouble
from sync.central.exits import Refused
from sync.central.notary import LEAF_LIFE, SPREAD
from sync.central.registrar import ASK_HOLDS_MS, WRONG_MOST, Renewal, take_renewal
from sync.central.store.city import Post
from sync.central.store.enrolments import MAX_ASKING
from sync.central.store.registry import Status
from sync.protocol import topics
from sync.protocol.certificate import Certificate
from sync.protocol.claim import ClaimCode
from sync.protocol.enrolment import Standing
from sync.protocol.errors import Malformed, Unverified
from sync.protocol.roster import Unit
from sync.protocol.topics import Up

MINUTE = 60_000
LIFE = 15 * MINUTE
DAY = 86_400_000


@pytest.fixture
def registrar(central):
    with central.store.writing() as tx:
        tx.city.put([Unit(id="dinkes", name="Dinas Kesehatan")])
    return registrar_of(central)


@pytest.fixture
def decide(central):
    def decided(tx, action, subject, **more):
        central.decisions.decide(tx, action, subject, actor="rudi", **more)

    return decided


@pytest.fixture
def code(registrar, decide) -> str:
    return registrar.make_claim("lobi", "dinkes", LIFE, decide, "rudi", "kiosk baru").text


def decisions(central) -> list[tuple[str, str, str]]:
    return [(one.said.action, one.said.subject, one.said.actor) for one in central.decisions.read()]


def keys(central) -> list[tuple[str, str, Status]]:
    with central.store.reading() as tx:
        registered = tx.registry.keys()
    return [(one.kiosk, one.fingerprint, one.status) for one in registered]


def posts(central) -> list[tuple[str, str]]:
    with central.store.reading() as tx:
        return [(one.kiosk, one.unit) for one in tx.city.all(Post)]


# By claim code.


def test_a_device_with_the_code_is_a_kiosk(central, registrar, code):
    device = Device("whatever it likes")
    told = device.claimed(registrar.claim(device.claiming(code)))
    assert (told.kiosk, told.unit, told.broker) == ("lobi", "dinkes", BROKER)
    assert told.central == central.authority.public.pem.decode()
    assert keys(central) == [("lobi", device.key.public.fingerprint, Status.ADMITTED)]
    assert posts(central) == [("lobi", "dinkes")]
    by = f"claim {code[:4]} by rudi"
    assert decisions(central) == [
        ("make claim", "lobi", "rudi"),
        ("enrol kiosk", "lobi", by),
        ("certify kiosk", "lobi", "central"),
    ]


def test_an_answer_that_is_lost_comes_again_and_nothing_is_made_twice(central, registrar, code):
    device = Device()
    first = device.claimed(registrar.claim(device.claiming(code)))
    central.now += 5 * MINUTE
    again = device.claimed(registrar.claim(device.claiming(code)))
    assert again.certificate == first.certificate
    assert len(keys(central)) == 1
    assert len(posts(central)) == 1
    assert len(decisions(central)) == 3


def test_a_code_is_one_device_s(central, registrar, code):
    registrar.claim(Device().claiming(code))
    with pytest.raises(Refused, match="another device has used"):
        registrar.claim(Device().claiming(code))
    assert len(keys(central)) == 1


def test_a_code_runs_out(central, registrar, code):
    central.now += LIFE + 1
    with pytest.raises(Refused, match="has run out"):
        registrar.claim(Device().claiming(code))
    assert registrar.claims() == []


def test_who_guesses_is_stopped_and_does_not_learn_which_codes_there_are(central, registrar, code):
    guessed = ClaimCode.read(code).id
    for _ in range(WRONG_MOST):
        wrong = next(one for one in iter(ClaimCode.draw, None) if one.text != code)
        message = Device().claiming(wrong.text).replace(wrong.id.encode(), guessed.encode(), 1)
        with pytest.raises(Unverified):
            registrar.claim(message)
    with pytest.raises(Refused, match="too often"):
        registrar.claim(Device().claiming(code))
    with pytest.raises(Refused, match="no such claim code"):
        registrar.claim(Device().claiming(ClaimCode.draw().text))
    assert keys(central) == []


def test_what_is_changed_on_its_way_is_refused(registrar, code):
    mine, theirs = Device().claiming(code), Device().claiming(code)
    line, mac = theirs.partition(b"\n")[0], mine.rpartition(b"\n")[2]
    with pytest.raises(Unverified):
        registrar.claim(line + b"\n" + mac)


def test_a_claim_is_for_a_possible_kiosk_of_a_known_unit(registrar, decide):
    for kiosk, unit, words in (
        ("a b", "", "cannot be a kiosk's id"),
        ("presensi-central", "", "central's own name"),
        ("central", "", "own journal"),
        ("lobi", "dinsos", "no unit is called"),
    ):
        with pytest.raises(Refused, match=words):
            registrar.make_claim(kiosk, unit, LIFE, decide, "rudi")


def test_nobody_s_key_changes_hands(registrar, decide, code):
    device = Device()
    registrar.claim(device.claiming(code))
    other = registrar.make_claim("aula", "", LIFE, decide, "rudi").text
    with pytest.raises(Refused, match="lobi's, admitted already; give the device a new key"):
        registrar.claim(device.claiming(other))
    fresh = Device()  # the refused one has not used the code up
    assert fresh.claimed(registrar.claim(fresh.claiming(other))).kiosk == "aula"


def test_where_the_authority_is_elsewhere_nobody_gets_a_code(central, decide):
    def elsewhere():
        raise Refused("ca.pem: no authority here")

    with pytest.raises(Refused, match="no authority here"):
        registrar_of(central, elsewhere).make_claim("lobi", "", LIFE, decide, "rudi")
    assert decisions(central) == []


def test_a_new_card_of_a_kiosk_claims_its_name_again(central, registrar, decide, code):
    registrar.claim(Device().claiming(code))
    again = registrar.make_claim("lobi", "dinkes", LIFE, decide, "rudi").text
    device = Device()
    assert device.claimed(registrar.claim(device.claiming(again))).kiosk == "lobi"
    assert [kiosk for kiosk, _, _ in keys(central)] == ["lobi", "lobi"]
    assert posts(central) == [("lobi", "dinkes")]


# By a person's approval.


def test_a_person_who_compares_the_digits_lets_a_device_in(central, registrar, decide):
    device = Device("kiosk-lobi")
    asked = registrar.ask(device.asking(), "10.0.0.9")
    assert registrar.waiting() == []  # it has not shown its number yet
    assert registrar.reveal(asked.ticket, device.revealing()) is Standing.WAITING
    [one] = registrar.waiting()
    assert (one.number, one.name, one.address) == (device.shown(asked), "kiosk-lobi", "10.0.0.9")
    registrar.approve(one.number, "lobi", "dinkes", decide, "rudi", "dibacakan telepon")
    assert registrar.waiting() == []
    for _ in range(2):  # a lost answer comes again
        answer = registrar.reveal(asked.ticket, device.revealing())
        assert isinstance(answer, bytes)
    from sync.protocol import enrolment

    told = enrolment.decode_answer(answer, device.key.public)
    assert (told.kiosk, told.unit) == ("lobi", "dinkes")
    assert keys(central) == [("lobi", device.key.public.fingerprint, Status.ADMITTED)]
    assert decisions(central) == [
        ("enrol kiosk", "lobi", "rudi"),
        ("certify kiosk", "lobi", "central"),
    ]


def test_who_stands_between_them_shows_another_number(registrar):
    device, thief = Device(), Device()
    to_device = registrar.ask(device.asking(), "")
    theirs = registrar.ask(thief.asking(), "")
    registrar.reveal(theirs.ticket, thief.revealing())
    # The thief hands central's words on, with his own request in the place of the device's.
    assert device.shown(to_device) != thief.shown(theirs)
    assert device.shown(theirs) != registrar.waiting()[0].number


def test_a_nonce_that_was_not_promised_is_refused(registrar):
    device, other = Device(), Device()
    asked = registrar.ask(device.asking(), "")
    with pytest.raises(Unverified, match="promised"):
        registrar.reveal(asked.ticket, other.revealing())
    with pytest.raises(Malformed):
        registrar.reveal(asked.ticket, b"{}")


def test_a_wrong_number_lets_nobody_in(central, registrar, decide):
    device = Device()
    asked = registrar.ask(device.asking(), "")
    registrar.reveal(asked.ticket, device.revealing())
    wrong = f"{(int(device.shown(asked)) + 1) % 1_000_000:06}"
    for number in (wrong, "", "x"):
        with pytest.raises(Refused, match="no device that waits shows"):
            registrar.approve(number or "0", "lobi", "", decide, "rudi")
    assert keys(central) == []


def test_a_refused_device_is_told_so(central, registrar, decide):
    device = Device()
    asked = registrar.ask(device.asking(), "")
    registrar.reveal(asked.ticket, device.revealing())
    registrar.refuse(device.shown(asked), decide, "tidak kenal")
    assert registrar.reveal(asked.ticket, device.revealing()) is Standing.REFUSED
    with pytest.raises(Refused):
        registrar.approve(device.shown(asked), "lobi", "", decide, "rudi")
    assert decisions(central)[0][0] == "refuse device"


def test_of_two_who_decide_at_once_one_does(central, registrar, decide, monkeypatch):
    device = Device()
    asked = registrar.ask(device.asking(), "")
    registrar.reveal(asked.ticket, device.revealing())
    [seen] = registrar.waiting()
    registrar.refuse(device.shown(asked), decide)
    monkeypatch.setattr(registrar, "_showing", lambda *_: seen)  # read before the other committed
    with pytest.raises(Refused, match="somebody else"):
        registrar.approve(device.shown(asked), "lobi", "", decide, "rudi")
    assert keys(central) == [], "or it would be renewed by proof of its key"
    with pytest.raises(Refused, match="somebody else"):
        registrar.refuse(device.shown(asked), decide)


def test_who_is_not_heard_of_for_an_hour_asks_no_more(central, registrar):
    device = Device()
    asked = registrar.ask(device.asking(), "")
    for _ in range(3):
        central.now += ASK_HOLDS_MS // 2
        assert registrar.reveal(asked.ticket, device.revealing()) is Standing.WAITING
    central.now += ASK_HOLDS_MS + 1
    assert registrar.waiting() == []
    assert registrar.reveal(asked.ticket, device.revealing()) is Standing.GONE
    assert registrar.reveal("0" * 32, device.revealing()) is Standing.GONE


def test_only_so_many_ask_at_once(central, registrar):
    for _ in range(MAX_ASKING):
        registrar.ask(Device().asking(), "")
    with pytest.raises(Refused, match="too many"):
        registrar.ask(Device().asking(), "")
    central.now += ASK_HOLDS_MS + 1
    registrar.ask(Device().asking(), "")


# Renewal.


@pytest.fixture
def kiosk(registrar, code) -> Device:
    device = Device()
    device.claimed(registrar.claim(device.claiming(code)))
    return device


def certificate(central, registrar, device: Device, nonce: str, by=None) -> Certificate:
    answer = registrar.renew_by_request(device.renewing("lobi", nonce, by))
    return device.renewed(answer, central.authority.public, nonce)


def now(central) -> datetime:
    return datetime.fromtimestamp(central.now / 1000, UTC)


def test_a_kiosk_s_certificate_is_renewed_when_two_thirds_are_over(central, registrar, kiosk):
    first = certificate(central, registrar, kiosk, "1")
    assert now(central) - timedelta(days=1) - timedelta(seconds=1) <= first.since <= now(central)
    assert LEAF_LIFE * (1 - SPREAD) <= first.until - now(central) <= LEAF_LIFE
    assert first.due == first.since + (first.until - first.since) * 2 / 3
    central.now = int(first.due.timestamp() * 1000) - 1000
    assert certificate(central, registrar, kiosk, "2").serial == first.serial
    central.now += 2000
    second = certificate(central, registrar, kiosk, "3")
    assert second.serial != first.serial
    assert second.until > first.until


def test_one_that_has_run_out_is_renewed_by_proof_of_the_key(central, registrar, kiosk):
    first = certificate(central, registrar, kiosk, "1")
    central.now = int(first.until.timestamp() * 1000) + 100 * DAY
    assert certificate(central, registrar, kiosk, "2").until > now(central)
    with pytest.raises(Unverified):
        registrar.renew_by_request(kiosk.renewing("lobi", "3", Device().key))
    with pytest.raises(Unverified):
        registrar.renew_by_request(kiosk.renewing("aula", "3"))


def test_lives_are_spread(central, registrar, decide):
    lives = set()
    for number in range(12):
        code = registrar.make_claim(f"k{number}", "", LIFE, decide, "rudi").text
        device = Device()
        told = device.claimed(registrar.claim(device.claiming(code)))
        lives.add(Certificate.from_pem(told.certificate.encode()).until)
    assert max(lives) - min(lives) > LEAF_LIFE * SPREAD / 4  # less by chance: once in 10^6


def test_the_next_key_is_let_in_by_the_word_of_the_one_before(central, registrar, kiosk):
    following = Device()
    made = certificate(central, registrar, following, "1", by=kiosk.key)
    assert made.key.fingerprint == following.key.public.fingerprint
    assert {key for _, key, _ in keys(central)} == {
        kiosk.key.public.fingerprint,
        following.key.public.fingerprint,
    }
    assert decisions(central)[-2][0] == "admit kiosk's next key"
    assert certificate(central, registrar, following, "2").serial == made.serial


def test_a_retired_key_gets_nothing(central, registrar, kiosk):
    with central.store.writing() as tx:
        tx.registry.retire(kiosk.key.public.fingerprint)
    with pytest.raises(Unverified, match="retired"):
        registrar.renew_by_request(kiosk.renewing("lobi", "1"))


def test_a_key_that_was_retired_meanwhile_lets_no_other_in(central, registrar, kiosk):
    following = Device()
    message = following.renewing("lobi", "1", kiosk.key)
    with central.store.reading() as tx:
        asked = take_renewal(tx, "lobi", message)
    with central.store.writing() as tx:
        tx.registry.retire(kiosk.key.public.fingerprint)
    with pytest.raises(Refused, match="retired"):
        registrar.renew(asked)
    assert keys(central) == [("lobi", kiosk.key.public.fingerprint, Status.RETIRED)]


def test_on_the_line_a_kiosk_asks_on_its_own_topic(central, registrar, kiosk):
    message = kiosk.renewing("lobi", "n7")
    asked = central.receive(topics.up("lobi", Up.RENEWAL), message)
    assert isinstance(asked, Renewal)
    answer = registrar.renew(asked)
    assert kiosk.renewed(answer, central.authority.public, "n7").name == "lobi"
    assert central.receive(topics.up("aula", Up.RENEWAL), message) is None
    assert central.receive(topics.up("lobi", Up.RENEWAL), message[:50]) is None
    assert central.stats().quarantined == 2
    stranger = Device()
    assert central.receive(topics.up("lobi", Up.RENEWAL), stranger.renewing("lobi", "1")) is None


def test_a_renewal_that_cannot_be_is_said_to_a_person(central, registrar, kiosk):
    from sync.central.intake import Intake

    class Line:
        def __init__(self) -> None:
            self.sent: list[tuple[str, bytes]] = []

        def send(self, topic, payload, *, expiry_s):
            self.sent.append((topic, payload))

    line = Line()

    asked = central.receive(topics.up("lobi", Up.RENEWAL), kiosk.renewing("lobi", "n"))

    def no_key(_):
        raise KeyTrouble("ca.key: missing")

    intake = Intake(Line, central.store, central.authority, central.inbox, list, renew=no_key)
    intake._answer(line, asked)
    assert line.sent == []
    assert central.alarms() == {"renewal": 1}
    intake = Intake(
        Line, central.store, central.authority, central.inbox, list, renew=registrar.renew
    )
    intake._answer(line, asked)
    [(topic, payload)] = line.sent
    assert topic == "presensi/v1/lobi/down/certificate"
    assert kiosk.renewed(payload, central.authority.public, "n").name == "lobi"
