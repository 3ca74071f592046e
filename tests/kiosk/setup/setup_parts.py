"""A central that lives in memory, and a plan that fits it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.settings import load
from sync.edge.post import Reply
from sync.protocol import enrolment
from sync.protocol.certificate import End, Issuer, Request
from sync.protocol.claim import ClaimCode
from sync.protocol.enrolment import Broker, Enrolled, NotYet, Standing
from sync.protocol.errors import Unverified
from sync.protocol.identity import PrivateKey

NOW = datetime(2026, 11, 27, 8, tzinfo=UTC)
KEY = PrivateKey.generate()
AUTHORITY = Issuer.begin(PrivateKey.generate(), "presensi authority", NOW, timedelta(days=7300))


class Central:
    """Central's end, from the same contract: one claim, one ask."""

    def __init__(self, kiosk: str = "kiosk-lobi", unit: str = "dinkes") -> None:
        self.kiosk = kiosk
        self.unit = unit
        self.code = ClaimCode.draw()
        self.devices: set[str] = set()
        self.calls: list[str] = []
        self.standing: Standing | None = Standing.WAITING
        self.asked: tuple[Request, str, str] | None = None
        self.digits = ""

    def post(self, url: str, body: bytes, most: int) -> Reply:
        self.calls.append(url)
        path = url.partition("://")[2].partition("/")[2]
        if f"/{path}" == enrolment.CLAIM_PATH:
            return self._claim(body)
        if f"/{path}" == enrolment.ASK_PATH:
            return self._ask(body)
        return self._reveal(body)

    def enrolled(self, request: Request) -> Enrolled:
        self.devices.add(request.key.fingerprint)
        life = timedelta(days=1095)
        return Enrolled(
            kiosk=self.kiosk,
            unit=self.unit,
            certificate=AUTHORITY.issue(
                request.key, self.kiosk, End.CLIENT, NOW, life
            ).pem.decode(),
            ca=AUTHORITY.certificate.pem.decode(),
            crl=AUTHORITY.revocations(b"", [], NOW).decode(),
            central=KEY.public.pem.decode(),
            broker=Broker(host="mqtt.example", port=8883),
        )

    def _claim(self, body: bytes) -> Reply:
        asked, line, mac = enrolment.decode_claim(body)
        key = self.code.key()
        try:
            key.verify_request(line, mac)
        except Unverified:
            return Reply(403, b"another code was typed")
        request = Request.from_pem(asked.request.encode())
        if self.devices - {request.key.fingerprint}:
            return Reply(409, b"the code was used by another device")
        answer = enrolment.encode_answer(self.enrolled(request), request.key, KEY)
        return Reply(200, enrolment.seal_answer(answer, key, mac))

    def _ask(self, body: bytes) -> Reply:
        ask = enrolment.decode(body, enrolment.Ask)
        nonce = enrolment.draw_nonce()
        self.asked = (Request.from_pem(ask.request.encode()), ask.commitment, nonce)
        said = enrolment.Asked(ticket="t1", central=KEY.public.pem.decode(), nonce=nonce)
        return Reply(200, enrolment.encode(said))

    def _reveal(self, body: bytes) -> Reply:
        assert self.asked is not None
        request, commitment, nonce = self.asked
        theirs = enrolment.decode(body, enrolment.Reveal).nonce
        assert enrolment.commitment(theirs, request) == commitment
        self.digits = enrolment.six_digits(request, KEY.public, theirs, nonce)
        if self.standing is not None:
            return Reply(202, enrolment.encode(NotYet(standing=self.standing)))
        return Reply(200, enrolment.encode_answer(self.enrolled(request), request.key, KEY))


def has_what_its_settings_name(config: Path) -> None:
    """A daemon that is started now finds everything: the settings were written last."""
    if config.exists():
        place = load(config)
        tls = place.line.tls
        assert tls is not None
        for file in (tls.ca, tls.certificate, tls.crl, place.key, place.central[0]):
            assert Path(file).is_file(), file
