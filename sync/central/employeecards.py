"""Employees' cards: a code that holds for years, to be printed.

A card is the issue of the second in which it was made: whoever has lost one is given a new one, and
each kiosk refuses the old one from when it has seen the new one. Nothing tells the photograph of a
card from the card (docs/SERIAL.md).
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from sync.central import qr
from sync.central.city import Cities, City
from sync.central.clock import now_ms
from sync.central.exits import Refused
from sync.central.house import House
from sync.keyfile import write_durably
from sync.protocol.employeecode import EmployeeCode, Kind
from sync.protocol.errors import Malformed

HOLDS_DAYS: Final = 730
"""How long a card holds where nobody says."""

WIDE_MM, HIGH_MM = 85.6, 54.0
"""Of a card, ISO/IEC 7810 ID-1."""

_QR_MM: Final = 42.0
_NAME_LINE: Final = 22  # characters


def issue(
    house: House, people: Sequence[str], until: date | None, to: Path, *, as_png: bool, reason: str
) -> str:
    """Make the cards of these people, a file each in `to`; return what was done, in words.

    The SVG is the whole card in its size; the PNG is its QR only. Raises Refused, StoreError.
    """
    zone = house.place.settings.web.zone
    made_s = now_ms() // 1000
    today = datetime.fromtimestamp(made_s, zone).date()
    last = until or today + timedelta(days=HOLDS_DAYS)
    if last < today:
        raise Refused(f"a card that holds until {last} has expired already")
    until_s = int(datetime.combine(last, time(23, 59, 59), zone).timestamp())
    with house.store.reading() as tx:
        city = Cities().current(tx)
    for person in people:
        if person not in city.people:
            raise Refused(f"the roster has nobody {person!r}; nothing is issued")
    out = []
    for person in people:
        code = EmployeeCode(
            person=person, kind=Kind.STATIC, since=made_s, until=until_s, number=made_s
        )
        try:
            text = house.authority.sign_code(code)
        except Malformed as error:
            raise Refused(f"{person}: {error}") from error
        detail = {
            "issue": str(made_s),
            "until": last.isoformat(),
            "sha256": sha256(text.encode()).hexdigest(),
        }
        house.decide_alone("issue card", person, reason=reason, detail=detail)
        content = qr.png(text) if as_png else drawn(text, city, code, last, today).encode()
        file = to / f"card-{_plain(person)}-{made_s}.{'png' if as_png else 'svg'}"
        try:
            write_durably(file, content)
        except OSError as error:
            raise Refused(
                f"{file}: {error.strerror}; the card is issued and was not written: issue another"
            ) from error
        out.append(f"{person}: {file}, until {last}\n")
    return "".join(out)


def drawn(text: str, city: City, code: EmployeeCode, until: date, today: date) -> str:
    """Return a card as SVG, to be printed as it is."""
    symbol = qr.symbol(text)
    units = [
        city.units[unit].name for unit in city.units_of(code.person, today) if unit in city.units
    ]
    lines = [
        *((line, 4.2, "bold") for line in _broken(city.people[code.person].name)),
        (code.person, 3.4, "normal"),
        *((line, 3.0, "normal") for unit in units[:1] for line in _broken(unit)),
        (f"Berlaku sampai {until:%d.%m.%Y}", 2.6, "normal"),
        (f"No. {code.number}", 2.6, "normal"),
    ]
    words, y_mm = [], 12.0
    for line, size_mm, weight in lines:
        words.append(
            f'<text x="5" y="{y_mm:g}" font-size="{size_mm:g}" font-weight="{weight}">'
            f"{escape(line)}</text>"
        )
        y_mm += size_mm * 1.5
    scale = _QR_MM / symbol.size
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDE_MM}mm" height="{HIGH_MM}mm" '
        f'viewBox="0 0 {WIDE_MM} {HIGH_MM}" font-family="sans-serif">\n'
        f'<rect x="0.1" y="0.1" width="{WIDE_MM - 0.2:g}" height="{HIGH_MM - 0.2:g}" rx="3" '
        'fill="#fff" stroke="#999" stroke-width="0.2"/>\n'
        + "\n".join(words)
        + f'\n<path transform="translate({WIDE_MM - _QR_MM - 2:g} {(HIGH_MM - _QR_MM) / 2:g}) '
        f'scale({scale:.5f})" shape-rendering="crispEdges" d="{symbol.path}"/>\n</svg>\n'
    )


def _broken(words: str) -> list[str]:
    """Return a text in the two lines that a card has room for."""
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + len(word) >= _NAME_LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [line[: _NAME_LINE + 2] for line in lines[:2]]


def _plain(person: str) -> str:
    """Return an id as a file's name may have it."""
    return "".join(one if one.isascii() and one.isalnum() else "-" for one in person)
