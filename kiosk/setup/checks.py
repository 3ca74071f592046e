"""One check for every question of a set-up that needs no network: None, or what to do."""

import re
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from kiosk.setup.said import Said
from sync.protocol.topics import KIOSK_PATTERN

_KIOSK: Final = re.compile(KIOSK_PATTERN)

ZONES: Final = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
"""WIB, WITA, WIT."""

_CENTRAL: Final = "presensi-central"
"""Nobody else is called that: it is the name in central's own certificate."""


def kiosk(text: str) -> Said | None:
    """Check a kiosk's id; "" leaves it to central."""
    if not text or (_KIOSK.fullmatch(text) and text != _CENTRAL):
        return None
    return Said(
        f"Nama kiosk {text!r} tidak bisa dipakai: 1 sampai 64 huruf, angka, titik, - atau _, "
        "diawali huruf atau angka, tanpa spasi. Contoh: kiosk-dinkes-01",
        f"{text!r} cannot be a kiosk's name: 1 to 64 letters, digits, dots, - or _, a letter or "
        "digit first, no spaces. For example: kiosk-dinkes-01",
    )


def address(text: str) -> str:
    """Return central's address as it is used: a bare `HOST[:PORT]` is meant by http."""
    text = text.strip().rstrip("/")
    return text if "://" in text or not text else f"http://{text}"


def central(text: str) -> Said | None:
    """Check central's address."""
    said = Said(
        f"Alamat pusat {text!r} tidak bisa dipakai: tulis seperti yang dikatakan pusat, "
        "http://NAMA:PORT atau https://NAMA",
        f"{text!r} is no address of central: write it as central says it, http://HOST:PORT or "
        "https://HOST",
    )
    try:
        parts = urlsplit(address(text))
        fits = (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.port != 0
            and not (parts.path or parts.query or parts.fragment or parts.username)
            and not re.search(r"[\s\x00-\x1f]", text.strip())
        )
    except ValueError:  # no port, or no address in brackets
        return said
    return None if fits else said


def zone(text: str) -> Said | None:
    """Check a time zone."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return Said(
            f"Zona waktu {text!r} tidak dikenal: tulis Asia/Jakarta (WIB), Asia/Makassar (WITA) "
            "atau Asia/Jayapura (WIT)",
            f"There is no time zone {text!r}: write Asia/Jakarta (WIB), Asia/Makassar (WITA) or "
            "Asia/Jayapura (WIT)",
        )
    return None


def mirror(text: str) -> Said | None:
    """Check the directory on a second medium; "" is none."""
    if not text or text.startswith("/"):
        return None
    return Said(
        f"Media kedua {text!r} harus berupa direktori lengkap, misalnya /media/usb/presensi",
        f"The second medium {text!r} must be a whole path, for example /media/usb/presensi",
    )
