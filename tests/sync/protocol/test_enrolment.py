"""Enrolment and renewal: what is asked and answered, and what could be put in between."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.protocol import enrolment, renewal
from sync.protocol.certificate import End, Issuer, Request
from sync.protocol.claim import ClaimCode
from sync.protocol.enrolment import Ask, Asked, Broker, ClaimRequest, Enrolled, Reveal
from sync.protocol.errors import Inconsistent, Malformed, ProtocolError, Unverified
from sync.protocol.identity import Domain, PrivateKey
from sync.protocol.renewal import Renewed
from sync.protocol.signed import sign

NOW = datetime(2026, 11, 24, 7, 28, tzinfo=UTC)
LIFE = timedelta(days=1095)
CENTRAL, DEVICE, OTHER = (PrivateKey.generate() for _ in range(3))
ISSUER = Issuer.begin(PrivateKey.generate(), "presensi authority", NOW, LIFE)
STRANGE = Issuer.begin(PrivateKey.generate(), "presensi authority", NOW, LIFE)
CODE = ClaimCode.draw()
KEY = CODE.key()


def pem(issuer: Issuer, key: PrivateKey, name: str = "kiosk-lobi") -> str:
    return issuer.issue(key.public, name, End.CLIENT, NOW, LIFE).pem.decode()


def enrolled(**changed: str) -> Enrolled:
    told = {
        "kiosk": "kiosk-lobi",
        "certificate": pem(ISSUER, DEVICE),
        "ca": ISSUER.certificate.pem.decode(),
        "crl": "",
        "central": CENTRAL.public.pem.decode(),
    }
    return Enrolled(broker=Broker(host="mqtt", port=8883), **{**told, **changed})


SEALED = enrolment.seal_answer(
    enrolment.encode_answer(enrolled(), DEVICE.public, CENTRAL), KEY, "ab"
)


def test_a_request_is_for_the_key_that_signed_it() -> None:
    made = Request.begin(DEVICE, "kiosk-lobi")
    for read in (Request.from_pem(made.pem), Request.from_der(made.der)):
        assert (read.name, read.key.fingerprint) == ("kiosk-lobi", DEVICE.public.fingerprint)
    assert Request.begin(DEVICE, "").name == ""
    with pytest.raises(Malformed):
        Request.begin(DEVICE, "x" * 65)
    foreign = made.der.replace(DEVICE.public.der, OTHER.public.der)
    assert foreign != made.der
    with pytest.raises(Unverified, match="not signed by the key in it"):
        Request.from_der(foreign)
    for nonsense in (b"", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", made.pem[:200]):
        with pytest.raises(Malformed):
            Request.from_pem(nonsense)


def test_by_claim_code_there_and_back() -> None:
    asked = ClaimRequest(claim=CODE.id, request=Request.begin(DEVICE, "").pem.decode())
    message = enrolment.encode_claim(asked, KEY)
    read, line, mac = enrolment.decode_claim(message + b"\r\n")  # a stick's editor may add it
    KEY.verify_request(line, mac)
    assert read == asked
    told = enrolled()
    answer = enrolment.encode_answer(told, DEVICE.public, CENTRAL)
    sealed = enrolment.seal_answer(answer, KEY, mac)
    opened = enrolment.open_answer(sealed, CODE.key(), mac)
    assert enrolment.decode_answer(opened, DEVICE.public) == told


@given(st.data())
def test_no_changed_byte_of_an_answer_passes(data: st.DataObject) -> None:
    sealed = bytearray(SEALED)
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ProtocolError):
        enrolment.open_answer(bytes(sealed), KEY, "ab")


@pytest.mark.parametrize(
    ("told", "device", "signer", "error"),
    [
        (enrolled(), OTHER, CENTRAL, Inconsistent),  # for another device
        (enrolled(), DEVICE, OTHER, Unverified),  # signed by who is not in it
        (enrolled(certificate=pem(ISSUER, OTHER)), DEVICE, CENTRAL, Inconsistent),
        (enrolled(certificate=pem(ISSUER, DEVICE, "kiosk-9")), DEVICE, CENTRAL, Inconsistent),
        (enrolled(certificate=pem(STRANGE, DEVICE)), DEVICE, CENTRAL, Unverified),
        (enrolled(ca="nothing"), DEVICE, CENTRAL, Malformed),
        (enrolled(central="nothing"), DEVICE, CENTRAL, Malformed),
    ],
)
def test_an_answer_that_is_not_for_us_or_holds_not_together_is_refused(
    told: Enrolled, device: PrivateKey, signer: PrivateKey, error: type[Exception]
) -> None:
    with pytest.raises(error):
        enrolment.decode_answer(enrolment.encode_answer(told, device.public, signer), DEVICE.public)


def test_line_1_speaks_for_what_follows() -> None:
    answer = enrolment.encode_answer(enrolled(), DEVICE.public, CENTRAL)
    header, signature, rest = answer.split(b"\n", 2)
    other = msgspec.json.encode(enrolled(unit="another"))
    with pytest.raises(Inconsistent):
        enrolment.decode_answer(b"\n".join((header, signature, other)), DEVICE.public)
    forged = enrolment.EnrolmentLine(
        kiosk="kiosk-lobi",
        device=DEVICE.public.fingerprint,
        digest=sha256(rest).hexdigest(),
        key=CENTRAL.public.fingerprint,
    )
    with pytest.raises(Unverified):
        enrolment.decode_answer(sign(Domain.ENROLMENT, forged, OTHER, rest), DEVICE.public)


def test_six_digits_are_the_same_at_both_ends_and_nowhere_else() -> None:
    request = Request.begin(DEVICE, "kiosk-lobi")
    ours, theirs = enrolment.draw_nonce(), enrolment.draw_nonce()
    there = enrolment.six_digits(request, CENTRAL.public, ours, theirs)
    assert there == enrolment.six_digits(
        Request.from_der(request.der), CENTRAL.public, ours, theirs
    )
    assert len(there) == 6
    assert there.isdigit()
    others = {
        enrolment.six_digits(Request.begin(OTHER, ""), CENTRAL.public, ours, theirs),
        enrolment.six_digits(request, OTHER.public, ours, theirs),
        *(enrolment.six_digits(request, CENTRAL.public, ours, f"{n:032x}") for n in range(50)),
        *(enrolment.six_digits(request, CENTRAL.public, f"{n:032x}", theirs) for n in range(50)),
    }
    assert len(others) > 95  # of a million; four alike by chance have never been seen
    assert enrolment.commitment(ours, request) != enrolment.commitment(theirs, request)
    assert enrolment.commitment(ours, request) != enrolment.commitment(
        ours, Request.begin(OTHER, "")
    )


def test_plain_messages_are_checked_as_they_are_read() -> None:
    asked = Asked(ticket="t", central="pem", nonce=enrolment.draw_nonce())
    assert enrolment.decode(enrolment.encode(asked), Asked) == asked
    for form, text in (
        (Ask, b'{"request": "x", "commitment": "12"}'),
        (Reveal, b'{"nonce": "XYZ"}'),
        (Reveal, b"\xff"),
        (Asked, b"[" * 5000),
        (Ask, b"{}"),
    ):
        with pytest.raises(Malformed):
            enrolment.decode(text, form)
    for text in (b"", b"\n", b"{}\n" + b"0" * 64, b"0" * 64, b"\n" + b"\xff" * 64):
        with pytest.raises(Malformed):
            enrolment.decode_claim(text)
    with pytest.raises(Malformed):
        enrolment.open_answer(b"0" * 64, KEY, "")


def test_a_renewal_there_and_back() -> None:
    request = Request.begin(OTHER, "kiosk-lobi")  # the key that is to take its place
    asking = renewal.encode_asking("kiosk-lobi", "n", request, DEVICE)
    line, read, signed = renewal.decode_asking(asking)
    signed.verify(DEVICE.public)
    assert (line.kiosk, line.nonce, read.der) == ("kiosk-lobi", "n", request.der)
    renewed = Renewed(certificate=pem(ISSUER, OTHER), ca=enrolled().ca, crl="")
    answer = renewal.encode_answer("kiosk-lobi", "n", renewed, OTHER.public, CENTRAL)
    said, told, by = renewal.decode_answer(answer)
    by.verify(CENTRAL.public)
    assert (said.nonce, said.device) == ("n", OTHER.public.fingerprint)
    assert renewal.check(told, "kiosk-lobi", OTHER.public).until == NOW + LIFE
    with pytest.raises(Inconsistent):
        renewal.check(told, "kiosk-lobi", DEVICE.public)


def test_a_renewal_s_line_speaks_for_what_follows() -> None:
    request, another = (Request.begin(DEVICE, name) for name in ("a", "b"))
    asking = renewal.encode_asking("kiosk-lobi", "n", request, DEVICE)
    with pytest.raises(Inconsistent):
        renewal.decode_asking(asking.replace(request.pem, another.pem))
    renewed = Renewed(certificate="", ca="", crl="")
    answer = renewal.encode_answer("kiosk-lobi", "n", renewed, DEVICE.public, CENTRAL)
    with pytest.raises(Inconsistent):
        renewal.decode_answer(answer.replace(b'"crl":""', b'"crl":"x"'))
