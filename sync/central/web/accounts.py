"""Accounts, and who looked at whom. An admin's pages."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sync.central import accounts
from sync.central.present import moment
from sync.central.roles import ROLES, Role, Visitor
from sync.central.store import Transaction
from sync.central.store.people import Account
from sync.central.web.site import Site, Sorry
from sync.protocol.roster import Unit

MAX_LOOKS: Final = 300
"""Lines of the access log that are shown; the newest."""

_ADMINS: Final = frozenset({Role.ADMIN})
_LEAST_REASON: Final = 5


class _Line(Struct, frozen=True):
    """An account in words."""

    name: str
    role: str
    units: Sequence[str]
    ended: str


class _Seen(Struct, frozen=True):
    """A line of the access log in words."""

    when: str
    account: str
    address: str
    viewed: str


class Accounts:
    """Who may log in, as what; and the access log."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[BaseRoute]:
        """Return where they are."""
        site = self._site
        return [
            Route("/accounts", site.page(self._list, roles=_ADMINS), methods=["GET"]),
            Route("/accounts", site.act(self._change, roles=_ADMINS), methods=["POST"]),
            Route("/looks", site.page(self._looks, roles=_ADMINS)),
        ]

    def _list(self, request: Request, visitor: Visitor) -> Response:
        """GET /accounts."""
        return self._show(request, visitor)

    def _show(
        self, request: Request, visitor: Visitor, said: str = "", secret: str = ""
    ) -> Response:
        """Return the page; `secret` is a password or a token that is shown this once."""
        with self._site.store.reading() as tx:
            held = tx.people.accounts()
            units = tx.city.all(Unit)
        context = {
            "accounts": [self._line(one) for one in held],
            "units": units,
            "roles": ROLES,
            "said": said,
            "secret": secret,
        }
        return self._site.render(request, visitor, "accounts.html", context)

    def _line(self, one: Account) -> _Line:
        ended = moment(one.ended_at, self._site.web.zone)
        units = ("kode sendiri",) if one.role is Role.EMPLOYEE else tuple(one.units)
        return _Line(one.name, ROLES[one.role], units, ended)

    def _change(self, request: Request, visitor: Visitor, form: FormData) -> Response:
        """POST /accounts: `do` is add, set, end or token."""
        name, reason = _text(form, "name"), _text(form, "reason")
        if len(reason) < _LEAST_REASON:
            raise Sorry("Tulis alasannya, paling sedikit lima huruf; ia masuk ke jurnal pusat.")
        with self._site.store.writing() as tx:
            said, secret = self._done(tx, visitor, form, name, reason)
        return self._show(request, visitor, said, secret)

    def _done(
        self, tx: Transaction, visitor: Visitor, form: FormData, name: str, reason: str
    ) -> tuple[str, str]:
        """Do what the form says; return what to say, and what to show this once."""
        site, now = self._site, self._site.clock()

        def decide(tx: Transaction, action: str, subject: str, **more: object) -> None:
            site.decide(tx, visitor, action, subject, **more)  # type: ignore[arg-type]

        match _text(form, "do"):
            case "add" | "set" as do:
                role, units = _role(form), [str(one) for one in form.getlist("unit")]
                known = {one.id for one in tx.city.all(Unit)}
                if not known.issuperset(units):
                    raise Sorry("Unit itu tidak dikenal.")
                secret = accounts.set_account(
                    tx,
                    decide,
                    name,
                    None,
                    now,
                    role=role,
                    units=units if role is Role.UNIT else (),
                    replace=do == "set",
                    reason=reason,
                )
                return f"Kata sandi baru untuk {name}:", secret
            case "end":
                if name == visitor.account:
                    raise Sorry("Akun sendiri tidak dapat diakhiri; mintalah admin lain.")
                accounts.end_account(tx, decide, name, now, reason)
                return f"{name} tidak dapat masuk lagi.", ""
            case "token":
                token = accounts.add_token(tx, decide, name, _text(form, "program"), now, reason)
                return f"Token baru untuk program, atas nama {name}:", token
            case other:
                raise Sorry(f"Tindakan {other!r} tidak dikenal.")

    def _looks(self, request: Request, visitor: Visitor) -> Response:
        """GET /looks: the access log, of an account, or of what has a text in its address."""
        account = request.query_params.get("account", "")
        viewed = request.query_params.get("viewed", "")
        with self._site.store.reading() as tx:
            found = tx.people.looks(MAX_LOOKS, account, viewed)
        zone = self._site.web.zone
        lines = [_Seen(moment(one.at, zone), one.account, one.address, one.viewed) for one in found]
        context = {"looks": lines, "account": account, "viewed": viewed}
        return self._site.render(request, visitor, "looks.html", context)


def _text(form: FormData, name: str) -> str:
    said = form.get(name, "")
    return said.strip() if isinstance(said, str) else ""


def _role(form: FormData) -> Role:
    said = _text(form, "role")
    try:
        return Role(said)
    except ValueError:
        raise Sorry(f"Peran {said!r} tidak dikenal.") from None
