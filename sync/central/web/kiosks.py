"""Kiosks: how the fleet is, devices that wait to be let in, claim codes. An admin's page."""

from collections.abc import Iterator, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sync.central.errors import KeyTrouble
from sync.central.exits import Refused
from sync.central.present import moment
from sync.central.registrar import Registrar
from sync.central.roles import Role, Visitor
from sync.central.store import Transaction
from sync.central.store.pages import KioskLine
from sync.central.web.site import Site, Sorry
from sync.protocol.health import SourceHealth
from sync.protocol.roster import Unit

LEAST_REASON: Final = 5
_ADMINS: Final = frozenset({Role.ADMIN})
_MINUTE_MS: Final = 60_000


class _Device(Struct, frozen=True):
    """A device that waits, in words."""

    number: str
    name: str
    software: str
    address: str
    since: str


class _Kiosk(Struct, frozen=True):
    """A kiosk of the fleet, in words; `worry` says what a person should look at, "" for nothing."""

    name: str
    online: bool
    receipt: str
    behind: int
    oldest: str
    clock: str
    disk: str
    sources: Sequence[str]
    software: str
    heard: str
    worry: str


class _Code(Struct, frozen=True):
    """A code that nobody has used yet, without its secret."""

    id: str
    kiosk: str
    unit: str
    by: str
    until: str


class Kiosks:
    """Who may become a kiosk."""

    def __init__(self, site: Site, registrar: Registrar) -> None:
        self._site = site
        self._registrar = registrar
        self._minutes = registrar.claim_minutes

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        site = self._site
        return [
            Route("/kiosks", site.page(self._list, roles=_ADMINS), methods=["GET"]),
            Route("/kiosks", site.act(self._change, roles=_ADMINS), methods=["POST"]),
        ]

    def _list(self, request: Request, visitor: Visitor) -> Response:
        """GET /kiosks."""
        return self._show(request, visitor)

    def _show(self, request: Request, visitor: Visitor, said: str = "", code: str = "") -> Response:
        """Return the page; `code` is a claim code that is shown this once."""
        zone = self._site.web.zone
        with self._site.store.reading() as tx:
            units = tx.city.all(Unit)
            fleet = tx.pages.kiosks()
        context = {
            "kiosks": [_kiosk(one, self._site.clock(), zone) for one in fleet],
            "devices": [
                _Device(one.number, one.name, one.software, one.address, moment(one.asked_at, zone))
                for one in self._registrar.waiting()
            ],
            "codes": [
                _Code(one.id, one.kiosk, one.unit, one.made_by, moment(one.expires_at, zone))
                for one in self._registrar.claims()
            ],
            "units": units,
            "minutes": self._minutes,
            "said": said,
            "code": code,
        }
        answer = self._site.render(request, visitor, "kiosks.html", context)
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _change(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /kiosks: `do` is approve, refuse or claim."""
        number, kiosk, unit, reason = (
            _text(form, name) for name in ("number", "kiosk", "unit", "reason")
        )
        if len(reason) < LEAST_REASON:
            raise Sorry("Tulis alasannya, paling sedikit lima huruf; ia masuk ke jurnal pusat.")
        number = number.replace(" ", "")
        by = f"account {visitor.account}"

        def decide(tx: Transaction, action: str, subject: str, **more: object) -> None:
            self._site.decide(tx, visitor, action, subject, **more)  # type: ignore[arg-type]

        try:
            match _text(form, "do"):
                case "approve":
                    self._registrar.approve(number, kiosk, unit, decide, by, reason)
                    return self._show(request, visitor, f"{kiosk} diterima; alatnya segera tahu.")
                case "refuse":
                    self._registrar.refuse(number, decide, reason)
                    return self._show(request, visitor, f"Alat dengan nomor {number} ditolak.")
                case "claim":
                    life_ms = self._minutes * _MINUTE_MS
                    made = self._registrar.make_claim(kiosk, unit, life_ms, decide, by, reason)
                    return self._show(request, visitor, f"Kode klaim untuk {kiosk}:", made.text)
                case _:
                    raise Sorry("Formulir ini tidak dikenal.")
        except (Refused, KeyTrouble) as error:
            raise Sorry(f"Tidak dapat dilakukan: {error}.") from error


DISK_FULL_PERCENT: Final = 85.0
DRIFT_MS: Final = 120_000
"""A terminal's clock that is further off is spoken of."""

SILENT_MS: Final = 1_800_000


def _kiosk(one: KioskLine, now: int, zone: ZoneInfo) -> _Kiosk:
    """Return how a kiosk stands, in words."""
    said = one.health
    sources = [] if said is None else [_source(each) for each in said.sources]
    return _Kiosk(
        name=one.kiosk,
        online=one.online,
        receipt=moment(one.receipt_at, zone) or "belum ada",
        behind=max(one.last - one.through, 0 if said is None else said.waiting),
        oldest="" if said is None else moment(said.oldest, zone),
        clock="" if said is None else "pasti" if said.trusted else "belum pasti",
        disk="" if said is None else f"{said.disk:.0f} %",
        sources=sources,
        software=one.software,
        heard=moment(one.health_at, zone),
        worry="; ".join(_worries(one, now)),
    )


def _worries(one: KioskLine, now: int) -> Iterator[str]:
    said = one.health
    if not one.online or now - one.receipt_at > SILENT_MS:
        yield "diam: periksa listrik dan jaringannya"
    if one.alarms:
        yield "ada peringatan"
    if one.roster < one.meant:
        yield "daftar pegawainya lama"
    if said is None:
        return
    if not said.trusted:
        yield "jamnya belum pasti"
    if said.disk >= DISK_FULL_PERCENT:
        yield "kartunya hampir penuh"
    away = [each.name for each in said.sources if not each.connected]
    if away:
        yield f"mesin tidak terjangkau: {', '.join(away)}"
    late = [each.name for each in said.sources if abs(each.drift or 0) > DRIFT_MS]
    if late:
        yield f"jam mesin meleset: {', '.join(late)}"


def _source(one: SourceHealth) -> str:
    state = "tersambung" if one.connected else "tidak terjangkau"
    drift = "" if one.drift is None else f", selisih {one.drift / 1000:.0f} detik"
    covered = f", terbaca sampai {one.covered.replace('T', ' ')}" if one.covered else ""
    return f"{one.name}: {state}{drift}{covered}"


def _text(form: FormData, name: str) -> str:
    said = form.get(name, "")
    return said.strip() if isinstance(said, str) else ""
