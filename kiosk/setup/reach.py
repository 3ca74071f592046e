"""Whether somebody answers where a technician says that somebody does."""

import socket
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from kiosk.setup.checks import address
from kiosk.setup.questions import Question
from kiosk.setup.said import Said

TIMEOUT_S: Final = 4.0


def tried(question: Question, given: Mapping[str, str]) -> Said | None:
    """Try what a question is about; None where somebody answers."""
    if question.probe == "central":
        parts = urlsplit(address(given["central"]))
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return _connected(parts.hostname or "", port, _CENTRAL)
    place = question.name.rpartition(".")[0]
    return _connected(given[f"{place}.host"], int(given[f"{place}.port"]), _TERMINAL)


def _connected(host: str, port: int, hint: Said) -> Said | None:
    try:
        with socket.create_connection((host, port), TIMEOUT_S):
            return None
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Said(
            f"{host}:{port} tidak menjawab ({why}). {hint.indonesian}",
            f"{host}:{port} does not answer ({why}). {hint.english}",
        )


_CENTRAL: Final = Said(
    "Periksa kabel atau Wi-Fi, dan alamatnya", "Look at the cable or Wi-Fi, and the address"
)
_TERMINAL: Final = Said(
    "Apakah mesin menyala, kabelnya terpasang, dan alamatnya benar?",
    "Is the terminal on, is its cable in, and is the address right?",
)
